"""The applications to compare."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    name: str
    module: str

    def serve_command(self) -> list[str]:
        """Return the command that serves it on a free port."""
        if self.module == "queueapi.wsgi":
            return [sys.executable, "manage.py", "serve", "--port", "0"]
        return [sys.executable, "-m", "benchmarks.serve", self.module]


OURS = Candidate("Queue API", "queueapi.wsgi")
PEER = Candidate("Flask peer", "benchmarks.peer_flask.in_database")
HARD_PEER = Candidate("hard peer", "benchmarks.peer_flask.in_memory")
MINIMAL = Candidate("minimal Django view", "benchmarks.minimal_django")
CANDIDATES = [OURS, PEER, HARD_PEER, MINIMAL]
