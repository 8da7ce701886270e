"""`Idempotency-Key` on every POST that makes something: it is made once, whatever happens."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from service.api import idempotency
from service.app import create_app
from tests.leasing import ranking_of
from tests.stored import stored_pool

DESCRIPTION = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
JSON, CSV, BINARY = "application/json", "text/csv", "application/octet-stream"
LOGISTIC = {"name": "logistic_regression"}
MARGIN = {"name": "margin"}
ROWS = 40
TWINS = 6
MADE_BEFORE = 201, 202


class Died(BaseException):
    """The process that answered was killed."""


@dataclass(frozen=True)
class Request:
    """A request that makes something, and another that may not be sent with its key."""

    path: str
    body: object
    other: object
    type: str = JSON


def scoring(name):
    return {"pool": "POOL", "acquisitions": [{"name": name}]}


def simulation(seeds):
    return {
        "pool": "POOL",
        "estimators": [LOGISTIC],
        "functions": [MARGIN],
        "seeds": seeds,
        "initial": {"size": 4, "draw": "random"},
        "budget": 2,
        "rounds": 2,
    }


REQUESTS = {
    "/v1/pools": Request("/v1/pools", {"name": "a"}, {"name": "b"}),
    "/v1/pools/{pool_id}/items": Request(
        "/v1/pools/POOL/items", b"id,x,y\na,1,2\n", b"id,x,y\nb,1,2\n", CSV
    ),
    "/v1/pools/{pool_id}/predictions": Request(
        "/v1/pools/POOL/predictions?kind=probs", b"id,a,b\n0,0,1\n", b"id,a,b\n0,1,0\n", CSV
    ),
    "/v1/models": Request("/v1/models?format=skops", b"one", b"two", BINARY),
    "/v1/scorings": Request("/v1/scorings", scoring("random"), scoring("distance_to_labelled")),
    "/v1/trainings": Request(
        "/v1/trainings",
        {"pool": "POOL", "estimator": LOGISTIC},
        {"pool": "POOL", "estimator": LOGISTIC, "seed": 3},
    ),
    "/v1/learners": Request(
        "/v1/learners",
        {"pool": "POOL", "estimator": LOGISTIC, "acquisition": MARGIN},
        {"pool": "POOL", "estimator": LOGISTIC, "acquisition": MARGIN, "n": 3},
    ),
    "/v1/simulations": Request("/v1/simulations", simulation(2), simulation(3)),
    "/v1/rankings/{ranking_id}/leases": Request(
        "/v1/rankings/RANKING/leases",
        {"annotator": "Ann", "n": 2},
        {"annotator": "Ann", "n": 3},
    ),
    "/v1/learners/{learner_id}/teach": Request(
        "/v1/learners/LEARNER/teach",
        {"labels": [{"id": "30", "label": 1}]},
        {"labels": [{"id": "30", "label": 0}]},
    ),
}
MAKING_NOTHING = {"/v1/jobs/{job_id}/cancel", "/v1/learners/{learner_id}/query"}
"""They answer with a job that there is; sent twice they do no more than once."""

HELD_BY_NOTHING_ELSE = {
    "/v1/rankings/{ranking_id}/leases": "a lease that nobody was told of runs out by itself",
    "/v1/learners/{learner_id}/teach": "a second turn sees the same labels",
}
"""What is not found again after a crash, and why that does no harm."""


@pytest.fixture
def ids(backend, client):
    """What there is to make something of."""
    features = np.arange(2.0 * ROWS, dtype=np.float32).reshape(ROWS, 2)
    pool = stored_pool(backend, features, {row: row % 2 for row in range(30)})
    asked = {"pool": pool.id, "estimator": LOGISTIC, "acquisition": MARGIN}
    learner = client.post("/v1/learners", json=asked).json["id"]
    return {
        "POOL": pool.id,
        "RANKING": ranking_of(backend, pool.id, np.arange(ROWS)),
        "LEARNER": learner,
    }


def named(said, ids):
    """What is said, with ids in the place of their names."""
    if isinstance(said, str):
        return ids.get(said, said)
    if isinstance(said, dict):
        return {key: named(value, ids) for key, value in said.items()}
    return [named(each, ids) for each in said] if isinstance(said, list) else said


def send(client, request, ids, body, key):
    path = request.path
    for name, id in ids.items():
        path = path.replace(name, id)
    given = {"json": named(body, ids)} if request.type == JSON else {"data": body}
    headers = {"Idempotency-Key": key}
    return client.post(path, content_type=request.type, headers=headers, **given)


def counts(backend):
    """How much there is of everything, locks and answers of requests apart."""
    connection = backend.connection
    kinds = [key.decode() for key in connection.keys("shortlist:list:*")]
    uploads = len(list((backend.files.root / "uploads").iterdir()))
    listed = {key: connection.zcard(key) for key in kinds}
    return {**listed, "uploads": uploads, "tickets": len(backend.queue)}


def test_every_post_that_makes_something_is_tried():
    making = {
        path
        for path, methods in DESCRIPTION["paths"].items()
        if {"201", "202"} & set(methods.get("post", {}).get("responses", {}))
    }

    assert making - MAKING_NOTHING == set(REQUESTS)


@pytest.mark.parametrize("path", REQUESTS)
def test_a_replay_is_answered_as_before_and_makes_nothing(client, backend, ids, path):
    request = REQUESTS[path]
    first = send(client, request, ids, request.body, "k")
    assert first.status_code in MADE_BEFORE, first.json
    there_is = counts(backend)

    again = send(client, request, ids, request.body, "k")

    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert counts(backend) == there_is


@pytest.mark.parametrize("path", REQUESTS)
def test_another_body_with_the_same_key_is_refused(client, backend, ids, path):
    request = REQUESTS[path]
    assert send(client, request, ids, request.body, "k").status_code in MADE_BEFORE
    there_is = counts(backend)

    answer = send(client, request, ids, request.other, "k")

    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
    assert answer.json["errors"][0]["pointer"] == "Idempotency-Key"
    assert counts(backend) == there_is


@pytest.mark.parametrize("path", REQUESTS)
def test_of_twins_at_once_one_makes_it_and_none_makes_another(backend, client, ids, path):
    request = REQUESTS[path]
    app = client.application

    def twin(_):
        return send(app.test_client(), request, ids, request.body, "k")

    with ThreadPoolExecutor(TWINS) as pool:
        answers = list(pool.map(twin, range(TWINS)))

    told = [answer for answer in answers if answer.status_code in MADE_BEFORE]
    assert {answer.status_code for answer in answers} - set(MADE_BEFORE) <= {409}
    assert len({answer.json["id"] for answer in told}) == 1
    assert send(client, request, ids, request.body, "k").json["id"] == told[0].json["id"]


@pytest.mark.parametrize("path", sorted(set(REQUESTS) - set(HELD_BY_NOTHING_ELSE)))
def test_who_died_before_the_answer_was_kept_has_made_it_all_the_same(
    client, backend, ids, path, monkeypatch
):
    request = REQUESTS[path]

    def die(_):
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(idempotency, "kept", die)
        with pytest.raises(Died):
            send(create_app(backend=backend).test_client(), request, ids, request.body, "k")
    there_is = counts(backend)
    assert send(client, request, ids, request.body, "k").status_code == 409, "it may be at work"
    for key in backend.connection.keys("shortlist:once:*"):  # as it is after a while
        backend.connection.delete(key)

    answer = send(client, request, ids, request.body, "k")

    assert answer.status_code in MADE_BEFORE, answer.json
    assert counts(backend) == there_is
