"""The format of log lines, and the filters of the log."""

import logging

import pytest

from queueapi.log_format import LineFormatter, OncePerMinute, one_line
from queueapi.tests.helpers import Api


def test_control_characters_are_escaped() -> None:
    text = "/x\n2026-11-24 Banned\x1b[2J\u2028\x85"
    assert one_line(text, 100) == "/x\\n2026-11-24 Banned\\x1b[2J\\u2028\\x85"


def test_a_long_text_is_truncated() -> None:
    assert one_line("x" * 11, 10) == "x" * 10 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


def test_an_exception_message_in_a_traceback_is_one_line() -> None:
    with pytest.raises(ValueError, match="Banned") as caught:
        fail("\n2026-11-24 Banned\x1b[2J" + "x" * 3000)
    text = LineFormatter().formatException((caught.type, caught.value, caught.tb))
    first, *frames, last = text.splitlines()
    assert first == "Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in frames)
    assert last.startswith("ValueError: \\n2026-11-24 Banned\\x1b[2Jxxx")
    assert len(last) < 2100


def fail(message: str) -> None:
    raise ValueError(message)


def test_a_line_of_code_logs_once_a_minute() -> None:
    once_per_minute = OncePerMinute()
    record = logging.makeLogRecord({"pathname": "server.py", "lineno": 1})
    other = logging.makeLogRecord({"pathname": "server.py", "lineno": 2})
    passed = [once_per_minute.filter(each) for each in (record, record, other)]
    assert passed == [True, False, True]


@pytest.mark.django_db
def test_a_4xx_response_logs_no_traceback(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    api.client.get("/nothing", headers={"Host": "evil.example.org"})
    api.client.post("/admin/login/", dict.fromkeys(map(str, range(1100)), ""))
    assert [record.exc_info for record in caplog.records] == [None, None]
