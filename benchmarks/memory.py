"""Memory: a pool larger than what a worker may hold.

A pool of 10,000,000 x 512 float16, 10 GB in ten parts, is uploaded and scored by a logistic
regression of two classes, by a service with its defaults. While the scoring runs, the kernel's own
high-water marks (`VmHWM`, which counts what is mapped of files) are read of every process: of the
workers and the processes they fork for a job, and of those in which the model is opened. The job is
asked for its progress five times a second, and the data directory weighed once a second: what is
beyond the pool are the predictions, the scores and the two orders.
"""

import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import skops.io
from sklearn.linear_model import LogisticRegression

from benchmarks import processes
from benchmarks.connection import Connection
from benchmarks.report import Row, is_quick, table
from benchmarks.sending import Written
from examples.temporary_service import running_service

PARTS, WIDTH, CLASSES = 10, 512, 2
ROWS, QUICK_ROWS = 1_000_000, 5_000
BLOCK_ROWS = 5_000
MEBIBYTE, SECTOR = 2**20, 512
MEMORY = 512
STANDSTILL = 0.25
SAMPLE_SECONDS, ASK_SECONDS, WEIGH_SECONDS = 0.05, 0.2, 1.0
SANDBOX = "sandbox"


@dataclass
class Watcher:
    """Reads, as long as a scoring runs, how much memory and disk it takes."""

    directory: Path
    peaks: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    weight: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Read until it is ended."""
        weighed = 0.0
        while not self.ended.wait(SAMPLE_SECONDS):
            for pid in processes.descendants(os.getpid()):
                self.look(pid)
            if time.monotonic() - weighed > WEIGH_SECONDS:
                self.weight = max(self.weight, weight(self.directory))
                weighed = time.monotonic()

    def look(self, pid: int) -> None:
        """Read the high-water mark of a process, if it still is there."""
        try:
            peak = processes.high_water(pid)
        except (FileNotFoundError, ProcessLookupError, StopIteration):
            return
        self.peaks[pid] = max(peak, self.peaks.get(pid, 0))
        self.names[pid] = processes.command_line(pid)

    def most(self, *, sandboxed: bool) -> float:
        """Return the megabytes of the largest process of a kind."""
        found = [
            peak
            for pid, peak in self.peaks.items()
            if "workers" in self.names[pid] and (SANDBOX in self.names[pid]) == sandboxed
        ]
        return max(found, default=0) / MEBIBYTE


@dataclass(frozen=True)
class Course:
    """How a scoring went: its seconds, the longest without progress, the steps that were seen."""

    seconds: float
    standstill: float
    steps: int


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    rows = QUICK_ROWS if quick else ROWS
    with running_service() as url, Connection(url) as connection:
        directory = data_directory()
        pool = upload(connection, rows)
        model = upload_model(connection)
        before = weight(directory)
        watcher = Watcher(directory)
        thread = threading.Thread(target=watcher.watch)
        thread.start()
        try:
            course = score(connection, pool, model)
        finally:
            watcher.ended.set()
            thread.join()
    beyond = (watcher.weight - before) / (PARTS * rows * WIDTH * 2)
    print(table(list(lines(rows, watcher, course, beyond, quick))))


def lines(
    rows: int,
    watcher: Watcher,
    course: Course,
    beyond: float,
    quick: bool,  # noqa: FBT001 - the one switch that there is
) -> Iterator[Row]:
    """Yield the rows of the table."""
    pool = f"{PARTS * rows:,} x {WIDTH} float16"
    for title, sandboxed in (("a worker", False), ("the process of the model", True)):
        most = watcher.most(sandboxed=sandboxed)
        yield Row(
            f"scoring {pool}: {title}",
            f"≤ {MEMORY} MB",
            f"{most:.0f} MB",
            f"pool {PARTS * rows * WIDTH * 2 / MEBIBYTE:,.0f} MB",
            None if quick else most <= MEMORY,
        )
    yield Row(
        "progress throughout",
        f"never still for {STANDSTILL:.0%} of the time",
        f"still for {course.standstill:.1f} s at most, {course.steps} steps seen",
        f"scoring {course.seconds:.1f} s",
        None if quick else course.standstill <= STANDSTILL * course.seconds,
    )
    yield Row(
        "no second copy of the pool on disk",
        "≤ 10 % of the pool",
        f"{beyond:.1%}",
        reached=None if quick else beyond <= 0.1,  # noqa: PLR2004 - the reach just said
    )


def data_directory() -> Path:
    """Return the data directory of the service that this process has started."""
    for pid in processes.descendants(os.getpid()):
        words = processes.command_line(pid).split()
        if "--data-dir" in words:
            return Path(words[words.index("--data-dir") + 1])
    raise RuntimeError("no service was started here")


def weight(directory: Path) -> int:
    """Return the bytes on disk of all files below a directory."""
    total = 0
    for root, _, names in os.walk(directory):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_blocks * SECTOR
            except FileNotFoundError:
                continue
    return total


def upload(connection: Connection, rows: int) -> str:
    """Return the id of a new pool of parts of so many rows."""
    pool: str = connection.give("POST", "/v1/pools", {"name": "memory"})["id"]
    for part in range(PARTS):
        head = head_of(rows)
        sent = {
            "Content-Type": "application/x-npy",
            "Content-Length": str(len(head) + rows * WIDTH * 2),
        }
        path = f"/v1/pools/{pool}/items"
        connection.line.request("POST", path, blocks(head, rows, part), sent)
        with connection.line.getresponse() as response:
            connection.succeeded(json.loads(response.read()))
        print(f"part {part + 1} of {PARTS}", file=sys.stderr, flush=True)
    return pool


def head_of(rows: int) -> bytes:
    """Return what stands before the values of a part in an .npy file."""
    written = Written()
    np.lib.format.write_array_header_1_0(
        written, {"descr": "<f2", "fortran_order": False, "shape": (rows, WIDTH)}
    )
    return written.bytes


def blocks(head: bytes, rows: int, seed: int) -> Iterator[bytes]:
    """Yield the file of a part, of which one block comes again and again."""
    yield head
    generator = np.random.default_rng(seed)
    block = generator.normal(size=(BLOCK_ROWS, WIDTH)).astype(np.float16).tobytes()
    for start in range(0, rows, BLOCK_ROWS):
        yield block[: min(BLOCK_ROWS, rows - start) * WIDTH * 2]


def upload_model(connection: Connection) -> str:
    """Return the id of a logistic regression."""
    generator = np.random.default_rng(0)
    items = generator.normal(size=(2_000, WIDTH)).astype(np.float32)
    model = LogisticRegression().fit(items, (items[:, :8].sum(axis=1) > 0).astype(int))
    body = io.BytesIO(skops.io.dumps(model)).getvalue()
    sent = {"Content-Type": "application/octet-stream", "Prefer": "wait=20"}
    job = connection.succeeded(connection.send("POST", "/v1/models?format=skops", body, sent))
    return str(job["result"]["model"]["id"])


def score(connection: Connection, pool: str, model: str) -> Course:
    """Have the pool scored, and say how it went."""
    asked = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    began = moved = time.monotonic()
    job = connection.give("POST", "/v1/scorings", asked)
    done, standstill, steps = -1, 0.0, 0
    while job["state"] in ("queued", "running"):
        job = connection.get(job["links"]["self"])
        now = time.monotonic()
        if job["progress"]["done"] != done:
            done, moved, steps = job["progress"]["done"], now, steps + 1
        standstill = max(standstill, now - moved)
        time.sleep(ASK_SECONDS)
    connection.succeeded(job)
    return Course(time.monotonic() - began, standstill, steps)


if __name__ == "__main__":
    main()
