"""Measure the admin's list of items with each filter, sort and search, against the plain list."""

from datetime import datetime
from itertools import product
from statistics import median
from urllib.parse import urlencode

from benchmarks.candidates import OURS
from benchmarks.comparison import Effort
from benchmarks.curves import page
from benchmarks.database import DAYS, opened
from benchmarks.figures import Figures, in_turn, say
from benchmarks.processes import Worker
from benchmarks.report import spread, table
from benchmarks.workspace import Workspace

ROWS = 1_000_000
FLOOR = 3  # times the CPU of the plain list
PLAIN = "no filter"

# 20 queues, each half as large as the one before. 90 of 100 items are done, and end up to 8 hours
# after their creation; 3 of 100 have no end of their own.
FILL = """
WITH RECURSIVE
    numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows),
    random_numbers AS (
        SELECT n, abs(random()) % 100 AS status, abs(random()) % 28800 AS ended,
            :seconds - n * :seconds / :rows AS age
        FROM numbers
    )
INSERT INTO Queues
    (id, queue_name, status, data, reference, created_date, start_date, end_date, created_by)
SELECT
    printf('%032x', n), 'Queue ' || (n & -n),
    CASE WHEN status < 90 THEN 'DONE' WHEN status < 95 THEN 'FAILED'
         WHEN status < 97 THEN 'ABANDONED' WHEN status < 99 THEN 'NEW' ELSE 'IN_PROGRESS' END,
    '{"case_id": "ABC' || n || '"}',
    CASE WHEN n % 10 < 3 THEN 'Batch' ELSE 'Reference-' || n END,
    datetime('now', printf('-%d seconds', age)) || '.000000',
    CASE WHEN status < 97 OR status = 99
         THEN datetime('now', printf('-%d seconds', max(age - 60, 0))) || '.000000' END,
    CASE WHEN status < 97 AND n % 33
         THEN datetime('now', printf('-%d seconds', max(age - 60 - ended, 0))) || '.000000' END,
    'MySystem'
FROM random_numbers
"""

TIMES = {
    "": {},
    "created in an hour": {"created_from": "{day}T10:00", "created_to": "{day}T10:59"},
    "created in 60 days": {"created_from": "{first}"},
    "ended in an hour": {"ended_from": "{day}T10:00", "ended_to": "{day}T10:59"},
    "ended in 60 days": {"ended_from": "{first}"},
}
FILTERS = {
    "": {},
    "done": {"status__exact": "DONE"},
    "failed": {"status__exact": "FAILED"},
    "done or failed": {"status__in": "DONE,FAILED"},
    "five statuses": {"status__in": "NEW,IN_PROGRESS,DONE,FAILED,ABANDONED"},
    "a large queue": {"queue_name": "Queue 1"},
    "a small queue": {"queue_name": "Queue 65536"},
    "failed in a large queue": {"status__exact": "FAILED", "queue_name": "Queue 1"},
    "done or failed in a small queue": {"status__in": "DONE,FAILED", "queue_name": "Queue 65536"},
}
OTHERS = {
    **{f"sorted by {o}": {"o": o} for o in ("created_date", "queue_name", "status", "-reference")},
    "last page": {"p": "-1"},
    "page 200": {"p": "200"},
    "a whole id": {"q": f"{ROWS // 2:032x}"},
    "a reference": {"q": f"Reference-{ROWS // 2 + 4}"},
    "a reference of 3 of 10 items": {"q": "Batch"},
    "a beginning of 7 of 10 references": {"q": "Ref"},
}


def cases() -> dict[str, str]:
    """Return the query string of each case."""
    now = datetime.now()
    days = {"day": f"{now - DAYS / 2:%Y-%m-%d}", "first": f"{now - DAYS * 2 / 3:%Y-%m-%d}"}
    found = {}
    for (filter_name, filters), (time_name, times) in product(FILTERS.items(), TIMES.items()):
        bounds = {name: value.format(**days) for name, value in times.items()}
        name = ", ".join(filter(None, [filter_name, time_name])) or PLAIN
        found[name] = urlencode({**filters, **bounds})
    return found | {name: urlencode(query) for name, query in OTHERS.items()}


def lists(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    say(f"Lists: filling a table with {ROWS:,}")
    database = workspace.database("lists")
    with opened(database) as connection:
        connection.execute("PRAGMA cache_size=-500000")  # 500 MB, for this statement only
        connection.execute(FILL, {"rows": ROWS, "seconds": int(DAYS.total_seconds())})
    pages = {
        name: page(workspace, f"/admin/queues/queueitem/?{query}")
        for name, query in cases().items()
    }
    with Worker(OURS, database) as worker:
        for request in pages.values():
            worker.measure(request, 1)
        for number, (name, request) in in_turn(list(pages.items()), effort.rounds):
            figures.add(name, cpu=worker.measure(request, 2)["cpu"] / 1000)
            if name == PLAIN:
                say(f"Lists, round {number} of {effort.rounds}")
    return figures


def verdicts(figures: Figures) -> str:
    """Return the ratio of each case to the plain list, and which are above the floor."""
    rows = []
    for name in figures.values:
        ratios = figures.ratios("cpu", name, PLAIN)
        is_met = median(ratios) <= FLOOR
        verdict = "met" if is_met else "**NOT MET**"
        rows.append((name, f"{median(ratios):.2f} ({spread(ratios, 2)})", verdict))
    plain = median(figures.of(PLAIN, "cpu"))
    head = ["", f"CPU of the page, relative to {plain:.0f} ms", f"at most {FLOOR}"]
    return table(head, rows)
