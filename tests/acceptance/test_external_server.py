"""The main job on a Redis of the operator's own, with the API and each worker run by themselves."""

import contextlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from service.processes import webserver
from service.redis_storage import connect
from tests.client import Client
from tests.conftest import until
from tests.models import digits, fitted, saved
from tests.processes import kill, named
from tests.scripted import BLOCK, entropies, scripted, shares_pool
from tests.uploads import npy

SERVER = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not installed")
ROWS = 10 * BLOCK


class Redis:
    """A server that can be killed and started again on what it kept."""

    def __init__(self, home):
        self.home = home
        self.url = f"unix://{home}/socket"
        self.process = None

    def start(self):
        options = {"port": "0", "unixsocket": self.home / "socket", "dir": self.home, "save": ""}
        options |= {"appendonly": "yes", "appendfsync": "always", "loglevel": "warning"}
        arguments = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen([SERVER, *arguments], stdout=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    until((server.home / "socket").exists)
    yield server
    server.kill()


@contextlib.contextmanager
def shortlist(environment, *arguments):
    """One process of Shortlist, ended in order."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def environment(redis, tmp_path_factory):
    inherited = {name: text for name, text in os.environ.items() if "SHORTLIST" not in name}
    return inherited | {
        "SHORTLIST_REDIS_URL": redis.url,
        "SHORTLIST_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "SHORTLIST_HEARTBEAT": "1",
        "SHORTLIST_ALLOW_JOBLIB": "true",
    }


@pytest.fixture(scope="module")
def workers(environment):
    with shortlist(environment, "worker") as first, shortlist(environment, "worker") as second:
        yield first, second


@pytest.fixture(scope="module")
def client(environment, workers):
    with shortlist(environment, "api", "--port", "0") as api:
        url = api.stdout.readline().split()[-1]
        until(lambda: webserver.is_live(url))
        yield Client(url)


@pytest.fixture(scope="module")
def pool(client):
    return client.pool(npy(digits().items), "application/x-npy")


@pytest.fixture(scope="module")
def model(client):
    return client.model(saved(fitted("random_forest"), "skops"))


def ranked(scores, n):
    order = np.argsort(-scores, kind="stable")[:n]
    return [(str(row), scores[row]) for row in order]


def top(client, job, n):
    ranking = job["result"]["rankings"][0]["id"]
    rows = client.get(f"/v1/rankings/{ranking}/items?n={n}").json["items"]
    return [(row["id"], row["score"]) for row in rows]


def asked(pool, model, function):
    return {"pool": pool, "model": model, "acquisitions": [{"name": function}]}


def test_the_main_job_gives_what_is_computed_here(client, pool, model):
    job = client.finish("/v1/scorings", asked(pool, model, "least_confidence"))
    probs = fitted("random_forest").predict_proba(digits().items)
    assert top(client, job, 1797) == ranked(1 - probs.max(axis=1), 1797)


def half_way(client, name):
    """A job of two seconds that has begun to show progress."""
    slow = client.model(scripted("time.sleep(0.2)", name), "joblib")
    job = client.post("/v1/scorings", asked(shares_pool(client, ROWS), slow, "entropy")).json["id"]
    until(lambda: (client.get(f"/v1/jobs/{job}").json["progress"] or {}).get("done"))
    return job


def test_nothing_is_lost_when_the_server_is_killed_half_way_through_a_job(client, redis, pool):
    labels = [{"id": str(row), "label": "seven"} for row in range(100)]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": labels}).json == {"labelled": 100}
    job = half_way(client, "killed")
    redis.kill()
    redis.start()
    ended = client.ended(job)
    assert ended["state"] == "succeeded", ended
    assert top(client, ended, 50) == ranked(entropies(ROWS), 50)
    found = client.get(f"/v1/pools/{pool}/labels").json
    kept = [{"id": each["id"], "label": each["label"]} for each in found["labels"]]
    assert (found["total"], kept) == (100, labels)
    again = client.finish("/v1/scorings", asked(pool, None, "random"))
    assert len(top(client, again, 2000)) == 1697


def test_a_worker_that_is_killed_leaves_its_job_to_the_others(client, redis, environment):
    models = [client.model(scripted("time.sleep(0.2)", f"left {n}"), "joblib") for n in range(3)]
    shared = shares_pool(client, ROWS)
    with shortlist(environment, "worker") as third, connect(redis.url) as connection:
        until(lambda: connection.scard("rq:workers") == 3)
        answers = [client.post("/v1/scorings", asked(shared, each, "entropy")) for each in models]
        jobs = [answer.json["id"] for answer in answers]
        until(lambda: all(client.get(f"/v1/jobs/{job}").json["attempts"] for job in jobs))
        assert named(third.pid, "-m workers ")
        kill(third.pid)
        ended = [client.ended(job) for job in jobs]
    assert {job["state"] for job in ended} == {"succeeded"}
    assert sorted(job["attempts"] for job in ended) == [1, 1, 2]


def test_workers_ride_out_that_the_server_is_away_for_a_while(client, redis, workers):
    job = half_way(client, "away")
    redis.kill()
    for _ in range(2):  # each is answered when the API itself has given up, after 5 seconds
        answer = client.get("/v1/pools")
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
    redis.start()
    ended = client.ended(job, patience=20)
    assert ended["state"] == "succeeded", ended
    assert [worker.poll() for worker in workers] == [None, None]
