"""Trainings as they are asked for, what they are refused for, and the catalogue of estimators."""

import json

import pytest

from service.estimators import ESTIMATORS, Recipe
from service.records import Job, Labelling, Model, Part, Pool, new_id, now

PROBLEM = "application/problem+json"
KNN = {"name": "knn"}


def problem(answer, status, code):
    assert (status, PROBLEM) == (answer.status_code, answer.content_type), answer.data
    assert code == answer.json["code"]
    return answer.json


def pool_of(backend, *shape, labels=("bus", "tram", "bus")):
    part = Part(id=new_id(), job=new_id(), rows=100, bytes=1, sha256="0")
    pool = Pool(id=new_id(), parts=(part,), item_shape=shape, dtype="float32")
    backend.storage.add(pool)
    said = {row: Labelling(json.dumps(each), "", now()) for row, each in enumerate(labels)}
    backend.labels.put(pool.id, said)
    return pool


@pytest.fixture
def pool(backend):
    return pool_of(backend, 2, 4)


@pytest.fixture
def ask(client, pool):
    """Ask for a training of the pool; whatever else is named goes into the body."""

    def post(estimator, headers=None, **body):
        asked = {"pool": pool.id, "estimator": estimator, **body}
        return client.post("/v1/trainings", json=asked, headers=headers)

    return post


def test_a_training_is_a_job(ask, client, pool):
    answer = ask({"name": "svm", "scaling": "standard"}, seed=3, name="second")
    assert answer.status_code == 202
    job = client.get(answer.headers["Location"]).json
    assert (job["task"], job["state"]) == ("train", "queued")
    assert job["progress"]["total"] == 6
    assert job["request"] == {
        "pool": pool.id,
        "estimator": {
            "name": "svm",
            "parameters": {},
            "base": None,
            "scaling": "standard",
            "pca": None,
        },
        "folds": 5,
        "seed": 3,
        "name": "second",
        "parts": [pool.parts[0].id],
    }
    assert job["links"]["pool"] == f"/v1/pools/{pool.id}"


@pytest.mark.parametrize(("folds", "total"), [(0, 1), (1, 1), (2, 3), (20, 21)])
def test_progress_counts_the_folds_and_the_fit(ask, folds, total):
    assert ask(KNN, folds=folds).json["progress"]["total"] == total


