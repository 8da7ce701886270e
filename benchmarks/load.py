"""Load: two hundred clients at once, with a large upload and a large job beside them.

Every client keeps a connection, and asks again half a second after it was answered, on average
(`--rest 0`: at once): half of the time for the top ten of a ranking, else it polls a job, labels
items, leases one, changes its own exclusion set, uploads a few items or asks for a scoring. Beside
them 2 GB are uploaded and a pool of 10,000,000 items is scored. Each writes only what is its own,
and notes what was acknowledged; in the end all of it is read back. 429 is an answer that a client
is to expect; it tries again later.
The clients share one process with the measuring, and the machine with the service.
"""

import argparse
import asyncio
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from benchmarks import processes
from benchmarks.annotators import OWN_ITEMS, SERVER_ERROR, TOO_MANY, Ledger, Place, crowd
from benchmarks.clients import quantile
from benchmarks.connection import Connection
from benchmarks.report import Row, table
from benchmarks.sending import Array, send, send_to
from examples.temporary_service import running_service

CLIENTS, MINUTES = 200, 10.0
CLASSES = 10
REST = 0.5
UPLOAD, LARGE = Array(1_000_000, 512), 10_000_000
QUICK_UPLOAD, QUICK_LARGE = Array(10_000, 512), 50_000
READ_P99, GROWTH = 0.250, 1.25
MEBIBYTE = 2**20


