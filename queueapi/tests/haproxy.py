"""HAProxy in front of three servers, with the configuration of docs/scaling.md."""

import csv
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from queueapi.tests.helpers import eventually
from queueapi.tests.ports import free_port

PROGRAM = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
PAGE = settings.BASE_DIR / "docs" / "scaling.md"
NAMES = ("one", "two", "three")

needs_haproxy = pytest.mark.skipif(
    sys.platform != "linux" or not PROGRAM, reason="HAProxy is not installed"
)


class HAProxy:
    """An HAProxy that checks its servers five times a second, and listens without TLS."""

    def __init__(self, folder: Path, ports: Iterable[int]) -> None:
        self.port = free_port()
        self.socket = folder / "admin.sock"
        found = re.search(r"```haproxy\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        assert found
        config = found[1]
        for old, new in [
            ("/run/haproxy/admin.sock", str(self.socket)),
            (":443 ssl crt /etc/haproxy/queue.example.org.pem", f"127.0.0.1:{self.port}"),
            ("inter 2s", "inter 200ms"),
            *((f":{8001 + n}\n", f":{port}\n") for n, port in enumerate(ports)),
        ]:
            assert old in config, old
            config = config.replace(old, new)
        file = folder / "haproxy.cfg"
        file.write_text(config)
        with (folder / "haproxy.log").open("w") as log:
            self.process = subprocess.Popen(
                [str(PROGRAM), "-db", "-f", str(file)], stdout=log, stderr=log
            )
        assert eventually(self.socket.exists)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def command(self, text: str) -> str:
        """Run a command of the Runtime API, and return its output."""
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(self.socket))
            client.sendall(f"{text}\n".encode())
            with client.makefile() as output:
                return output.read()

    def statistics(self, name: str) -> dict[str, str]:
        """Return the statistics of a server, such as `status`, `scur` and `stot`."""
        rows = csv.DictReader(self.command("show stat").removeprefix("# ").splitlines())
        return next(row for row in rows if row["svname"] == name)

    def is_up(self, name: str) -> bool:
        statistics = self.statistics(name)
        return statistics["status"].startswith("UP") and statistics["check_status"] == "L7OK"

    def drain(self, name: str) -> None:
        """Send the server no more requests, and wait for those in progress."""
        self.command(f"set server processes/{name} state drain")
        assert eventually(lambda: self.statistics(name)["scur"] == "0")

    def undrain(self, name: str) -> None:
        """Send the server requests again, as soon as its check succeeds."""
        self.command(f"set server processes/{name} state ready")
        assert eventually(lambda: self.is_up(name))
