"""Ingest: from an uploaded table to a part of its pool.

Tables of 1,000,000 x 512 float32 with ids and two columns of metadata, written by pyarrow as it
does by default (Parquet in row groups of 100,000 rows); of CSV 100,000 rows. Each is uploaded, and
the time is that of its job, from its start to its end: the file read in the sandbox, what came of
it checked, ids hashed and sorted, duplicates looked for, the part forced to disk and put into the
pool. GB/s count the features as they are kept. Beside it stand pyarrow alone, reading the same
file by batches with one thread and throwing them away, and the features' bytes written and forced
to the same disk. Memory is the most that the sandbox's process and the work-horse had, each beyond
what it has for an upload of ten items, mapped pages of files included.

Ids: an index is made once, as the part is read. A part of 100,000 new ids is checked against a pool
of a hundred such parts, without its reading. Labels: a million in one request, of items of a pool
of a million in any order, over HTTP; the floor is the same body taken apart by orjson and its
labels written to the same kind of server without a check.
"""

import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from benchmarks import processes
from benchmarks.connection import Connection
from benchmarks.report import REPEATS, Row, is_quick, median_of, seconds_of, table
from benchmarks.stored import lay, names, opened
from benchmarks.tables import ARROW, BATCH_ROWS, CSV, PARQUET, Table, tables
from examples.temporary_service import running_service
from service.backend import Backend
from service.ids import IdIndex, PackedIds, build_index, first_common, hash_ids
from service.items import Items

ITEMS, QUICK = 1_000_000, 2_000
FEW = 10
RATES = {PARQUET: 0.4, ARROW: 0.6, CSV: 0.05}
MOST_MEGABYTES, MOST_SECONDS_OF_LABELS = 400, 5.0
ZYGOTE = "workers.sandbox.zygote"
PARTS = 100
STEP = 8_192
MOST_INDEX_BYTES = 16
PAUSE = 0.002
PATIENCE = 600
GIGABYTE, MEBIBYTE = 1e9, 2**20


