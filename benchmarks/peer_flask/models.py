"""Models of the tables that Queue API's migrations create."""

from datetime import datetime
from uuid import UUID

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class QueueItem(db.Model):
    __tablename__ = "Queues"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    queue_name: Mapped[str]
    status: Mapped[str]
    data: Mapped[str | None]
    reference: Mapped[str | None]
    created_date: Mapped[datetime]
    start_date: Mapped[datetime | None]
    end_date: Mapped[datetime | None]
    message: Mapped[str | None]
    created_by: Mapped[str | None]


class ApiKey(db.Model):
    __tablename__ = "security_apikey"

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[int]
    hashed_secret: Mapped[str]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class Ban(db.Model):
    __tablename__ = "security_bannedip"

    id: Mapped[int] = mapped_column(primary_key=True)
    network: Mapped[str]
    reason: Mapped[str]
    created: Mapped[datetime]
    expires: Mapped[datetime]
    attempts: Mapped[int]
    lifted: Mapped[datetime | None]


class FailedAttempt(db.Model):
    __tablename__ = "security_failedattempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime]
    client_ip: Mapped[str]
    network: Mapped[str]
    method: Mapped[str]
    path: Mapped[str]
    user_agent: Mapped[str]
    reason: Mapped[str]
    username: Mapped[str] = mapped_column(default="")
    counts: Mapped[bool]


def tune_sqlite(connection: object, entry: ConnectionPoolEntry) -> None:
    """Set WAL mode, in which readers do not wait for the writer, and commits without fsync."""
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a sqlite3.Connection
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def open_database() -> None:
    """Tune each connection. Call it in an application context."""
    event.listen(db.engine, "connect", tune_sqlite)
