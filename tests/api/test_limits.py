"""Every limit that is published: what keeps to it is taken, and one more is refused and told why.

A limit without a case here, or a test elsewhere that is named here, fails.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.api.slots import BODIES, UPLOADS, WAITERS
from service.app import create_app
from service.backend import Backend, backend_on
from service.records import Job, Model, Predictions, new_id
from service.schemas.functions import DEEPEST, function_of
from service.settings import Settings
from tests.api.test_scorings import given, model_of
from tests.api.test_scorings import pool_of as pool_of_rows
from tests.api.test_simulations import LOGISTIC, labelled_pool
from tests.leasing import pool_of, ranking_of
from tests.stored import stored_pool

ROOT = Path(__file__).parents[1]
CASES = {}
UPLOADED = "acceptance/test_limits.py::test_items_keep_to_the_limits"
ELSEWHERE = {
    "sandbox_memory": "unit/test_training.py::test_a_fit_that_needs_too_much_memory_ends_as_such",
    "job_timeout": "acceptance/test_endless_fits.py::"
    "test_a_training_that_does_not_end_is_ended_at_its_deadline_and_not_tried_again",
    "upload_timeout": "unit/test_workbench.py::test_reading_an_upload_has_a_deadline_of_its_own",
    "simulation_timeout": "unit/test_jobs.py::test_a_simulation_has_a_timeout_of_its_own",
    "max_turns": "unit/test_learners.py::test_the_history_keeps_the_last_max_turns",
    "max_pool_items": UPLOADED,
    "max_item_values": UPLOADED,
    "max_id_bytes": UPLOADED,
    "max_metadata_columns": UPLOADED,
    "max_metadata_bytes": UPLOADED,
}
"""Limits of what only a worker sees, and the tests of them."""


@dataclass(frozen=True)
class API:
    """An API without workers, and what it stands on."""

    backend: Backend
    client: Any

    def pool(self, *ids):
        return pool_of(self.backend, ids or ["a", "b", "c"])

    def score(self, pool, *functions, **more):
        asked = {"pool": pool, "acquisitions": functions or [{"name": "random"}]}
        return self.client.post("/v1/scorings", json={**asked, **more})

    def upload(self, body, pool=None, **headers):
        path = f"/v1/pools/{pool or self.pool()}/items"
        return self.client.post(path, data=body, content_type="text/csv", headers=headers)


@pytest.fixture
def make(connection, tmp_path):
    """Make an API with nothing in it and some settings."""

    def api(**settings):
        connection.flushall()
        backend = backend_on(connection, Settings(data_dir=tmp_path / new_id(), **settings))
        return API(backend, create_app(backend=backend).test_client())

    return api


def case(name):
    """Tell that a function yields answers at a limit and one past it, and the latter's status."""

    def enter(function):
        CASES[name] = function
        return function

    return enter


@case("max_upload_bytes")
def upload_bytes(make):
    api = make(max_upload_bytes=10)
    yield api.upload(b"x" * 10), api.upload(b"x" * 11), 413


@case("max_json_bytes")
def json_bytes(make):
    api = make(max_json_bytes=1024)

    def send(length):
        body = b"{}".rjust(length)
        return api.client.post("/v1/pools", data=body, content_type="application/json")

    yield send(1024), send(1025), 413


@case("max_label_bytes")
def label_bytes(make):
    api = make(max_label_bytes=1024)
    path = f"/v1/pools/{api.pool()}/labels"

    def send(length, kind, body):
        return api.client.put(path, data=body.rjust(length), content_type=kind)

    said = b'{"labels": [{"id": "a", "label": 1}]}'
    for kind, body in (
        ("application/json", said),
        ("application/x-ndjson", b'{"id": "a", "label": 1}'),
    ):
        yield send(1024, kind, body), send(1025, kind, body), 413


@case("max_pool_parts")
def pool_parts(make):
    api = make(max_pool_parts=3)
    pools = [stored_pool(api.backend, np.ones((4, 2)), parts=parts).id for parts in (2, 3)]
    yield *(api.upload(b"x", pool) for pool in pools), 413


@case("max_functions")
def functions(make):
    api = make(max_functions=3)
    pool = api.pool()

    def send(count):
        asked = [{"name": "random", "parameters": {"seed": seed}} for seed in range(count)]
        return api.score(pool, *asked)

    yield send(3), send(4), 422


@case("max_parameter_bytes")
def parameter_bytes(make):
    api = make(max_parameter_bytes=1024)

    def asked(id):
        return {"name": "similarity", "parameters": {"items": [id]}}

    told = len(json.dumps(function_of(asked(""), DEEPEST).document()))
    ids = ["x" * (length - told) for length in (1024, 1025)]
    yield *(api.score(api.pool(id, "b"), asked(id)) for id in ids), 422


