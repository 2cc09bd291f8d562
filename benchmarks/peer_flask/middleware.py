"""Check bans and API keys; record failed attempts."""

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

# Seconds for which keys and bans are cached. By default 0: each request queries the database.
CACHE_SECONDS = float(os.environ.get("PEER_CACHE_SECONDS", "0"))

F = TypeVar("F", bound=Callable)


def cached_query(function: F) -> F:
    if not CACHE_SECONDS:
        return function
    return cached(TTLCache(20_000, CACHE_SECONDS), lock=Lock())(function)  # type: ignore[no-any-return]


def get_client_ip() -> str:
    """Return the last entry of X-Forwarded-For, by ProxyFix, without the port that IIS appends."""
    host = request.remote_addr or ""
    return host.partition(":")[0] if host.count(":") == 1 else host


@cached_query
def is_banned(client_ip: str) -> bool:
    active = Ban.lifted.is_(None), Ban.expires > datetime.now()
    return (
        db.session.execute(select(Ban.id).where(Ban.network == client_ip, *active)).first()
        is not None
    )


@cached_query
def client_of(secret: str) -> int | None:
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    active = (
        ApiKey.revoked.is_(None),
        or_(ApiKey.expires.is_(None), ApiKey.expires > datetime.now()),
    )
    known = ApiKey.hashed_secret == hashed
    return db.session.scalar(select(ApiKey.client_id).where(known, *active))


def authenticate() -> None:
    client_ip = get_client_ip()
    if is_banned(client_ip):
        abort(403, "This IP is banned after repeated failed attempts.")
    client = client_of(request.headers.get("X-API-Key", ""))
    if client is None:
        record_failure(client_ip)
        abort(401, "A valid API key is needed in the X-API-Key header.")
    g.client = client


def record_failure(client_ip: str) -> None:
    now = datetime.now()
    db.session.add(
        FailedAttempt(
            time=now,
            client_ip=client_ip,
            network=client_ip,
            method=request.method[:10],
            path=request.path[:200],
            user_agent=request.headers.get("User-Agent", "")[:200],
            reason="unknown",
            counts=True,
        )
    )
    db.session.flush()
    recent = FailedAttempt.network == client_ip, FailedAttempt.time > now - BAN_WINDOW
    attempts = db.session.scalar(select(func.count()).where(*recent))
    if attempts >= BAN_AFTER:
        db.session.add(
            Ban(
                network=client_ip,
                reason=f"{attempts} failed attempts",
                created=now,
                expires=now + BAN_DURATION,
                attempts=attempts,
            )
        )
    db.session.commit()
    if CACHE_SECONDS:
        is_banned.cache.pop(is_banned.cache_key(client_ip), None)
