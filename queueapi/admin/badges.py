"""Statuses as a word with a sign and a colour, so that none of them depends on colour alone."""

from django.utils.html import format_html


def badge(status: str, label: str, sign: str) -> str:
    """Return the HTML of a status; its colour is that of the CSS class `status-<status>`."""
    return format_html(
        '<span class="status status-{}"><span aria-hidden="true">{}</span> {}</span>',
        status.lower().replace("_", "-"),
        sign,
        label,
    )
