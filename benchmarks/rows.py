"""Measure requests by number of rows in the table of queue items."""

from contextlib import ExitStack

from benchmarks.candidates import OURS
from benchmarks.database import fill_queues
from benchmarks.effort import Effort
from benchmarks.figures import WALL, Figures, in_turn, say
from benchmarks.processes import Worker
from benchmarks.workspace import PUSH, Workspace, get


def rows(workspace: Workspace, effort: Effort) -> Figures:
    figures = Figures()
    pages = {
        "search for a reference (ms)": get("/api/queue?reference=Reference-5"),
        "dashboard, counts cached (ms)": get("/admin/", workspace.session),
        "list of items (ms)": get("/admin/queues/queueitem/", workspace.session),
    }
    with ExitStack() as stack:
        workers = {}
        # The largest first, because filling it could evict the others from the system's page cache.
        for size in sorted(effort.rows, reverse=True):
            say(f"Rows: filling a table with {size:,}")
            database = workspace.database(f"{size} rows")
            fill_queues(database, size)
            workers[size] = stack.enter_context(Worker(OURS, database))
        for worker in workers.values():
            worker.measure(PUSH, effort.calls)  # warm up
        for size, worker in in_turn("Rows", sorted(workers.items()), effort.rounds):
            figures.add(f"{size:,} rows", worker.measure(PUSH, effort.calls))
            for name, page in pages.items():
                worker.measure(page, 1)  # counts, if they are no longer cached
                figures.add(f"{size:,} rows", {name: worker.measure(page, 3)[WALL] / 1000})
    return figures
