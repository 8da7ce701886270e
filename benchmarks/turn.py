"""A turn of a learner on a large pool: what its parts take by themselves, and what it takes.

`python -m benchmarks.turn` prints a table. The parts are the floor: the fit, one pass of the model
over the pool, and one pass of the scores with their order, called directly in this process, with
one thread, as a worker has it. Beside them are a training and a scoring, the two jobs that do the
same through the service without a learner. The whole is what a client waits for: from the request
that teaches until a query is answered from the new turn, and until its history is complete.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.connection import Array, Connection, Document
from benchmarks.machine import machine
from examples.temporary_service import running_service
from service.acquisition import REGISTRY
from service.ranking import descending

ITEMS, WIDTH, CLASSES, LABELS = 1_000_000, 32, 10, 10_000
LESSON = 100
BLOCK = 4_096
SPREAD = 2.0
FUNCTION = "entropy"
LONGEST_WAIT = 30
COLUMNS = (
    "estimator",
    "fit",
    "predict",
    "score, order",
    "floor",
    "training job",
    "scoring job",
    "taught to queried",
    "to the history's end",
)

ESTIMATORS: dict[str, tuple[Document, Callable[[], Any]]] = {
    "logistic regression": ({"name": "logistic_regression"}, LogisticRegression),
    "random forest of 20": (
        {"name": "random_forest", "parameters": {"n_estimators": 20}},
        lambda: RandomForestClassifier(20, random_state=0),
    ),
}


@dataclass(frozen=True)
class Pool:
    """Items around centres, one for each class, float32 (items, width), and their classes."""

    vectors: Array
    classes: Array

    @classmethod
    def drawn(cls, items: int) -> "Pool":
        """Return a pool that is the same at every run."""
        generator = np.random.default_rng(0)
        classes = generator.integers(0, CLASSES, items)
        vectors = generator.normal(size=(items, WIDTH), scale=SPREAD).astype(np.float32)
        vectors += generator.normal(size=(CLASSES, WIDTH)).astype(np.float32)[classes]
        return cls(vectors, classes)

    def labels(self, start: int, stop: int) -> list[Document]:
        """Return the labels of some items."""
        told = enumerate(self.classes[start:stop].tolist(), start)
        return [{"id": str(row), "label": label} for row, label in told]


def main() -> None:
    """Measure every estimator, and print the table."""
    parser = argparse.ArgumentParser(description="Measure a learner's turn.")
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--labels", type=int, default=LABELS)
    given = parser.parse_args()
    pool = Pool.drawn(given.items)
    print(
        f"{given.items} x {WIDTH} float32, {given.labels} labels of {CLASSES} classes; {machine()}"
    )
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"| {' | '.join('---' for _ in COLUMNS)} |")
    with running_service() as url, Connection(url) as connection:
        id = upload(connection, pool, given.labels)
        for name, (recipe, make) in ESTIMATORS.items():
            parts = floor(make(), pool, given.labels)
            whole = turn(connection, id, recipe, pool, given.labels)
            separate = two_jobs(connection, id, recipe)
            seconds = [*parts, sum(parts), *separate, *whole]
            print(f"| {name} | {' | '.join(f'{each:.2f} s' for each in seconds)} |", flush=True)


def upload(connection: Connection, pool: Pool, labels: int) -> str:
    """Return the id of the pool, sent with its first labels; its items are named by their row."""
    id: str = connection.give("POST", "/v1/pools", {"name": "a turn"})["id"]
    connection.upload(f"/v1/pools/{id}/items", features=pool.vectors)
    connection.give("PUT", f"/v1/pools/{id}/labels", {"labels": pool.labels(0, labels)})
    return id


def floor(classifier: Any, pool: Pool, labels: int) -> tuple[float, float, float]:
    """Return the seconds that the fit, the model's pass and the scores' pass take by themselves."""
    began = time.perf_counter()
    classifier.fit(pool.vectors[:labels], pool.classes[:labels])
    fitted = time.perf_counter()
    rows = range(0, len(pool.vectors), BLOCK)
    probs = [classifier.predict_proba(pool.vectors[start : start + BLOCK]) for start in rows]
    predicted = time.perf_counter()
    entry = REGISTRY[FUNCTION]
    blocks = [entry.score({"probs": block.astype(np.float64)}, **defaults()) for block in probs]
    descending(np.concatenate(blocks))
    return fitted - began, predicted - fitted, time.perf_counter() - predicted


def defaults() -> dict[str, Any]:
    """Return the parameters of the function as they are by default."""
    return {parameter.name: parameter.default for parameter in REGISTRY[FUNCTION].parameters}


def two_jobs(connection: Connection, pool_id: str, recipe: Document) -> tuple[float, float]:
    """Return the seconds of a training and of a scoring with its model, as a client waits."""
    began = time.perf_counter()
    asked = {"pool": pool_id, "estimator": recipe, "folds": 0, "seed": 1}
    trained = connection.give("POST", "/v1/trainings", asked, Prefer=f"wait={LONGEST_WAIT}")
    model = connection.succeeded(trained)["result"]["model"]["id"]
    fitted = time.perf_counter()
    functions = [{"name": FUNCTION}]
    connection.score({"pool": pool_id, "model": model, "acquisitions": functions})
    return fitted - began, time.perf_counter() - fitted


def turn(
    connection: Connection, pool_id: str, recipe: Document, pool: Pool, labels: int
) -> tuple[float, float]:
    """Return the seconds from a lesson to a query of the new turn, and to its history's end."""
    asked = {"pool": pool_id, "estimator": recipe, "acquisition": {"name": FUNCTION}}
    learner = connection.give("POST", "/v1/learners", asked)
    connection.succeeded(connection.get(f"/v1/jobs/{learner['job']}"))
    own = f"/v1/learners/{learner['id']}"
    lesson = {"labels": pool.labels(labels, labels + LESSON)}
    began = time.perf_counter()
    job = connection.give("POST", f"{own}/teach", lesson)
    number = 0
    while number < job["request"]["turn"]:
        answer = connection.give("POST", f"{own}/query", {}, Prefer=f"wait={LONGEST_WAIT}")
        number = answer["turn"]
    queried = time.perf_counter() - began
    connection.succeeded(connection.get(f"/v1/jobs/{job['id']}"))
    return queried, time.perf_counter() - began


if __name__ == "__main__":
    main()
