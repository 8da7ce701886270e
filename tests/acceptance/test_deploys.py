"""What is told to stop ends in order: requests are finished, and jobs, or handed back unharmed."""

import contextlib
import http.client
import json
import os
import signal

import pytest

from service.processes import webserver
from service.records import Job
from tests.chaos.installation import Installation
from tests.client import Client
from tests.conftest import until
from tests.processes import busy, command_line
from tests.scripted import BLOCK, scripted, shares, shares_pool
from tests.uploads import npy

ROWS = 10 * BLOCK


@pytest.fixture(scope="module")
def shortlist(tmp_path_factory):
    made = Installation(
        tmp_path_factory.mktemp("d"), heartbeat=1, allow_joblib="true", drain_seconds=1
    )
    made.start()
    yield made
    with contextlib.suppress(ProcessLookupError):  # a test may have stopped it
        made.stop()


@pytest.fixture(scope="module")
def client(shortlist):
    return Client(shortlist.url)


@pytest.fixture(scope="module")
def pool(client):
    return shares_pool(client, ROWS)


def at_work(client, pool, seconds):
    """Begin a job that takes some seconds; return its id once it is half-way."""
    model = client.model(scripted(f"time.sleep({seconds / 10})", f"{seconds}"), "joblib")
    body = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    job = client.post("/v1/scorings", body).json["id"]
    until(lambda: (client.get(f"/v1/jobs/{job}").json["progress"] or {}).get("done"))
    return job


def tell_worker_to_stop(shortlist):
    [(worker, _)] = busy(shortlist.pid).items()
    os.kill(worker, signal.SIGTERM)
    return worker


def test_a_worker_that_is_told_to_stop_ends_the_job_it_is_at(shortlist, client, pool):
    job = at_work(client, pool, 2)
    worker = tell_worker_to_stop(shortlist)
    ended = client.ended(job)
    assert (ended["state"], ended["attempts"]) == ("succeeded", 1)
    until(lambda: not command_line(worker))


def test_a_long_job_is_handed_back_and_that_is_no_fault_of_its_own(shortlist, client, pool):
    job = at_work(client, pool, 30)
    worker = tell_worker_to_stop(shortlist)
    until(lambda: client.get(f"/v1/jobs/{job}").json["attempts"] == 2)
    assert shortlist.backend.storage.get(Job, job).handed_back == 1
    until(lambda: not command_line(worker))
    client.post(f"/v1/jobs/{job}/cancel")
    assert client.ended(job)["state"] == "cancelled"


def test_a_request_that_has_begun_is_finished_and_readiness_ends_first(shortlist, client):
    pool = client.post("/v1/pools", {"name": "deployed"}).json["id"]
    body = npy(shares(1000))
    path = f"/v1/pools/{pool}/items"
    slow = http.client.HTTPConnection("127.0.0.1", shortlist.port, timeout=30)
    slow.putrequest("POST", path)
    slow.putheader("Content-Type", "application/x-npy")
    slow.putheader("Content-Length", str(len(body)))
    slow.endheaders(body[:100])
    until(lambda: [*(shortlist.data_dir / "uploads").iterdir()])

    shortlist.process.send_signal(signal.SIGTERM)
    until(lambda: client.get("/readyz").status == 503)
    assert client.get("/livez").status == 200
    until(lambda: not webserver.is_live(shortlist.url))
    slow.send(body[100:])
    answer = slow.getresponse()
    assert answer.status == 202
    job = json.loads(answer.read())["id"]
    assert shortlist.process.wait(30) == 0

    shortlist.start()
    assert client.ended(job)["state"] == "succeeded"
    assert client.get(f"/v1/pools/{pool}").json["total"] == 1000
