"""A backup of a service that goes on working, restored elsewhere; and Redis lost, files left."""

import json
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from service.records import ADMIN
from tests.client import Client
from tests.conftest import installation, until
from tests.populated import IDS, ITEMS, populate

READ = (
    "/v1/pools",
    "/v1/pools/{pool_id}",
    "/v1/pools/{pool_id}/items",
    "/v1/pools/{pool_id}/predictions",
    "/v1/pools/{pool_id}/predictions/{predictions_id}",
    "/v1/models",
    "/v1/models/{model_id}",
    "/v1/rankings",
    "/v1/rankings/{ranking_id}",
    "/v1/simulations",
    "/v1/simulations/{simulation_id}/rounds",
)
"""What is answered from files and the records that they tell of."""
ONLY_IN_REDIS = (
    "/v1/pools/{pool_id}/labels",
    "/v1/pools/{pool_id}/labels/classes",
    "/v1/pools/{pool_id}/exclusions",
    "/v1/pools/{pool_id}/exclusions/held",
    "/v1/rankings/{ranking_id}/items?n=40",
    "/v1/leases/{lease_id}",
    "/v1/jobs",
    "/v1/jobs/{job_id}",
    "/v1/learners",
    "/v1/learners/{learner_id}",
)
UNLABELLED = "/v1/rankings/{ranking_id}/items?n=40&include_labelled=true"
BACKUP_FILES = "files"


