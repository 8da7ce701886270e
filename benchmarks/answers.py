"""Answers: a ranking of 100,000 rows at once, in each of its forms.

Time is the processor time of the whole request in the service, called in this process; bytes are
those of the body. Beside each form stands what it would take at the least: the same values, already
in this process as lists or arrays, given to the library that writes the form.
"""

import io
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from benchmarks.report import Row, is_quick, table
from benchmarks.server import Server
from benchmarks.stored import Laid, lay, opened
from service.api.reading_files import ARROW, COLUMNAR, CSV, JSON, NDJSON, NPY

ROWS, QUICK = 100_000, 1_000
REPEATS = 9
MOST_SECONDS = 0.060
NAMES = {
    JSON: "JSON",
    COLUMNAR: "JSON by columns",
    NPY: "`.npy`",
    ARROW: "Arrow",
    CSV: "CSV",
    NDJSON: "NDJSON",
}
PROMISED = (COLUMNAR, NPY, ARROW)


def main() -> None:
    """Measure, and print the table."""
    rows = QUICK if is_quick(__doc__) else ROWS
    with opened() as backend:
        laid = lay(backend, 10 * rows)
        server = Server(backend)
        path = f"/v1/rankings/{laid.ranking.id}/items?n={rows}"
        requests = {kind: server.prepared(path, accept=kind) for kind in NAMES}
        sizes = {kind: len(server.answer(each)) for kind, each in requests.items()}
        times = {kind: processor_time(server.answer, each) for kind, each in requests.items()}
    floors = {kind: processor_time(write, None) for kind, write in writers(laid, rows).items()}
    print(table([row_of(kind, rows, times, sizes, floors) for kind in NAMES]))


def row_of(
    kind: str, rows: int, times: dict[str, float], sizes: dict[str, int], floors: dict[str, float]
) -> Row:
    """Return the row of one form."""
    seconds, size = times[kind], sizes[kind]
    reach, reached = "", None
    if kind == JSON:
        reach, reached = f"≤ {1000 * MOST_SECONDS:.0f} ms of CPU", seconds <= MOST_SECONDS
    elif kind in PROMISED:
        reach = "smaller and faster than JSON"
        reached = seconds < times[JSON] and size < sizes[JSON]
    return Row(
        f"{rows:,} rows as {NAMES[kind]}",
        reach,
        f"{1000 * seconds:.1f} ms, {size / 1e6:.2f} MB",
        f"{1000 * floors[kind]:.1f} ms to write ready values" if kind in floors else "",
        reached,
    )


def processor_time(work: Callable[[Any], object], given: Any) -> float:
    """Return the median of the processor's seconds that some work takes."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work(given)
        found.append(time.process_time() - began)
    return median(found)


def writers(laid: Laid, rows: int) -> dict[str, Callable[[Any], object]]:
    """Return what writes as many values, ready made, in each form."""
    scores = np.random.default_rng(0).random(rows)
    ids = laid.ids.at(np.arange(rows))
    columns = {"rank": np.arange(rows), "id": ids, "score": scores, "raw_score": scores}
    listed = [ranks := list(range(rows)), ids, scores.tolist(), scores.tolist()]
    documents = [dict(zip(columns, values, strict=True)) for values in zip(*listed, strict=True)]
    batch = pa.table({**columns, "rank": ranks})
    array = np.zeros(rows, [("rank", "i8"), ("score", "f8"), ("raw_score", "f8"), ("id", "S14")])
    return {
        JSON: lambda _: orjson.dumps(documents),
        COLUMNAR: lambda _: orjson.dumps(columns, option=orjson.OPT_SERIALIZE_NUMPY),
        NPY: lambda _: np.save(io.BytesIO(), array),
        ARROW: lambda _: arrow(batch),
    }


def arrow(batch: pa.Table) -> None:
    """Write a table as a stream."""
    with pa.ipc.new_stream(io.BytesIO(), batch.schema) as stream:
        stream.write_table(batch)


if __name__ == "__main__":
    main()
