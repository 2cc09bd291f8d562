"""Asks a running installation three harmless questions; exits with 0 if the answers are right.

python deploy/smoke_test.py https://queue.example.org [--connect ADDRESS]

Nothing is written and no failed attempt is counted. Standard library only, so that any Python
can run it, on any machine.
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

SECONDS = 120  # a first start behind a virus scanner takes its time


class WrongAnswerError(Exception):
    """Says what is wrong and what to do."""


@dataclass
class Site:
    """An installation; `connect` is where to find it, whatever its name says."""

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
            connection = HTTPConnection(name, port, timeout=SECONDS)
            connection.sock = socket.create_connection(
                (self.connect, port or connection.default_port), SECONDS
            )
            return connection
        context = ssl.create_default_context()
        # Newer Pythons ask more of a certificate than the clients do.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        secure = HTTPSConnection(name, port, timeout=SECONDS, context=context)
        plain = socket.create_connection((self.connect, port or secure.default_port), SECONDS)
        secure.sock = context.wrap_socket(plain, server_hostname=name)
        return secure


def errors_are_ours(site: Site) -> None:
    """An unknown address: 404 with our JSON, through all that stands in front."""
    response, body = site.get("/nothing-is-here")
    if response.status == 400:
        raise WrongAnswerError(
            f"{site.url.hostname} is not in ALLOWED_HOSTS of the environment file."
        )
    if response.status in (502, 503):
        raise WrongAnswerError(
            f"IIS answers {response.status}: the process did not start. Its log says why; "
            "docs/deploy-iis.md tells where that is."
        )
    try:
        ours = json.loads(body)["success"] is False
    except (ValueError, KeyError, TypeError):
        ours = False
    if response.status != 404 or not ours:
        raise WrongAnswerError(
            f"An unknown address got {response.status} with another body than our JSON: something "
            "in front answers in our place, or another site has this name and port."
        )


def the_database_is_read(site: Site) -> None:
    """The login form: whether an address is banned is asked of the database first."""
    response, _ = site.get("/admin/login/")
    if response.status == 403:
        raise WrongAnswerError("This machine's address is banned; manage.py unban_ip lifts it.")
    if response.status != 200:
        raise WrongAnswerError(
            f"The login form got {response.status}: the process can't read its database. Its log "
            "says why; it may lack the rights that docs/deploy-iis.md grants."
        )


def no_server_is_named(site: Site) -> None:
    response, _ = site.get("/static/admin/css/base.css")
    if response.status != 200:
        raise WrongAnswerError(f"The admin's style sheet got {response.status}.")
    for name in ("Server", "X-Powered-By"):
        if response.headers[name]:
            raise WrongAnswerError(f"Answers have the header {name}: {response.headers[name]}.")


QUESTIONS: list[Callable[[Site], None]] = [
    errors_are_ours,
    the_database_is_read,
    no_server_is_named,
]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", help="as clients reach it: https://queue.example.org")
    parser.add_argument("--connect", help="the address to connect to (default: the name's own)")
    options = parser.parse_args()
    url = urlsplit(options.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        parser.error("the address has to be like https://queue.example.org")
    site = Site(url, options.connect or url.hostname)
    try:
        for question in QUESTIONS:
            question(site)
    except ssl.SSLCertVerificationError as error:
        sys.exit(f"The certificate is not right: {error.verify_message.rstrip('.')}.")
    except WrongAnswerError as error:
        sys.exit(str(error))
    except (OSError, HTTPException) as error:
        sys.exit(f"{options.url} does not answer: {error!r}.")
    print(f"{options.url} answers as it should.")


if __name__ == "__main__":
    main()
