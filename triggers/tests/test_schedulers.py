"""Tables of OpenOrchestrator's schedulers: read where they can be."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection
from django.utils import timezone
from pytest_django import Settings

from queueapi.tests.helpers import failing
from queueapi.tests.orchestrator_fixtures import Orchestrator
from triggers.models.schedulers import Job, Log, Scheduler, read
from triggers.tests.helpers import job, log, scheduler, single

pytestmark = pytest.mark.django_db

# Takes enough instructions for a look at the clock.
ENDLESS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
SELECT * FROM "Jobs" WHERE (SELECT max(i) FROM n) > 0
"""
DENIED = ProgrammingError("42000", "The SELECT permission was denied on the object (229)")


@pytest.mark.usefixtures("scheduler_tables")
def test_it_works() -> None:
    scheduler()
    assert [str(each) for each in read(Scheduler.objects.all()) or []] == ["ROBOT-01"]


def test_absent_table_has_no_rows() -> None:
    for model in (Scheduler, Job, Log):
        assert read(model._default_manager.all()) is None


@pytest.mark.usefixtures("scheduler_tables")
def test_table_without_a_column_of_ours_has_no_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute('ALTER TABLE "Logs" RENAME COLUMN "job_id" TO "id_of_job"')
    assert read(Log.objects.all()) is None


@pytest.mark.usefixtures("scheduler_tables")
def test_login_without_the_right_has_no_rows() -> None:
    with failing("FROM", DENIED):
        assert read(Job.objects.all()) is None


def test_text_that_the_driver_cannot_decode_is_no_error() -> None:
    def rows() -> Iterator[Any]:
        yield b"\xff".decode()

    assert read(rows()) is None


@pytest.mark.usefixtures("scheduler_tables")
def test_slow_query_has_no_rows(settings: Settings) -> None:
    job()
    settings.DATABASE_QUERY_TIMEOUT = timedelta(0)
    assert read(Job.objects.raw(ENDLESS)) is None
    assert read(Job.objects.all()) is not None


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(days=-365), "active"),  # the machine's clock is ahead
        (timedelta(seconds=59), "active"),
        (timedelta(seconds=61), "silent"),
        (timedelta(days=6, hours=23), "silent"),
        (timedelta(days=7, seconds=1), "forgotten"),
        (timedelta(days=365 * 273), "forgotten"),
    ],
)
def test_state_of_a_scheduler(age: timedelta, state: str) -> None:
    assert Scheduler(last_update=timezone.now() - age).state == state


def test_duration_of_a_job() -> None:
    start = timezone.now() - timedelta(hours=3)
    assert Job(start_time=start, end_time=start + timedelta(seconds=5)).duration == "5 seconds"
    assert Job(start_time=start).duration == "3\xa0hours"
    # Clocks were set back.
    assert Job(start_time=start, end_time=start - timedelta(minutes=20)).duration == "0 seconds"


# The lines of a job.


def texts(job: Job) -> list[str]:
    return [line.log_message for line in Log.objects.of_job(job)]


@pytest.mark.usefixtures("scheduler_tables")
def test_lines_are_the_newest_first() -> None:
    row = job()
    log(row, "old")
    log(row, "new", log_time=row.end_time)
    log(job(), "other")
    assert texts(row) == ["new", "old"]


@pytest.mark.usefixtures("scheduler_tables")
def test_lines_are_found_although_the_clock_was_set_back() -> None:
    start = timezone.now()
    row = job(start_time=start, end_time=start - timedelta(minutes=30))
    log(row, "end", log_time=row.end_time)
    assert texts(row) == ["end"]


@pytest.mark.usefixtures("scheduler_tables")
def test_lines_of_a_running_job() -> None:
    row = job(end_time=None, status="RUNNING", start_time=timezone.now() - timedelta(days=2))
    log(row, "now", log_time=timezone.now())
    assert texts(row) == ["now"]


@pytest.mark.usefixtures("scheduler_tables")
@pytest.mark.parametrize(
    ("status", "process_name", "minutes", "is_shown"),
    [
        ("FAILED", "Year-end", 0.5, True),
        ("DONE", "Year-end", 0.5, False),
        ("FAILED", "Other", 0.5, False),
        ("FAILED", "Year-end", -0.5, False),
        ("FAILED", "Year-end", 1.5, False),
    ],
)
def test_failed_job_has_the_line_why_it_was_not_launched(
    status: str, process_name: str, minutes: float, is_shown: bool
) -> None:
    row = job(status=status)
    time = row.start_time + timedelta(minutes=minutes)
    log(row, "Couldn't launch", job_id=None, process_name=process_name, log_time=time)
    assert bool(texts(row)) is is_shown


WRITE = """
import subprocess
from types import SimpleNamespace
from uuid import UUID
from OpenOrchestrator.database.jobs import JobStatus
from OpenOrchestrator.database.logs import LogLevel
from OpenOrchestrator.scheduler import runner, util

util.get_scheduler_name = lambda: "ROBOT-01"
runner.print = lambda text: None
tables = [base.Base.metadata.tables[name] for name in ("Schedulers", "Jobs", "Logs")]
base.Base.metadata.drop_all(db_util._connection_engine, tables)
base.Base.metadata.create_all(db_util._connection_engine, tables)
db_util.send_ping_from_scheduler("ROBOT-02")
db_util.start_trigger_from_machine("ROBOT-01", "Nightly")
job = db_util.start_job("Year-end", "ROBOT-01")
for level in LogLevel:
    db_util.create_log("Year-end", level, job.id, level.value)
db_util.set_job_status(job.id, JobStatus.KILLED)
trigger = db_util.get_all_triggers()[0]
runner.run_process(trigger)  # its path is no file
answer = str(job.id)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("scheduler_tables")
def test_what_openorchestrator_writes_is_read(orchestrator: Orchestrator) -> None:
    single(process_path="/no/such/file.py")
    pk = orchestrator(WRITE)
    schedulers = {each.machine_name: each for each in Scheduler.objects.all()}
    assert {each.state for each in schedulers.values()} == {"active"}
    assert schedulers.keys() == {"ROBOT-01", "ROBOT-02"}
    assert schedulers["ROBOT-01"].latest_trigger == "Nightly"
    assert schedulers["ROBOT-02"].latest_trigger is None
    killed = Job.objects.get(pk=pk)
    assert (killed.status, killed.scheduler_name) == ("KILLED", "ROBOT-01")
    assert sorted(line.log_level for line in Log.objects.of_job(killed)) == sorted(Log.Level.values)
    failed = Job.objects.exclude(pk=pk).get()
    assert failed.status == "FAILED"
    assert "couldn't launch the process" in Log.objects.of_job(failed).get().log_message
