"""An API and two workers, each on a host of its own: they share Redis and a bucket only."""

import os
import re
import socket
import subprocess
from dataclasses import dataclass, field
from urllib.request import urlopen

import numpy as np
import pytest

from service.processes import embedded, webserver
from tests import untold
from tests.buckets import BUCKET, Server
from tests.client import Client
from tests.conftest import until
from tests.models import digits, fitted, saved
from tests.namespaces import network
from tests.processes import children_of, command_line
from tests.scripted import BLOCK, entropies, scripted, shares_pool
from tests.uploads import npy

KEY = "a-key-of-the-test"
REDIS_PORT, S3_PORT, API_PORT = 6379, 9000, 8000
ROWS = 10 * BLOCK
SLOW = "time.sleep(0.25)"  # for each block, 2.5 seconds in all
NPY = "application/x-npy"


@dataclass(frozen=True)
class Visitor(Client):
    """A client with a key, who goes to the hub to speak with the API."""

    hub: object = field(default=None, kw_only=True)

    def send(self, method, path, body=None, type="application/json", **headers):
        with self.hub.entered():
            return super().send(method, path, body, type, **headers, Authorization=f"Bearer {KEY}")


@dataclass(frozen=True)
class Site:
    """The client of the API, the hosts, and where they keep what."""

    client: Visitor
    hub: object
    hosts: dict
    place: object

    def busy(self):
        """The host whose worker has a work-horse, or None."""
        for name in ("one", "two"):
            workers = [pid for pid in self.hosts[name].pids if is_worker(pid)]
            if any(is_worker(child) for pid in workers for child in children_of(pid)):
                return name
        return None


def is_worker(pid):
    return "-m workers " in command_line(pid)


def listens(hub, port):
    try:
        with hub.entered():
            socket.create_connection((hub.address, port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("moto.server", reason="a bucket needs moto[server]")
    pytest.importorskip("s3fs", reason="a bucket needs s3fs")
    place = tmp_path_factory.mktemp("hosts")
    with network("api", "one", "two") as (hub, api, one, two):
        bucket = Server(hub.address, S3_PORT)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        hub.start(*bucket.command, **quiet)
        hub.start(*redis_command(hub, place), **quiet)
        until(lambda: listens(hub, S3_PORT) and listens(hub, REDIS_PORT))
        with hub.entered():
            bucket.make(BUCKET)
        variables = {**clean(os.environ), **bucket.environment, **settings(hub, api)}
        for host, command in ((api, "api"), (one, "worker"), (two, "worker")):
            directory = {"SHORTLIST_DATA_DIR": str(place / host.name)}
            host.shortlist(command, env={**variables, **directory}, stdout=subprocess.DEVNULL)
        url = f"http://{api.address}:{API_PORT}"
        client = Visitor(url, hub=hub)
        until(lambda: is_live(hub, url))
        yield Site(client, hub, {"api": api, "one": one, "two": two}, place)


def redis_command(hub, place):
    arguments = ("--bind", hub.address, "--port", str(REDIS_PORT), "--requirepass", "word")
    kept = ("--appendonly", "yes", "--save", "", "--dir", str(place))
    return str(embedded.binary()), *arguments, *kept


def settings(hub, api):
    return {
        "SHORTLIST_REDIS_URL": f"redis://:word@{hub.address}:{REDIS_PORT}/0",
        "SHORTLIST_STORAGE_URL": f"s3://{BUCKET}/here",
        "SHORTLIST_HOST": api.address,
        "SHORTLIST_PORT": str(API_PORT),
        "SHORTLIST_API_KEY": KEY,
        "SHORTLIST_ALLOW_JOBLIB": "true",
        "SHORTLIST_HEARTBEAT": "1",
    }


def clean(environ):
    return {name: text for name, text in untold(environ).items() if "SHORTLIST" not in name}


def is_live(hub, url):
    with hub.entered():
        return webserver.is_live(url)


def stored(site):
    """The paths of all objects in the bucket."""
    with (
        site.hub.entered(),
        urlopen(f"http://{site.hub.address}:{S3_PORT}/{BUCKET}?list-type=2", timeout=10) as answer,
    ):
        return re.findall(r"<Key>here/(.*?)</Key>", answer.read().decode())


def rows(client, ranking):
    return client.get(f"/v1/rankings/{ranking}/items?n=2000").json["items"]


def test_the_main_job_over_hosts_gives_what_it_gives_on_one(site, live):
    found = []
    for client in (site.client, live):
        pool = client.pool(npy(digits().items), NPY)
        model = client.model(saved(fitted("random_forest"), "skops"))
        entropy = client.rankings(pool, model, "entropy")["entropy"]
        asked = {"pool": pool, "model": model, "acquisitions": [{"name": "margin"}]}
        job = client.finish("/v1/scorings", asked)
        assert job["result"]["items"]["cached"] == len(digits().items)
        margin = job["result"]["rankings"][0]["id"]
        found.append([rows(client, entropy), rows(client, margin)])
    assert found[0] == found[1]


def test_what_is_deleted_leaves_the_bucket_and_what_hosts_keep_is_their_own(site):
    client = site.client
    before = stored(site)
    pool = client.pool(npy(digits().items[:50]), NPY)
    model = client.model(scripted("pass", "deleted"), "joblib")
    ranking = client.rankings(pool, None, "random")["random"]
    assert len(rows(client, ranking)) == 50
    kept = {name.split("/")[1] for name in stored(site) if name not in before}
    assert {"pools", "models", "rankings"} <= kept
    assert "uploads" not in kept
    assert not any((site.place / host.name / "pools").exists() for host in site.hosts.values())

    assert client.send("DELETE", f"/v1/pools/{pool}").status == 204
    assert client.send("DELETE", f"/v1/models/{model}").status == 204

    assert until(lambda: stored(site) == before)


def test_a_job_whose_host_vanishes_is_done_by_another(site):
    client = site.client
    pool = shares_pool(client, ROWS)
    model = client.model(scripted(SLOW, "vanished"), "joblib")
    body = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    job = client.post("/v1/scorings", body).json["id"]
    until(lambda: (client.get(f"/v1/jobs/{job}").json["progress"] or {}).get("done"))
    site.hosts[site.busy()].vanish()

    ended = client.ended(job)

    assert (ended["state"], ended["attempts"]) == ("succeeded", 2), ended
    scores = entropies(ROWS)
    order = np.argsort(-scores, kind="stable")[:2000]
    found = rows(client, ended["result"]["rankings"][0]["id"])
    assert [(int(row["id"]), row["score"]) for row in found] == [(r, scores[r]) for r in order]
