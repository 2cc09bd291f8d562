"""Statuses as a word with a sign and a colour, so that none of them depends on colour alone."""

from django.utils.html import format_html

# The statuses of items, triggers and jobs, levels of a log, and the states of keys and schedulers.
STATUSES = {
    "○": ["NEW", "IDLE", "INFO", "expired"],
    "◐": ["IN_PROGRESS"],
    "▶": ["RUNNING"],
    "‖": ["PAUSED", "PAUSING"],
    "●": ["DONE", "active"],
    "✕": ["FAILED", "KILLING", "KILLED", "ERROR", "revoked", "silent"],
    "–": ["ABANDONED", "TRACE", "forgotten"],
}
SIGNS = {status: sign for sign, statuses in STATUSES.items() for status in statuses}


def badge(status: str, label: object) -> str:
    """Return the HTML of a status; its colour is that of the CSS class `status-<status>`."""
    return format_html(
        '<span class="status status-{}"><span aria-hidden="true">{}</span> {}</span>',
        status.lower().replace("_", "-"),
        SIGNS.get(status, "?"),
        label,
    )
