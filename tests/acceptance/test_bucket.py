"""A whole installation whose files are in a bucket; a bucket that is away, or was never there."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from service.processes import bucket as demands
from service.processes.children import CannotStart
from tests.buckets import BUCKET, serving
from tests.conftest import installation, until
from tests.models import digits, fitted, saved
from tests.processes import descendants, named
from tests.uploads import npy

NPY = "application/x-npy"
LABELLED = 200


class Gate:
    """A port through which another is reached, unless it is closed."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.open = []
        self.listener = None
        self.port = 0

    def let_through(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):  # it is closed already
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                inner, outer = listener.accept()[0], socket.create_connection(self.target)
                self.open += [inner, outer]
                for pair in ((inner, outer), (outer, inner)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()


def forward(source, target):
    with contextlib.suppress(OSError):
        while block := source.recv(65_536):
            target.sendall(block)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def gate():
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        found = Gate(server.port)
        found.let_through()
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{found.port}")
        yield found
        found.close()
        for each in found.open:
            each.close()


@pytest.fixture(scope="module")
def running(gate, tmp_path_factory):
    place = tmp_path_factory.mktemp("bucket")
    with installation(place, storage_url=f"s3://{BUCKET}/all", workers=1) as (client, process):
        yield client, process.pid, place


@pytest.fixture(scope="module")
def client(running):
    return running[0]


@pytest.fixture(scope="module")
def pool(client):
    pool = client.pool(npy(digits().items[:400]), NPY)
    labels = [{"id": str(row), "label": int(digits().labels[row])} for row in range(LABELLED)]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": labels}).status == 200
    return pool


def test_what_jobs_share_and_leave_comes_through_the_bucket(client, pool):
    batch = {"n": 5, "exclude": ["0", "1"]}
    asked = {"pool": pool, "acquisitions": [{"name": "k_center"}], "batch": batch}
    job = client.finish("/v1/scorings", asked)
    [ranking] = job["result"]["rankings"]
    chosen = client.get(f"/v1/rankings/{ranking['id']}/items?n=5").json["items"]
    assert len({row["id"] for row in chosen} - {"0", "1"}) == 5

    probs = np.random.default_rng(0).dirichlet(np.ones(10), 400)
    given = client.predictions(pool, npy(probs), NPY, kind="probs", classes=10)
    asked = {"pool": pool, "predictions": given, "acquisitions": [{"name": "entropy"}]}
    [ranking] = client.finish("/v1/scorings", asked)["result"]["rankings"]
    [first] = client.get(f"/v1/rankings/{ranking['id']}/items?n=1").json["items"]
    entropies = -(probs * np.log(probs)).sum(axis=1)
    assert first["id"] == str(LABELLED + int(np.argmax(entropies[LABELLED:])))

    simulation = {
        "pool": pool,
        "estimators": [{"name": "naive_bayes"}],
        "functions": [{"name": "entropy"}],
        "initial": {"size": 20, "draw": "random"},
        "budget": 10,
        "rounds": 2,
        "seeds": 1,
    }
    job = client.finish("/v1/simulations", simulation)
    rounds = client.get(f"/v1/simulations/{job['result']['simulation']}/rounds").json
    assert rounds


def test_no_process_that_opens_clients_bytes_knows_the_keys(running):
    _, serve, _ = running
    told = {pid: environment(pid) for pid in descendants(serve)}
    knowing = {pid for pid, text in told.items() if b"secret-of-the-bucket" in text}
    zygotes = {pid for pid, text in told.items() if text and b"SHORTLIST_" not in text}
    assert knowing
    assert zygotes
    assert not knowing & zygotes


def environment(pid):
    """The variables of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_bucket_that_is_away_is_answered_with_503_and_ridden_out_by_workers(
    client, gate, pool, running
):
    model = client.model(saved(fitted("gaussian_nb"), "skops"))
    [worker] = named(running[1], "-m workers ")
    until(lambda: not named(worker, "-m workers "))  # it may still tidy up
    gate.close()
    try:
        answer = client.post(f"/v1/pools/{pool}/items", npy(digits().items[:5]), NPY)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        asked = {"pool": pool, "acquisitions": [{"name": "random"}]}
        job = client.post("/v1/scorings", asked).json["id"]
        until(lambda: client.get(f"/v1/jobs/{job}").json["state"] == "running")
    finally:
        gate.let_through()

    ended = client.ended(job)

    assert (ended["state"], ended["attempts"]) == ("succeeded", 1)
    assert client.send("DELETE", f"/v1/models/{model}").status == 204
    uploads = running[2] / "uploads"
    assert list(uploads.iterdir()) == []


def test_a_bucket_that_cannot_be_used_is_refused_at_the_start(gate, monkeypatch):
    with pytest.raises(CannotStart, match=r"nowhere.* does not exist"):
        demands.check("s3://nowhere/at-all")
    assert demands.attempt(f"s3://{BUCKET}/other") is None
    assert "nosuch" in demands.attempt("nosuch://bucket")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(demands, "PATIENCE", 0.1)
    assert "cannot be reached" in demands.attempt(f"s3://{BUCKET}/other")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in demands.attempt(f"s3://{BUCKET}/other")
