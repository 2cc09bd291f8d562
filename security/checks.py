"""System checks of the settings and of the Python version."""

import sys
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from queueapi.database.url import MICROSOFT

# The first patch release of each minor version whose `http.cookies` is not slow (CVE-2024-7592).
COOKIES_FIXED = {(3, 11): 10, (3, 12): 6}


@register(Tags.security, deploy=True)
def check_python(**kwargs: Any) -> list[CheckMessage]:
    minor, patch = sys.version_info[:2], sys.version_info[2]
    warning = Warning(
        "This Python takes seconds to parse some Cookie headers (CVE-2024-7592).",
        hint="Queue API removes such cookies before they are parsed. Install Python 3.13, or "
        "at least 3.12.6 or 3.11.10, so that nothing depends on that.",
        id="security_app.W002",
    )
    return [] if patch >= COOKIES_FIXED.get(minor, 0) else [warning]


@register(Tags.security)
def check_trusted_proxies(**kwargs: Any) -> list[CheckMessage]:
    warning = Warning(
        "TRUSTED_PROXIES is not set.",
        hint="Behind a proxy such as IIS, every client would have the proxy's IP, and failed "
        "attempts of one would ban all. Set it to the proxy's IP (127.0.0.1 for IIS on this "
        "machine), or to none if clients connect to this process directly.",
        id="security_app.W001",
    )
    return [] if settings.DEBUG or settings.TRUSTED_PROXIES is not None else [warning]


@register(Tags.caches)
def check_shared_counters(**kwargs: Any) -> list[CheckMessage]:
    error = Error(
        f"WEB_PROCESSES is {settings.WEB_PROCESSES}, and there is no CACHE_URL.",
        hint="Each process would count on its own, so that clients could send that many times "
        "their rate. Set CACHE_URL=redis://host:6379, or WEB_PROCESSES=1.",
        id="security_app.E001",
    )
    return [] if settings.WEB_PROCESSES == 1 or settings.CACHE_URL else [error]


@register(Tags.security, deploy=True)
def check_database_driver(**kwargs: Any) -> list[CheckMessage]:
    driver = settings.DATABASES["default"].get("OPTIONS", {}).get("driver", "")
    warning = Warning(
        f"The ODBC driver {driver} does not verify the certificate of the database server.",
        hint="Use Microsoft's driver: remove driver, or python_driver too, from DATABASE_URL.",
        id="security_app.W003",
    )
    return [] if MICROSOFT.fullmatch(driver) else [warning]