@case("max_scoring_work")
def scoring_work(make):
    def send(limit):
        api = make(max_scoring_work=limit)
        pool = pool_of_rows(api.backend).id
        return api.score(pool, {"name": "k_center"}, batch={"n": 10})

    work = next(n for n in range(64) if send(2**n).status_code == 202)
    least, most = 2 ** (work - 1), 2**work
    while most - least > 1:
        half = (least + most) // 2
        least, most = (least, half) if send(half).status_code == 202 else (half, most)
    yield send(most), send(least), 422


@case("max_prediction_bytes")
def prediction_bytes(make):
    def send(limit):
        api = make(max_prediction_bytes=limit)
        model = model_of(api.backend, members=4)
        return api.score(pool_of_rows(api.backend).id, {"name": "bald"}, model=model)

    needed = Model(id="", format="", bytes=0, members=4, classes=(0, 1)).member_bytes(1_000)
    yield send(needed), send(needed - 1), 422


@case("max_members")
def members(make):
    api = make(max_members=3)
    pool = pool_of_rows(api.backend).id

    def send(count):
        models = [model_of(api.backend) for _ in range(count)]
        return api.score(pool, {"name": "bald"}, committee=models)

    yield send(3), send(4), 422


@case("max_classes")
def classes(make):
    api = make(max_classes=3)
    pool = api.pool()

    def send(count):
        path = f"/v1/pools/{pool}/predictions?kind=probs&classes={count}"
        return api.client.post(path, data=b"{}", content_type="application/json")

    yield send(3), send(4), 422

    def train(count):
        labels = [f"class {n}" for n in range(count)]
        own = labelled_pool(api.backend, 40, labels)
        return api.client.post("/v1/trainings", json={"pool": own.id, "estimator": LOGISTIC})

    yield train(3), train(4), 422


@case("max_page")
def page(make):
    api = make(max_page=3)
    ranking = ranking_of(api.backend, api.pool(), [1, 2, 3])
    path = f"/v1/rankings/{ranking}"

    yield *(api.client.get(f"{path}/items?n={n}") for n in (3, 4)), 422
    yield *(api.client.post(f"{path}/query", json={"n": n}) for n in (3, 4)), 422


@case("max_ids")
def ids(make):
    api = make(max_ids=2)
    pool = api.pool()
    ranking = ranking_of(api.backend, pool, [1, 2, 3])
    few, many = ["a", "b"], ["a", "b", "c"]
    post, put = api.client.post, api.client.put

    def label(names):
        return {"labels": [{"id": name, "label": 1} for name in names]}

    path = f"/v1/pools/{pool}"
    yield *(put(f"{path}/exclusions/s", json={"ids": each}) for each in (few, many)), 413
    patch = api.client.patch
    yield *(patch(f"{path}/exclusions/s", json={"add": each}) for each in (few, many)), 413
    yield *(put(f"{path}/labels", json=label(each)) for each in (few, many)), 413
    query = f"/v1/rankings/{ranking}/query"
    yield *(post(query, json={"exclude": each}) for each in (few, many)), 413
    lease = {"annotator": "Ada", "n": 0}
    path = f"/v1/rankings/{ranking}/leases"
    yield *(post(path, json={**lease, "exclude": each}) for each in (few, many)), 413
    batch = {"name": "k_center"}
    yield *(api.score(pool, batch, batch={"n": 1, "exclude": each}) for each in (few, many)), 413


@case("max_exclusion_sets")
def exclusion_sets(make):
    api = make(max_exclusion_sets=2)
    path = f"/v1/pools/{api.pool()}/exclusions"
    found = [api.client.put(f"{path}/{name}", json={"ids": []}) for name in "abca"]
    assert [each.status_code < 400 for each in found] == [True, True, False, True]
    yield found[1], found[2], 413


@case("max_predictions")
def predictions(make):
    api = make(max_predictions=2)
    pool = pool_of_rows(api.backend)

    def send():
        path = f"/v1/pools/{pool.id}/predictions?kind=probs"
        return api.client.post(path, data=b"{}", content_type="application/json")

    given(api.backend, pool, "probs")
    first = send()
    given(api.backend, pool, "probs")
    yield first, send(), 413
    assert len(api.backend.storage.indexed(Predictions, f"pool:{pool.id}")) == 2


@case("max_queued_jobs")
def queued_jobs(make):
    api = make(max_queued_jobs=2)
    found = [api.score(api.pool()) for _ in range(3)]
    yield found[1], found[2], 429