def shortlist(*arguments):
    """Run a command; return how it ended and what it said."""
    command = [sys.executable, "-m", "service.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def succeed(*arguments):
    """Run a command that must succeed; return what it printed."""
    done = shortlist(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def key(client, home, workspace):
    """Return a client with a new key of a workspace."""
    asked = ("--data-dir", home, "create", "--workspace", workspace, "--scopes", ADMIN)
    return replace(client, key=succeed("keys", *asked).split("\n")[0])


def answers(client, known, paths):
    """Return what is answered, byte for byte."""
    found = {path: client.get(path.format(**known)) for path in paths}
    assert [path for path, answer in found.items() if answer.status != 200] == []
    return {path: answer.body for path, answer in found.items()}


@dataclass(frozen=True)
class Made:
    """A workspace with one of everything: its client, the ids, and what is answered."""

    client: Client
    known: dict
    told: dict

    def elsewhere(self, client):
        """The same key at another service."""
        return replace(self.client, url=client.url)


def made(client):
    """Fill a workspace."""
    known = populate(client)
    for job in client.get("/v1/jobs").json["jobs"]:
        client.ended(job["id"])
    return Made(client, known, answers(client, known, (*READ, *ONLY_IN_REDIS, UNLABELLED)))


@contextmanager
def writing(client):
    """Make, label, score and delete pools, without end, meanwhile; give what was acknowledged."""
    ended, labelled, failures = threading.Event(), {}, []

    def write():
        kept = client.pool(ITEMS, "application/json")
        number = 0
        while not ended.is_set():
            number += 1
            label = {"labels": [{"id": id, "label": str(number)} for id in IDS]}
            if client.put(f"/v1/pools/{kept}/labels", label).status == 200:
                labelled[kept] = number
            pool = client.pool(ITEMS, "application/json")
            items = [{"id": id, "probs": [0.5, 0.5]} for id in IDS]
            said = {"classes": ["a", "b"], "items": items}
            given = client.predictions(pool, said, kind="probs")
            asked = {"pool": pool, "predictions": given, "acquisitions": [{"name": "margin"}]}
            client.finish("/v1/scorings", asked)
            if number % 2 and client.send("DELETE", f"/v1/pools/{pool}").status != 204:
                failures.append(pool)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        until(lambda: not thread.is_alive() or (labelled and min(labelled.values()) > 2))
        yield labelled
    finally:
        ended.set()
        thread.join()
        assert not failures


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return tmp_path_factory.mktemp("backup")


@pytest.fixture(scope="module")
def saved(places):
    """Two workspaces as they were, a third that was written to, and what it acknowledged before."""
    home, target = places / "home", places / "saved"
    with installation(home, workers=1) as (client, _):
        busy = key(client, home, "busy")
        workspaces = [made(key(client, home, name)) for name in ("default", "alpha")]
        gone = workspaces[0].client.pool(ITEMS, "application/json")
        assert workspaces[0].client.send("DELETE", f"/v1/pools/{gone}").status == 204
        with writing(busy) as labelled:
            before = dict(labelled)
            said = succeed("backup", target, "--data-dir", home)
        assert "is a backup" in said
        assert "LEFT OUT" not in said
        for each in workspaces:
            assert answers(each.client, each.known, READ)["/v1/pools"], "it goes on"
    return workspaces, busy, before


def test_all_answers_are_equal_after_a_restoration_elsewhere(saved, places):
    workspaces, busy, before = saved
    home = places / "restored"
    succeed("restore", places / "saved", "--data-dir", home)

    with installation(home, workers=1) as (client, _):
        for each in workspaces:
            told = {path: body for path, body in each.told.items() if path != "/v1/jobs"}
            assert answers(each.elsewhere(client), each.known, told) == told
        assert client.get("/v1/pools").status == 401
        check_whole(replace(busy, url=client.url), before)
        mine = workspaces[1].elsewhere(client)
        asked = {"pool": workspaces[1].known["pool_id"], "model": workspaces[1].known["model_id"]}
        mine.finish("/v1/scorings", {**asked, "acquisitions": [{"name": "entropy"}]})


def check_whole(client, before):
    """Everything listed can be read, and everything acknowledged before is there."""
    for kept, number in before.items():
        labels = client.get(f"/v1/pools/{kept}/labels").json["labels"]
        said = {each["label"] for each in labels}
        assert len(labels) == len(IDS)
        assert len(said) == 1, "the labels of one request stand together"
        assert int(said.pop()) >= number
    pools = client.get("/v1/pools?page_size=1000").json["pools"]
    rankings = client.get("/v1/rankings?page_size=1000").json["rankings"]
    assert len(pools) > 1
    for pool in pools:
        parts = client.get(f"/v1/pools/{pool['id']}/items").json["items"]
        assert len(parts) in (0, len(IDS))
    for ranking in rankings:
        assert len(client.get(f"/v1/rankings/{ranking['id']}/items?n=40").json["items"]) > 1
    for job in client.get("/v1/jobs?page_size=1000").json["jobs"]:
        ended = client.ended(job["id"])
        deleted = job["request"]["pool"] not in {pool["id"] for pool in pools}
        sent_again = ended["error"] and "send it again" in ended["error"]["detail"]
        assert ended["state"] == "succeeded" or deleted or sent_again, ended


def test_a_restoration_where_something_is_changes_nothing(saved, places):
    home = places / "used"
    home.mkdir()
    (home / "mine").write_text("mine")

    done = shortlist("restore", places / "saved", "--data-dir", home)

    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert [path.name for path in home.iterdir()] == ["mine"]
    again = shortlist("backup", places / "saved", "--data-dir", places / "home")
    assert "is not empty" in again.stderr


@pytest.mark.parametrize("damage", ["flipped", "missing", "keys", "manifest", "unfinished"])
def test_a_damaged_backup_is_refused_and_the_damage_named(saved, places, damage, tmp_path):
    copy, home = tmp_path / "copy", tmp_path / "home"
    shutil.copytree(places / "saved", copy)
    ranking = saved[0][1].known["ranking_id"]
    scores = copy / f"files/workspaces/alpha/rankings/{ranking}/scores.npy"
    manifest = copy / "manifest.json"
    path = {"keys": copy / "redis.ndjson", "manifest": manifest}.get(damage, scores)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    if damage == "missing":
        scores.unlink()
    if damage == "unfinished":
        manifest.unlink()

    done = shortlist("restore", copy, "--data-dir", home)

    named = manifest if damage in ("manifest", "unfinished") else path.relative_to(copy)
    assert done.returncode == 1
    assert named.name in done.stderr
    assert not home.exists()


def test_a_lost_redis_is_rebuilt_from_the_files_as_far_as_they_tell(saved, places, tmp_path):
    workspaces, _, _ = saved
    home = tmp_path / "home"
    shutil.copytree(places / "home", home, ignore=shutil.ignore_patterns("redis", "lock"))

    said = succeed("rebuild", "--data-dir", home)

    assert "labels" in said
    assert "Left out" not in said
    with installation(home, workers=1) as (client, _):
        assert client.get("/v1/pools").status == 200, "the keys are lost"
        for each in workspaces:
            name = "alpha" if each is workspaces[1] else "default"
            mine = key(client, home, name)
            told = {path: each.told[path] for path in (*READ, UNLABELLED)}
            found = answers(mine, each.known, told)
            assert without_counts(found) == without_counts(told)
            assert mine.get(f"/v1/pools/{each.known['pool_id']}/labels").json["labels"] == []
            asked = {"pool": each.known["pool_id"], "model": each.known["model_id"]}
            mine.finish("/v1/scorings", {**asked, "acquisitions": [{"name": "entropy"}]})
    done = shortlist("rebuild", "--data-dir", home)
    assert "Redis is not lost" in done.stderr


def without_counts(told):
    """What is answered, but for how many items are labelled."""
    return {
        path: json.dumps(json.loads(body, object_hook=uncounted)) for path, body in told.items()
    }


def uncounted(found):
    return {name: value for name, value in found.items() if name not in ("labelled", "eligible")}
