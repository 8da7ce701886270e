"""Pools and rankings laid down as workers leave them, on a backend of their own, for a while."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.acquisition import REGISTRY
from service.backend import Backend, backend_on
from service.files import part_name, ranking_name
from service.ids import PackedIds, build_index, hash_ids
from service.processes import embedded
from service.ranking import descending
from service.records import Part, Pool, Ranking, new_id, now
from service.redis_storage import connect
from service.settings import Settings

Array = npt.NDArray[Any]

PREFIX = np.frombuffer(b"frame-", dtype=np.uint8)
DIGITS = 8
FUNCTION = "entropy"
PAUSE = 0.01


@dataclass(frozen=True)
class Laid:
    """A pool, a ranking of it, and the pool's ids."""

    pool: Pool
    ranking: Ranking
    ids: PackedIds


@contextmanager
def opened(**settings: Any) -> Iterator[Backend]:
    """Give a backend on an embedded server in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="shortlist-bench-") as made:
        home = Path(made)
        command = embedded.command(home, embedded.claim(home))
        server = subprocess.Popen(command.arguments, stderr=subprocess.DEVNULL)
        try:
            while not embedded.answers(home):
                time.sleep(PAUSE)
            given = Settings(data_dir=home, **settings)
            yield backend_on(connect(embedded.url(home)), given)
        finally:
            server.terminate()
            server.wait()


def lay(backend: Backend, total: int, parts: int = 1) -> Laid:
    """Lay down a pool of so many items, in parts of one size, with a ranking of it."""
    ids = names(total)
    ends = np.linspace(0, total, parts + 1).astype(int)
    pool = Pool(
        id=new_id(), item_shape=(0,), dtype="float32", parts=tuple(map(part, np.diff(ends)))
    )
    for each, start, stop in zip(pool.parts, ends, ends[1:], strict=False):
        packed = ids.take(np.arange(start, stop))
        index = build_index(hash_ids(packed))
        arrays = {"ids": packed.blob, "id_ends": packed.ends}
        arrays |= {"id_hashes": index.hashes, "id_rows": index.rows}
        save(backend.files.path(part_name(pool.id, each.id)), arrays)
    backend.storage.add(pool)
    scores = np.random.default_rng(0).random(total)
    ranking = ranking_of(pool)
    order = {"scores": scores, "order": descending(scores)}
    save(backend.files.path(ranking_name(ranking.id)), order)
    backend.storage.add(ranking)
    return Laid(pool, ranking, ids)


def names(total: int) -> PackedIds:
    """Return the ids `frame-00000000`, `frame-00000001` and so on."""
    rows = np.arange(total)
    width = len(PREFIX) + DIGITS
    blob = np.empty((total, width), dtype=np.uint8)
    blob[:, : len(PREFIX)] = PREFIX
    for place in range(DIGITS):
        blob[:, width - 1 - place] = ord("0") + rows // 10**place % 10
    return PackedIds(blob.ravel(), (rows + 1) * width)


def part(rows: int) -> Part:
    """Return the record of a part."""
    return Part(id=new_id(), job=new_id(), rows=int(rows), bytes=1, sha256="0")


def ranking_of(pool: Pool) -> Ranking:
    """Return the record of a ranking of a pool."""
    return Ranking(
        id=new_id(),
        job=new_id(),
        pool=pool.id,
        parts=tuple(part.id for part in pool.parts),
        total=pool.total,
        ranked=pool.total,
        form=REGISTRY[FUNCTION].kind,
        purpose=FUNCTION,
        function={"name": FUNCTION, "parameters": {}},
        source={},
        raw_name=FUNCTION,
        raw_direction=REGISTRY[FUNCTION].raw_direction,
        summary={},
        versions={},
        submitted_at=now(),
        started_at=now(),
    )


def save(path: Path, arrays: dict[str, Array]) -> None:
    """Write arrays into a directory."""
    path.mkdir(parents=True)
    for name, values in arrays.items():
        np.save(path / f"{name}.npy", values)
