"""All settings. Only this module reads the environment.

`.env.example` lists the variables. A file `.env` beside `manage.py` can hold them too (`ENV_FILE`
names another file; empty: none). Variables of the process take precedence.

`MIDDLEWARE` and `REST_FRAMEWORK`, read from top to bottom, are the path of a request.
"""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environs import Env, EnvError
from marshmallow.validate import Email, OneOf, Range, Regexp
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
# Not smtps://, which dj_email_url takes for STARTTLS.
MAIL_SERVER = Regexp(
    r"((smtp|submission)://([^\s:/?#@]+:[^\s:/?#@]+@)?[^\s/?#@]+"
    r"(\?((ssl|tls)=on|_default_from_email=[^\s&@]+@[^\s&@]+)(&_default_from_email=[^\s&@]+@[^\s&@]+)?)?|)\Z",
    error="Must be a URL like smtp://host:25, with special characters percent-encoded.",
)
# One request of /api/queue/bulk has up to 1000 items.
ITEM_RATE = Regexp(
    r"[1-9][0-9]{3,8}/([1-9][0-9]{0,4})?[smhd]\Z",
    error="Must be a rate of at least 1000, like 10000/m (or s, h, d).",
)

env = Env()
if env_file := env.str("ENV_FILE", default=str(BASE_DIR / ".env")):
    try:
        was_read = env.read_env(env_file, recurse=False)
    except (ValueError, OSError) as error:
        raise ImproperlyConfigured(f"{env_file} is not a text file in UTF-8.") from error
    if not was_read and env.str("ENV_FILE", default=""):
        raise ImproperlyConfigured(f"ENV_FILE is {env_file}, and there is no such file.")


@env.parser_for("names")
def parse_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


env.add_parser("emails", lambda text: [Email()(name) for name in parse_names(text)])


@env.parser_for("networks")
def parse_networks(text: str | None) -> list[str] | None:
    """Return the networks of a comma-separated list, which is empty for the word `none`.

    `None`, the default of a variable that is not set, stays `None`.
    """
    networks = [name for name in parse_names(text or "") if name != "none"]
    try:
        for network in networks:
            parse_network(network)
    except ValueError as error:
        raise EnvError(f"{error}.") from None
    return networks if text is not None else None


try:
    DEBUG = env.bool("DEBUG", default=False)
    SECRET_KEY = env.str("SECRET_KEY", default=get_random_secret_key() if DEBUG else "")
    ALLOWED_HOSTS: list[str] = env.names("ALLOWED_HOSTS", default="")
    # Whether clients use HTTPS. Waitress itself speaks HTTP: TLS ends at the proxy.
    HTTPS = env.bool("HTTPS", default=not DEBUG)
    HTTP_PLATFORM_PORT = env.int("HTTP_PLATFORM_PORT", default=8000, validate=PORT)
    MAX_REQUEST_BYTES = env.int("MAX_REQUEST_BYTES", default=1024 * 1024, validate=POSITIVE)
    MAX_BULK_BYTES = env.int("MAX_BULK_BYTES", default=4 * 1024 * 1024, validate=POSITIVE)
    ACCEPT_ANY_CONTENT_TYPE = env.bool("ACCEPT_ANY_CONTENT_TYPE", default=False)
    # An empty list: there is no proxy. `None`: not set, which security_app.W001 reports.
    TRUSTED_PROXIES: list[str] | None = env.networks("TRUSTED_PROXIES", default=None)
    BAN_AFTER = env.int("BAN_AFTER", default=5, validate=POSITIVE)
    BAN_WINDOW = env.timedelta("BAN_WINDOW", default=timedelta(minutes=15), validate=DURATION)
    BAN_DURATION = env.timedelta("BAN_DURATION", default=timedelta(hours=1), validate=DURATION)
    BAN_EXEMPT_NETWORKS: list[str] = env.networks("BAN_EXEMPT_NETWORKS", default="")
    STUCK_AFTER = env.timedelta("STUCK_AFTER", default=timedelta(hours=2), validate=DURATION)
    RATE_QUEUE = env.str("RATE_QUEUE", default="1000/m", validate=RATE)
    RATE_BULK = env.str("RATE_BULK", default="60/m", validate=RATE)
    RATE_BULK_ITEMS = env.str("RATE_BULK_ITEMS", default="10000/m", validate=ITEM_RATE)
    RATE_TRIGGER = env.str("RATE_TRIGGER", default="10/m", validate=RATE)
    RATE_READ = env.str("RATE_READ", default="1000/m", validate=RATE)
    IDEMPOTENCY_KEEP = env.timedelta(
        "IDEMPOTENCY_KEEP", default=timedelta(days=7), validate=DURATION
    )
    CACHE_URL = env.str("CACHE_URL", default="")
    WEB_PROCESSES = env.int("WEB_PROCESSES", default=1, validate=POSITIVE)
    LOG_FORMAT = env.str("LOG_FORMAT", default="lines", validate=OneOf(["lines", "json"]))
    METRICS_NETWORKS: list[str] = env.networks("METRICS_NETWORKS", default="127.0.0.0/8,::1")
    METRICS_FOLDER = env.str("METRICS_FOLDER", default="")
    # `send_alerts` sends nothing without a mail server and recipients.
    EMAIL_URL = env.str("EMAIL_URL", default="", validate=MAIL_SERVER)
    email = env.dj_email_url("EMAIL_URL", default="")
    ALERT_RECIPIENTS: list[str] = env.emails("ALERT_RECIPIENTS", default="")
    ALERT_LANGUAGE = env.str("ALERT_LANGUAGE", default="en", validate=OneOf(["en", "da"]))
    ALERT_FAILED_SHARE = env.int("ALERT_FAILED_SHARE", default=50, validate=Range(min=1, max=100))
    OLDEST_NEW = env.timedelta("OLDEST_NEW", default=timedelta(hours=24), validate=DURATION)
    # By default the zone of the machine, in which robots and schedulers on it write.
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
    database = env.dj_db_url(
        "DATABASE_URL",
        default=f"sqlite:///{(BASE_DIR / 'db.sqlite3').as_posix()}",
        # Each thread keeps its connection, and opens a new one when that broke.
        conn_max_age=None,
        conn_health_checks=True,
    )
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

