"""The five steps of FiftyOne's active-learning plugin, over HTTP.

    .venv/bin/python examples/five_steps.py [--url http://127.0.0.1:8000]

1. Load a dataset with embeddings, a few samples of it labelled.
2. Create a learner: an estimator, a query strategy, a batch size.
3. Query it: which samples should a person look at next?
4. Correct the labels of those samples.
5. Teach it: it learns them, and every sample's prediction is updated. Then again from step 3.
"""

import io
import sys
import time
from typing import Any

import numpy as np
from connection import Service
from script import run
from sklearn.datasets import load_digits

FIRST, BATCH, TURNS = 20, 20, 4


def story(service: Service) -> None:
    """Take the five steps, the last three of them several times."""
    print(f"1. Load the digits, {FIRST} of them labelled")
    pixels, truth = load_digits(return_X_y=True)
    answers = {f"digit-{row:04}": int(shown) for row, shown in enumerate(truth)}
    pool = load(service, pixels, answers)
    print("2. Create a learner: a forest, ranked batches")
    learner = create_learner(service, pool)
    tell_accuracy(service, learner, answers)
    for _ in range(TURNS):
        asked = query(service, learner)
        corrected = [{"id": row["id"], "label": answers[row["id"]]} for row in asked]
        wrong = sum(row["label"] != answers[row["id"]] for row in asked)
        print(f"3. Query: it asks for {len(asked)} digits")
        print(f"4. Correct them: it would have got {wrong} wrong")
        print("5. Teach it these")
        teach(service, learner, corrected)
        tell_accuracy(service, learner, answers)
    history = service.get(f"/v1/learners/{learner}/history").document
    print(f"Stop? {history['stopping']['reason']}")


def load(service: Service, pixels: Any, answers: dict[str, int]) -> str:
    """Step 1: upload the samples, and the labels of the first few; return the pool's id."""
    pool: str = service.post("/v1/pools", {"name": "digits"}).document["id"]
    archive = io.BytesIO()
    np.savez(archive, features=pixels, ids=np.array(list(answers)))
    service.upload(f"/v1/pools/{pool}/items", archive.getvalue(), "application/x-npz")
    labels = [{"id": id, "label": label} for id, label in list(answers.items())[:FIRST]]
    service.put(f"/v1/pools/{pool}/labels", {"labels": labels})
    return pool


def create_learner(service: Service, pool: str) -> str:
    """Step 2: tie the pool, a forest, ranked batches and a batch size together."""
    body = {
        "pool": pool,
        "estimator": {"name": "random_forest", "parameters": {"n_estimators": 100}},
        "acquisition": {"name": "ranked_batch"},
        "n": BATCH,
    }
    learner: str = service.post("/v1/learners", body, Prefer="wait=30").document["id"]
    return learner


def query(service: Service, learner: str) -> list[dict[str, Any]]:
    """Step 3: ask which samples a person should look at next."""
    answer = service.post(f"/v1/learners/{learner}/query", {}, Prefer="wait=30").document
    found: list[dict[str, Any]] = answer["items"]
    return found


def teach(service: Service, learner: str, labels: list[dict[str, Any]]) -> None:
    """Steps 4 and 5: send what a person said; the learner learns it."""
    began = time.monotonic()
    job = service.post(f"/v1/learners/{learner}/teach", {"labels": labels}, Prefer="wait=30")
    service.finish(job, began)


def tell_accuracy(service: Service, learner: str, answers: dict[str, int]) -> None:
    """Print how many samples' predictions are right; all of them can be read."""
    page = service.get(f"/v1/learners/{learner}/predictions?page_size={len(answers)}").document
    right = sum(row["label"] == answers[row["id"]] for row in page["items"])
    print(f"   {right} of {len(answers)} predictions are right")


if __name__ == "__main__":
    sys.exit(run(story, "Query, correct, teach, and again", None))
