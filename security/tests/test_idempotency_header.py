"""The header `Idempotency-Key`."""

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from queueapi.tests.helpers import Api
from queues.models import QueueItem
from security.idempotency import read_header
from security.tests.helpers import ITEM

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("k", "k"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("!#$%&'()*+-./:;<=>?@[\\]^_`{|}~", "!#$%&'()*+-./:;<=>?@[\\]^_`{|}~"),
        ("x" * 255, "x" * 255),
        ('a"b', 'a"b'),
        ("a\\b", "a\\b"),
        ('"k"', "k"),
        ('"' + "x" * 255 + '"', "x" * 255),
        ('"' + '\\"' * 255 + '"', '"' * 255),
        ('"a\\"b"', 'a"b'),
        ('"a\\\\b"', "a\\b"),
        ('"\\\\"', "\\"),
    ],
)
def test_a_valid_header(header: str, value: str) -> None:
    assert read_header(with_header(header)) == value


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        '""',
        '"',
        "x" * 256,
        '"' + "x" * 256 + '"',
        "a b",
        '"a b"',
        "a,b",
        "a, a",
        '"a", "a"',
        '"a,b"',
        '"a',
        '"a"b"',
        '"a\\"',
        '"a\\b"',
        '"a";p=1',
        "a\tb",
        "a\x7f",
        "æ",
        '"æ"',
        "k\n",
    ],
)
def test_an_invalid_header(header: str) -> None:
    with pytest.raises(ParseError):
        read_header(with_header(header))


def with_header(value: str) -> Request:
    return Request(RequestFactory().post("/", headers={"Idempotency-Key": value}))


def test_an_absent_header() -> None:
    assert read_header(Request(RequestFactory().post("/"))) is None


def test_an_invalid_header_is_a_400(api: Api) -> None:
    response = api.post("/api/queue", ITEM, Idempotency_Key="a, a")
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "Send Idempotency-Key once, with 1 to 255 visible ASCII characters and without "
        "a comma.",
    }
    assert not QueueItem.objects.exists()
