"""Every kind of classifier that is taken, sent over HTTP and compared with itself here."""

import numpy as np
import pytest
from skl2onnx import to_onnx

from tests.conftest import installation
from tests.models import NAMES, fitted, items_for, quietly, saved
from tests.uploads import npy

NPY = "application/x-npy"
EXACT = {name for name in NAMES if "forest" in name or "trees" in name}
ROWS = slice(-120, None)  # of the digits, none that a model was fitted on


@pytest.fixture(scope="module")
def pools(live):
    """The pool of a name's items, made once for the same items."""
    made = {}

    def pool(name, dtype=np.float64):
        items = items_for(name)[ROWS].astype(dtype)
        key = items.tobytes()
        if key not in made:
            made[key] = live.pool(npy(items), NPY)
        return made[key]

    return pool


def scores(client, pool, model):
    """The scores by least confidence, in pool order."""
    ranking = client.rankings(pool, model, "least_confidence")["least_confidence"]
    rows = client.get(f"/v1/rankings/{ranking}/items?n=1000").json["items"]
    return np.array([row["score"] for row in sorted(rows, key=lambda row: int(row["id"]))])


def expected(name, items):
    return 1 - quietly(fitted(name).predict_proba, items).max(axis=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_sent_as_skops_scores_as_it_does_here(live, pools, name):
    model = live.model(saved(fitted(name), "skops"))
    described = live.get(f"/v1/models/{model}").json
    assert described["classes"] == fitted(name).classes_.tolist()
    assert described["item_values"] == items_for(name).shape[1]
    assert (described["format"], described["probabilities"]) == ("skops", True)
    found = scores(live, pools(name), model)
    tolerance = 0 if name in EXACT else 1e-12
    np.testing.assert_allclose(found, expected(name, items_for(name)[ROWS]), 0, tolerance)


@pytest.mark.parametrize("name", ["random_forest", "logistic_regression", "mlp", "ranged_svc"])
def test_a_classifier_sent_as_onnx_scores_as_it_does_here(live, pools, name):
    items = items_for(name)[ROWS].astype(np.float32)
    graph = quietly(to_onnx, fitted(name), items[:1])
    model = live.model(graph.SerializeToString(), "onnx")
    assert live.get(f"/v1/models/{model}").json["classes"] == fitted(name).classes_.tolist()
    found = scores(live, pools(name, np.float32), model)
    np.testing.assert_allclose(found, expected(name, items), rtol=0, atol=2e-5)


def test_joblib_is_taken_where_the_operator_allows_it(live, pools):
    model = live.model(saved(fitted("projected_forest"), "joblib"), "joblib")
    assert live.get(f"/v1/models/{model}").json["format"] == "joblib"
    found = scores(live, pools("projected_forest"), model)
    here = expected("projected_forest", items_for("projected_forest")[ROWS])
    np.testing.assert_allclose(found, here, rtol=0, atol=1e-12)


def test_joblib_is_refused_elsewhere_with_the_way_to_skops(tmp_path):
    with installation(tmp_path, workers=1, api_processes=1) as (client, _):
        body = saved(fitted("random_forest"), "joblib")
        answer = client.post("/v1/models?format=joblib", body, "application/octet-stream")
        assert (answer.status, answer.json["code"]) == (415, "unsupported_format")
        assert "skops.io.dump" in answer.json["detail"]
        assert client.get("/v1/models").json["models"] == []
        assert [*(tmp_path / "uploads").iterdir()] == []
