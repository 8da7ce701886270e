"""A platform that has predictions only: pools of ids and metadata, scored and selected from."""

import json

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.given import FORMS
from service.operations.questions import GIVES
from tests.models import fitted, saved
from tests.uploads import UPLOADS, WITH_IDS
from tests.world import (
    CLASSES,
    World,
    asked,
    body_of,
    expected_picks,
    expected_scores,
)

JSON, NPZ = "application/json", "application/x-npz"
N = 8
IDS = [f"img-{row}" for row in range(6)]
METADATA = {"city": ["Oslo", "Oslo", "Rome", "Rome", "Rome", "Bern"], "cost": [1.0, 2, 3, 4, 5, 6]}
PROBS = [[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.75, 0.25], [0.2, 0.8], [0.45, 0.55]]
DOUBTFUL = ["img-2", "img-5", "img-1", "img-3", "img-4", "img-0"]
OBJECTS = [[probs, [1, 0]] for probs in PROBS[:5]] + [[]]
"""Two objects to an item, the second the same in all, and none in the last item."""

WITH_VECTORS = sorted(name for name, entry in REGISTRY.items() if entry.needs_features)
WITHOUT_VECTORS = sorted(set(REGISTRY) - set(WITH_VECTORS))


@pytest.fixture
def pool(live):
    return live.pool(as_items(IDS, METADATA), JSON)


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def pools(live, world):
    """Pools labelled by classes and by numbers, without features, with all kinds of predictions."""
    return {numeric: pool_of(live, world, numeric) for numeric in (False, True)}


def pool_of(live, world, numeric):
    body = world.pool_body()
    for item in body["items"]:
        del item["features"]
    pool = live.pool(body, JSON)
    live.put(f"/v1/pools/{pool}/labels", world.labels_body(numeric))
    return pool, {kind: upload(live, world, pool, kind) for kind in GIVES}


def upload(live, world, pool, kind):
    query = {"classes": json.dumps(CLASSES)} if FORMS[kind].classed else {}
    if axes := FORMS[kind].axes_in(NPZ):
        query["axes"] = ",".join(axes)
    return live.predictions(pool, world.predictions_body(kind), NPZ, kind=kind, **query)


def as_items(ids, metadata):
    return UPLOADS["json"](ids, None, metadata)[1]


def predicted(**fields):
    """One object to an item as JSON has it."""
    rows = zip(IDS, *fields.values(), strict=True)
    items = [{"id": id, **dict(zip(fields, values, strict=True))} for id, *values in rows]
    classes = {} if "mean" in fields else {"classes": ["cat", "dog"]}
    return {"items": items, **classes}


def ranking(live, pool, function, **body):
    """The id of the ranking that one function makes."""
    asked = {"name": function} if isinstance(function, str) else function
    job = live.finish("/v1/scorings", {"pool": pool, "acquisitions": [asked], **body})
    return job["result"]["rankings"][0]["id"]


def read(live, ranking, query=""):
    return [
        row["id"] for row in live.get(f"/v1/rankings/{ranking}/items?n=99{query}").json["items"]
    ]


@pytest.mark.parametrize("name", WITH_IDS)
def test_a_pool_of_ids_alone_is_made_in_every_format_and_ranked(live, name):
    media_type, body = UPLOADS[name](IDS, None, METADATA)
    pool = live.pool(body, media_type)

    told = live.get(f"/v1/pools/{pool}").json
    assert (told["total"], told["item_shape"], told["dtype"]) == (len(IDS), [0], "float32")
    assert told["metadata"] == {"city": "string", "cost": "number"}
    items = live.get(f"/v1/pools/{pool}/items").json["items"]
    assert [item["id"] for item in items] == IDS
    assert items[3]["metadata"] == {"city": "Rome", "cost": 4}

    said = live.predictions(pool, predicted(probs=PROBS), kind="probs")
    margin = ranking(live, pool, "margin", predictions=said)
    assert read(live, margin) == DOUBTFUL


def test_readings_leave_out_what_is_labelled_excluded_or_of_other_metadata(live, pool):
    said = live.predictions(pool, predicted(probs=PROBS), kind="probs")
    margin = ranking(live, pool, "margin", predictions=said)

    live.put(f"/v1/pools/{pool}/labels", {"labels": [{"id": "img-2", "label": "cat"}]})
    live.put(f"/v1/pools/{pool}/exclusions/blurred", {"ids": ["img-5"]})

    assert read(live, margin, "&exclude_set=blurred&exclude=img-0") == ["img-1", "img-3", "img-4"]
    query = {"where": {"city": {"eq": "Rome"}, "cost": {"max": 4}}}
    found = live.post(f"/v1/rankings/{margin}/query", query).json["items"]
    assert [row["id"] for row in found] == ["img-3"]


def test_objects_of_images_without_features_are_ranked(live, pool):
    objects = [[{"probs": probs} for probs in each] for each in OBJECTS]
    said = live.predictions(pool, predicted(objects=objects), kind="objects")
    function = {
        "name": "per_object",
        "parameters": {"aggregation": "max", "empty": "unscored"},
        "of": [{"name": "margin"}],
    }

    found = read(live, ranking(live, pool, function, predictions=said))

    assert found == ["img-2", "img-1", "img-3", "img-4", "img-0"]


def test_values_of_items_without_features_are_ranked_by_what_they_may_gain(live, pool):
    said = live.predictions(
        pool, predicted(mean=[0, 1, 2, 3, 4, 5], std=[1, 1, 1, 1, 1, 1]), kind="regression"
    )
    live.put(f"/v1/pools/{pool}/labels", {"labels": [{"id": "img-1", "label": 1.5}]})

    found = read(live, ranking(live, pool, "expected_improvement", predictions=said))

    assert found == ["img-5", "img-4", "img-3", "img-2", "img-0"]


