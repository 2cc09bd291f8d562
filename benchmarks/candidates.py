"""The applications to compare."""

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Candidate:
    name: str
    module: str
    # In addition to the environment of all candidates.
    environment: dict[str, str] = field(default_factory=dict, hash=False)
    stores: bool = True

    @property
    def is_ours(self) -> bool:
        return self.module == "queueapi.wsgi"

    def serve_command(self, threads: int) -> list[str]:
        command = ["-m", "benchmarks.serve", self.module]
        if self.is_ours:
            command = ["manage.py", "serve", "--port", "0"]
        return [sys.executable, *command, "--threads", str(threads)]


OURS = Candidate("Queue API", "queueapi.wsgi")
PEER = Candidate("Flask peer", "benchmarks.peer_flask.in_database")
HARD_PEER = Candidate("hard peer", "benchmarks.peer_flask.in_memory")
MINIMAL = Candidate("minimal Django view", "benchmarks.minimal_django")
BARE = Candidate("bare Waitress", "benchmarks.bare_waitress", stores=False)
PUSH_ONLY = Candidate("push only", "benchmarks.push_only")
CANDIDATES = [OURS, PEER, HARD_PEER, MINIMAL, BARE]
