"""A training and a simulation on a Dask cluster of two workers, which have nothing but the code."""

import pytest
import skops.io

from service.files import model_name
from tests.acceptance.test_simulations import asked, digits_pool, files_of
from tests.clusters import cluster
from tests.conftest import installation, until
from workers.untrusted.artifacts.trusted_types import TRUSTED_TYPES

pytest.importorskip("distributed", reason="Dask is not installed: pip install shortlist[dask]")

FOREST = {"name": "random_forest", "parameters": {"n_estimators": 5}}
FUNCTIONS = ("margin", {"name": "bald"}, {"name": "gibbs", "of": [{"name": "entropy"}]})
SMALL = {
    "estimators": [FOREST],
    "seeds": [3, 1],
    "rounds": 2,
    "metrics": ["accuracy", "log_loss"],
}


def trained(client, place, pool):
    """What a training says of its model, and the model itself, as far as it is always the same."""
    ended = client.finish("/v1/trainings", {"pool": pool, "estimator": FOREST, "seed": 7})
    model = ended["result"]["model"]
    found = skops.io.load(place / model_name(model["id"]), trusted=TRUSTED_TYPES)
    trees = [each.tree_.__getstate__() for each in found.estimators_]
    said = {**client.get(f"/v1/models/{model['id']}").json["training"], "job": ""}
    return said, [list(fields_of(each["nodes"], each["values"])) for each in trees]


def fields_of(nodes, values):
    """All that a tree holds, to the last bit, but for what lies between its fields."""
    yield values.tobytes()
    for name in nodes.dtype.names:
        yield nodes[name].tobytes()


def test_what_a_cluster_computes_is_what_is_computed_here(tmp_path):
    with installation(tmp_path, workers=1) as (client, _):
        pool = digits_pool(client, 300)
        model = trained(client, tmp_path, pool)
        job = client.finish("/v1/simulations", asked(pool, *FUNCTIONS, **SMALL))
        curves = files_of(client, job)

    with (
        cluster() as (address, _),
        installation(tmp_path, workers=1, compute=address) as (client, _),
    ):
        assert trained(client, tmp_path, pool) == model
        again = client.finish("/v1/simulations", asked(pool, *FUNCTIONS, **SMALL))
        assert files_of(client, again) == curves
        assert again["progress"]["done"] == again["progress"]["total"] == 8 * 3

        long = asked(pool, "margin", estimators=[FOREST], rounds=15, seeds=4)
        job = client.post("/v1/simulations", long).json["id"]
        until(lambda: client.get(f"/v1/jobs/{job}").json["state"] == "running")
        client.post(f"/v1/jobs/{job}/cancel")
        assert client.ended(job)["state"] == "cancelled"
