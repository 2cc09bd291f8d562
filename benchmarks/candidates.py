"""What is compared."""

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Candidate:
    name: str
    module: str
    # Beside what all have.
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
# As the peer, but keys and bans are remembered as long as Queue API does.
REMEMBERING_PEER = Candidate(
    "Flask peer that remembers keys and bans", PEER.module, {"PEER_REMEMBERS": "3"}
)
MINIMAL = Candidate("minimal Django view", "benchmarks.minimal_django")
BARE = Candidate("bare Waitress", "benchmarks.bare_waitress", stores=False)
PUSH_ALONE = Candidate("push alone", "benchmarks.push_alone")
CANDIDATES = [OURS, PEER, REMEMBERING_PEER, MINIMAL, BARE]
