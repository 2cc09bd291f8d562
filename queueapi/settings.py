"""Every setting of the project. All that comes from the environment is read here and nowhere else.

`.env.example` lists the variables. They may also stand in a file `.env` beside `manage.py`
(`ENV_FILE` names another one, or none if it is empty); the process's own environment wins.

Read `MIDDLEWARE` and `REST_FRAMEWORK` from top to bottom to follow a request.
"""

import json
import math
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environs import Env, EnvError
from marshmallow.validate import Range, Regexp
from tzlocal import get_localzone_name

from queueapi.database.url import sql_server
from security.client_ip import parse_network

BASE_DIR = Path(__file__).resolve().parent.parent

POSITIVE = Range(min=1)
PORT = Range(min=1, max=65535)
DURATION = Range(min=timedelta(seconds=1), max=timedelta(days=100 * 365))
RATE = Regexp(
    r"[1-9][0-9]{0,8}/([1-9][0-9]{0,4})?[smhd]\Z", error="Must be a rate like 1000/m (or s, h, d)."
)

env = Env()
if env_file := env.str("ENV_FILE", default=str(BASE_DIR / ".env")):
    try:
        is_read = env.read_env(env_file, recurse=False)
    except (ValueError, OSError) as error:
        raise ImproperlyConfigured(f"{env_file} is not a text file in UTF-8.") from error
    if not is_read and env.str("ENV_FILE", default=""):
        raise ImproperlyConfigured(f"ENV_FILE is {env_file}, and there is no such file.")


@env.parser_for("names")
def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


@env.parser_for("redis_url")
def check_redis_url(text: str) -> str:
    if text:
        # Imported here: without a Redis, its client would take 6 MiB of memory for nothing.
        from redis.connection import parse_url  # noqa: PLC0415

        try:
            parse_url(text)  # type: ignore[no-untyped-call]
        except ValueError:
            # Not what it says itself, which may be a part of the password.
            raise EnvError("Must be a URL like redis://host:6379.") from None
    return text


@env.parser_for("networks")
def parse_networks(text: str | None) -> list[str] | None:
    """Addresses and networks, separated by commas; the word `none` stands for no network.

    A variable that is not set arrives as its default, and `None` stays `None`.
    """
    if text is None:
        return None
    networks = [name for name in names(text) if name != "none"]
    for network in networks:
        try:
            parse_network(network)
        except ValueError as error:
            raise EnvError(f"{error}.") from None
    return networks


try:
    DEBUG = env.bool("DEBUG", default=False)
    SECRET_KEY = env.str("SECRET_KEY", default=get_random_secret_key() if DEBUG else "")
    ALLOWED_HOSTS: list[str] = env.names("ALLOWED_HOSTS", default="")
    # TLS ends in front of this process, so this says what clients see, not what the port speaks.
    HTTPS = env.bool("HTTPS", default=not DEBUG)
    HTTP_PLATFORM_PORT = env.int("HTTP_PLATFORM_PORT", default=8000, validate=PORT)
    MAX_REQUEST_BYTES = env.int("MAX_REQUEST_BYTES", default=1024 * 1024, validate=POSITIVE)
    # None: not said, which a check warns of. Empty, or the word none: there is no proxy.
    TRUSTED_PROXIES: list[str] | None = env.networks("TRUSTED_PROXIES", default=None)
    BAN_AFTER = env.int("BAN_AFTER", default=5, validate=POSITIVE)
    BAN_WINDOW = env.timedelta("BAN_WINDOW", default=timedelta(minutes=15), validate=DURATION)
    BAN_DURATION = env.timedelta("BAN_DURATION", default=timedelta(hours=1), validate=DURATION)
    BAN_EXEMPT_NETWORKS: list[str] = env.networks("BAN_EXEMPT_NETWORKS", default="")
    STUCK_AFTER = env.timedelta("STUCK_AFTER", default=timedelta(hours=2), validate=DURATION)
    RATE_QUEUE = env.str("RATE_QUEUE", default="1000/m", validate=RATE)
    RATE_TRIGGER = env.str("RATE_TRIGGER", default="10/m", validate=RATE)
    CACHE_URL: str = env.redis_url("CACHE_URL", default="")
    WEB_PROCESSES = env.int("WEB_PROCESSES", default=1, validate=POSITIVE)
    # The machine's own zone unless told otherwise: robots and schedulers on it write in that one.
    TIME_ZONE = env.str("TIME_ZONE", default="") or get_localzone_name()

    DATABASE_CONNECTION_TIMEOUT = env.timedelta(
        "DATABASE_CONNECTION_TIMEOUT", default=timedelta(seconds=5), validate=DURATION
    )
    DATABASE_QUERY_TIMEOUT = env.timedelta(
        "DATABASE_QUERY_TIMEOUT", default=timedelta(seconds=10), validate=DURATION
    )
    dj_database_url.register("mssql", "mssql")
    if not DEBUG and not env.str("DATABASE_URL", default=""):
        raise ImproperlyConfigured(
            "DATABASE_URL is missing; set it to the database, for example "
            "mssql://user:password@host:1433/name."
        )
    DATABASES = {
        "default": env.dj_db_url(
            "DATABASE_URL",
            default=f"sqlite:///{(BASE_DIR / 'db.sqlite3').as_posix()}",
            # A connection lives as long as its thread; one that broke is noticed and replaced.
            conn_max_age=None,
            conn_health_checks=True,
        )
    }
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error