if database["ENGINE"] == "django.db.backends.sqlite3":
    database["OPTIONS"] = {
        # With a write-ahead log, readers and the writer don't block each other. IMMEDIATE: writers
        # wait for each other at BEGIN, up to `timeout` seconds. A transaction that began as a
        # reader would fail with "database is locked" at once.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
    }
elif database["ENGINE"] == "mssql":
    database = sql_server(database, DATABASE_CONNECTION_TIMEOUT, DATABASE_QUERY_TIMEOUT)
else:
    raise ImproperlyConfigured("DATABASE_URL must begin with mssql:// or sqlite://.")
DATABASES = {"default": database}
# A setting of mssql-django. Django keeps the connections; a pool below it could return a dead one
# after an outage of the server.
DATABASE_CONNECTION_POOLING = False

INSTALLED_APPS = [
    "queueapi",
    "security",
    "queues",
    "triggers",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
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
    "queueapi.access.AccessMiddleware",
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
    # ClientViewSet asks for the rate before the permission.
    "DEFAULT_THROTTLE_CLASSES": ["security.throttling.ClientRateThrottle"],
    "DEFAULT_PERMISSION_CLASSES": ["security.permissions.ClientPermission"],
    "DEFAULT_PARSER_CLASSES": ["queueapi.api.parsers.JSONObjectParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "queueapi.api.exception_handler.exception_handler",
    # OPTIONS must not describe the API.
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "queueapi.openapi.ClientViewSetSchema",
}

# The API's document: docs/openapi.yaml is the one of the default settings.
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Queue API",
    "DESCRIPTION": "Push items to queues, from which robots take them, and re-arm triggers, which "
    "start robots. Each request needs an API key, which the operators issue; repeated requests "
    "without a valid one ban the client IP. All keys of a client count together. Members of a body "
    "that are not described are ignored.",
    # Of the contract, not of the program. A new first number means that clients have to change.
    "VERSION": "1.1",
    "SERVERS": [{"url": "/"}],
    "AUTHENTICATION_WHITELIST": [],  # its scheme is in queueapi/openapi_components.yaml
    "SECURITY": [{"ApiKey": []}],
    "PREPROCESSING_HOOKS": ["queueapi.openapi.sort_endpoints"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "queueapi.openapi.add_components",
    ],
    "ENUM_SUFFIX": "",
    "ENUM_NAME_OVERRIDES": {
        "QueueItemStatus": "queues.models.QueueItem.Status",
        "ProcessStatus": "triggers.models.Trigger.Status",
    },
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
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

# `counters` are of the rate limits, and `default` has other short-lived data. Both backends count
# atomically, but LocMemCache for one process only: security_app.E001 demands CACHE_URL for more.
# The system checks of django-ratelimit refuse both, so it is not in INSTALLED_APPS.
# `CACHE_ERRORS` are raised while the cache is down, ValueError for content that is not JSON.
CACHE_ERRORS: tuple[type[Exception], ...] = (OSError,)
RATELIMIT_USE_CACHE = "counters"
memory = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    # An entry for each client, endpoint and window, and in `default` for each 500 rows of an
    # action. Django's 300 would lose some.
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}
CACHES = {"default": memory, "counters": {**memory, "LOCATION": "counters"}}
if CACHE_URL:
    # Imported here, because the client takes 6 MiB of memory.
    from redis.connection import parse_url
    from redis.exceptions import RedisError

    try:
        parse_url(CACHE_URL)  # type: ignore[no-untyped-call]
    except ValueError:
        # Without redis's own message, which may repeat a part of the password.
        raise ImproperlyConfigured(
            'Environment variable "CACHE_URL" invalid: Must be a URL like redis://host:6379.'
        ) from None
    CACHE_ERRORS = (OSError, RedisError, ValueError)
    redis = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        # JSON, because Django's default, pickle, runs the code of anybody who can write there.
        # Seconds after which a request goes on without a cache that hangs.
        "OPTIONS": {"serializer": json, "socket_connect_timeout": 1, "socket_timeout": 1},
    }
    CACHES = {"default": redis, "counters": {**redis, "BACKEND": "security.counters.RedisCounters"}}

