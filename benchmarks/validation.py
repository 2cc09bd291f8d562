"""The contract's rules for a queue item, by hand, as the peer and the minimal view apply them."""

import json
from datetime import datetime
from math import isfinite
from typing import Any, NoReturn

STATUSES = {"NEW", "IN_PROGRESS", "DONE", "FAILED", "ABANDONED"}
LONGEST = {"queue_name": 100, "reference": 100, "message": None, "created_by": 100, "data": 2000}


def parse(body: bytes) -> Any:
    """The JSON in it, in UTF-8 and without NaN or infinities; raises `ValueError` otherwise."""
    try:
        return json.loads(body.decode(), parse_constant=refuse, parse_float=finite)
    except RecursionError as error:
        raise ValueError("The body is nested too deeply.") from error


def refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON.")


def finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError("A number is too large.")
    return number


def validate(body: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The fields to store, and what is wrong with each one that can't be."""
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
            if wrong := wrong_with(given[name], longest):
                errors[name] = [wrong]
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


def wrong_with(text: Any, longest: int | None) -> str:
    """Empty if nothing is."""
    if not isinstance(text, str):
        return "Must be a text."
    if longest and len(text) > longest:
        return f"Must have at most {longest} characters."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Has half a character."
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