def test_a_training_that_is_sent_again_is_one_training(ask, client):
    first, second = (ask(KNN, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json["id"] == second.json["id"]
    assert len(client.get("/v1/jobs").json["jobs"]) == 1
    other = ask(KNN, headers={"Idempotency-Key": "k"}, seed=2)
    problem(other, 422, "invalid_request")


@pytest.mark.parametrize(
    ("asked", "pointer", "said"),
    [
        ({"estimator": {"name": "forest"}}, "/estimator/name", "random_forest"),
        ({"estimator": 3}, "/estimator", "Not an object"),
        ({"estimator": None}, "/estimator", "null"),
        (
            {"estimator": {"name": "knn", "parameters": {"n_neighbors": 0}}},
            "/estimator/parameters/n_neighbors",
            "at least 1",
        ),
        (
            {"estimator": {"name": "bagging", "base": {"name": "knn", "scaling": "x"}}},
            "/estimator/base/scaling",
            "standard",
        ),
        ({"folds": 21}, "/folds", "20"),
        ({"folds": 2.0}, "/folds", "Not an integer"),
        ({"seed": -1}, "/seed", "0"),
        ({"seed": 2**32}, "/seed", "4294967295"),
        ({"name": "n" * 201}, "/name", "200"),
        ({"folder": 1}, "/folder", "Known are: estimator, folds, name, pool, seed"),
        ({"estimator": {"name": "knn", "pca": 9}}, "/estimator/pca", "8 features"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(ask, asked, pointer, said):
    told = problem(ask(**{"estimator": KNN, **asked}), 422, "invalid_request")
    [fault] = told["errors"]
    assert fault["pointer"] == pointer
    assert said in fault["detail"]


def test_a_training_of_no_pool_or_no_estimator_is_refused(client, pool):
    asked = {"pool": "none", "estimator": KNN}
    problem(client.post("/v1/trainings", json=asked), 404, "pool_not_found")
    told = problem(client.post("/v1/trainings", json={}), 422, "invalid_request")
    assert [fault["pointer"] for fault in told["errors"]] == ["/pool", "/estimator"]
    problem(
        client.post("/v1/trainings", data=b"{", content_type="text/plain"),
        415,
        "unsupported_format",
    )


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ((), "too_few_labels"),
        (("bus", "bus"), "too_few_labels"),
        (("bus", 1), "unusable_labels"),
        ((True, 1), "unusable_labels"),
        ((1.5, 2), "unusable_labels"),
    ],
)
def test_labels_that_are_no_classes_are_refused(client, backend, labels, code):
    pool = pool_of(backend, 4, labels=labels)
    answer = client.post("/v1/trainings", json={"pool": pool.id, "estimator": KNN})
    assert "lasses" in problem(answer, 422, code)["detail"]
    assert client.get("/v1/jobs").json["jobs"] == []


def test_items_without_features_are_refused(client, backend):
    pool = pool_of(backend, 0)
    answer = client.post("/v1/trainings", json={"pool": pool.id, "estimator": KNN})
    assert "the items have none" in problem(answer, 422, "invalid_request")["detail"]


def test_a_pool_whose_uploads_are_still_read_is_not_trained_on_yet(client, backend):
    pool = Pool(id=new_id())
    backend.storage.add(pool)
    backend.storage.add(Job(id=new_id(), task="ingest", request={}, pool=pool.id))
    answer = client.post("/v1/trainings", json={"pool": pool.id, "estimator": KNN})
    problem(answer, 409, "conflict")


def test_a_model_says_how_it_was_fitted(client, backend):
    recipe = Recipe(estimator="bagging", parameters={}, base=Recipe(estimator="svm", parameters={}))
    training = {
        "pool": "p",
        "job": "j",
        "recipe": recipe.document(),
        "seed": 1,
        "labels": 4,
        "class_counts": [{"label": 1, "count": 3}, {"label": 2, "count": 1}],
        "accuracy": None,
        "left_out": {"labels": 0, "folds": 5, "reasons": ["one label"]},
        "warnings": [],
    }
    backend.storage.add(Model(id="fitted", format="skops", bytes=1, training=training))
    backend.storage.add(Model(id="sent", format="skops", bytes=1))
    told = client.get("/v1/models/fitted").json["training"]
    assert told.pop("estimator") == recipe.asked()
    assert told == {name: value for name, value in training.items() if name != "recipe"}
    assert client.get("/v1/models/sent").json["training"] is None


def test_a_training_that_is_done_links_to_its_model(client, backend):
    job = Job(
        id=new_id(), task="train", request={}, state="succeeded", result={"model": {"id": "m"}}
    )
    backend.storage.add(job)
    assert client.get(f"/v1/jobs/{job.id}").json["links"]["model"] == "/v1/models/m"


def test_the_catalogue_lists_every_estimator_and_what_may_stand_before_it(client):
    told = client.get("/v1/estimators").json
    assert [each["name"] for each in told["estimators"]] == list(ESTIMATORS)
    committees = [each["name"] for each in told["estimators"] if each["committee"]]
    assert committees == ["random_forest", "extra_trees", "bagging"]
    assert "standard" in told["scalings"]
    assert told["pca"]["anyOf"][0] == {"type": "integer", "minimum": 1}
    assert told["scikit_learn"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_of_the_catalogue_can_be_asked_for_with_its_defaults(client, ask, name):
    told = client.get(f"/v1/estimators/{name}").json
    properties = told["parameters"]["properties"]
    defaults = {key: schema["default"] for key, schema in properties.items()}
    answer = ask({"name": name, "parameters": defaults})
    assert answer.status_code == 202
    assert answer.json["request"]["estimator"]["parameters"] == {}


def test_an_estimator_that_nobody_knows_is_not_found(client):
    told = problem(client.get("/v1/estimators/forest"), 404, "estimator_not_found")
    assert "random_forest" in told["detail"]
