"""Hand-written validation of a queue item, for the peer and the minimal Django view."""

import json
from datetime import datetime
from math import isfinite
from typing import Any, NoReturn

STATUSES = {"NEW", "IN_PROGRESS", "DONE", "FAILED", "ABANDONED"}
LONGEST = {"queue_name": 100, "reference": 100, "message": None, "created_by": 100, "data": 2000}


def parse(body: bytes) -> Any:
    """Parse UTF-8 JSON without NaN and infinities; raise `ValueError` otherwise."""
    try:
        return json.loads(body.decode(), parse_constant=reject, parse_float=finite)
    except RecursionError as error:
        raise ValueError("The body is nested too deeply.") from error


def reject(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON.")


def finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("A number is too large.")
    return number


def validate(body: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Return the fields to store, and the errors of each invalid field."""
    if not isinstance(body, dict):
        return {}, {"body": ["Must be a JSON object."]}
    given = {name: value for name, value in body.items() if value is not None}
    if isinstance(given.get("queue_name"), str):
        given["queue_name"] = given["queue_name"].strip()
    if isinstance(given.get("data"), dict | list):
        given["data"] = json.dumps(given["data"], ensure_ascii=False)
    fields: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, longest in LONGEST.items():
        if name in given:
            if error := text_error(given[name], longest):
                errors[name] = [error]
            else:
                fields[name] = given[name]
    if not fields.get("queue_name"):
        errors.setdefault("queue_name", ["This field is required."])
    fields["status"] = str(given.get("status", "NEW")).upper()
    if fields["status"] not in STATUSES:
        errors["status"] = [f"Must be one of {', '.join(sorted(STATUSES))}."]
    try:
        fields["created_date"] = local_time(given.get("created_date"))
    except (TypeError, ValueError, OverflowError):
        errors["created_date"] = ["Must be an ISO 8601 date-time."]
    return fields, errors


def text_error(text: Any, longest: int | None) -> str:
    """Return the error of a text; empty if it is valid."""
    if not isinstance(text, str):
        return "Must be a text."
    if longest and len(text) > longest:
        return f"Must have at most {longest} characters."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Has a lone surrogate."
    return "Has a NUL." if "\0" in text else ""


def local_time(text: Any) -> datetime:
    if text is None or text == "":
        return datetime.now()
    time = datetime.fromisoformat(text)
    if time.tzinfo:
        time = time.astimezone().replace(tzinfo=None)
    if time.year < 1753:
        raise ValueError("SQL Server has no such time.")
    return time
