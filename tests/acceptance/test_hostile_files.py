"""Each hostile file is refused by name, harms nobody, and leaves nothing behind."""

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from service.api.spreadsheets import BEGINNINGS, SPREADSHEET
from tests.client import Client
from tests.conftest import installation, until
from tests.hostile.corpus import CORPUS
from tests.hostile.file import ITEMS, LABELS, PREDICTIONS
from tests.processes import named, resident, workers
from tests.uploads import npy

MEBIBYTE = 1024**2
MEMORY_KEPT = 64 * MEBIBYTE
LONGEST_ANSWER = 100_000
SETTINGS = {
    "workers": 1,
    "allow_joblib": "true",
    "sandbox_memory": 512 * MEBIBYTE,
    "upload_timeout": 3,
    "max_item_values": 4096,
}
GOOD = npy(np.zeros((2, 2)))
ONE_OF_EACH_FORMAT = tuple({(each.kind, each.type): each for each in CORPUS}.values())
STRANGE_IDS = (
    '=HYPERLINK("http://192.0.2.1")',
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "'",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "a\x00b",
    "\x1b[2J",
    "\x7f\x85",
    "\u202egnp.exe",
    "\u2066a\u2069",
    "\ufeffa",
    "\u200b",
    "e\u0301",
    "é",
    "{{7*7}}",
    "*",
)
NOT_OURS = ("redis", "logs")


@dataclass(frozen=True)
class Place:
    """An installation, where its data is, and the one worker that it has."""

    client: Client
    home: Path
    worker: int
    zygote: int
    pool: str
    memory: int

    def files(self):
        """The names of all files of the data directory, the server's own of Redis apart."""
        return {
            str(path.relative_to(self.home))
            for path in self.home.rglob("*")
            if path.is_file() and path.relative_to(self.home).parts[0] not in NOT_OURS
        }

    def memory_now(self):
        """The bytes of memory that the worker and its zygote have."""
        return resident(self.worker) + resident(self.zygote)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    with installation(home, **SETTINGS) as (client, process):
        pool = client.pool(GOOD, "application/x-npy")
        (worker,) = workers(process.pid)
        (zygote,) = named(worker, "workers.sandbox.zygote")
        memory = resident(worker) + resident(zygote)
        yield Place(client, home, worker, zygote, pool, memory)
        assert workers(process.pid) == [worker]
        assert named(worker, "workers.sandbox.zygote") == [zygote]


def send(place, pool, hostile):
    """Send a hostile file; wait for its job, if it gets one."""
    body, client = hostile.make(), place.client
    if hostile.kind == LABELS:
        return client.send("PUT", f"/v1/pools/{pool}/labels", body, hostile.type)
    paths = {
        ITEMS: f"/v1/pools/{pool}/items",
        PREDICTIONS: f"/v1/pools/{pool}/predictions?kind=probs&classes=2",
    }
    path = paths.get(hostile.kind, f"/v1/models?format={hostile.type}")
    type = hostile.type if hostile.kind in paths else "application/octet-stream"
    return client.post(path, body, type, Prefer="wait=30")


@pytest.mark.parametrize("hostile", CORPUS, ids=str)
def test_a_hostile_file_is_refused_by_name_and_leaves_nothing_behind(place, hostile):
    before = place.files()
    about = place.client.get(f"/v1/pools/{place.pool}").json

    answer = send(place, place.pool, hostile)

    assert 400 <= answer.status < 500, answer.body[:500]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(answer.body) < LONGEST_ANSWER
    assert re.search(hostile.reason, answer.json["detail"]), answer.json["detail"]
    for word in ("Traceback", str(place.home), "site-packages", "onnxruntime::", ".py"):
        assert word not in answer.body.decode()
    assert place.client.get(f"/v1/pools/{place.pool}").json == about
    until(lambda: place.files() == before)
    assert place.memory_now() - place.memory < MEMORY_KEPT


@pytest.mark.parametrize("hostile", ONE_OF_EACH_FORMAT, ids=str)
def test_the_same_worker_takes_the_next_good_upload(place, hostile):
    assert 400 <= send(place, place.pool, hostile).status < 500
    assert place.client.pool(GOOD, "application/x-npy")


def test_ids_that_would_be_computed_rendered_or_hidden_come_back_unchanged(place):
    client = place.client
    items = [{"id": id, "features": [row]} for row, id in enumerate(STRANGE_IDS)]
    pool = client.pool(json.dumps({"items": items}).encode(), "application/json")
    ranking = client.rankings(pool, None, "random")["random"]
    labels = [{"id": id, "label": id} for id in STRANGE_IDS]
    assert client.put(f"/v1/pools/{pool}/labels", {"labels": labels}).status == 200
    reading = f"/v1/rankings/{ranking}/items?include_labelled=true"
    paths = {reading: "items", f"/v1/pools/{pool}/labels": "labels"}

    for path, name in paths.items():
        for kind in ("application/json", "application/x-ndjson", "text/csv", SPREADSHEET):
            answer = client.get(path, Accept=kind)
            assert answer.status == 200, answer.body
            assert "html" not in answer.headers["Content-Type"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert sorted(ids_in(answer, kind, name)) == sorted(STRANGE_IDS), kind


def ids_in(answer, kind, name):
    """The ids that an answer names; of a spreadsheet's, without their marks."""
    if kind == "application/json":
        return [each["id"] for each in answer.json[name]]
    if kind == "application/x-ndjson":
        return [json.loads(line)["id"] for line in answer.body.decode().split("\n")[:-1]]
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    texts = [row["id"] for row in rows] + [row.get("label", "") for row in rows]
    if kind == SPREADSHEET:
        assert not any(text.startswith(BEGINNINGS) for text in texts)
        return [row["id"].removeprefix("'") for row in rows]
    for row in rows:
        assert row.get("label", row["id"]) in (row["id"], json.dumps(row["id"]))
    return [row["id"] for row in rows]


def test_there_are_many_hostile_files():
    assert len(CORPUS) >= 60
    assert len({str(each) for each in CORPUS}) == len(CORPUS)
