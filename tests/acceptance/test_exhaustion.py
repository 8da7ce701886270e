"""A full disk, files that cannot be written, a Redis without memory: refused, and got over."""

import contextlib
import os
import subprocess

import pytest

from tests.chaos.installation import Installation
from tests.client import Client
from tests.conftest import until
from tests.models import digits, fitted, saved
from tests.uploads import npy

MIB = 1024**2
PAGE = 4096
DISK = 320 * MIB
"""A little more than the room below which uploads are refused."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")


@pytest.fixture(scope="module")
def shortlist(tmp_path_factory):
    root = tmp_path_factory.mktemp("e")
    try:
        mount("-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", root)
    except subprocess.CalledProcessError:
        pytest.skip("this machine lets nobody mount a small disk")
    made = Installation(root, heartbeat=1)
    made.start()
    yield made
    made.stop()
    unmount(root)


def mount(*arguments):
    command = ["/usr/bin/env", "mount", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)


def unmount(place):
    subprocess.run(["/usr/bin/env", "umount", place], check=True)


@pytest.fixture
def client(shortlist):
    return Client(shortlist.url)


@pytest.fixture
def pool(client):
    return client.pool(npy(digits().items), "application/x-npy")


@pytest.fixture
def intact(shortlist, client, pool):
    """What was acknowledged before is there afterwards, and everything works again."""
    path = f"/v1/pools/{pool}/labels"
    assert put(client, pool, 1) == 200
    yield
    until(lambda: answered(client, "/readyz") == 200)
    until(lambda: put(client, pool, 2) == 200)
    assert {"id": "1", "label": 1}.items() <= client.get(path).json["labels"][0].items()
    model = client.model(saved(fitted("random_forest"), "skops"))
    client.rankings(pool, model, "entropy")
    client.pool(npy(digits().items), "application/x-npy")
    for name in ("staging", "uploads", "work"):
        assert not [*(shortlist.data_dir / name).iterdir()]


def put(client, pool, row):
    return client.put(f"/v1/pools/{pool}/labels", {"labels": [{"id": str(row), "label": 1}]}).status


def answered(client, path):
    try:
        return client.get(path).status
    except OSError:
        return None


def upload(client, pool):
    answer = client.post(f"/v1/pools/{pool}/items", npy(digits().items), "application/x-npy")
    return answer.status, answer.json["code"]


@contextlib.contextmanager
def filled(place, left):
    """Leave so many bytes of a disk."""
    path = place / "filler"
    disk = os.statvfs(place)
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range((disk.f_bavail * disk.f_frsize - left) // PAGE):
                with contextlib.suppress(OSError):  # as full as can be
                    file.write(bytes(PAGE))
        yield
    finally:
        path.unlink()


def test_on_a_disk_that_is_nearly_full_uploads_are_refused_and_labels_are_not(
    shortlist, client, pool, intact
):
    with filled(shortlist.data_dir, 100 * MIB):
        assert upload(client, pool) == (507, "storage_full")
        assert put(client, pool, 3) == 200
    assert client.get(f"/v1/pools/{pool}").json["total"] == len(digits().items)


def test_a_full_disk_refuses_what_it_cannot_keep(shortlist, client, pool, intact):
    with filled(shortlist.data_dir, 0):
        assert upload(client, pool)[0] in (503, 507)
        # What Redis has begun of a page it may fill; then it ends, rather than forget a write.
        statuses = {}
        while {*statuses.values()} <= {200}:
            row = len(statuses) + 1
            statuses[row] = put(client, pool, row)
        assert statuses.popitem()[1] in (503, 507)
    until(lambda: answered(client, "/readyz") == 200)
    labels = client.get(f"/v1/pools/{pool}/labels?page_size=1000").json["labels"]
    assert {str(row) for row in statuses} <= {each["id"] for each in labels}


def test_files_that_cannot_be_written_are_a_problem_of_the_storage(shortlist, client, pool, intact):
    uploads = shortlist.data_dir / "uploads"
    mount("--bind", uploads, uploads)
    mount("-o", "remount,ro,bind", uploads)
    try:
        assert upload(client, pool) == (503, "unavailable")
        assert put(client, pool, 3) == 200
    finally:
        unmount(uploads)


def test_a_redis_without_memory_refuses_writes_and_reads_on(shortlist, client, pool, intact):
    connection = shortlist.backend.connection
    connection.config_set("maxmemory", 1)
    try:
        assert put(client, pool, 3) == 507
        assert client.post("/v1/pools", {"name": "one more"}).status == 507
        assert upload(client, pool) == (507, "storage_full")
        assert client.get(f"/v1/pools/{pool}").status == 200
    finally:
        connection.config_set("maxmemory", 0)