if WEB_PROCESSES > 1 and not METRICS_FOLDER:
    # The same in each process of this installation, and in no other.
    text = f"METRICS_FOLDER {SECRET_KEY} {env.str('DATABASE_URL', default='')}"
    digest = sha256(text.encode()).hexdigest()
    METRICS_FOLDER = str(Path(gettempdir(), f"queueapi-{digest[:16]}"))

# Of URLs in mails, and of their sender.
HOST_NAME = (ALLOWED_HOSTS or [""])[0].lstrip("*.") or "localhost"
DEFAULT_FROM_EMAIL = f"queueapi@{HOST_NAME}"
# Django's EMAIL_HOST, EMAIL_PORT and so on; perhaps another DEFAULT_FROM_EMAIL.
globals().update(email)
EMAIL_TIMEOUT = 10  # seconds

# OpenOrchestrator writes naive local times into the shared tables.
USE_TZ = False
USE_THOUSAND_SEPARATOR = True  # in pages; texts for programs use `str()`
# The admin uses the browser's language if it is one of LANGUAGES, the API always LANGUAGE_CODE.
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "queueapi" / "locale"]
FORMAT_MODULE_PATH = "queueapi.formats"
LANGUAGES = [("en", "English"), ("da", "Dansk")]

STATIC_URL = "/static/"
# Serve static files from the installed packages, so that collectstatic is not needed.
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

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
LOGIN_REDIRECT_URL = "admin:index"  # replaces a `next` that is not on this host
CSRF_FAILURE_VIEW = "queueapi.api.error_views.csrf_failure"
SESSION_COOKIE_AGE = 12 * 60 * 60  # seconds from the login or a renewal (queueapi/admin/session.py)
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0

# Files of this server only, and nothing inline: Django's admin needs no more.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains: other services below this host's name may not have TLS.
    "security.W005",
    # HSTS preload lists: they are for public sites.
    "security.W021",
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
        "lines": {
            "()": "queueapi.log_format.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(client)s [%(request_id)s] %(message)s",
        },
        "json": {"()": "queueapi.log_format.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.__stderr__",  # in JSON, `serve` replaces sys.stderr
            "filters": ["request_context", "short_client_errors"],
            "formatter": LOG_FORMAT,
        }
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Without Django's handlers, which mail the admins and print only with DEBUG on.
        "django": {"handlers": []},
        # Requests to the API, and security events that have no line otherwise.
        "queueapi.events": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
        # Clients can cause these at any rate: by closing connections early, by requests that wait
        # for a thread, by exhausting file descriptors or disk space.
        "waitress": {"level": "WARNING", "filters": ["once_per_minute"]},
        "queueapi.server.request_parser": {"filters": ["once_per_minute"]},
        "queueapi.health": {"filters": ["once_per_minute"]},
        "security.refresh_thread": {"filters": ["once_per_minute"]},
        "security.throttling": {"filters": ["once_per_minute"]},
        "waitress.queue": {"level": "ERROR"},
    },
}
