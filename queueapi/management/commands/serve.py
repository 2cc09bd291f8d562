"""`manage.py serve`: the production server, and the development server as well."""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from queueapi.server.waitress import Server

# Waitress answers a larger body itself, as plain text and before our code sees it. A little above
# our own limit, so that what lies near the limit still gets an answer in our shape.
WAITRESS_MARGIN_BYTES = 64 * 1024


class Command(BaseCommand):
    help = "Serve the API and the admin with Waitress until Ctrl-C or a stop signal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
        )
        parser.add_argument(
            "--port",
            type=int,
            default=settings.HTTP_PLATFORM_PORT,
            help="port to listen on; 0 takes a free one "
            "(default: HTTP_PLATFORM_PORT from the environment, else 8000)",
        )
        parser.add_argument(
            "--threads",
            type=int,
            default=4,
            help="requests answered at the same time (default: %(default)s)",
        )

    def handle(self, *args: Any, host: str, port: int, threads: int, **options: Any) -> None:
        if threads < 1:
            raise CommandError("--threads must be at least 1.")
        if not 0 <= port <= 65535:
            raise CommandError("--port must be from 0 to 65535.")
        # Imported here: it loads every middleware, which `manage.py help serve` should not.
        from queueapi.wsgi import application  # noqa: PLC0415

        try:
            server = Server(
                application,
                host=host,
                port=port,
                threads=threads,
                # TLS ends in front of us: what arrives here counts as what the client spoke.
                url_scheme="https" if settings.HTTPS else "http",
                max_request_body_size=settings.MAX_REQUEST_BYTES + WAITRESS_MARGIN_BYTES,
                max_request_header_size=32 * 1024,
                # Header and body of an answer leave in one packet instead of two.
                send_bytes=18000,
                # X-Forwarded-For has to arrive; `security.client_ip` decides whom to believe.
                clear_untrusted_proxy_headers=False,
                # No Server header.
                ident=None,
            )
        except (OSError, ValueError) as error:
            raise CommandError(f"Can't listen on {host}, port {port}: {error}") from error
        name = f"[{host}]" if ":" in host else host
        self.say(f"Queue API is serving on http://{name}:{server.port}/ (Ctrl-C stops it).")
        server.run()
        self.say("Queue API has stopped.")

    def say(self, sentence: str) -> None:
        # A server must not end because nobody listens: supervisors may close stdout, and then it
        # is None.
        with suppress(OSError, AttributeError):
            self.stdout.write(sentence)
            # A supervisor or test that reads a pipe should see it now.
            self.stdout.flush()
