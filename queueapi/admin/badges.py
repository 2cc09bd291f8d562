"""Statuses that can be told apart at a glance, by their word, their sign and their colour."""

from django.utils.html import format_html

SIGNS = {
    "NEW": "○",
    "IN_PROGRESS": "◐",
    "DONE": "●",
    "FAILED": "✕",
    "ABANDONED": "–",
    "IDLE": "○",
    "RUNNING": "▶",
    "PAUSED": "‖",
    "PAUSING": "‖",
    "KILLING": "✕",
    "KILLED": "✕",
    "active": "●",
    "expired": "○",
    "revoked": "✕",
}


def badge(status: str, label: str) -> str:
    return format_html(
        '<span class="status status-{}"><span aria-hidden="true">{}</span> {}</span>',
        status.lower().replace("_", "-"),
        SIGNS.get(status, "?"),
        label,
    )
