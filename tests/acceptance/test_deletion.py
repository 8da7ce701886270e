"""What is deleted is gone: of a pool and its models only the records of their jobs stay."""

import pytest

from service.redis_storage import connect
from tests.conftest import installation, until
from tests.models import fitted, saved

IDS = [f"item-{row}" for row in range(40)]
ITEMS = {"items": [{"id": id, "features": [row / 9] * 64} for row, id in enumerate(IDS)]}
LABELS = [{"id": id, "label": ("small", "large")[row % 2]} for row, id in enumerate(IDS[:30])]
LOGISTIC = {"name": "logistic_regression"}
MARGIN = {"name": "margin"}
OF_JOBS = tuple(f"shortlist:{kind}:" for kind in ("job", "list:job", "progress", "runs"))
"""What stays of jobs: their records, what these are found by, and how far they came."""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("deletion")
    with installation(home, workers=1) as (client, _):
        yield client, home


def make_all(client):
    """Make one of everything that belongs to a pool; return the ids by kind, and its models."""
    pool = client.pool(ITEMS, "application/json")
    model = client.model(saved(fitted("random_forest"), "skops"))
    made = {"pool": pool, "model": model}
    made["part"] = client.get(f"/v1/pools/{pool}").json["parts"][0]["id"]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": LABELS}).status == 200
    client.put(f"/v1/pools/{pool}/exclusions/held", {"ids": IDS[-1:]})
    probs = [{"id": id, "probs": [0.25, 0.75]} for id in IDS]
    said = {"classes": ["small", "large"], "items": probs}
    made["predictions"] = client.predictions(pool, said, kind="probs")
    asked = {"pool": pool, "model": model, "acquisitions": [MARGIN, {"name": "bald"}]}
    rankings = client.finish("/v1/scorings", asked)["result"]["rankings"]
    made["ranking"], made["other ranking"] = (each["id"] for each in rankings)
    lease = {"annotator": "Ada", "n": 1, "overlap": 2, "include_labelled": True}
    for state in ("ended lease", "lease"):
        path = f"/v1/rankings/{made['ranking']}/leases"
        made[state] = client.post(path, lease).json["id"]
        if state == "ended lease":
            labels = client.get(f"/v1/leases/{made[state]}").json["items"]
            told = {"labels": [{"id": each["id"], "label": "small"} for each in labels]}
            assert client.post(f"/v1/leases/{made[state]}/complete", told).status == 200
    made["learner"] = learner(client, pool)
    made["simulation"] = simulation(client, pool)
    models = [each["id"] for each in client.get("/v1/models").json["models"]]
    return made | {f"model {number}": id for number, id in enumerate(models)}, models


def learner(client, pool):
    """Make a learner, and have it take two turns; return its id."""
    made = client.post("/v1/learners", {"pool": pool, "estimator": LOGISTIC, "acquisition": MARGIN})
    found = client.get(made.headers["Location"]).json
    client.ended(client.get("/v1/jobs").json["jobs"][0]["id"])
    taught = {"labels": [{"id": IDS[31], "label": "small"}]}
    client.ended(client.post(f"/v1/learners/{found['id']}/teach", taught).json["id"])
    return found["id"]


def simulation(client, pool):
    """Replay a pool; return the simulation's id."""
    asked = {
        "pool": pool,
        "estimators": [LOGISTIC],
        "functions": [MARGIN],
        "seeds": 2,
        "initial": {"size": 4},
        "budget": 2,
        "rounds": 2,
        "metrics": ["accuracy"],
    }
    return client.finish("/v1/simulations", asked)["id"]


def left_on_disk(home, ids):
    paths = (str(path.relative_to(home)) for path in home.rglob("*"))
    return [path for path in paths if any(id in path for id in ids)]


def left_in_redis(home, ids):
    connection = connect(f"unix://{home / 'redis' / 'socket'}")
    keys = [key.decode() for key in connection.scan_iter(count=10_000)]
    return [key for key in keys if any(id in key for id in ids)]


def test_of_what_is_deleted_nothing_stays_but_the_records_of_jobs(service):
    client, home = service
    before = client.get("/v1/limits").json["used"]
    made, models = make_all(client)
    ids = set(made.values())
    for kind, id in made.items():
        somewhere = [*left_in_redis(home, {id}), *left_on_disk(home, {id})]
        assert somewhere, f"a {kind} would be found"
    assert client.get("/v1/limits").json["used"]["bytes"] > before["bytes"]
    waiting = client.post(
        "/v1/scorings", {"pool": made["pool"], "model": models[0], "acquisitions": [MARGIN]}
    ).json

    assert client.send("DELETE", f"/v1/pools/{made['pool']}").status == 204
    for model in models:
        assert client.send("DELETE", f"/v1/models/{model}").status == 204

    client.ended(waiting["id"])
    until(lambda: not left_on_disk(home, ids))
    assert [key for key in left_in_redis(home, ids) if not key.startswith(OF_JOBS)] == []
    until(lambda: client.get("/v1/limits").json["used"] == before)
    jobs = client.get(f"/v1/jobs?pool={made['pool']}").json["jobs"]
    assert {each["state"] for each in jobs} <= {"succeeded", "cancelled", "failed"}
