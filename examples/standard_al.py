"""ml-research's introduction to active learning (StandardAL), as a simulation.

    .venv/bin/python examples/standard_al.py [--url http://127.0.0.1:8000]

A neural network learns 500 points of two classes. First two points are labelled, then four at a
time where the two classes are nearest to being equally likely, and at the end the network is as
good on all 500 points as the tutorial says. The service replays a random choice beside it.
"""

import io
import sys
from typing import Any

import numpy as np
from connection import Service
from script import run
from sklearn.datasets import make_classification

SEED = 42
FIRST = ["point-361", "point-388"]
NETWORK = {
    "name": "mlp",
    "parameters": {"hidden_layer_sizes": [20, 20], "max_iter": 3000, "random_state": SEED},
    "scaling": "min_max",
}


def story(service: Service) -> None:
    """Replay the introduction."""
    points, classes = make_classification(
        n_samples=500, n_features=2, n_informative=2, n_redundant=0, random_state=SEED
    )
    # The introduction measures on all points, labelled or not: the test pool is the pool again.
    pool, test = (make_pool(service, points, classes) for _ in range(2))
    rounds = simulate(service, pool, test)
    for row in rounds:
        print(f"  {row['labels']:>3} labelled  F1 {row['f1_weighted']:.4f}")
    print(f"\nThe tutorial's F1 with {rounds[-1]['labels']} labels: {rounds[-1]['f1_weighted']}")


def make_pool(service: Service, points: Any, classes: Any) -> str:
    """Upload the points with their classes as a pool, and return its id."""
    pool: str = service.post("/v1/pools", {"name": "StandardAL"}).document["id"]
    ids = [f"point-{row:03}" for row in range(len(points))]
    archive = io.BytesIO()
    np.savez(archive, features=points, ids=np.array(ids))
    service.upload(f"/v1/pools/{pool}/items", archive.getvalue(), "application/x-npz")
    labels = [{"id": id, "label": int(each)} for id, each in zip(ids, classes, strict=True)]
    service.put(f"/v1/pools/{pool}/labels", {"labels": labels})
    return pool


def simulate(service: Service, pool: str, test: str) -> list[dict[str, Any]]:
    """Return the rounds by margin of one simulation."""
    body = {
        "pool": pool,
        "test_pool": test,
        "estimators": [NETWORK],
        "functions": [{"name": "margin"}],
        "seeds": [SEED],
        "metrics": ["f1_weighted"],
        "initial": {"draw": "given", "ids": FIRST},
        "budget": 4,
        "rounds": 18,
    }
    job = service.finish(service.post("/v1/simulations", body))
    print(job["result"]["advice"])
    rounds = service.get(f"/v1/simulations/{job['id']}/rounds").document["rounds"]
    return [row for row in rounds if row["function"] == "margin"]


if __name__ == "__main__":
    sys.exit(run(story, "ml-research's introduction, replayed", None))