def test_a_batch_is_selected_by_groups_classes_and_cost(live, pool):
    said = live.predictions(pool, predicted(probs=PROBS), kind="probs")
    margin = {"name": "margin"}
    cities = {"name": "group_cap", "parameters": {"column": "city", "most": 1}, "of": [margin]}
    classes = {"name": "class_balance", "of": [margin]}
    worth = {"name": "per_cost", "parameters": {"column": "cost"}, "of": [margin]}
    batch = {"n": 4, "exclude": ["img-2"]}

    def select(function):
        return read(live, ranking(live, pool, function, predictions=said, batch=batch))

    assert select(cities) == ["img-5", "img-1", "img-3"]
    assert len(set(select(classes)) - {"img-2"}) == 4
    assert set(read(live, ranking(live, pool, worth, predictions=said))) == set(IDS)
    assert set(read(live, ranking(live, pool, "random"))) == set(IDS)


@pytest.mark.parametrize("name", WITHOUT_VECTORS)
def test_what_looks_at_no_vectors_answers_as_it_does_with_features(live, world, pools, name):
    pool, sources = pools["labelled_values" in REGISTRY[name].needs]
    job = live.finish("/v1/scorings", body_of(pool, name, sources, N))
    found = job["result"]["rankings"][0]["id"]
    rows = live.get(f"/v1/rankings/{found}/items?n=100&include_labelled=true").json["items"]

    if REGISTRY[name].kind == "batch":
        ids, scores = expected_picks(world, name, N)
        assert [row["id"] for row in rows] == ids
    else:
        every = expected_scores(world, name)
        wanted = dict(zip(world.ids, every, strict=True))
        scores = [wanted[row["id"]] for row in rows]
        assert len(rows) == np.isfinite(every).sum()
    assert np.allclose([row["score"] for row in rows], scores, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", WITH_VECTORS)
def test_what_looks_at_vectors_is_refused_when_it_is_asked_for(live, pools, name):
    pool, sources = pools["labelled_values" in REGISTRY[name].needs]

    answer = live.post("/v1/scorings", body_of(pool, name, sources, N))

    assert answer.status == 422, answer.body
    assert {
        "pointer": "/acquisitions/0/name",
        "detail": f"{name} needs features, and the items have none",
    } in answer.json["errors"]


def test_a_function_that_looks_at_vectors_is_refused_inside_another(live, pools):
    pool, sources = pools[False]
    of = [{"name": "margin"}, asked("density")]
    body = {"acquisitions": [{"name": "weighted_sum", "of": of}]}

    answer = live.post("/v1/scorings", {"pool": pool, "predictions": sources["probs"], **body})

    assert answer.status == 422, answer.body
    [fault] = answer.json["errors"]
    assert fault["pointer"] == "/acquisitions/0/of/1/name"
    assert "needs features" in fault["detail"]


def test_a_model_that_takes_features_is_refused(live, pool):
    model = live.model(saved(fitted("logistic_regression"), "skops"))

    answer = live.post(
        "/v1/scorings", {"pool": pool, "model": model, "acquisitions": [{"name": "margin"}]}
    )

    assert answer.status == 422, answer.body
    [fault] = answer.json["errors"]
    assert fault["pointer"] == "/model"
    assert "features" in fault["detail"]


@pytest.mark.parametrize("name", WITH_IDS)
def test_the_items_of_a_pool_all_have_features_or_none_has(live, pool, name):
    more = [f"more-{row}" for row in range(2)]
    featured = live.pool(UPLOADS[name](IDS, np.ones((6, 3)), {})[1], UPLOADS[name]([], None, {})[0])

    for where, features, said in (
        (pool, np.ones((2, 3)), "those of the pool have none"),
        (featured, None, "These items have no features"),
    ):
        before = live.get(f"/v1/pools/{where}").json
        media_type, body = UPLOADS[name](more, features, {})
        job = live.ended(live.post(f"/v1/pools/{where}/items", body, media_type).json["id"])
        assert (job["state"], job["reason"]) == ("failed", "upload_refused")
        assert said in job["error"]["detail"]
        assert live.get(f"/v1/pools/{where}").json == before

    media_type, body = UPLOADS[name](more, None, {})
    live.finish(f"/v1/pools/{pool}/items", body, media_type)
    assert live.get(f"/v1/pools/{pool}").json["total"] == len(IDS) + 2


def test_a_part_in_which_some_items_have_features_is_refused_and_names_the_first(live, pool):
    items = [{"id": "a"}, {"id": "b", "features": [1, 2]}]

    answer = live.post(f"/v1/pools/{pool}/items", {"items": items}, Prefer="wait=30")

    assert (answer.status, answer.json["code"]) == (422, "upload_refused")
    [fault] = answer.json["errors"]
    assert fault["pointer"] == "/items/1/features"
    assert fault["detail"].startswith('Item "b" has features and the first item has none')


def test_an_empty_part_leaves_a_pool_open_to_items_without_features(live):
    pool = live.post("/v1/pools", {}).json["id"]
    for body in ({"items": []}, as_items(IDS, {})):
        live.finish(f"/v1/pools/{pool}/items", body)

    said = live.predictions(pool, predicted(probs=PROBS), kind="probs")
    assert read(live, ranking(live, pool, "margin", predictions=said)) == DOUBTFUL
