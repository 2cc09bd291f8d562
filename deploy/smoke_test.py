"""Send three harmless requests to a running installation. Exit with 0 if the responses are right.

python deploy/smoke_test.py https://queue.example.org [--connect HOST]

Writes nothing and causes no failed attempt. Uses the standard library only, so that any Python can
run it on any machine.
"""

import argparse
import json
import socket
import ssl
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 120  # seconds, since a virus scanner slows the first start


class SmokeTestError(Exception):
    """A wrong response. The message says what happened and what to do."""


@dataclass
class Site:
    """An installation; `connect` is the host to connect to instead of the one in `url`."""

    url: SplitResult
    connect: str

    def get(self, path: str) -> tuple[HTTPResponse, bytes]:
        with closing(self.open()) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response, response.read()

    def open(self) -> HTTPConnection:
        name, port = str(self.url.hostname), self.url.port
        if self.url.scheme == "http":
            connection = HTTPConnection(name, port, timeout=TIMEOUT)
            connection.sock = socket.create_connection(
                (self.connect, port or connection.default_port), TIMEOUT
            )
            return connection
        context = ssl.create_default_context()
        # Python 3.13 verifies certificates more strictly than browsers do.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        secure = HTTPSConnection(name, port, timeout=TIMEOUT, context=context)
        plain = socket.create_connection((self.connect, port or secure.default_port), TIMEOUT)
        secure.sock = context.wrap_socket(plain, server_hostname=name)
        return secure


def check_errors_are_json(site: Site) -> None:
    """Request an unknown URL: proxies must pass on the 404 with its JSON."""
    response, body = site.get("/nothing-is-here")
    if response.status == 400:
        raise SmokeTestError(
            f"{site.url.hostname} is not in ALLOWED_HOSTS of the environment file."
        )
    if response.status in (502, 503):
        raise SmokeTestError(
            f"IIS responds with {response.status}: the process did not start. Read its log; "
            "docs/deploy-iis.md has the path."
        )
    try:
        is_json = json.loads(body)["success"] is False
    except (ValueError, KeyError, TypeError):
        is_json = False
    if response.status != 404 or not is_json:
        raise SmokeTestError(
            f"An unknown URL returned {response.status} without the JSON of Queue API: a proxy "
            "replaced the response, or another site has this name and port."
        )


def check_database(site: Site) -> None:
    """Request the login form, which reads bans from the database."""
    response, _ = site.get("/admin/login/")
    if response.status == 403:
        raise SmokeTestError(
            "The IP of this machine is banned; lift the ban with manage.py unban_ip."
        )
    if response.status != 200:
        raise SmokeTestError(
            f"The login form returned {response.status}: the process can't read its database. Read "
            "its log; the login may lack the rights that docs/deploy-iis.md grants."
        )


def check_headers(site: Site) -> None:
    """Request a static file: it must exist, and no header may name the server."""
    response, _ = site.get("/static/admin/css/base.css")
    if response.status != 200:
        raise SmokeTestError(f"The admin's style sheet returned {response.status}.")
    for name in ("Server", "X-Powered-By"):
        if response.headers[name]:
            raise SmokeTestError(f"Responses have the header {name}: {response.headers[name]}.")


CHECKS: list[Callable[[Site], None]] = [check_errors_are_json, check_database, check_headers]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="the URL that clients use: https://queue.example.org")
    parser.add_argument("--connect", help="connect to this host or IP (default: that of the URL)")
    options = parser.parse_args()
    url = urlsplit(options.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        parser.error("the URL must be like https://queue.example.org")
    site = Site(url, options.connect or url.hostname)
    try:
        for check in CHECKS:
            check(site)
    except ssl.SSLCertVerificationError as error:
        sys.exit(f"The certificate is not valid: {error.verify_message.rstrip('.')}.")
    except SmokeTestError as error:
        sys.exit(str(error))
    except (OSError, HTTPException) as error:
        sys.exit(f"{options.url} does not respond: {error!r}.")
    print(f"{options.url} works.")


if __name__ == "__main__":
    main()
