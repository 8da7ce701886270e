"""Processes killed while they work: every job ends, the next one succeeds, and nothing is lost."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.operations import jobs
from service.records import Job
from tests.conftest import installation, until
from tests.models import digits, fitted, saved
from tests.processes import busy, children_of, command_line, kill, named, workers
from tests.scripted import BLOCK, entropies, scripted, shares, shares_pool
from tests.uploads import npy

ROWS = 10 * BLOCK
SLOW = "time.sleep(0.15)"  # for each block, 1.5 seconds in all
FINAL = {"succeeded", "failed", "cancelled"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    place = tmp_path_factory.mktemp("faults")
    with installation(place, heartbeat=1, allow_joblib="true") as (client, process):
        yield client, process.pid


@pytest.fixture(scope="module")
def client(running):
    return running[0]


@pytest.fixture(scope="module")
def serve(running):
    return running[1]


@pytest.fixture(scope="module")
def slow_pool(client):
    return shares_pool(client, ROWS)


@pytest.fixture(scope="module")
def paths(client):
    """Where all is read that was acknowledged before any fault."""
    pool = client.pool(npy(digits().items), "application/x-npy")
    model = client.model(saved(fitted("random_forest"), "skops"))
    ranking = client.rankings(pool, model, "entropy")["entropy"]
    labels = [{"id": str(row), "label": row % 10} for row in range(0, 500, 5)]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": labels}).status == 200
    assert client.put(f"/v1/pools/{pool}/exclusions/seen", {"ids": ["7", "8"]}).status == 200
    return (
        f"/v1/pools/{pool}",
        f"/v1/pools/{pool}/items?page_size=1000",
        f"/v1/pools/{pool}/labels?page_size=1000",
        f"/v1/pools/{pool}/exclusions",
        f"/v1/pools/{pool}/exclusions/seen",
        f"/v1/models/{model}",
        f"/v1/rankings/{ranking}",
        f"/v1/rankings/{ranking}/items?n=2000&exclude_set=seen",
    )


@pytest.fixture
def intact(client, paths, slow_pool, request):
    """Whatever the test does, all is there afterwards, and the next job succeeds."""
    before = [client.get(path).json for path in paths]
    yield
    assert [client.get(path).json for path in paths] == before
    quick = client.model(scripted("pass", f"after {request.node.name}"), "joblib")
    assert client.ended(submit(client, slow_pool, quick))["state"] == "succeeded"


def submit(client, pool, model):
    body = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    return client.post("/v1/scorings", body).json["id"]


@pytest.fixture
def job(client, slow_pool, request):
    """A job of this test's own that is half-way."""
    model = client.model(scripted(SLOW, request.node.name), "joblib")
    id = submit(client, slow_pool, model)
    until(lambda: done(client, id))
    return id


def done(client, job):
    return (client.get(f"/v1/jobs/{job}").json["progress"] or {}).get("done")


def check_ranking(client, job):
    """A job's ranking is what its model gives."""
    assert job["state"] == "succeeded", job
    assert job["progress"] == {"done": ROWS, "total": ROWS, "remaining_seconds": None}
    [ranking] = job["result"]["rankings"]
    rows = client.get(f"/v1/rankings/{ranking['id']}/items?n=50").json["items"]
    scores = entropies(ROWS)
    order = np.argsort(-scores, kind="stable")[:50]
    assert [(int(row["id"]), row["score"]) for row in rows] == [(r, scores[r]) for r in order]


def test_a_job_whose_horse_is_killed_is_run_once_more(client, serve, job, intact):
    [horse] = busy(serve).values()
    kill(horse)
    ended = client.ended(job)
    assert ended["attempts"] == 2
    check_ranking(client, ended)


def test_a_job_whose_horse_is_killed_twice_fails_and_says_so(client, serve, job, intact):
    for attempt in (1, 2):
        until(lambda n=attempt: client.get(f"/v1/jobs/{job}").json["attempts"] == n)
        [horse] = until(lambda: [*busy(serve).values()])
        kill(horse)
        until(lambda pid=horse: not command_line(pid))
    ended = client.ended(job)
    assert (ended["state"], ended["reason"], ended["attempts"]) == ("failed", "worker_lost", 2)
    assert ended["result"] is None


def test_jobs_whose_workers_are_killed_are_run_once_more(client, serve, slow_pool, intact):
    """One worker alone, one with its horse."""
    models = [client.model(scripted(SLOW, f"worker {n}"), "joblib") for n in range(2)]
    waiting = [submit(client, slow_pool, model) for model in models]
    until(lambda: all(done(client, each) for each in waiting))
    (alone, orphan), (worker, horse) = busy(serve).items()
    for pid in (alone, worker, horse):
        kill(pid)
    until(lambda: not command_line(orphan))  # it never outlives its worker
    for each in waiting:
        ended = client.ended(each)
        assert ended["attempts"] == 2
        check_ranking(client, ended)


def test_a_job_whose_worker_freezes_is_given_to_another_for_good(client, serve, job, intact):
    [(worker, horse)] = busy(serve).items()
    for pid in (worker, horse):
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: client.get(f"/v1/jobs/{job}").json["attempts"] == 2)
    finally:
        for pid in (worker, horse):
            os.kill(pid, signal.SIGCONT)
    until(lambda: busy(serve).get(worker) != horse)
    ended = client.ended(job)
    assert ended["attempts"] == 2
    check_ranking(client, ended)


