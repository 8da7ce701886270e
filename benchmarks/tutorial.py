"""The MNIST tutorial

A random forest of 500 trees, fitted on 5,000 images of the MNIST test set, and a pool of all its
10,000, both uploaded. From `POST /v1/scorings` with `Prefer: wait` to its answer, the pool new to
the model each time, in turns with `predict_proba` of the same forest in this process, with as many
threads. The last rows are the walk through the trees alone, in blocks of 4,096 as the worker asks
it, in processor seconds; it gives the same bits. The larger pool is the images moved by a few
pixels. What else was tried is in `docs/decisions/0015-a-forest-is-walked-by-levels.md`.
"""

import os

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier

from benchmarks.connection import Array, Connection
from benchmarks.pictures import SIDE, Pictures, pictures
from benchmarks.report import REPEATS, Row, is_quick, seconds_of, table
from examples.temporary_service import running_service
from workers.untrusted.artifacts.forests import asked

TREES, FITTED = 500, 5_000
QUICK_TREES, QUICK_ITEMS = 20, 1_000
REACH, REACH_OF_WALK = 1.25, 0.5
BLOCK = 4_096
ENTROPY = [{"name": "entropy"}]


def main() -> None:
    """Measure the tutorial over HTTP, and the walk alone."""
    quick = is_quick(__doc__)
    found = pictures()
    forest = RandomForestClassifier(QUICK_TREES if quick else TREES, random_state=0, n_jobs=-1)
    forest.fit(found.pixels[:FITTED], found.truth[:FITTED])
    images = found.pixels[: QUICK_ITEMS if quick else None]
    cores = os.cpu_count() or 1
    rows = [
        tutorial(forest, images, threads, 1 if quick else REPEATS) for threads in (1, min(2, cores))
    ]
    pools = (images,) if quick else (images, np.concatenate(list(moved(found))))
    print(table([*rows, *(walk(forest, pool) for pool in pools)]))


def tutorial(forest: RandomForestClassifier, images: Array, threads: int, repeats: int) -> Row:
    """Score new pools over HTTP, in turns with the forest here."""
    forest.n_jobs = threads
    ours, theirs = [], []
    with (
        running_service(workers=1, score_threads=threads) as url,
        Connection(url) as service,
    ):
        forest.n_jobs = 1
        model = upload(service, forest)
        forest.n_jobs = threads
        for turn in range(repeats + 1):
            pool = new_pool(service, images)
            here = seconds_of(lambda: forest.predict_proba(images))
            there = seconds_of(partial(service.score, scoring(pool, model)))
            print(f"{threads} threads: {there:.3f} s over HTTP, {here:.3f} s here", file=sys.stderr)
            if turn or not repeats > 1:
                theirs.append(here)
                ours.append(there)
    measured, peer = statistics.median(ours), statistics.median(theirs)
    return Row(
        work=f"{len(images):,} images, {len(forest.estimators_)} trees, {threads} "
        f"thread{'s'[: threads - 1]}",
        reach=f"≤ {REACH} × `predict_proba`",
        measured=f"{measured:.2f} s, {measured / peer:.2f} ×",
        beside=f"`predict_proba`, n_jobs={threads}: {peer:.2f} s",
        reached=measured <= REACH * peer,
    )


def scoring(pool: str, model: str) -> dict[str, Any]:
    """Return what is asked for."""
    return {"pool": pool, "model": model, "acquisitions": ENTROPY}


def upload(service: Connection, forest: RandomForestClassifier) -> str:
    """Upload a forest; return the model's id."""
    sent = {"Content-Type": "application/octet-stream", "Prefer": "wait=20"}
    body = skops.io.dumps(forest)
    job = service.succeeded(service.send("POST", "/v1/models?format=skops", body, sent))
    return str(job["result"]["model"]["id"])


def new_pool(service: Connection, images: Array) -> str:
    """Upload images as a new pool; return its id."""
    pool = str(service.give("POST", "/v1/pools", {"name": "images"})["id"])
    ids = np.array([f"image-{row:06}" for row in range(len(images))])
    service.upload(f"/v1/pools/{pool}/items", features=images, ids=ids)
    return pool


def moved(found: Pictures) -> Iterator[Array]:
    """Yield the images, and the images moved by a pixel or two to every side."""
    square = found.pixels.reshape(-1, SIDE, SIDE)
    for down, right in ((0, 0), (1, 0), (-1, 0), (0, 2), (0, -2)):
        yield np.roll(square, (down, right), (1, 2)).reshape(len(square), -1)


def walk(forest: RandomForestClassifier, images: Array) -> Row:
    """Ask a forest as the worker does, and as scikit-learn does, on one processor."""
    forest.n_jobs = 1
    ask = asked(forest)

    def blocks() -> Array:
        starts = range(0, len(images), BLOCK)
        return np.concatenate([ask(images[start : start + BLOCK]) for start in starts])

    assert np.array_equal(blocks(), forest.predict_proba(images))  # noqa: S101 - or it says nothing
    turns = [
        (processor_seconds(blocks), processor_seconds(lambda: forest.predict_proba(images)))
        for _ in range(REPEATS)
    ]
    ours, theirs = (statistics.median(times) for times in zip(*turns, strict=True))
    return Row(
        work=f"the walk alone, {len(images):,} images",
        reach=f"≤ {REACH_OF_WALK} × `predict_proba`, the same bits",
        measured=f"{ours:.2f} s, {ours / theirs:.2f} ×",
        beside=f"`predict_proba`, n_jobs=1: {theirs:.2f} s",
        reached=ours <= REACH_OF_WALK * theirs,
    )


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor's seconds that some work takes once."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
