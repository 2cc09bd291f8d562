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
PEER = Candidate("Flask peer", "benchmarks.peer_flask.app")
# The peer, with keys and bans cached for as many seconds as in Queue API.
CACHING_PEER = Candidate("Flask peer with a cache", PEER.module, {"PEER_CACHE_SECONDS": "3"})
MINIMAL = Candidate("minimal Django view", "benchmarks.minimal_django")
BARE = Candidate("bare Waitress", "benchmarks.bare_waitress", stores=False)
PUSH_ONLY = Candidate("push only", "benchmarks.push_only")
CANDIDATES = [OURS, PEER, CACHING_PEER, MINIMAL, BARE]
