"""The hard peer: one key from the environment, bans and failed attempts in memory.

It queries no database before the INSERT, and bans end with the process.
"""

import hmac
import os
from collections import defaultdict
from threading import Lock
from time import monotonic

from flask import g, request

from benchmarks.peer_flask.app import create_application, get_client_ip, refuse_banned, refuse_key

BAN_AFTER = 5
BAN_WINDOW, BAN_DURATION = 15 * 60, 60 * 60  # seconds

KEY = os.environ["API_KEY"].encode()

bans: dict[str, float] = {}  # by client IP, the end
failures: defaultdict[str, list[float]] = defaultdict(list)  # by client IP, the times
lock = Lock()


def authenticate() -> None:
    client_ip = get_client_ip()
    if bans.get(client_ip, 0) > monotonic():
        refuse_banned()
    if not hmac.compare_digest(request.headers.get("X-API-Key", "").encode(), KEY):
        record_failure(client_ip)
        refuse_key()
    g.client = "the only one"


def record_failure(client_ip: str) -> None:
    now = monotonic()
    with lock:
        recent = [time for time in failures[client_ip] if time > now - BAN_WINDOW]
        failures[client_ip] = [*recent, now]
        if len(failures[client_ip]) >= BAN_AFTER:
            bans[client_ip] = now + BAN_DURATION


application = create_application(authenticate)
