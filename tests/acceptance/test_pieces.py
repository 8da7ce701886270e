"""A scoring shared by several workers: the same ranking, whoever dies, and nothing done twice."""

import numpy as np
import pytest

from tests.conftest import installation, until
from tests.processes import busy, command_line, kill
from tests.scripted import BLOCK, entropies, scripted, shares, shares_pool
from tests.uploads import npy

PARTS = 6
ROWS = PARTS * BLOCK
SLOW = "time.sleep(0.4)"  # for each block, and each part is one
FUNCTIONS = [
    {"name": "entropy"},
    {"name": "random", "parameters": {"seed": 3}},
    {"name": "weighted_sum", "of": [{"name": "margin"}, {"name": "random"}]},
    {"name": "dmbal"},
]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    place = tmp_path_factory.mktemp("pieces")
    settings = {"heartbeat": 1, "allow_joblib": "true", "piece_items": 2 * BLOCK}
    with installation(place, **settings) as (client, process):
        yield client, process.pid


@pytest.fixture(scope="module")
def client(running):
    return running[0]


@pytest.fixture(scope="module")
def serve(running):
    return running[1]


@pytest.fixture(scope="module")
def pool(client):
    """The items of `shares_pool`, in several parts."""
    id = client.post("/v1/pools", {"name": "in parts"}).json["id"]
    for part in np.split(shares(ROWS), PARTS):
        client.finish(f"/v1/pools/{id}/items", npy(part), "application/x-npy")
    return id


def submit(client, pool, model, functions=({"name": "entropy"},)):
    batch = {"batch": {"n": 5}} if len(functions) > 1 else {}
    body = {"pool": pool, "model": model, "acquisitions": list(functions), **batch}
    return client.post("/v1/scorings", body).json["id"]


def rows(client, job):
    return [
        client.get(f"/v1/rankings/{each['id']}/items?n=500").json["items"]
        for each in job["result"]["rankings"]
    ]


def done(client, job):
    return client.get(f"/v1/jobs/{job}").json["progress"]["done"]


def check_ranking(client, job):
    assert job["state"] == "succeeded", job
    scores = entropies(ROWS)
    order = np.argsort(-scores, kind="stable")[:500].tolist()
    [found] = rows(client, job)
    assert [(int(row["id"]), row["score"]) for row in found] == [(r, scores[r]) for r in order]


def test_pieces_and_the_whole_give_the_same_to_the_last_bit(client, pool):
    model = client.model(scripted("pass", "the same"), "joblib")
    whole = shares_pool(client, ROWS)
    shared = client.ended(submit(client, pool, model, FUNCTIONS))
    alone = client.ended(submit(client, whole, model, FUNCTIONS))

    assert rows(client, shared) == rows(client, alone)
    assert shared["progress"] == alone["progress"]
    assert shared["result"]["items"] == alone["result"]["items"]
    assert shared["result"]["items"] == {"total": ROWS, "cached": 0, "predicted": ROWS}


def test_what_was_uploaded_of_some_items_is_scored_in_pieces_too(client, pool):
    known = list(range(0, ROWS, 3))
    first = shares(ROWS)[known, 0]
    said = zip(map(str, known), np.c_[first, 1 - first].tolist(), strict=True)
    items = {"items": [{"id": id, "probs": probs} for id, probs in said], "classes": ["a", "b"]}
    given = client.predictions(pool, items, kind="probs")
    body = {"pool": pool, "predictions": given, "acquisitions": [{"name": "entropy"}]}
    job = client.finish("/v1/scorings", body)

    [found] = rows(client, job)
    order = [row for row in np.argsort(-entropies(ROWS), kind="stable").tolist() if row % 3 == 0]
    assert [int(row["id"]) for row in found] == order[:500]


def test_all_workers_share_one_job_and_progress_is_their_sum(client, serve, pool):
    job = submit(client, pool, client.model(scripted(SLOW, "shared"), "joblib"))
    until(lambda: len(busy(serve)) == 2)
    seen = []
    until(lambda: seen.append(done(client, job)) or seen[-1] == ROWS)

    assert seen == sorted(seen)
    assert len(set(seen)) > 3, seen
    check_ranking(client, client.ended(job))


@pytest.mark.parametrize("who", ["the horse", "the worker and its horse", "both horses"])
def test_a_dead_worker_delays_only_its_piece(client, serve, pool, who):
    job = submit(client, pool, client.model(scripted(SLOW, who), "joblib"))
    until(lambda: len(busy(serve)) == 2 and done(client, job))
    for worker, horse in [*busy(serve).items()][: 2 if who.startswith("both") else 1]:
        if "worker" in who:
            kill(worker)
        kill(horse)
        until(lambda pid=horse: not command_line(pid))
    ended = client.ended(job)

    check_ranking(client, ended)
    assert ended["attempts"] == 1 or "worker" in who
    assert ended["result"]["items"]["total"] == ROWS


def test_cancelling_stops_every_piece(client, serve, pool):
    job = submit(client, pool, client.model(scripted(SLOW, "cancelled"), "joblib"))
    until(lambda: len(busy(serve)) == 2 and done(client, job))
    client.post(f"/v1/jobs/{job}/cancel")

    assert client.ended(job)["state"] == "cancelled"
    until(lambda: not busy(serve))
    assert done(client, job) < ROWS


def test_a_piece_that_fails_ends_the_job_with_its_reason(client, serve, pool):
    deed = f"assert not (items[:, 0] == {shares(ROWS)[3 * BLOCK, 0]!r}).any(), 'not this one'"
    job = submit(client, pool, client.model(scripted(deed, "fails"), "joblib"))
    ended = client.ended(job)

    assert (ended["state"], ended["result"]) == ("failed", None)
    assert "not this one" in ended["error"]["detail"]
    until(lambda: not busy(serve))


def test_a_small_job_is_done_before_a_large_one_that_came_earlier(client, pool):
    large = submit(client, pool, client.model(scripted(SLOW, "large"), "joblib"))
    until(lambda: done(client, large))
    few = client.pool(npy(shares(10)), "application/x-npy")
    small = submit(client, few, client.model(scripted("pass", "small"), "joblib"))

    assert client.ended(small)["state"] == "succeeded"
    assert client.get(f"/v1/jobs/{large}").json["state"] == "running"
    check_ranking(client, client.ended(large))
