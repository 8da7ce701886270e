"""The main job over HTTP: a pool, a model, scores, and every row as it is computed here."""

import hashlib

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import LinearSVC

from service.acquisition import REGISTRY
from tests.conftest import until
from tests.models import digits, fitted, quietly, saved
from tests.uploads import as_multipart, npy

LABELLED = 500
FUNCTIONS = ("entropy", "least_confidence", "margin", "variance_probs", "random")
FORMULAS = {
    "entropy": lambda p: -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(axis=1),
    "least_confidence": lambda p: 1 - p.max(axis=1),
    "margin": lambda p: np.sort(p, axis=1)[:, -2] - np.sort(p, axis=1)[:, -1],
    "variance_probs": lambda p: -p.var(axis=1),
}


@pytest.fixture(scope="module")
def forest():
    data = digits()
    model = RandomForestClassifier(500, random_state=0)
    return model.fit(data.items[:LABELLED], data.labels[:LABELLED])


@pytest.fixture(scope="module")
def artifact(forest):
    return saved(forest, "skops")


@pytest.fixture(scope="module")
def model(live, artifact):
    return live.model(artifact)


def uploaded(client, rows):
    """A pool of some digits, which are named by their row."""
    ids = [f"d{row}" for row in rows]
    media_type, body = as_multipart(ids, digits().items[rows], {})
    return client.pool(body, media_type)


@pytest.fixture(scope="module")
def pool(live):
    return uploaded(live, range(len(digits().items)))


@pytest.fixture(scope="module")
def slow(live, model):
    """What it takes the model long to score: 200,000 digits."""
    return live.pool(npy(np.resize(digits().items.astype(np.float32), (200_000, 64))), NPY), model


NPY = "application/x-npy"


def asked(pool, model, *functions):
    named = [{"name": each} if isinstance(each, str) else each for each in functions]
    return {"pool": pool, "model": model, "acquisitions": named}


def everything(client, ranking, **arguments):
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    return client.get(f"/v1/rankings/{ranking}/items?n=100000&{query}").json["items"]


def triples(rows):
    return [(row["rank"], row["id"], row["score"]) for row in rows]


def ranked(scores, ids):
    """Ids with scores, the highest first, equal ones in the order given."""
    order = np.argsort(-scores, kind="stable")
    return [(place + 1, ids[row], scores[row]) for place, row in enumerate(order)]


@pytest.fixture(scope="module")
def done(live, pool, model):
    """The first scoring of the pool, by every function at once."""
    return live.finish("/v1/scorings", asked(pool, model, *FUNCTIONS))


@pytest.fixture(scope="module")
def rankings(done):
    return {each["acquisition"]: each["id"] for each in done["result"]["rankings"]}


def test_several_functions_cost_one_pass_and_a_second_job_none(live, pool, model, done):
    total = len(digits().items)
    assert done["result"]["items"] == {"total": total, "cached": 0, "predicted": total}
    assert done["progress"] == {"done": total, "total": total, "remaining_seconds": None}
    again = live.finish("/v1/scorings", asked(pool, model, "entropy"))
    assert again["result"]["items"] == {"total": total, "cached": total, "predicted": 0}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_row_is_what_the_formula_gives_here(live, forest, rankings, name):
    items = digits().items
    scores = FORMULAS[name](forest.predict_proba(items))
    ids = [f"d{row}" for row in range(len(items))]
    assert triples(everything(live, rankings[name])) == ranked(scores, ids)


def test_the_raw_score_is_the_fields_own_quantity(live, rankings):
    for name, ranking in rankings.items():
        sign = -1 if name in ("margin", "variance_probs") else 1
        rows = everything(live, ranking)
        assert all(row["raw_score"] == sign * row["score"] for row in rows)


def test_the_ascending_order_keeps_equal_scores_in_pool_order(live, rankings):
    rows = everything(live, rankings["least_confidence"], order="asc")
    scores = [row["score"] for row in rows]
    assert len(set(scores)) < len(scores)
    assert rows == sorted(rows, key=lambda row: (row["score"], int(row["id"][1:])))
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))


def test_a_ranking_says_where_it_comes_from(live, pool, artifact, done, rankings):
    part = live.get(f"/v1/pools/{pool}").json["parts"][0]["id"]
    for name, id in rankings.items():
        ranking = live.get(f"/v1/rankings/{id}").json
        expected = {"job": done["id"], "pool": pool, "parts": [part], "acquisition": name}
        assert expected.items() <= ranking.items()
        assert ranking["source"] == {"model": hashlib.sha256(artifact).hexdigest()}
        assert set(ranking["parameters"]) == {each.name for each in REGISTRY[name].parameters}
        asked_model = {"scikit-learn", "skops"} if REGISTRY[name].needs_predictions else set()
        assert ranking["versions"].keys() == {"numpy", "shortlist"} | asked_model
        assert ranking["submitted_at"] < ranking["started_at"] < ranking["created_at"]
        assert sum(ranking["summary"]["histogram"]["counts"]) == ranking["total"] == 1797


def test_random_scores_belong_to_the_ids_in_whatever_pool_and_order(live):
    rows = np.random.default_rng(0).permutation(300)
    pools = [uploaded(live, range(200)), uploaded(live, rows)]
    found = []
    for pool in pools:
        ranking = live.rankings(pool, None, "random")["random"]
        found.append({row["id"]: row["score"] for row in everything(live, ranking)})
    assert found[0].items() <= found[1].items()
    assert len(set(found[1].values())) == 300
    seeded = {"name": "random", "parameters": {"seed": 1}}
    other = everything(live, live.rankings(pools[1], None, seeded)["random"])
    assert all(row["score"] != found[1][row["id"]] for row in other)


