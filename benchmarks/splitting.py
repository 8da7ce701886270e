"""One scoring, two workers.

A pool of ten million items in ten parts, 32 features each, is scored by a random forest of twenty
trees, once by a service with one worker and once by one with two; each predicts, scores and orders
from nothing. A scoring is cut along the parts of its pool into pieces of at least a million items
(`piece_items`); the last of its tickets puts the pieces together and orders them. What is not
shared is the ordering and the publication of the ranking.
"""

import io
import statistics
import time

import numpy as np
import skops.io
from sklearn.ensemble import RandomForestClassifier

from benchmarks.connection import Connection
from benchmarks.report import Row, is_quick, table
from examples.temporary_service import running_service

PARTS, WIDTH, CLASSES, TREES = 10, 32, 10, 20
ROWS, QUICK_ROWS = 1_000_000, 2_000
REACH = 1.7
REPEATS = 3


def main() -> None:
    """Measure both, and print the table."""
    quick = is_quick(__doc__)
    rows = QUICK_ROWS if quick else ROWS
    repeats = 1 if quick else REPEATS
    seconds = {workers: measured(workers, rows, repeats) for workers in (1, 2)}
    ratio = seconds[1] / seconds[2]
    row = Row(
        f"two workers against one, {PARTS * rows:,} items",
        f"≥ {REACH}×",
        f"{ratio:.2f}× ({seconds[2]:.1f} s)",
        f"one worker {seconds[1]:.1f} s",
        None if quick else ratio >= REACH,
    )
    print(table([row]))


def measured(workers: int, rows: int, repeats: int) -> float:
    """Return the median seconds of a scoring by so many workers, each by a model never seen."""
    with running_service(workers=workers, piece_items=rows) as url, Connection(url) as connection:
        pool = upload_parts(connection, rows)
        return statistics.median(
            scored(connection, pool, upload_model(connection, seed)) for seed in range(repeats)
        )


def upload_parts(connection: Connection, rows: int) -> str:
    """Return the id of a new pool of parts."""
    pool: str = connection.give("POST", "/v1/pools", {"name": "splitting"})["id"]
    generator = np.random.default_rng(0)
    for _ in range(PARTS):
        features = generator.normal(size=(rows, WIDTH)).astype(np.float32)
        connection.upload(f"/v1/pools/{pool}/items", features=features)
    return pool


def upload_model(connection: Connection, seed: int) -> str:
    """Return the id of a new model."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, CLASSES, 5_000)
    items = generator.normal(size=(5_000, WIDTH)).astype(np.float32)
    items[:, 0] += classes
    forest = RandomForestClassifier(TREES, random_state=seed).fit(items, classes)
    body = io.BytesIO(skops.io.dumps(forest)).getvalue()
    sent = {"Content-Type": "application/octet-stream", "Prefer": "wait=20"}
    job = connection.succeeded(connection.send("POST", "/v1/models?format=skops", body, sent))
    return str(job["result"]["model"]["id"])


def scored(connection: Connection, pool: str, model: str) -> float:
    """Return the seconds of a scoring, from the request to the job's end."""
    began = time.perf_counter()
    functions = [{"name": "entropy"}]
    job = connection.score({"pool": pool, "model": model, "acquisitions": functions})
    if job["result"]["items"]["cached"]:
        raise RuntimeError("the model had been asked before")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
