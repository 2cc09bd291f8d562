"""What the API sends back."""

from typing import Any

from django.http import JsonResponse


class Answer(JsonResponse):
    """JSON in UTF-8 without white space, as DRF's renderer writes it.

    DRF's own `Response` comes to the same by way of a template response and a renderer, which
    took some hundredths of the CPU of a push.
    """

    def __init__(self, data: dict[str, Any], status: int = 200) -> None:
        super().__init__(
            data,
            status=status,
            json_dumps_params={"separators": (",", ":"), "ensure_ascii": False},
        )
