"""The Flask peer: keys, bans and failed attempts in the tables of Queue API."""

import hashlib
from datetime import datetime, timedelta

from flask import g, request
from sqlalchemy import func, or_, select

from benchmarks.peer_flask.app import create_application, get_client_ip, refuse_banned, refuse_key
from benchmarks.peer_flask.models import ApiKey, Ban, FailedAttempt, db

BAN_AFTER = 5
BAN_WINDOW = timedelta(minutes=15)
BAN_DURATION = timedelta(hours=1)


def authenticate() -> None:
    client_ip = get_client_ip()
    if is_banned(client_ip):
        refuse_banned()
    g.client = client_of(request.headers.get("X-API-Key", ""))
    if g.client is None:
        record_failure(client_ip)
        refuse_key()


def is_banned(client_ip: str) -> bool:
    active = Ban.lifted.is_(None), Ban.expires > datetime.now()
    query = select(Ban.id).where(Ban.network == client_ip, *active)
    return db.session.execute(query).first() is not None


def client_of(secret: str) -> int | None:
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    active = (
        ApiKey.revoked.is_(None),
        or_(ApiKey.expires.is_(None), ApiKey.expires > datetime.now()),
    )
    known = ApiKey.hashed_secret == hashed
    return db.session.scalar(select(ApiKey.client_id).where(known, *active))


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


application = create_application(authenticate)
