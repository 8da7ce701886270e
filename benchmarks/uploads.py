"""Uploads: from a client's socket to a forced file.

One client sends an array of 1,000,000 x 512 float32 as an .npy file over loopback, from bytes that
are in its memory. The time ends with the answer: the file is forced to disk by then, its SHA-256
computed, and its job in the queue. Each repeat is measured beside two floors, one after the other:
a program that takes the same bytes from a loopback socket, sent by another process, and writes and
forces them to the same disk, and as many bytes written and forced without a socket. Both write past
the page cache as the service does, each piece while the next one comes. Memory is the most that any
web process had during an upload, beyond what it had before the first.
"""

import mmap
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, cycle, repeat
from pathlib import Path

import numpy as np

from benchmarks import processes
from benchmarks.connection import Connection
from benchmarks.report import REPEATS, Row, is_quick, seconds_of, table
from benchmarks.sending import PATIENCE, Array, send
from examples.temporary_service import running_service
from service.files.arrival import PIECE, go_past_cache

LARGE, SMALL = Array(1_000_000, 512), Array(10_000, 512)
RATE, MEMORY = 0.8, 64
GIGABYTE, MEBIBYTE = 1e9, 2**20
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Times:
    """The seconds that one repeat took: the upload, and its two floors."""

    upload: float
    copy: float
    disk: float


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    array = SMALL if quick else LARGE
    with running_service() as url, Connection(url) as connection:
        idle = {pid: processes.resident(pid) for pid in processes.web_processes()}
        for pid in idle:
            processes.forget_high_water(pid)
        with tempfile.TemporaryDirectory(prefix="shortlist-floor-") as directory:
            place = Path(directory) / "copy"
            measured = [one_repeat(url, connection, array, place) for _ in range(repeats(quick))]
        above = max(processes.high_water(pid) - bytes for pid, bytes in idle.items()) / MEBIBYTE
    print(table(rows(array, measured, above)))


def repeats(quick: bool) -> int:  # noqa: FBT001 - the one switch that there is
    """Return how often to measure."""
    return 1 if quick else REPEATS


def one_repeat(url: str, connection: Connection, array: Array, place: Path) -> Times:
    """Measure an upload and its floors once, and remove what they left."""
    pool = connection.give("POST", "/v1/pools", {"name": "upload"})["id"]
    sent = send(url, pool, array)
    connection.succeeded(connection.get(f"/v1/jobs/{sent.job}"))
    connection.line.request("DELETE", f"/v1/pools/{pool}")
    connection.line.getresponse().read()
    times = Times(sent.seconds, copied(array, place), written(array, place))
    print(times, file=sys.stderr, flush=True)
    return times


def copied(array: Array, place: Path) -> float:
    """Return the seconds from a loopback socket to a forced file, with nothing between them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = FORK.Process(target=pour, args=(array, listener.getsockname()[1]))
        began = time.perf_counter()
        sender.start()
        line, _ = listener.accept()
        with line:
            keep(received(line), place)
        seconds = time.perf_counter() - began
        sender.join()
    place.unlink()
    return seconds


def pour(array: Array, port: int) -> None:
    """Send the bytes of an array to a socket of this machine."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as line:
        for block in array.blocks():
            line.sendall(block)


def received(line: socket.socket) -> Iterator[memoryview]:
    """Yield what comes through a socket, in pieces; of two pieces, one may be kept meanwhile."""
    for piece in cycle([memoryview(mmap.mmap(-1, PIECE)) for _ in range(2)]):
        filled = 0
        while filled < PIECE and (size := line.recv_into(piece[filled:])):
            filled += size
        if filled:
            yield piece[:filled]
        if filled < PIECE:
            return


def written(array: Array, place: Path) -> float:
    """Return the seconds to write and force as many bytes as an array has."""
    piece = memoryview(mmap.mmap(-1, PIECE))
    piece[:] = np.random.default_rng(0).bytes(PIECE)
    whole, rest = divmod(array.bytes, PIECE)
    seconds = seconds_of(lambda: keep(chain(repeat(piece, whole), [piece[:rest]]), place))
    place.unlink()
    return seconds


def keep(pieces: Iterable[memoryview], place: Path) -> None:
    """Write pieces to a new file as the service does, each while the next comes, and force it."""
    with place.open("xb", buffering=0) as file, ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for piece in pieces:
            if writing:
                writing.result()
            writing = writer.submit(put, file.fileno(), piece)
        if writing:
            writing.result()
        os.fsync(file)


def put(file: int, piece: memoryview) -> None:
    """Write a piece, past the page cache where it is a whole one."""
    go_past_cache(file, wanted=len(piece) == PIECE)
    while piece:
        piece = piece[os.write(file, piece) :]


def rows(array: Array, measured: list[Times], above: float) -> list[Row]:
    """Return what was measured."""
    gigabytes = array.bytes / GIGABYTE
    upload, copy, disk = (
        statistics.median(getattr(times, name) for times in measured)
        for name in ("upload", "copy", "disk")
    )
    rate = gigabytes / upload
    floors = (
        f"a bare copy from a socket {gigabytes / copy:.2f} GB/s ({upload / copy:.1f} x its time), "
        f"the disk alone {gigabytes / disk:.2f} GB/s"
    )
    return [
        Row(
            f"upload of {gigabytes:.2g} GB of `.npy`, hashed",
            f"≥ {RATE} GB/s",
            f"{rate:.2f} GB/s",
            floors,
            rate >= RATE,
        ),
        Row(
            "memory of a web process during uploads",
            f"≤ {MEMORY} MB above idle",
            f"{above:.0f} MB",
            "",
            above <= MEMORY,
        ),
    ]


if __name__ == "__main__":
    main()
