"""An empty job

A pool without items is scored, over HTTP with `Prefer: wait`, by workers that have done so before.
Enqueued and done is what the job's record says; the whole request is what its client waits. An
empty job is little but writes forced to disk one after the other, by the embedded server and for
the ranking's files: beside it stands what one of those takes here, a file of 100 bytes.
"""

import os
import statistics
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from benchmarks.connection import Connection, Document
from benchmarks.report import Row, is_quick, seconds_of, table
from examples.temporary_service import running_service

JOBS, QUICK_JOBS, WARM = 100, 5, 5
REACH = 0.040
MOMENTS = ("created_at", "started_at", "finished_at")
BYTES = b"x" * 100


def main() -> None:
    """Measure some empty jobs, one after the other."""
    count = QUICK_JOBS if is_quick(__doc__) else JOBS
    with running_service() as url, Connection(url) as service:
        pool = service.give("POST", "/v1/pools", {"name": "empty"})["id"]
        asked = {"pool": pool, "acquisitions": [{"name": "random"}]}
        jobs: list[Document] = []

        def ask() -> None:
            jobs.append(service.score(asked))

        for _ in range(WARM):
            ask()
        requests = [seconds_of(ask) for _ in range(count)]
    done = jobs[WARM:]
    write = median([seconds_of(forced_write()) for _ in range(count)])
    beside = f"one forced write: {milliseconds(write)}"
    whole = [between(job, "created_at", "finished_at") for job in done]
    print(
        table(
            [
                Row(
                    "enqueued → done, p50",
                    f"≤ {milliseconds(REACH)}",
                    f"{milliseconds(median(whole))}, p90 {milliseconds(high(whole))}",
                    f"{beside}; {median(whole) / write:.0f} of them",
                    median(whole) <= REACH,
                ),
                stage(done, "enqueued → begun, p50", "created_at", "started_at"),
                stage(done, "begun → done, p50", "started_at", "finished_at"),
                Row("the whole request, p50", "", milliseconds(median(requests))),
            ]
        )
    )


def stage(jobs: list[Document], work: str, first: str, last: str) -> Row:
    """Return how long jobs took from one moment of theirs to another."""
    return Row(work, "", milliseconds(median([between(job, first, last) for job in jobs])))


def between(job: Document, first: str, last: str) -> float:
    """Return the seconds between two moments of a job."""
    began, ended = (datetime.fromisoformat(job[name]) for name in (first, last))
    return (ended - began).total_seconds()


def forced_write() -> Callable[[], None]:
    """Return what writes a small file and forces it to disk."""
    directory = Path(tempfile.gettempdir())

    def write() -> None:
        with tempfile.NamedTemporaryFile(dir=directory, prefix="shortlist-bench-") as file:
            file.write(BYTES)
            file.flush()
            os.fsync(file.fileno())

    return write


def median(values: list[float]) -> float:
    """Return the median of some values."""
    return statistics.median(values)


def high(values: list[float]) -> float:
    """Return what nine in ten values do not pass."""
    return statistics.quantiles(values, n=10)[-1]


def milliseconds(seconds: float) -> str:
    """Return seconds as text in milliseconds."""
    return f"{seconds * 1000:.1f} ms"


if __name__ == "__main__":
    main()
