"""`POST /api/queue` with Flask, Flask-SQLAlchemy and Flask-Limiter, tuned for speed."""

import logging
import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flask import Flask, abort, g, jsonify, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from benchmarks.peer_flask.models import QueueItem, db, open_database
from benchmarks.validation import parse, validate

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def create_application(authenticate: Callable[[], None]) -> Flask:
    """Return the application; `authenticate` aborts requests that are banned or have no key."""
    application = Flask(__name__)
    application.config.update(
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['DATABASE']}",
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": 16,  # one connection for each thread
            # One transaction for each write, as in Django. Otherwise SQLite stays locked if a
            # thread is interrupted between INSERT and COMMIT.
            "isolation_level": "AUTOCOMMIT",
            "connect_args": {"timeout": 10},
        },
        TRUSTED_HOSTS=["127.0.0.1"],
        MAX_CONTENT_LENGTH=1024 * 1024,
        RATELIMIT_HEADERS_ENABLED=True,
    )
    application.wsgi_app = ProxyFix(application.wsgi_app)  # type: ignore[method-assign]
    db.init_app(application)
    application.before_request(authenticate)  # before the limiter, which counts by client
    limiter = Limiter(lambda: str(g.client), app=application, storage_uri="memory://")
    application.post("/api/queue", strict_slashes=False)(limiter.limit(os.environ["RATE"])(queue))
    application.register_error_handler(HTTPException, http_error)
    with application.app_context():
        open_database()
    return application


def queue() -> ResponseReturnValue:
    if not request.is_json:
        abort(415, "Send JSON, with the header Content-Type: application/json.")
    try:
        fields, errors = validate(parse(request.get_data()))
    except ValueError as error:
        abort(400, str(error))
    if errors:
        return jsonify(success=False, error="The input is invalid.", fields=errors), 400
    item_id = uuid4()  # generated here, because reading it after the commit is a SELECT
    db.session.add(QueueItem(id=item_id, **fields))
    db.session.commit()
    return jsonify(success=True, id=str(item_id)), 201


def http_error(error: HTTPException) -> Any:
    return jsonify(success=False, error=error.description), error.code


def get_client_ip() -> str:
    """Return the last entry of X-Forwarded-For, by ProxyFix, without the port that IIS appends."""
    host = request.remote_addr or ""
    return host.partition(":")[0] if host.count(":") == 1 else host


def refuse_banned() -> None:
    abort(403, "This IP is banned after repeated failed attempts.")


def refuse_key() -> None:
    abort(401, "A valid API key is needed in the X-API-Key header.")