def main() -> None:
    """Put the load on, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="a few clients for a few seconds")
    options.add_argument("--minutes", type=float, default=MINUTES)
    options.add_argument("--clients", type=int, default=CLIENTS)
    options.add_argument("--rest", type=float, default=REST, help="seconds between two requests")
    given = options.parse_args()
    clients, seconds = (20, 5.0) if given.quick else (given.clients, given.minutes * 60)
    upload, large = (QUICK_UPLOAD, QUICK_LARGE) if given.quick else (UPLOAD, LARGE)
    with running_service() as url:
        with Connection(url) as connection:
            place = prepared(connection, clients)
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(2) as beside, memory_watched() as memory:
            work = [beside.submit(uploaded, url, upload), beside.submit(scored, url, large)]
            ledger = asyncio.run(
                crowd(url, place, clients, lambda: time.monotonic() < end, given.rest)
            )
            within = [each.done() for each in work]
            took = [each.result() for each in work]
        with Connection(url) as connection:
            gone = lost(connection, place, ledger)
    print(*sorted(set(ledger.wrong))[:10], *gone[:10], sep="\n", file=sys.stderr)
    print(table(rows(ledger, gone, memory, clients=clients, seconds=seconds)))
    for name, done, each in zip(("the upload", "the large job"), within, took, strict=True):
        print(f"{name}: {each:.0f} s, {'meanwhile' if done else 'and longer'}", file=sys.stderr)


def prepared(connection: Connection, clients: int) -> Place:
    """Make the pool that all read."""
    pool = connection.give("POST", "/v1/pools", {"name": "load"})["id"]
    rows, chance = clients * OWN_ITEMS, np.random.default_rng(0)
    connection.upload(f"/v1/pools/{pool}/items", features=chance.random((rows, 2), np.float32))
    probs = chance.random((rows, CLASSES))
    said = {
        "classes": [f"c{number}" for number in range(CLASSES)],
        "items": [
            {"id": str(row), "probs": (each / each.sum()).tolist()}
            for row, each in enumerate(probs)
        ],
    }
    path = f"/v1/pools/{pool}/predictions?kind=probs"
    job = connection.succeeded(connection.give("POST", path, said))
    given = job["result"]["predictions"]
    asked = {"pool": pool, "predictions": given, "acquisitions": [{"name": "entropy"}]}
    job = connection.score(asked)
    return Place(pool, job["result"]["rankings"][0]["id"], job["id"], given)


def uploaded(url: str, array: Array) -> float:
    """Upload an array; return the seconds until it is part of a pool."""
    began = time.perf_counter()
    with Connection(url) as connection:
        pool = connection.give("POST", "/v1/pools", {"name": "large upload"})["id"]
        connection.succeeded(connection.get(f"/v1/jobs/{send(url, pool, array).job}"))
    return time.perf_counter() - began


def scored(url: str, items: int) -> float:
    """Make a pool of so many items with predictions; return the seconds that its scoring takes."""
    with Connection(url) as connection:
        pool = connection.give("POST", "/v1/pools", {"name": "large job"})["id"]
        sent = send(url, pool, Array(items, 1))
        connection.succeeded(connection.get(f"/v1/jobs/{sent.job}"))
        classes = "&".join(f"class=c{number}" for number in range(CLASSES))
        path = f"/v1/pools/{pool}/predictions?kind=probs&normalize=true&{classes}"
        given = connection.succeeded(
            connection.get(f"/v1/jobs/{send_to(url, path, Array(items, CLASSES)).job}")
        )
        began = time.perf_counter()
        asked = {"pool": pool, "predictions": given["result"]["predictions"]}
        connection.score({**asked, "acquisitions": [{"name": "entropy"}]})
    return time.perf_counter() - began


def lost(connection: Connection, place: Place, ledger: Ledger) -> list[str]:
    """Return which acknowledged writes are not there, once all jobs have ended."""
    for job in ledger.jobs:
        connection.succeeded(connection.get(f"/v1/jobs/{job}"))
    stored = {each["id"]: each["label"] for each in labels_of(connection, place.pool)}
    found = [f"label of {id}" for id, label in ledger.labels.items() if stored.get(id) != label]
    for name, ids in ledger.sets.items():
        kept = connection.get(f"/v1/pools/{place.pool}/exclusions/{name}?page_size=1000")
        found += [f"{name}" for _ in [0] if not ids <= set(kept["ids"])]
    for pool, items in ledger.uploads.items():
        if connection.get(f"/v1/pools/{pool}")["total"] != items:
            found.append(f"items of {pool}")
    return found


def labels_of(connection: Connection, pool: str) -> list[dict[str, str]]:
    """Return all labels of a pool."""
    found, token = [], ""
    while token is not None:
        page = connection.get(f"/v1/pools/{pool}/labels?page_size=1000{token}")
        found += page["labels"]
        token = page["next_page_token"] and f"&page_token={page['next_page_token']}"
    return found


@contextmanager
def memory_watched() -> Iterator[list[float]]:
    """Give a list to which the megabytes of all our processes are added, twice a second."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            pids = processes.descendants(os.getpid())
            seen.append(sum(map(processes.own_memory, pids)) / MEBIBYTE)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def rows(
    ledger: Ledger, gone: list[str], memory: list[float], *, clients: int, seconds: float
) -> list[Row]:
    """Return what was measured."""
    answers = ledger.statuses.total()
    failed = sum(count for status, count in ledger.statuses.items() if status >= SERVER_ERROR)
    reads = sorted(ledger.seconds["read"])
    p99 = quantile(reads, 0.99)
    early, late = thirds(memory)
    kept = len(ledger.labels) + sum(map(len, ledger.sets.values())) + ledger.uploads.total()
    return [
        Row(
            f"{clients} clients for {seconds:.0f} s",
            "no 5xx",
            f"{answers:,} answers, {answers / seconds:,.0f}/s: {failed} of them 5xx,"
            f" {ledger.statuses[TOO_MANY]:,} of them 429, {len(ledger.wrong)} unexpected",
            "",
            not ledger.wrong,
        ),
        Row("acknowledged writes", "none lost", f"{kept:,}: {len(gone)} lost", "", not gone),
        Row(
            "a read, p99",
            f"≤ {READ_P99 * 1000:.0f} ms",
            f"{p99 * 1000:.0f} ms, p50 {quantile(reads, 0.5) * 1000:.0f} ms",
            f"{len(reads):,} reads",
            p99 <= READ_P99,
        ),
        Row(
            "memory of all processes, last third against the middle one",
            f"≤ {GROWTH} ×",
            f"{late / early:.2f} ×, {late:.0f} MB",
            "",
            late <= GROWTH * early,
        ),
    ]


def thirds(seen: list[float]) -> tuple[float, float]:
    """Return the medians of the middle third and the last of what was seen."""
    third = max(1, len(seen) // 3)
    return statistics.median(seen[third : 2 * third] or seen), statistics.median(seen[-third:])


if __name__ == "__main__":
    main()
