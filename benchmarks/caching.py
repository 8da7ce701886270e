"""What is known is not predicted again

A random forest of 500 trees and a pool of 10,000 images, as in the tutorial, and one of 50,000,
over HTTP with one worker, each scoring with `Prefer: wait`. First entropy of a new pool; then
margin of the same pool; then 10 images more are appended, and entropy is asked again. The times are
beside that of the first scoring of the same pool, medians of several pools; the counts are what
the last job said. What is left of a small pool's is what any job takes (see "An empty job").
"""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from benchmarks.connection import Array, Connection, Document
from benchmarks.pictures import pictures
from benchmarks.report import REPEATS, Row, is_quick, table
from benchmarks.tutorial import (
    FITTED,
    QUICK_ITEMS,
    QUICK_TREES,
    TREES,
    moved,
    new_pool,
    scoring,
    upload,
)
from examples.temporary_service import running_service

APPENDED = 10
REACH = 0.05


@dataclass(frozen=True)
class Turn:
    """The seconds of a first scoring, of a second function and of one part more, and the counts."""

    first: float
    second: float
    appended: float
    counts: tuple[Document, Document, Document]


def main() -> None:
    """Measure a few pools."""
    quick = is_quick(__doc__)
    found = pictures()
    forest = RandomForestClassifier(QUICK_TREES if quick else TREES, random_state=0, n_jobs=-1)
    forest.fit(found.pixels[:FITTED], found.truth[:FITTED])
    forest.n_jobs = 1
    images = found.pixels[: QUICK_ITEMS if quick else None]
    pools = [images] if quick else [images, np.concatenate(list(moved(found))).astype(np.float32)]
    with running_service(workers=1, score_threads=1) as url, Connection(url) as service:
        model = upload(service, forest)
        turn(service, model, images[:QUICK_ITEMS])
        measured = [
            row
            for pool in pools
            for row in rows([turn(service, model, pool) for _ in range(1 if quick else REPEATS)])
        ]
    print(table(measured))


def turn(service: Connection, model: str, images: Array) -> Turn:
    """Score a new pool, score it by another function, append to it and score it again."""
    pool = new_pool(service, images)
    first = scored(service, scoring(pool, model))
    other = {**scoring(pool, model), "acquisitions": [{"name": "margin"}]}
    second = scored(service, other)
    ids = np.array([f"more-{row}" for row in range(APPENDED)])
    service.upload(f"/v1/pools/{pool}/items", features=images[::-1][:APPENDED], ids=ids)
    third = scored(service, scoring(pool, model))
    done = Turn(first[0], second[0], third[0], (first[1], second[1], third[1]))
    print(f"{done.first:.3f} s, {done.second:.3f} s, {done.appended:.3f} s", file=sys.stderr)
    return done


def scored(service: Connection, asked: dict[str, Any]) -> tuple[float, Document]:
    """Return how long a scoring took, and what it says of its items."""
    began = time.perf_counter()
    job = service.score(asked)
    return time.perf_counter() - began, job["result"]["items"]


def rows(turns: list[Turn]) -> list[Row]:
    """Return what was measured."""
    first = statistics.median(each.first for each in turns)
    counts = turns[-1].counts
    items = f"{counts[0]['total']:,} images"
    return [
        Row(f"{items}: the first function", "", f"{first:.3f} s", said(counts[0])),
        row(f"{items}: a second", [(each.second, each.first) for each in turns], counts[1]),
        row(
            f"{items}: {APPENDED} more, one part",
            [(each.appended, each.first) for each in turns],
            counts[2],
        ),
    ]


def row(work: str, times: list[tuple[float, float]], counts: Document) -> Row:
    """Return what a later scoring took beside the first of its pool."""
    seconds = statistics.median(later for later, _ in times)
    share = statistics.median(later / first for later, first in times)
    return Row(
        work, f"≤ {REACH:.0%} of the first", f"{seconds:.3f} s, {share:.1%}", said(counts),
        share <= REACH,
    )  # fmt: skip


def said(counts: Document) -> str:
    """Return what a job said of its items."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


if __name__ == "__main__":
    main()
