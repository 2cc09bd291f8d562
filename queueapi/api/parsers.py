"""From the request's body to a dictionary, or to a 400 that says what is wrong with the JSON."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ParseError("The body is not valid JSON: a number in it is too large.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ParseError(f"The body is not valid JSON: {name} is not a JSON value.")


class JSONObjectParser(JSONParser):
    """Accepts one JSON object in UTF-8 (RFC 8259), with or without a byte order mark.

    Stricter than its parent: no `NaN` or infinities, also not by way of `1e999`, nothing but an
    object at the top, and no charset but UTF-8.
    """

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        try:
            value = json.loads(
                stream.read().decode("utf-8-sig"),
                parse_float=_finite,
                parse_constant=_no_constant,
            )
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
            # Python refuses to read whole numbers of more than 4300 digits.
            raise ParseError("The body is not valid JSON: a number in it is too long.") from error
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        if not isinstance(value, dict):
            raise ParseError("The body must be a JSON object.")
        return value