def main() -> None:
    """Measure, and print the table."""
    items = QUICK if is_quick(__doc__) else ITEMS
    repeats = 1 if items == QUICK else REPEATS
    with (
        tempfile.TemporaryDirectory(prefix="shortlist-ingest-") as made,
        running_service() as url,
    ):
        found = [of_table(each, url, Path(made), repeats) for each in tables(items)]
        labels = of_labels(url, items, repeats)
    print(table([*found, *of_ids(10 * items, items // 10), labels]))


@dataclass(frozen=True)
class Run:
    """What one upload took: seconds of its job, and bytes of memory of sandbox and work-horse."""

    seconds: float
    sandbox: int
    horse: int


def of_table(each: Table, url: str, place: Path, repeats: int) -> Row:
    """Measure the ingest of a table, and its floors."""
    file, small = place / "table", place / "small"
    each.write(file)
    replace(each, items=FEW).write(small)
    idle = at_rest(each, url, small)
    runs, peers, disks = [], [], []
    for _ in range(repeats):
        runs.append(ingested(each, url, file))
        peers.append(seconds_of(lambda: read(each, file)))
        disks.append(seconds_of(lambda: write(each, place / "copy")))
        print(each.name, runs[-1], peers[-1], disks[-1], file=sys.stderr, flush=True)
    file.unlink()
    seconds, peer, disk = (
        statistics.median(found) for found in ([run.seconds for run in runs], peers, disks)
    )
    rate = each.bytes / GIGABYTE / seconds
    sandbox = max(run.sandbox for run in runs) - idle.sandbox
    horse = max(run.horse for run in runs) - idle.horse
    least, megabytes = RATES[each.media_type], max(0, sandbox, horse) / MEBIBYTE
    return Row(
        f"{each.name}, {each.items:,} x 512",
        f"≥ {least} GB/s, ≤ {MOST_MEGABYTES} MB",
        f"{rate:.2f} GB/s, {megabytes:.0f} MB",
        f"pyarrow alone {each.bytes / GIGABYTE / peer:.2f} GB/s, the disk "
        f"{each.bytes / GIGABYTE / disk:.2f} GB/s; {seconds / (peer + disk):.2f} x both",
        rate >= least and megabytes <= MOST_MEGABYTES,
    )


def at_rest(each: Table, url: str, small: Path) -> Run:
    """Return what next to nothing takes; its processes may be gone before they are seen."""
    runs = [ingested(each, url, small) for _ in range(REPEATS)]
    return Run(runs[0].seconds, max(run.sandbox for run in runs), max(run.horse for run in runs))


def ingested(each: Table, url: str, file: Path) -> Run:
    """Upload a file to a pool of its own, and watch its job."""
    with Connection(url) as connection:
        pool = connection.give("POST", "/v1/pools", {"name": "ingest"})["id"]
    with watched() as peaks:
        begun = sent(url, pool, each.media_type, file)
        with Connection(url) as connection:  # a new one: the other was idle for too long
            job = connection.succeeded(connection.get(f"/v1/jobs/{begun['id']}"))
            forget(connection, f"/v1/pools/{pool}")
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    return Run((ended - began).total_seconds(), peaks.get("sandbox", 0), peaks.get("horse", 0))


def forget(connection: Connection, path: str) -> None:
    """Delete something."""
    connection.line.request("DELETE", path)
    connection.line.getresponse().read()


def sent(url: str, pool: str, media_type: str, file: Path) -> Any:
    """Upload a file; return its job."""
    line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    size = str(file.stat().st_size)
    headers = {"Content-Type": media_type, "Content-Length": size}
    with file.open("rb") as body:
        line.request("POST", f"/v1/pools/{pool}/items", body, headers)
        answer = json.loads(line.getresponse().read())
    line.close()
    return answer


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """Give the most memory that the processes have which begin meanwhile, by what they are."""
    known = set(processes.descendants(os.getpid()))
    peaks: dict[str, int] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(PAUSE):
            for pid in set(processes.descendants(os.getpid())) - known:
                kind = "sandbox" if ZYGOTE in processes.command_line(pid) else "horse"
                peaks[kind] = max(peaks.get(kind, 0), peak_of(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def peak_of(pid: int) -> int:
    """Return the most memory that a process has had; 0 once it has ended."""
    try:
        return processes.high_water(pid)
    except (OSError, StopIteration):
        return 0


def read(each: Table, file: Path) -> None:
    """Read a table with pyarrow alone, and throw it away."""
    if each.media_type == PARQUET:
        found = pq.ParquetFile(file, pre_buffer=False)
        for _ in found.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            pass
    elif each.media_type == ARROW:
        with file.open("rb") as body:
            for _ in pa.ipc.open_stream(body):
                pass
    else:
        options = pa_csv.ReadOptions(use_threads=False)
        for _ in pa_csv.open_csv(file, options):
            pass


def write(each: Table, place: Path) -> None:
    """Write as many bytes as the features have, and force them to the disk."""
    block = np.random.default_rng(0).random((BATCH_ROWS, each.bytes // each.items // 4), np.float32)
    with place.open("wb", buffering=0) as file:
        for _ in range(0, each.items, BATCH_ROWS):
            file.write(block.data.cast("B")[: each.bytes])
        os.fsync(file.fileno())
    place.unlink()


def of_ids(total: int, rows: int) -> list[Row]:
    """Measure the index of many ids, and the check of a part's ids against many parts."""
    every = names(total)
    hashes = hash_ids(every)
    index = build_index(hashes)
    seconds = median_of(lambda: build_index(hash_ids(every)))
    floor = median_of(lambda: np.argsort(hashes, kind="stable"))
    size = (index.hashes.nbytes + index.rows.nbytes) / total
    with opened() as backend:
        # Not one of the new ids is in the pool: the longest search.
        pool = lay(backend, PARTS * rows, PARTS).pool
        new = names(PARTS * rows + rows).take(np.arange(PARTS * rows, PARTS * rows + rows))
        new_index = build_index(hash_ids(new))
        check = median_of(lambda: found_in(Items(backend.files, pool), new, new_index))
    sorting = median_of(lambda: np.sort(hashes[:rows]))
    return [
        Row(
            f"index of {total:,} string ids",
            f"≤ {MOST_INDEX_BYTES} bytes an item",
            f"{size:.0f} bytes, {seconds:.2f} s",
            f"numpy's stable `argsort` of the hashes alone {floor:.2f} s",
            size <= MOST_INDEX_BYTES,
        ),
        Row(
            f"{rows:,} new ids checked against {PARTS} parts of {rows:,}",
            "",
            f"{1000 * check:.0f} ms",
            f"sorting their hashes {1000 * sorting:.1f} ms",
        ),
    ]


def found_in(items: Items, new: PackedIds, index: IdIndex) -> list[tuple[int, int] | None]:
    """Look for ids in every part of a pool, as an arriving part's are."""
    parts = (part for _, part in items.located())
    return [first_common(new, index, items.packed(part), items.index(part)) for part in parts]


def of_labels(url: str, count: int, repeats: int) -> Row:
    """Measure many labels in one request, and its floor."""
    with Connection(url) as connection:
        pool = connection.give("POST", "/v1/pools", {"name": "labels"})["id"]
        ids = names(count).at(np.random.default_rng(0).permutation(count))
        connection.upload(f"/v1/pools/{pool}/items", features=np.zeros((count, 1), "f4"), ids=ids)
        said = [{"id": id, "label": ("cat", "dog", "bird")[k % 3]} for k, id in enumerate(ids)]
        body = orjson.dumps({"labels": said, "source": "anna"})
        sent = {"Content-Type": "application/json"}

        def once() -> float:
            forget(connection, f"/v1/pools/{pool}/labels")
            return seconds_of(
                lambda: connection.send("PUT", f"/v1/pools/{pool}/labels", body, sent)
            )

        seconds = statistics.median(once() for _ in range(repeats))
    with opened() as backend:
        floor = median_of(lambda: written(backend, body), repeats)
    return Row(
        f"{count:,} labels in one request",
        f"≤ {MOST_SECONDS_OF_LABELS:.0f} s",
        f"{seconds:.1f} s",
        f"parsed and written without a check {floor:.1f} s",
        seconds <= MOST_SECONDS_OF_LABELS,
    )


def written(backend: Backend, body: bytes) -> None:
    """Take a body of labels apart, and write them without looking at anything."""
    labels = orjson.loads(body)["labels"]
    client: Any = backend.storage.redis  # type: ignore[attr-defined]  # the one on a real server
    for start in range(0, len(labels), STEP):
        some = {start + row: said["label"] for row, said in enumerate(labels[start : start + STEP])}
        client.hset(f"floor:{start}", mapping=some)


if __name__ == "__main__":
    main()