@case("max_workspace_jobs")
def workspace_jobs(make):
    api = make(max_workspace_jobs=2)
    pool = api.pool()
    found = [api.score(pool) for _ in range(3)]
    yield found[1], found[2], 429
    yield found[1], api.upload(b"x", pool), 429
    assert not [*(api.backend.files.root / "uploads").iterdir()][1:], "the refused body is gone"


@case("max_workspace_bytes")
def workspace_bytes(make):
    api = make(max_workspace_bytes=10)
    pool = empty_pool(api)
    yield api.upload(b"x" * 10, pool), api.upload(b"x", pool), 413
    api = make(max_workspace_bytes=10)
    pool = empty_pool(api)
    assert api.upload(b"x" * 4, pool).status_code == 202
    past = api.upload(b"x" * 7, pool)
    yield api.upload(b"x" * 6, pool), past, 413


@case("max_bodies")
def bodies(make):
    for slots, send in (
        (UPLOADS, lambda api: api.upload(b"x")),
        (BODIES, lambda api: api.client.post("/v1/pools", json={})),
    ):
        api = make(max_bodies=2)
        held = api.client.application.extensions[slots]
        held.acquire()
        at = send(api)
        held.acquire()
        yield at, send(api), 429


@case("max_waiters")
def waiters(make):
    api = make(max_waiters=2)
    held = api.client.application.extensions[WAITERS]
    path, prefer = f"/v1/jobs/{queued(api)}", {"Prefer": "wait=0"}
    held.acquire()
    at = api.client.get(path, headers=prefer)
    held.acquire()
    past = api.client.get(path, headers=prefer)
    assert at.headers["Preference-Applied"] == "wait=0"
    assert "Preference-Applied" not in past.headers, "it is answered at once"
    yield at, past, 200


@case("max_wait")
def wait(make):
    api = make(max_wait=0)
    path = f"/v1/jobs/{queued(api)}"
    at, past = (api.client.get(path, headers={"Prefer": f"wait={n}"}) for n in (0, 1))
    assert at.headers["Preference-Applied"] == past.headers["Preference-Applied"] == "wait=0"
    yield at, past, 200


@case("max_lease_items")
def lease_items(make):
    yield *(leases(make(max_lease_items=2), {"n": n})[0] for n in (2, 3)), 422


@case("max_lease_seconds")
def lease_seconds(make):
    yield *(leases(make(max_lease_seconds=5000), {"seconds": n})[0] for n in (5000, 5001)), 422
    api = make(max_lease_seconds=5000)
    path = f"/v1/leases/{leases(api, {'n': 1})[0].json['id']}/renew"
    yield *(api.client.post(path, json={"seconds": n}) for n in (5000, 5001)), 422


@case("max_leases")
def pool_leases(make):
    api = make(max_leases=2)
    found = leases(api, *[{"annotator": name} for name in ("Ada", "Bob", "Eve")])
    yield found[1], found[2], 429


@case("max_simulation_fits")
def simulation_fits(make):
    def send(limit):
        api = make(max_simulation_fits=limit)
        asked = {
            "pool": labelled_pool(api.backend).id,
            "estimators": [LOGISTIC],
            "functions": [{"name": "margin"}],
            "seeds": 2,
            "initial": {"size": 10},
            "budget": 5,
            "rounds": 4,
        }
        return api.client.post("/v1/simulations", json=asked)

    fits = int(re.search(r"are (\d+)", send(1).json["errors"][0]["detail"])[1])
    yield send(fits), send(fits - 1), 422


def empty_pool(api):
    return api.client.post("/v1/pools", json={}).json["id"]


def queued(api):
    job = Job(id=new_id(), task="score", request={})
    api.backend.storage.add(job)
    return job.id


def leases(api, *bodies):
    """Ask for leases of one ranking; return the answers."""
    ranking = ranking_of(api.backend, api.pool(), [1, 2, 3])
    path = f"/v1/rankings/{ranking}/leases"
    return [api.client.post(path, json={"annotator": "Ada", **body}) for body in bodies]


@pytest.mark.parametrize("name", list(Settings().limits()))
def test_what_keeps_to_a_limit_is_taken_and_one_more_is_not(make, name):
    if name in ELSEWHERE:
        file, _, test = ELSEWHERE[name].partition("::")
        text = (ROOT / file).read_text()
        assert name in text
        assert f"def {test}" in text
        return
    for at, past, status in CASES[name](make):
        assert at.status_code < 400, at.json
        assert past.status_code == status, past.json
        if status >= 400:
            assert past.content_type == "application/problem+json"
            assert name in past.get_data(as_text=True), "it says which limit"
        assert status != 429 or int(past.headers["Retry-After"]) > 0


def test_no_case_is_of_a_limit_that_there_is_not():
    assert not (CASES.keys() | ELSEWHERE.keys()) - Settings().limits().keys()
