"""Parser of request bodies: a JSON object, or a 400 that says why it is none."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from queueapi.api.exceptions import RequestTooLarge


def _parse_float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ParseError("The body is not valid JSON: a number in it is too large.")
    return number


def _parse_constant(name: str) -> NoReturn:
    raise ParseError(f"The body is not valid JSON: {name} is not a JSON value.")


def get_max_bytes(view: object) -> int:
    """Return the largest size of a body for this view."""
    return int(getattr(view, "max_bytes", settings.MAX_REQUEST_BYTES))


class JSONObjectParser(BaseParser):
    """Parses one JSON object in UTF-8 (RFC 8259), with or without a byte order mark.

    Refuses bodies over the view's `max_bytes` (default: `MAX_REQUEST_BYTES`). Stricter than DRF's
    JSONParser: refuses `NaN`, infinities (`1e999` is one), other charsets, and values that are not
    objects. It is no subclass, because DRF reads the body before it calls one, up to Django's limit
    of forms.
    """

    NOT_AN_OBJECT = "The body must be a JSON object."

    media_type = "application/json"
    # json.loads() would make a new decoder for each request.
    decoder = json.JSONDecoder(parse_float=_parse_float, parse_constant=_parse_constant)

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        view = parser_context["view"] if parser_context else None
        max_bytes = get_max_bytes(view)
        body = stream.read(max_bytes + 1)
        if len(body) > max_bytes:
            raise RequestTooLarge
        try:
            value = self.decoder.decode(body.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ParseError(
                f"The body is not valid UTF-8: byte {error.start} can't be decoded."
            ) from error
        except json.JSONDecodeError as error:
            raise ParseError(
                f"The body is not valid JSON: {error.msg} at line {error.lineno}, "
                f"column {error.colno}."
            ) from error
        except ValueError as error:
            # int() refuses more than 4300 digits (sys.set_int_max_str_digits).
            raise ParseError("The body is not valid JSON: a number in it is too long.") from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        if not isinstance(value, dict):
            raise ParseError(self.NOT_AN_OBJECT)
        return value
