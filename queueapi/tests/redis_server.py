"""A redis-server for tests."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from queueapi.tests.helpers import TIMEOUT
from queueapi.tests.ports import free_port

needs_redis = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="redis-server is not installed"
)


class Redis:
    """A redis-server that can stop and start again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.start()

    @property
    def url(self) -> str:
        # On a busy machine the second of the settings may be too short.
        return (
            f"redis://127.0.0.1:{self.port}"
            f"?socket_connect_timeout={TIMEOUT}&socket_timeout={TIMEOUT}"
        )

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                str(shutil.which("redis-server")),
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--dir", str(self.folder)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        assert self.process.stdout
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path)
    yield server
    server.stop()
