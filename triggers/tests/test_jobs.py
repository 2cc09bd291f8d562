"""The jobs on the page of a trigger, and the page of a job with its log."""

import re
from datetime import datetime, timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import OperationalError, ProgrammingError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from queueapi.tests.helpers import SignIn, failing, form_in
from triggers.models.schedulers import Job, Log
from triggers.tests.helpers import change_url, job, job_url, log, queue, scheduled, single

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scheduler_tables")]

HEADING = '<h2 id="jobs">'
TIMEOUT = OperationalError("HYT00", "Query timeout expired")
DENIED = ProgrammingError("42000", "The SELECT permission was denied (229)")
START = datetime(2026, 3, 1, 12, 0, 5)


def page_of(client: Client, url: str) -> str:
    return unescape(client.get(url).content.decode()).replace("\xa0", " ")


def rows(page: str) -> list[list[str]]:
    """Return the texts of the first table after a heading of the tests, by row and cell."""
    table = re.split(f'{HEADING}|<h2 id="log">', page)[1].split("</table>")[0].split("<tbody>")[1]
    cells = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in table.split("<tr>")[1:]]
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in cells]


# The page of a trigger.


def test_trigger_lists_the_jobs_of_its_process(sign_in: SignIn) -> None:
    job(start_time=START, end_time=START + timedelta(minutes=3), status="FAILED")
    job(process_name="Other")
    page = page_of(sign_in("Operators"), change_url(scheduled()))
    assert rows(page) == [["2026-03-01 12:00:05", "3 minutes", "ROBOT-01", "✕ Failed"]]


def test_jobs_are_the_newest_twenty(sign_in: SignIn) -> None:
    for minutes in range(25):
        job(start_time=START + timedelta(minutes=minutes))
    times = [row[0] for row in rows(page_of(sign_in(), change_url(single())))]
    assert times == [f"2026-03-01 12:{minutes:02}:05" for minutes in range(24, 4, -1)]


def test_each_job_links_to_its_page(sign_in: SignIn) -> None:
    row = job()
    client = sign_in()
    [url] = re.findall(r'href="([^"]*/job/[^"]*)"', page_of(client, change_url(queue())))
    assert client.get(url).context["job"] == row


def test_trigger_without_jobs(sign_in: SignIn) -> None:
    page = page_of(sign_in(), change_url(single(process_name="<b>")))
    assert "The process <b> has no jobs." in page


