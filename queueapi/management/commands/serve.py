"""`manage.py serve`: the server for production and development."""

import gc
import logging
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from queueapi.log_format import LogStream
from queueapi.server.metrics_folder import join
from queueapi.server.waitress import Server
from security.refresh_thread import RefreshThread

# Waitress rejects a body larger than the largest limit and this margin without reading it. The
# parser rejects smaller ones, after the ban and the key were checked.
WAITRESS_MARGIN_BYTES = 64 * 1024

if settings.LOG_FORMAT == "json" and sys.stderr:
    # Before the command opens its own stderr, to which system checks write.
    sys.stderr = LogStream()
    # A failure to log would be written there, and so logged again without end.
    logging.raiseExceptions = False


class Command(BaseCommand):
    help = "Serve the API and the admin with Waitress until Ctrl-C or a stop signal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="IP address to listen on (default: %(default)s)"
        )
        parser.add_argument(
            "--port",
            type=int,
            default=settings.HTTP_PLATFORM_PORT,
            help="port to listen on, 0 for a free one (default: HTTP_PLATFORM_PORT, else 8000)",
        )
        parser.add_argument(
            "--threads", type=int, default=4, help="requests handled at once (default: %(default)s)"
        )

    def handle(self, *args: Any, host: str, port: int, threads: int, **options: Any) -> None:
        if threads < 1:
            raise CommandError("--threads must be at least 1.")
        if not 0 <= port <= 65535:
            raise CommandError("--port must be from 0 to 65535.")
        max_body = max(settings.MAX_REQUEST_BYTES, settings.MAX_BULK_BYTES)
        # Imported here, because it loads all middleware, which `help serve` does not need.
        from queueapi.wsgi import application  # noqa: PLC0415

        try:
            # Kept until the process ends.
            self.metrics_locks = join(settings.METRICS_FOLDER) if settings.METRICS_FOLDER else []
        except OSError as error:
            raise CommandError(f"Can't use METRICS_FOLDER: {error}") from error
        try:
            server = Server(
                application,
                host=host,
                port=port,
                threads=threads,
                # The scheme that clients use. TLS ends at the proxy.
                url_scheme="https" if settings.HTTPS else "http",
                max_request_body_size=max_body + WAITRESS_MARGIN_BYTES,
                max_request_header_size=32 * 1024,
                # Bytes. With Waitress's default of 1, header and body are sent in two packets.
                send_bytes=18000,
                # `security.client_ip` reads X-Forwarded-For.
                clear_untrusted_proxy_headers=False,
                ident=None,  # no Server header
            )
        except (OSError, ValueError) as error:
            raise CommandError(f"Can't listen on {host}, port {port}: {error}") from error
        name = f"[{host}]" if ":" in host else host
        # Exempt the objects of the start from garbage collections, which took a sixth of a bulk's
        # CPU time.
        gc.freeze()
        self.write(f"Queue API is serving on http://{name}:{server.port}/ (Ctrl-C stops it).")
        refresh_thread = RefreshThread()
        refresh_thread.start()
        server.run()
        refresh_thread.stop()
        self.write("Queue API has stopped.")

    def write(self, text: str) -> None:
        """Write to stdout, unless a supervisor closed it (then it is `None` or raises)."""
        try:
            self.stdout.write(text)
            self.stdout.flush()  # for a reader of a pipe
        except (OSError, AttributeError):
            # At its end Python would flush it again, fail, and exit with 120.
            sys.stdout = None