def test_after_an_append_only_the_new_part_is_predicted(live, forest, model):
    pool = uploaded(live, range(600))
    live.rankings(pool, model, "margin")
    later = range(600, 900)
    media_type, body = as_multipart([f"d{row}" for row in later], digits().items[later], {})
    live.finish(f"/v1/pools/{pool}/items", body, media_type)
    job = live.finish("/v1/scorings", asked(pool, model, "margin"))
    assert job["result"]["items"] == {"total": 900, "cached": 600, "predicted": 300}
    scores = FORMULAS["margin"](forest.predict_proba(digits().items[:900]))
    rows = everything(live, job["result"]["rankings"][0]["id"])
    assert triples(rows) == ranked(scores, [f"d{row}" for row in range(900)])


@pytest.fixture(scope="module")
def unsure_model(live):
    data = digits()
    machine = quietly(LinearSVC().fit, data.items[:100], data.labels[:100])
    return live.model(saved(machine, "skops"))


@pytest.fixture(scope="module")
def iris_model(live):
    return live.model(saved(fitted("gaussian_nb"), "skops"))


@pytest.mark.parametrize(
    ("model_of", "function", "pointer", "word"),
    [
        ("model", "no_such", "/acquisitions/0/name", "entropy"),
        ("model", {"name": "entropy", "parameters": {"x": 1}}, "/acquisitions/0/parameters/x", ""),
        ("iris_model", "entropy", "/model", "4 features"),
        ("unsure_model", "entropy", "/acquisitions/0/name", "LinearSVC"),
        ("", "entropy", "/acquisitions/0/name", "name a model"),
    ],
)
def test_a_wrong_pairing_is_refused_at_submission(request, model_of, function, pointer, word):
    live, pool = request.getfixturevalue("live"), request.getfixturevalue("pool")
    model = request.getfixturevalue(model_of) if model_of else None
    answer = live.post("/v1/scorings", asked(pool, model, function))
    assert answer.status == 422
    [fault] = answer.json["errors"]
    assert fault["pointer"] == pointer
    assert word in fault["detail"]


def test_the_same_key_gives_the_same_job_and_another_body_is_refused(live, pool):
    first, second = (
        live.post("/v1/scorings", asked(pool, None, "random"), Idempotency_Key="once")
        for _ in range(2)
    )
    assert (first.status, second.status) == (202, 202)
    assert first.json["id"] == second.json["id"]
    assert first.headers["Location"] == second.headers["Location"]
    other = {"name": "random", "parameters": {"seed": 1}}
    answer = live.post("/v1/scorings", asked(pool, None, other), Idempotency_Key="once")
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "Idempotency-Key"


def test_a_submission_that_waits_is_answered_with_the_result(live, pool):
    answer = live.post("/v1/scorings", asked(pool, None, "random"), Prefer="wait=20")
    assert answer.status == 201
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert live.get(answer.json["links"]["rankings"][0]).status == 200


def submitted(client, pool, model):
    answer = client.post("/v1/scorings", asked(pool, model, "entropy"))
    assert answer.status == 202
    assert int(answer.headers["Retry-After"]) > 0
    return answer.headers["Location"]


def test_a_running_job_shows_progress_and_can_be_cancelled(live, slow):
    job = submitted(live, *slow)
    until(lambda: (live.get(job).json["progress"] or {}).get("done"))
    seen = live.get(job).json
    assert seen["state"] == "running"
    assert 0 < seen["progress"]["done"] < seen["progress"]["total"] == 200_000
    assert live.post(f"{job}/cancel").status == 202
    ended = live.ended(seen["id"])
    assert (ended["state"], ended["reason"], ended["result"]) == ("cancelled", "cancelled", None)
    assert live.post(f"{job}/cancel").json["state"] == "cancelled"


def test_a_waiting_job_knows_its_place_and_can_be_cancelled(live, slow):
    running = [submitted(live, *slow) for _ in range(2)]
    until(lambda: all(live.get(job).json["state"] == "running" for job in running))
    waiting = [submitted(live, *slow) for _ in range(2)]
    assert [live.get(job).json["queue_position"] for job in waiting] == [0, 1]
    cancelled = live.post(f"{waiting[0]}/cancel").json
    assert (cancelled["state"], cancelled["attempts"]) == ("cancelled", 0)
    assert live.get(waiting[1]).json["queue_position"] == 0
    for job in (waiting[1], *running):
        live.post(f"{job}/cancel")
        assert live.ended(live.get(job).json["id"])["state"] == "cancelled"


def test_a_job_that_has_ended_cannot_be_cancelled(live, done):
    answer = live.post(f"/v1/jobs/{done['id']}/cancel")
    assert (answer.status, answer.json["code"]) == (409, "conflict")


def test_what_is_deleted_is_gone(live):
    pool, model = uploaded(live, range(50)), live.model(saved(fitted("random_forest"), "skops"))
    made = live.rankings(pool, model, "entropy", "margin")
    paths = [f"/v1/rankings/{made['entropy']}", f"/v1/models/{model}", f"/v1/pools/{pool}"]
    for path in paths:
        assert live.get(path).status == 200
        assert live.send("DELETE", path).status == 204
        assert live.get(path).status == 404
        assert live.send("DELETE", path).status == 404
    for path in (f"/v1/rankings/{made['margin']}", f"/v1/rankings/{made['margin']}/items"):
        assert live.get(path).json["code"] == "ranking_not_found"
