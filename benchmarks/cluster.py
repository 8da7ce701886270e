"""A simulation on workers of the queue, and on a Dask cluster.

One simulation of scikit-learn's digits by a random forest, with as many runs as seeds and functions
make: by one worker, shared among two by the queue, and handed by one worker to a Dask cluster of
two workers of one thread each. Everything runs on this machine; each is done in turn, and the
median is told. The floor is half of what one worker takes.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.connection import Connection
from benchmarks.report import REPEATS, Row, is_quick, seconds_of, table
from benchmarks.simulation import make_pool
from examples.temporary_service import (
    SECONDS_TO_START,
    CannotStart,
    heed_signals,
    running_service,
)
from service.processes.supervisor import ONE_THREAD

PLACES = ("one worker", "two workers", "Dask, two workers")


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    heed_signals()
    seeds, rounds, repeats = (2, 2, 1) if quick else (4, 10, REPEATS)
    times = {place: measured(place, seeds, rounds, repeats) for place in PLACES}
    alone = times[PLACES[0]]
    rows = [
        Row(
            work=f"{2 * seeds} runs of {rounds + 1} fits: {place}",
            reach="",
            measured=f"{seconds:.1f} s",
            beside=f"{alone / seconds:.2f}× one worker; floor {alone / 2:.1f} s",
        )
        for place, seconds in times.items()
    ]
    print(table(rows))


def measured(place: str, seeds: int, rounds: int, repeats: int) -> float:
    """Return the median of the seconds that a simulation takes in a place, warm."""
    with ExitStack() as stack:
        settings: dict[str, object] = {"workers": 2 if place == PLACES[1] else 1}
        if place == PLACES[2]:
            settings["compute"] = stack.enter_context(cluster(workers=2))
        url = stack.enter_context(running_service(**settings))
        service = stack.enter_context(Connection(url))
        pool = make_pool(service)
        simulate(service, pool, seeds=2, rounds=1)  # what is loaded at first is no part of it
        found = []
        for _ in range(repeats):
            found.append(seconds_of(lambda: simulate(service, pool, seeds, rounds)))
            print(f"{place}: {found[-1]:.1f} s", file=sys.stderr, flush=True)
        return statistics.median(found)


def simulate(service: Connection, pool: str, seeds: int, rounds: int) -> None:
    """Simulate two functions, and wait until that is done."""
    asked = {
        "pool": pool,
        "estimators": [{"name": "random_forest"}],
        "functions": [{"name": "margin"}],
        "seeds": seeds,
        "initial": {"size": 20, "draw": "random"},
        "budget": 10,
        "rounds": rounds,
    }
    service.succeeded(service.give("POST", "/v1/simulations", asked))


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Start a Dask cluster on the loopback; give its address."""
    with ExitStack() as stack:
        made = stack.enter_context(TemporaryDirectory(prefix="shortlist-dask-"))
        file = Path(made) / "scheduler.json"
        place = ("--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard")
        stack.enter_context(started("dask_scheduler", *place, "--port", "0"))
        deadline = time.monotonic() + SECONDS_TO_START
        while not file.exists():
            if time.monotonic() > deadline:
                raise CannotStart("the scheduler did not start")
            time.sleep(0.05)
        for _ in range(workers):
            stack.enter_context(started("dask_worker", *place, "--nthreads", "1", "--no-nanny"))
        yield json.loads(file.read_text(encoding="utf-8"))["address"]


@contextmanager
def started(program: str, *arguments: str) -> Iterator[None]:
    """Run a program of Dask's for as long as it is needed, on one thread and quietly."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *arguments],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