if not DEBUG:
    if len(SECRET_KEY) < 50:
        raise ImproperlyConfigured(
            "SECRET_KEY is missing or shorter than 50 characters; set it to a long random text "
            "that only this installation knows."
        )
    if not ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS is empty; set it to the host names that clients use, "
            "separated by commas."
        )
try:
    ZoneInfo(TIME_ZONE)
except (ValueError, KeyError, OSError) as error:
    raise ImproperlyConfigured(
        "TIME_ZONE is not the name of a time zone; use one like Europe/Copenhagen."
    ) from error

if DATABASES["default"]["ENGINE"] not in ("mssql", "django.db.backends.sqlite3"):
    raise ImproperlyConfigured("DATABASE_URL must begin with mssql:// or sqlite://.")
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Readers don't wait for the writer, and writers queue from their first statement on,
        # for at most `timeout` seconds, instead of failing with "database is locked".
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
    }
else:
    DATABASES["default"] = sql_server(
        DATABASES["default"],
        connection_timeout=math.ceil(DATABASE_CONNECTION_TIMEOUT.total_seconds()),
        query_timeout=math.ceil(DATABASE_QUERY_TIMEOUT.total_seconds()),
    )
# Connections are kept by their threads; a pool of the driver's below them could hand out a dead
# one after the server was away.
DATABASE_CONNECTION_POOLING = False

INSTALLED_APPS = [
    "queueapi",
    "security",
    "queues",
    "triggers",
    "rest_framework",
    "django_ratelimit",
    "queueapi.apps.QueueApiAdminConfig",  # Django's admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "queueapi.admin.middleware.AdminCookieMiddleware",
    "security.request_id.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "security.content_security_policy.ContentSecurityPolicyMiddleware",
    "queueapi.admin.middleware.AdminLocaleMiddleware",
    "security.middleware.BanMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "queueapi.admin.middleware.AdminSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "queueapi.admin.middleware.AdminAuthenticationMiddleware",
    "queueapi.admin.middleware.AdminMessageMiddleware",
]

REST_FRAMEWORK = {
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "queueapi.api.negotiation.AlwaysJSON",
    "DEFAULT_AUTHENTICATION_CLASSES": ["security.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["security.throttling.ClientRateThrottle"],
    "DEFAULT_PARSER_CLASSES": ["queueapi.api.parsers.JSONObjectParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "queueapi.api.exception_handler.exception_handler",
    # No OPTIONS answer that describes the API to whoever asks.
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}

ROOT_URLCONF = "queueapi.urls"
WSGI_APPLICATION = "queueapi.wsgi.application"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Counters of the rate limits; nothing is lost with them but a count.
if CACHE_URL:
    from redis.exceptions import RedisError

    # Raised while this cache is away, and for content that is not JSON.
    CACHE_ERRORS: tuple[type[Exception], ...] = (OSError, RedisError, ValueError)
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CACHE_URL,
            # JSON, as reading Django's pickles would run the code of anybody who can write there.
            # Seconds: a cache that hangs must not hang us, and requests pass without it.
            "OPTIONS": {"serializer": json, "socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }
else:
    CACHE_ERRORS = (OSError,)
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # One entry per client, endpoint and window; the default of 300 throws counters away.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    }

# Times in the shared tables are naive and local, because OpenOrchestrator writes them so.
USE_TZ = False
# The admin speaks the browser's language if it is one of these, the API always the first.
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "queueapi" / "locale"]
FORMAT_MODULE_PATH = "queueapi.formats"
LANGUAGES = [("en", "English"), ("da", "Dansk")]

STATIC_URL = "/static/"
# The admin's files come straight from the installed packages: there is nothing to collect,
# and nothing that an upgrade can forget.
WHITENOISE_USE_FINDERS = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
LOGIN_REDIRECT_URL = "admin:index"  # after a `next` that leads elsewhere
SESSION_COOKIE_AGE = 12 * 60 * 60  # seconds from signing in
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0

# Nothing inline and nothing from elsewhere. The admin's own pages need no more.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains: other services may live below this host's name, and whether they have
    # TLS is not ours to say.
    "security.W005",
    # HSTS preload lists are for public sites; this one is internal.
    "security.W021",
    # Counters in local memory are not shared. Its incr holds a lock, which is right for exactly
    # one process; security_app.E001 asks for a CACHE_URL when there are more.
    "django_ratelimit.E003",
    # Neither local memory nor Django's own Redis backend is on django-ratelimit's list of tested
    # ones. Both count atomically, and this project's tests race threads against both.
    "django_ratelimit.W001",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_context": {"()": "security.request_id.RequestContextFilter"},
        "once_per_minute": {"()": "queueapi.log_format.OncePerMinute"},
        "short_client_errors": {"()": "queueapi.log_format.ShortClientErrors"},
    },
    "formatters": {
        "line": {
            "()": "queueapi.log_format.LineFormatter",
            "format": "{asctime} {levelname} {name} {client} [{request_id}] {message}",
            "style": "{",
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["request_context", "short_client_errors"],
            "formatter": "line",
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Django's own handlers mail the admins and print only with DEBUG on.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # A line for every client that goes away early, and for every request that waits a moment
        # for a thread: most of all when it is busy. And a traceback for each connection while there
        # is no file descriptor left, or no room for a body.
        "waitress": {"level": "WARNING", "filters": ["once_per_minute"]},
        "queueapi.server.request_parser": {"filters": ["once_per_minute"]},
        "security.throttling": {"filters": ["once_per_minute"]},
        "waitress.queue": {"level": "ERROR"},
    },
}
