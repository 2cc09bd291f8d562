"""Free ports for servers that stop and start again."""

import os
import socket
from contextlib import suppress
from itertools import count

PORTS = count(20_000 + os.getpid() % 10_000)


def free_port() -> int:
    """Return a port below those of outgoing connections, which could take it between two starts."""
    while True:
        port = next(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
