"""Small reads: job polls and the top ten, alone and while 2 GB are uploaded.

Sixteen clients keep a connection each and ask again as soon as they are answered; one thread waits
for all of them, and what it takes of the processors is told. The polled job has ended; the ranking
has 100,000 items. `/livez`, which reads nothing, is the floor: the server, Flask, and the headers
of every answer. During an upload the two reads are asked for in turn, for as long as the upload
runs; it is the upload of `benchmarks.uploads`, and its sender, another process, takes processor
time too.
Rates are medians of as many runs; p99 is over the answers of all runs together.
"""

import io
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks import processes
from benchmarks.clients import Load, put_load, quantile, seconds_from_now
from benchmarks.connection import Connection
from benchmarks.report import REPEATS, Row, is_quick, table
from benchmarks.sending import Array, Sent, send
from examples.temporary_service import running_service

CLIENTS = 16
ITEMS, CLASSES = 100_000, 10
LARGE, SMALL = Array(1_000_000, 512), Array(10_000, 512)
RATE, P99 = 2_000, 0.025
MILLISECOND = 1e-3


@dataclass(frozen=True)
class Reads:
    """The paths that clients read."""

    livez: str
    job: str
    top: str
    pool: str


@dataclass(frozen=True)
class Measured:
    """One kind of read, measured several times; `web` are the web processes' seconds an answer."""

    loads: Sequence[Load]
    web: float

    @property
    def rate(self) -> float:
        """Return the answers a second."""
        return statistics.median(load.rate for load in self.loads)

    def quantile(self, part: float) -> float:
        """Return the seconds within which this part of all answers came."""
        return quantile(sorted(each for load in self.loads for each in load.latencies), part)

    @property
    def clients(self) -> float:
        """Return the part of one processor that the clients took."""
        return sum(load.own for load in self.loads) / sum(load.seconds for load in self.loads)


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    seconds, repeats = (0.3, 1) if quick else (3.0, REPEATS)
    with running_service() as url, Connection(url) as connection:
        reads = prepared(connection)

        def read(*paths: str) -> Measured:
            return measured(lambda: loaded(url, paths, seconds), repeats)

        floor, job, top = read(reads.livez), read(reads.job), read(reads.top)
        array = SMALL if quick else LARGE
        during = measured(lambda: loaded_by_upload(url, reads, array), repeats)
    print(table(rows(floor, job, top, during)))


def prepared(connection: Connection) -> Reads:
    """Make a pool, a ranking of it, and return what is read."""
    random = np.random.default_rng(0)
    pool = connection.give("POST", "/v1/pools", {"name": "reads"})["id"]
    features = random.random((ITEMS, 2), dtype=np.float32)
    connection.upload(f"/v1/pools/{pool}/items", features=features)
    probs = random.random((ITEMS, CLASSES)).astype(np.float32)
    body = io.BytesIO()
    np.save(body, probs / probs.sum(axis=1, keepdims=True))
    asked = "&".join(["kind=probs", *(f"class=c{number}" for number in range(CLASSES))])
    path = f"/v1/pools/{pool}/predictions?{asked}"
    sent = {"Content-Type": "application/x-npy"}
    received = connection.succeeded(connection.send("POST", path, body.getvalue(), sent))
    predictions = received["result"]["predictions"]
    asked_for = {"pool": pool, "predictions": predictions, "acquisitions": [{"name": "entropy"}]}
    job = connection.score(asked_for)
    ranking = job["result"]["rankings"][0]["id"]
    return Reads("/livez", f"/v1/jobs/{job['id']}", f"/v1/rankings/{ranking}/items?n=10", pool)


def measured(load: Callable[[], Load], repeats: int) -> Measured:
    """Put a load on the service several times."""
    web = processes.web_processes()
    before = sum(processes.processor_seconds(pid) for pid in web)
    loads = [load() for _ in range(repeats)]
    took = sum(processes.processor_seconds(pid) for pid in web) - before
    found = Measured(loads, took / sum(load.answers for load in loads))
    print(f"{found.rate:.0f}/s", file=sys.stderr, flush=True)
    return found


def loaded(url: str, paths: Sequence[str], seconds: float) -> Load:
    """Have clients read some paths for so long."""
    return put_load(url, paths, clients=CLIENTS, going=seconds_from_now(seconds))


def loaded_by_upload(url: str, reads: Reads, array: Array) -> Load:
    """Have clients read while an array is uploaded; return what they got."""
    with Connection(url) as connection:
        pool = connection.give("POST", "/v1/pools", {"name": "upload"})["id"]
    with ProcessPoolExecutor(1) as sender:
        sending = sender.submit(send, url, pool, array)
        load = put_load(
            url, [reads.job, reads.top], clients=CLIENTS, going=lambda: not sending.done()
        )
        sent: Sent = sending.result()
    print(f"{array.bytes / sent.seconds / 1e9:.2f} GB/s meanwhile", file=sys.stderr, flush=True)
    with Connection(url) as connection:
        connection.succeeded(connection.get(f"/v1/jobs/{sent.job}"))
        connection.line.request("DELETE", f"/v1/pools/{pool}")
        connection.line.getresponse().read()
    return load


def rows(floor: Measured, job: Measured, top: Measured, during: Measured) -> list[Row]:
    """Return what was measured."""
    beside = f"`/livez` {said(floor)}"
    return [
        row("job poll", job, beside),
        row("top 10 of 100,000", top, beside),
        row("both in turn while 2 GB are uploaded", during, ""),
    ]


def row(work: str, found: Measured, beside: str) -> Row:
    """Return one line of the table."""
    reached = found.rate >= RATE and found.quantile(0.99) <= P99
    reach = f"≥ {RATE:,}/s, p99 ≤ {P99 / MILLISECOND:.0f} ms"
    return Row(f"{work}, {CLIENTS} clients", reach, said(found), beside, reached)


def said(found: Measured) -> str:
    """Return what was found, in words."""
    half, most = found.quantile(0.5) / MILLISECOND, found.quantile(0.99) / MILLISECOND
    return (
        f"{found.rate:,.0f}/s, p50 {half:.1f} ms, p99 {most:.1f} ms; {found.web * 1e6:.0f} µs of "
        f"web processor time an answer, clients {found.clients:.0%} of a processor"
    )


if __name__ == "__main__":
    main()
