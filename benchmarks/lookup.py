"""Look-up: 100,000 string ids of a request found among 10,000,000 of a pool.

The index is made once, when a part is read: a 64-bit hash of each id, sorted, with the row it
belongs to, as two mapped files. An id is looked for by its hash and compared byte for byte. Time is
that of the whole request in the service, parsing its JSON and reading the top 100 included, called
in this process. Beside it stand pyarrow, which has all ids in memory and no index, and what a
request costs at the least: its body taken apart by the fastest JSON reader, and as many hashes
looked for, already sorted.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import Row, is_quick, median_of, table
from benchmarks.server import Server
from benchmarks.stored import Array, Laid, lay, opened
from service.backend import Backend
from service.files import part_name

TOTAL, QUICK = 10_000_000, 100_000
WANTED, FEW_WANTED = 100_000, 1_000
MOST_SECONDS, MOST_BYTES = 0.060, 16
REPEATS, PEERS_REPEATS = 11, 5
INDEX = ("id_hashes", "id_rows")


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    total, wanted = (QUICK, FEW_WANTED) if quick else (TOTAL, WANTED)
    with opened() as backend:
        laid = lay(backend, total)
        server = Server(backend)
        rows = np.random.default_rng(1).choice(total, wanted, replace=False)
        names = laid.ids.at(rows)
        path = f"/v1/rankings/{laid.ranking.id}/query"
        asked = server.prepared(path, {"n": 100, "exclude": names})
        answer = orjson.loads(server.answer(asked))
        if answer["excluded"] != wanted:
            raise RuntimeError(f"{answer['excluded']} of {wanted} ids were found")
        seconds = median_of(lambda: server.answer(asked), REPEATS)
        body = asked["shortlist.body"]
        floor = median_of(lambda: least(backend, laid, body, rows), REPEATS)
        size = index_bytes(backend, laid) / total
    peer = median_of(with_pyarrow(laid, names), PEERS_REPEATS)
    print(
        table(
            [
                Row(
                    f"{wanted:,} ids in a request excluded from {total:,}",
                    f"≤ {1000 * MOST_SECONDS:.0f} ms",
                    f"{1000 * seconds:.1f} ms",
                    f"{1000 * floor:.1f} ms at the least; pyarrow's `is_in` alone "
                    f"{1000 * peer:.0f} ms",
                    seconds <= MOST_SECONDS,
                ),
                Row(
                    "the index, of each item",
                    f"≤ {MOST_BYTES} bytes",
                    f"{size:.1f} bytes",
                    "12 bytes are a hash and a row",
                    size <= MOST_BYTES,
                ),
            ]
        )
    )


def least(backend: Backend, laid: Laid, body: bytes, rows: Array) -> None:
    """Take the body apart, and look for as many hashes in order."""
    orjson.loads(body)
    hashes = array(backend, laid, "id_hashes")
    places = np.sort(rows)
    np.searchsorted(hashes, hashes[places])


def array(backend: Backend, laid: Laid, name: str) -> Array:
    """Return an array of the pool's only part."""
    [part] = laid.pool.parts
    return backend.files.array(f"{part_name(laid.pool.id, part.id)}/{name}.npy")


def index_bytes(backend: Backend, laid: Laid) -> int:
    """Return the bytes of the index on disk."""
    [part] = laid.pool.parts
    home: Path = backend.files.path(part_name(laid.pool.id, part.id))
    return sum((home / f"{name}.npy").stat().st_size for name in INDEX)


def with_pyarrow(laid: Laid, names: list[str]) -> Callable[[], object]:
    """Return the same question to pyarrow."""
    offsets = np.append(0, laid.ids.ends)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(laid.ids.blob)]
    column = pa.Array.from_buffers(pa.large_string(), len(laid.ids), buffers)
    wanted = pa.array(names, pa.large_string())
    return lambda: pc.is_in(column, value_set=wanted)


if __name__ == "__main__":
    main()
