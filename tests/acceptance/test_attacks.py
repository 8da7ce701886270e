"""What was tried against the service, and what it does now."""

import socket
from urllib.parse import urlsplit

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from tests.models import digits, fitted, saved

CSV = "text/csv"


def classifier():
    return LogisticRegression().fit(np.arange(20).reshape(10, 2), np.arange(10) % 2)


def with_features(count):
    model = classifier()
    model.n_features_in_ = count
    return model


def with_classes(*classes):
    model = classifier()
    model.classes_ = np.array(classes, dtype=object)
    return model


def with_step(name):
    return Pipeline([(name, StandardScaler()), ("last", classifier())])


@pytest.mark.parametrize(
    "model",
    [
        with_features(10**30),
        with_features(-1),
        with_classes(10**30, 5),
        with_classes("a" * 5_000_000, "b"),
        with_classes("\ud800", "b"),
        with_classes(1, 1),
    ],
    ids=["features", "no features", "number", "long", "surrogate", "same"],
)
def test_a_model_that_says_the_unsayable_of_itself_is_refused_and_spoils_no_listing(live, model):
    answer = live.post(
        "/v1/models?format=skops",
        skops.io.dumps(model),
        "application/octet-stream",
        Prefer="wait=30",
    )

    assert answer.status == 422, answer.body[:300]
    assert live.get("/v1/models").status == 200
    assert live.get("/v1/jobs?page_size=50").status == 200


def test_a_text_that_is_no_unicode_in_a_model_is_no_mistake_of_ours(live):
    answer = live.post(
        "/v1/models?format=skops",
        skops.io.dumps(with_step("\ud800")),
        "application/octet-stream",
        Prefer="wait=30",
    )

    assert answer.status in (201, 422), answer.body[:300]


def test_a_name_of_an_index_is_no_id(live):
    pool = live.pool(b"id,x\na,1\n", CSV)
    ranking = live.rankings(pool, None, "random")["random"]

    assert live.get(f"/v1/rankings/{ranking}").status == 200
    for path in (f"/v1/jobs/pool:{pool}", f"/v1/rankings/pool:{pool}", "/v1/jobs/active"):
        assert live.get(path).status == 404


def test_scores_that_nearly_tie_make_a_ranking(live):
    model = fitted("logistic_regression")
    flat = skops.io.loads(saved(model, "skops"), trusted=[])
    flat.coef_[:] = 1e-17
    flat.intercept_[:] = 0
    pool = live.pool(b"".join(rows()), CSV)

    ranking = live.rankings(pool, live.model(skops.io.dumps(flat)), "entropy")["entropy"]

    found = live.get(f"/v1/rankings/{ranking}").json
    assert sum(found["summary"]["histogram"]["counts"]) == found["total"] == 50


def rows():
    items = digits().items[:50]
    yield ("id," + ",".join(f"x{n}" for n in range(items.shape[1])) + "\n").encode()
    for number, item in enumerate(items):
        yield (f"{number}," + ",".join(map(repr, item.tolist())) + "\n").encode()


def test_a_pool_whose_uploads_are_still_read_is_not_scored_as_empty(live):
    pool = live.post("/v1/pools", {}).json["id"]
    body = b"id,x\n" + b"".join(b"%d,1\n" % n for n in range(300_000))
    job = live.post(f"/v1/pools/{pool}/items", body, CSV).json["id"]

    answer = live.post("/v1/scorings", {"pool": pool, "acquisitions": [{"name": "random"}]})

    assert answer.status == 409, answer.body
    assert job in answer.json["detail"]
    live.ended(job)
    ranking = live.rankings(pool, None, "random")["random"]
    assert live.get(f"/v1/rankings/{ranking}").json["total"] == 300_000


def test_bodies_that_never_come_do_not_keep_others_from_being_answered(live):
    place = urlsplit(live.url)
    stalled = []
    try:
        for _ in range(60):
            connection = socket.create_connection((place.hostname, place.port))
            connection.sendall(
                b"POST /v1/pools HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            stalled.append(connection)
        assert live.get("/livez").status == 200
        assert live.get("/v1/pools").status == 200
        assert live.post("/v1/pools", {}).status in (201, 429)
    finally:
        for connection in stalled:
            connection.close()


def test_an_answer_to_a_million_mistakes_names_some(live):
    body = {f"n{number}": 1 for number in range(100_000)}

    answer = live.post("/v1/pools", body)

    assert answer.status == 422
    assert len(answer.json["errors"]) <= 50
    assert len(answer.body) < 100_000