def test_a_job_whose_sandbox_is_killed_ends_with_a_reason(client, serve, job, intact):
    [worker] = busy(serve)
    for zygote in named(worker, "workers.sandbox.zygote"):
        kill(zygote)
    ended = client.ended(job)
    assert ended["state"] == "succeeded" or ended["reason"] in ("crashed", "unavailable"), ended


def test_a_job_whose_model_process_is_killed_ends_with_a_reason(client, serve, job, intact):
    [worker] = busy(serve)
    [zygote] = named(worker, "workers.sandbox.zygote")
    [child] = children_of(zygote)
    kill(child)
    ended = client.ended(job)
    assert (ended["state"], ended["reason"]) == ("failed", "out_of_memory")


@pytest.mark.parametrize("who", ["one of its processes", "all of them"])
def test_a_job_does_not_notice_that_the_api_is_killed(client, serve, job, intact, who):
    [api] = named(serve, "service.processes.webserver")
    answering = children_of(api)
    victims = answering[:1] if who == "one of its processes" else [api, *answering]
    kill(victims[0])
    until(lambda: not any(map(command_line, victims)))
    ended = client.ended(job)
    assert ended["attempts"] == 1
    check_ranking(client, ended)


def test_a_job_survives_that_the_embedded_server_is_killed(client, serve, job, intact):
    [server] = named(serve, "valkey-server")
    kill(server)
    ended = client.ended(job)
    assert ended["state"] == "succeeded", ended
    check_ranking(client, ended)


def test_no_label_is_lost_when_the_embedded_server_is_killed(client, serve, intact):
    pool = client.pool(npy(shares(400)), "application/x-npy")

    def put(row):
        body = {"labels": [{"id": str(row), "label": row}]}
        return row, client.put(f"/v1/pools/{pool}/labels", body).status

    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(put, range(400))
        until(lambda: client.get(f"/v1/pools/{pool}/labels").json["total"] > 20)
        kill(*named(serve, "valkey-server"))
        acknowledged = {str(row): row for row, status in answers if status == 200}
    assert len(acknowledged) > 300
    found = client.get(f"/v1/pools/{pool}/labels?page_size=1000").json["labels"]
    assert acknowledged.items() <= {each["id"]: each["label"] for each in found}.items()


def test_jobs_that_wait_survive_that_everything_below_them_is_killed(client, serve, job, intact):
    model = client.model(scripted(SLOW, "waits"), "joblib")
    pool = shares_pool(client, 2 * BLOCK)
    waiting = [job, *(submit(client, pool, model) for _ in range(3))]
    until(lambda: client.get(f"/v1/jobs/{waiting[1]}").json["state"] == "running")
    for pid in (*workers(serve), *named(serve, "valkey-server")):
        kill(pid)
    ended = [client.ended(each) for each in waiting]
    assert {each["state"] for each in ended} == {"succeeded"}, ended


def test_every_job_ends_however_often_horses_are_killed(client, serve, intact):
    pool = shares_pool(client, 4 * BLOCK)
    models = [client.model(scripted("time.sleep(0.1)", f"h{n}"), "joblib") for n in range(16)]
    grown = client.pool(npy(shares(100)), "application/x-npy")
    waiting = [submit(client, pool, model) for model in models]
    for rows in range(201, 205):
        path = f"/v1/pools/{grown}/items"
        waiting.append(client.post(path, npy(shares(rows)), "application/x-npy").json["id"])
    chance = random.Random(0)
    for _ in range(8):
        horses = until(lambda: [*busy(serve).values()])
        time.sleep(chance.random() / 5)  # at any moment of its life
        horse = chance.choice(horses)
        if command_line(horse):
            kill(horse)
    ended = [client.ended(each, patience=90) for each in waiting]
    assert {each["state"] for each in ended} <= {"succeeded", "failed"}
    assert max(each["attempts"] for each in ended) <= 2
    for each in ended:
        if each["state"] == "failed":
            assert (each["reason"], each["attempts"]) == ("worker_lost", 2)
        for ranking in (each["result"] or {}).get("rankings", ()):
            answer = client.get(f"/v1/rankings/{ranking['id']}/items?n=1").json
            assert (answer["total"], answer["returned"]) == (4 * BLOCK, 1)
    entered = sum(each["result"]["rows"] for each in ended if "rows" in (each["result"] or {}))
    assert client.get(f"/v1/pools/{grown}").json["total"] == 100 + entered


def test_of_many_workers_with_one_ticket_one_gets_the_job(backend):
    for _ in range(20):
        job = jobs.submit(backend, Job(id=os.urandom(8).hex(), task="score", request={}))
        with ThreadPoolExecutor(8) as threads:
            taken = [*threads.map(lambda n: claim(backend, job, n), range(8))]  # noqa: B023 - now
        assert [each.attempts for each in taken if each] == [1]


def claim(backend, job, number):
    return jobs.claim(backend, job.id, job.ticket)
