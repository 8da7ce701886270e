"""Fits that come to no end by themselves, in one call of a library that looks at nothing."""

import numpy as np
import pytest

from tests.conftest import installation, until
from tests.processes import named
from tests.uploads import npy

DEADLINE = 3
ENDLESS = {"name": "linear_svm"}
"""On values whose squares are infinite its solver goes round and round."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    place = tmp_path_factory.mktemp("endless")
    with installation(place, workers=2, heartbeat=1, job_timeout=DEADLINE) as (client, process):
        yield client, process.pid


@pytest.fixture(scope="module")
def pool(running):
    client, _ = running
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 200)
    vectors = (draw.normal(size=(200, 5)) + truth[:, None]) * 1e300
    pool = client.pool(npy(vectors), "application/x-npy")
    labels = [{"id": str(row), "label": int(each)} for row, each in enumerate(truth)]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": labels}).status == 200
    return pool


def horses(serve):
    """The processes that do jobs."""
    workers = named(serve, "-m workers ")
    return [each for worker in workers for each in named(worker, "-m workers ")]


def test_a_training_that_does_not_end_is_ended_at_its_deadline_and_not_tried_again(running, pool):
    client, serve = running

    job = client.post("/v1/trainings", {"pool": pool, "estimator": ENDLESS}).json["id"]

    ended = client.ended(job)
    assert (ended["state"], ended["reason"], ended["attempts"]) == ("failed", "timeout", 1)
    until(lambda: not horses(serve))


def test_all_workers_are_free_soon_after_a_simulation_was_cancelled(running, pool):
    client, serve = running
    asked = {
        "pool": pool,
        "estimators": [ENDLESS],
        "functions": [{"name": "random"}],
        "initial": {"size": 60, "draw": "stratified"},
        "budget": 5,
    }
    job = client.post("/v1/simulations", asked).json["id"]
    until(lambda: len(horses(serve)) == 2)

    client.post(f"/v1/jobs/{job}/cancel")

    assert client.ended(job)["state"] == "cancelled"
    until(lambda: not horses(serve))
