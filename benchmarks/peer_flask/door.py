"""Who may enter: bans, keys, and what becomes of failed attempts."""

import hashlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from cachetools import TTLCache, cached
from flask import abort, g, request
from sqlalchemy import func, or_, select

from benchmarks.peer_flask.models import ApiKey, Ban, FailedAttempt, db

BAN_AFTER = 5
BAN_WINDOW = timedelta(minutes=15)
BAN_DURATION = timedelta(hours=1)

# Seconds for which answers about keys and bans are remembered. 0, as most such applications are
# built: each request asks the database.
REMEMBER = float(os.environ.get("PEER_REMEMBERS", "0"))

F = TypeVar("F", bound=Callable)


def remembered(function: F) -> F:
    if not REMEMBER:
        return function
    return cached(TTLCache(20_000, REMEMBER), lock=Lock())(function)  # type: ignore[no-any-return]


def get_client_ip() -> str:
    """The last entry of X-Forwarded-For, by ProxyFix, without the port that IIS adds."""
    address = request.remote_addr or ""
    return address.partition(":")[0] if address.count(":") == 1 else address


@remembered
def is_banned(address: str) -> bool:
    running = Ban.lifted.is_(None), Ban.expires > datetime.now()
    return (
        db.session.execute(select(Ban.id).where(Ban.network == address, *running)).first()
        is not None
    )


@remembered
def client_of(secret: str) -> str | None:
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    live = ApiKey.revoked.is_(None), or_(ApiKey.expires.is_(None), ApiKey.expires > datetime.now())
    return db.session.scalar(select(ApiKey.client).where(ApiKey.hashed_secret == hashed, *live))


def enter() -> None:
    address = get_client_ip()
    if is_banned(address):
        abort(403, "This address is banned after repeated failed attempts.")
    client = client_of(request.headers.get("X-API-Key", ""))
    if client is None:
        record_failure(address)
        abort(401, "A valid API key is needed in the X-API-Key header.")
    g.client = client


def record_failure(address: str) -> None:
    now = datetime.now()
    db.session.add(
        FailedAttempt(
            time=now,
            client_ip=address,
            network=address,
            method=request.method[:10],
            path=request.path[:200],
            user_agent=request.headers.get("User-Agent", "")[:200],
            reason="unknown",
            counts=True,
        )
    )
    db.session.flush()
    recent = FailedAttempt.network == address, FailedAttempt.time > now - BAN_WINDOW
    attempts = db.session.scalar(select(func.count()).where(*recent))
    if attempts >= BAN_AFTER:
        db.session.add(
            Ban(
                network=address,
                reason=f"{attempts} failed attempts",
                created=now,
                expires=now + BAN_DURATION,
                attempts=attempts,
            )
        )
    db.session.commit()
    if REMEMBER:
        is_banned.cache.pop(is_banned.cache_key(address), None)