def test_page_takes_one_query_for_the_jobs(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        job()
    client, trigger = sign_in(), single()
    client.get(change_url(trigger))
    # Session, user, the trigger, its log entries, its jobs.
    with django_assert_num_queries(5):
        client.get(change_url(trigger))


def test_slow_jobs_are_a_sentence(sign_in: SignIn) -> None:
    with failing('FROM "Jobs"', TIMEOUT):
        page = page_of(sign_in(), change_url(single()))
    assert "The jobs could not be read in time." in page


def test_jobs_that_cannot_be_read_are_left_out(sign_in: SignIn) -> None:
    with failing('FROM "Jobs"', DENIED, DENIED):
        response = sign_in().get(change_url(single()))
    assert HEADING not in response.content.decode()
    assert response.status_code == 200


def test_refused_form_shows_the_jobs(sign_in: SignIn) -> None:
    job()
    client, url = sign_in(), change_url(single())
    form = form_in(client.get(url), "initial-trigger_name")
    response = client.post(url, {**form, "process_name": "Other", "trigger_name": ""})
    assert response.context["errors"]
    assert "ROBOT-01" in response.content.decode().split(HEADING)[1]


def test_viewers_see_no_jobs(sign_in: SignIn) -> None:
    row = job()
    client = sign_in("Viewers")
    assert HEADING not in page_of(client, change_url(single()))
    assert client.get(job_url(row)).status_code == 403


# The page of a job.


def test_it_works(sign_in: SignIn) -> None:
    row = job(start_time=START, end_time=START + timedelta(minutes=3), status="KILLED")
    log(row, "Begin")
    log(row, "No <b>order</b>\n  12", log_level="ERROR", log_time=START + timedelta(seconds=7))
    response = sign_in("Operators").get(job_url(row))
    page = unescape(response.content.decode())
    assert str(response.context["title"]) == "Year-end, 2026-03-01 12:00"
    for text in (
        "ROBOT-01",
        "2026-03-01 12:00:05",
        "2026-03-01 12:03:05",
        "Killed",
        "3\xa0minutes",
    ):
        assert text in page
    table = page.split('<h2 id="log">')[1]
    assert table.index("No <b>order</b>\n  12") < table.index("Begin")
    assert "status-error" in table
    assert b"<b>order" not in response.content
    assert not LogEntry.objects.exists()


def test_it_takes_four_queries(
    sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = job()
    for _ in range(100):
        log(row)
    client = sign_in()
    # Session, user, the job, its lines.
    with django_assert_num_queries(4):
        client.get(job_url(row))


def test_lines_are_the_newest_five_hundred(sign_in: SignIn) -> None:
    row = job(end_time=None, status="RUNNING")
    line = {"job_id": row.pk, "process_name": "p", "log_level": "INFO"}
    times = [row.start_time + timedelta(milliseconds=number) for number in range(501)]
    Log.objects.bulk_create(
        Log(id=uuid4(), log_time=time, log_message=f"line {number}.", **line)
        for number, time in enumerate(times)
    )
    page = page_of(sign_in(), job_url(row))
    assert "The log is longer. Here are its newest 500 lines." in page
    assert len(rows(page)) == 500
    assert "line 500." in page
    assert "line 0." not in page


def test_launch_that_failed_has_its_reason(sign_in: SignIn) -> None:
    row = job(status="FAILED")
    log(row, "Scheduler couldn't launch the process:\nValueError", log_level="ERROR", job_id=None)
    assert "couldn't launch the process" in page_of(sign_in(), job_url(row))


def test_job_without_lines(sign_in: SignIn) -> None:
    assert "The log has no lines of this job." in page_of(sign_in(), job_url(job()))


@pytest.mark.parametrize("error", [TIMEOUT, DENIED])
def test_log_that_cannot_be_read_is_a_sentence(sign_in: SignIn, error: Exception) -> None:
    row = job()
    with failing('FROM "Logs"', error):  # type: ignore[arg-type]
        response = sign_in().get(job_url(row))
    assert "The log could not be read" in response.content.decode()
    assert response.status_code == 200


def test_unknown_job_is_not_found(sign_in: SignIn) -> None:
    client = sign_in()
    for pk in (uuid4(), "1", "x" * 3000, "%00", "5f0c1c3e-90c5-4a66-9d0c-0a4f3c9a3a1%F0"):
        assert client.get(f"/admin/triggers/trigger/job/{pk}/").status_code == 404, pk


def test_job_that_the_login_may_not_read_is_not_found(sign_in: SignIn) -> None:
    row = job()
    with failing('FROM "Jobs"', DENIED):
        assert sign_in().get(job_url(row)).status_code == 404


def test_signed_out_user_is_redirected(client: Client) -> None:
    assert client.get(job_url(job())).status_code == 302


def test_jobs_are_only_read(sign_in: SignIn) -> None:
    row = job()
    client = sign_in()
    assert client.post(job_url(row), {"status": "DONE"}).status_code == 200
    assert client.get("/admin/triggers/job/").status_code == 404
    assert "/admin/triggers/job/" not in page_of(client, "/admin/")
    assert Job.objects.get().status == row.status


def test_garbage_is_shown(sign_in: SignIn) -> None:
    text = ("<script>1</script>\0æ🤖" * 500)[:8000]
    row = job(status="Running", process_name="🤖" * 100, scheduler_name="<i>")
    log(row, text, log_level="<hr> x")
    client = sign_in()
    content = client.get(job_url(row)).content.decode()
    assert unescape(content).count("<script>1") == text.count("<script>1")
    assert "<script>1" not in content
    assert "<hr>" not in content
    assert "? Running" in re.sub("<.*?>", "", content)
    assert "? Running" in re.sub(
        "<.*?>", "", page_of(client, change_url(single(process_name="🤖" * 100)))
    )


def test_table_that_is_dropped_meanwhile(sign_in: SignIn) -> None:
    row = job()
    client = sign_in()
    with connection.cursor() as cursor:
        cursor.execute('DROP TABLE "Logs"')
    assert "The log could not be read" in page_of(client, job_url(row))
    with connection.cursor() as cursor:
        cursor.execute('DROP TABLE "Jobs"')
    assert client.get(job_url(row)).status_code == 404


def test_times_are_of_the_log(sign_in: SignIn) -> None:
    row = job(start_time=timezone.now() - timedelta(hours=5), end_time=None, status="RUNNING")
    log(row, log_time=START)
    assert "The log has no lines of this job." in page_of(sign_in(), job_url(row))
