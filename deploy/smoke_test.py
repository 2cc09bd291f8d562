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
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 120  # seconds, since a virus scanner slows the first start


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
        name, is_secure = str(self.url.hostname), self.url.scheme == "https"
        connection = (HTTPSConnection if is_secure else HTTPConnection)(name, self.url.port)
        connection.sock = socket.create_connection((self.connect, connection.port), TIMEOUT)
        if is_secure:
            context = ssl.create_default_context()
            # Python 3.13 verifies certificates more strictly than browsers do.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            connection.sock = context.wrap_socket(connection.sock, server_hostname=name)
        return connection


def check_errors_are_json(site: Site) -> None:
    """Request an unknown URL: proxies must pass on the 404 with its JSON."""
    response, body = site.get("/nothing-is-here")
    if response.status == 400:
        sys.exit(f"{site.url.hostname} is not in ALLOWED_HOSTS of the environment file.")
    if response.status in (502, 503):
        sys.exit(
            f"IIS responds with {response.status}: the process did not start. Read its log; "
            "docs/deploy-iis.md has the path."
        )
    try:
        is_json = json.loads(body)["success"] is False
    except (ValueError, KeyError, TypeError):
        is_json = False
    if response.status != 404 or not is_json:
        sys.exit(
            f"An unknown URL returned {response.status} without the JSON of Queue API: a proxy "
            "replaced the response, or another site has this name and port."
        )


def check_database(site: Site) -> None:
    """Request the login form, which reads bans from the database."""
    response, _ = site.get("/admin/login/")
    if response.status == 403:
        sys.exit("The IP of this machine is banned; lift the ban with manage.py unban_ip.")
    if response.status != 200:
        sys.exit(
            f"The login form returned {response.status}: the process can't read its database. Read "
            "its log; the login may lack the rights that docs/deploy-iis.md grants."
        )


def check_headers(site: Site) -> None:
    """Request a static file: it must exist, and no header may name the server."""
    response, _ = site.get("/static/admin/css/base.css")
    if response.status != 200:
        sys.exit(f"The admin's style sheet returned {response.status}.")
    for name in ("Server", "X-Powered-By"):
        if response.headers[name]:
            sys.exit(f"Responses have the header {name}: {response.headers[name]}.")


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
        check_errors_are_json(site)
        check_database(site)
        check_headers(site)
    except ssl.SSLCertVerificationError as error:
        sys.exit(f"The certificate is not valid: {error.verify_message.rstrip('.')}.")
    except (OSError, HTTPException) as error:
        sys.exit(f"{options.url} does not respond: {error!r}.")
    print(f"{options.url} works.")


if __name__ == "__main__":
    main()
