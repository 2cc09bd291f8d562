"""Clients of the API, and their limits."""

from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from queueapi.database.model_fields import UnicodeCharField
from security.client_ip import IPAddress, is_within, parse_network

CLIENT_NAME = RegexValidator(
    r"\A[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?\Z",
    _("A client name has no control characters, and no spaces at its ends."),
)

PATTERNS = _("One a line: an exact name, or the start of names and a *, such as HR-*. Empty: all.")
NETWORKS = _("One a line: an IP address, or a network such as 10.20.0.0/16. Empty: all.")


def read_lines(text: str) -> list[str]:
    """Return the lines without white space at their ends, and without empty ones."""
    return [line for each in text.split("\n") if (line := each.strip())]


@lru_cache(maxsize=1024)
def matches(name: str, patterns: str) -> bool:
    """Return whether a name is one of the patterns, or begins like one that ends in `*`.

    Compared exactly: SQL Server's usual collations would ignore letter case. No pattern: any name.
    """
    lines = read_lines(patterns)
    return not lines or any(
        name.startswith(line[:-1]) if line.endswith("*") else name == line for line in lines
    )


def validate_patterns(text: str) -> None:
    for line in read_lines(text):
        if "*" in line[:-1]:
            raise ValidationError(_("%(line)s: a * may only be at the end."), params={"line": line})


def validate_networks(text: str) -> None:
    for line in read_lines(text):
        try:
            parse_network(line)
        except ValueError as error:
            message = _("%(line)s is no IP address and no network such as 10.20.0.0/16.")
            raise ValidationError(message, params={"line": line}) from error


class ClientQuerySet(models.QuerySet["Client"]):
    def with_name(self, name: str) -> "Client | None":
        """Return the client with exactly this name."""
        return self.filter(name__exactly=name).first()

    def with_name_or_new(self, name: str) -> "Client":
        """Return the client with exactly this name, and create it if it is new.

        Raises `ValidationError` for an invalid name.
        """
        if client := self.with_name(name):
            return client
        self.model(name=name).full_clean()
        return self.get_or_create(name=name)[0]  # another process may have just created it


class Client(models.Model):
    """A system that calls the API with its own keys, and its limits."""

    name = UnicodeCharField(
        _("name"),
        max_length=100,
        unique=True,
        validators=[CLIENT_NAME],
        # SQL Server's usual collations ignore letter case.
        error_messages={"unique": _("There is a client with this name, perhaps in other case.")},
    )
    may_push = models.BooleanField(_("may push queue items"), default=True)
    may_trigger = models.BooleanField(_("may set the status of triggers"), default=True)
    # Off, so that no client can read before somebody allows it.
    may_read = models.BooleanField(_("may read queue items and triggers"), default=False)
    queues = models.TextField(
        _("queues"), blank=True, validators=[validate_patterns], help_text=PATTERNS
    )
    triggers = models.TextField(
        _("triggers"), blank=True, validators=[validate_patterns], help_text=PATTERNS
    )
    networks = models.TextField(
        _("networks"), blank=True, validators=[validate_networks], help_text=NETWORKS
    )
    note = models.TextField(_("note"), blank=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def __str__(self) -> str:
        return self.name

    def limit(self, **limits: Any) -> None:
        """Set fields, such as `may_read` or `queues`. Raises `ValidationError` for invalid ones."""
        for name, value in limits.items():
            setattr(self, name, value)
        self.full_clean()
        self.save(update_fields=limits)

    def may_use_queue(self, name: str) -> bool:
        return matches(name, self.queues)

    def may_use_trigger(self, name: str) -> bool:
        return matches(name, self.triggers)

    def may_call_from(self, ip: IPAddress) -> bool:
        networks = read_lines(self.networks)
        return not networks or is_within(ip, networks)
