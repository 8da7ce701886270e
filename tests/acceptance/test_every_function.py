"""Every function of the registry over HTTP: what comes back is what the formula gives."""

import json

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.operations.questions import GIVES
from tests.world import CLASSES, World, body_of, expected_picks, expected_scores, kind_for

N = 8
AXES = {
    "members": "items,members,classes",
    "votes": "items,members",
    "regression_members": "items,members",
}


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def pools(live, world):
    """Two pools of the same items, labelled by classes and by numbers, with their predictions."""
    return {numeric: pool_of(live, world, numeric) for numeric in (False, True)}


def pool_of(live, world, numeric):
    pool = live.pool(world.pool_body(), "application/json")
    live.put(f"/v1/pools/{pool}/labels", world.labels_body(numeric))
    return pool, {kind: upload(live, world, pool, kind) for kind in GIVES}


def upload(live, world, pool, kind):
    query = f"?kind={kind}"
    if not kind.startswith("regression"):
        query += "&classes=" + json.dumps(CLASSES).replace('"', "%22").replace(" ", "")
    if kind in AXES:
        query += f"&axes={AXES[kind]}"
    path = f"/v1/pools/{pool}/predictions{query}"
    return live.finish(path, world.predictions_body(kind), "application/x-npz")["result"][
        "predictions"
    ]


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_function_answers_over_http_what_its_formula_gives(live, world, pools, name):
    entry = REGISTRY[name]
    pool, sources = pools["labelled_values" in entry.needs]
    job = live.finish("/v1/scorings", body_of(pool, name, sources, N))
    ranking = job["result"]["rankings"][0]["id"]
    rows = live.get(f"/v1/rankings/{ranking}/items?n=100&include_labelled=true").json["items"]

    if entry.kind == "batch":
        ids, steps = expected_picks(world, name, N)
        assert [row["id"] for row in rows] == ids
        assert np.allclose([row["score"] for row in rows], steps, rtol=1e-6, atol=1e-9)
        return
    scores = expected_scores(world, name)
    found = {row["id"]: row["score"] for row in rows}
    assert len(found) == np.isfinite(scores).sum()
    wanted = {id: score for id, score in zip(world.ids, scores, strict=True) if np.isfinite(score)}
    assert found.keys() == wanted.keys()
    assert np.allclose([found[id] for id in wanted], list(wanted.values()), rtol=1e-6, atol=1e-9)
    assert [row["score"] for row in rows] == sorted(found.values(), reverse=True)
    assert kind_for(name) is None or job["request"]["predictions"] == sources[kind_for(name)]
