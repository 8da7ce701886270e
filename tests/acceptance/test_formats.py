"""Uploads over HTTP: every format, good and broken, and what an installation keeps of them."""

import base64
import contextlib
import hashlib
import http.client
import json
import math
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.conftest import installation, until
from tests.processes import command_line, descendants, high_water, resident
from tests.uploads import BINARY, UPLOADS, WITH_IDS, as_json, as_multipart, npy

NPY = "application/x-npy"
IDS = ["d1", "d10", " D1", "007", "7", 'a,"b"\n', "é", "e\u0301", "日本/語 ?#%"]
FEATURES = (np.arange(len(IDS) * 6) / 8).astype(np.float32).reshape(-1, 2, 3)
METADATA = {
    "writer": ["Ada", "Ada", "", "Émilie", "x", "y", "z", "Ada", "w"],
    "ink": [1.5, 2.0, -3.0, 4.0, 0.0, 1e300, 7.0, 8.0, 9.25],
    "checked": [True, False, True, True, False, False, True, True, False],
}
GAPS = {name: [None, *values[1:]] for name, values in METADATA.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("formats") / "data"


@pytest.fixture(scope="module")
def running(place):
    with installation(place) as (client, process):
        yield client, process


@pytest.fixture(scope="module")
def client(running):
    return running[0]


@pytest.fixture
def pool(client):
    return client.post("/v1/pools", {}).json["id"]


def upload(client, pool, media_type, body):
    answer = client.post(f"/v1/pools/{pool}/items", body, media_type)
    assert answer.status == 202, answer.body
    return client.ended(answer.json["id"])


def unsure(rows):
    """Numbers in which the third item has one that is none."""
    features = rows.copy()
    features.reshape(len(rows), -1)[2, 1] = np.nan
    return features


def sent_metadata(name):
    return {"npy": {}, "npz": METADATA}.get(name, GAPS)


@pytest.mark.parametrize("name", UPLOADS)
def test_a_good_file_becomes_a_part_of_which_all_is_told(client, pool, name):
    metadata = sent_metadata(name)
    features = FEATURES.reshape(len(IDS), 6) if name == "csv" else FEATURES
    media_type, body = UPLOADS[name](IDS, features, metadata)
    job = upload(client, pool, media_type, body)
    assert job["state"] == "succeeded", job
    shape, dtype = list(features.shape[1:]), "float32" if name in BINARY else "float64"
    part = job["result"]["part"]
    assert (part["rows"], part["bytes"]) == (len(IDS), len(body))
    assert part["sha256"] == hashlib.sha256(body).hexdigest()
    assert set(part["metadata"]) == set(metadata)
    assert (job["result"]["item_shape"], job["result"]["dtype"]) == (shape, dtype)
    found = client.get(f"/v1/pools/{pool}").json
    assert (found["parts"], found["total"]) == ([part], len(IDS))
    assert (found["item_shape"], found["dtype"]) == (shape, dtype)
    assert client.get(f"/v1/pools/{pool}/parts/{part['id']}").json == part


@pytest.mark.parametrize("name", UPLOADS)
def test_ids_and_metadata_come_back_as_they_were_sent(client, pool, name):
    metadata = sent_metadata(name)
    upload(client, pool, *UPLOADS[name](IDS, FEATURES.reshape(len(IDS), 6), metadata))
    ids = [str(row) for row in range(len(IDS))] if name == "npy" else IDS
    items = client.get(f"/v1/pools/{pool}/items").json["items"]
    assert [item["id"] for item in items] == ids
    for row, item in enumerate(items):
        given = {key: values[row] for key, values in metadata.items() if values[row] is not None}
        if name == "csv" and given.get("writer") == "":
            del given["writer"]  # an empty cell is no value
        assert item == {"row": row, "id": ids[row], "metadata": given}


PLACES = {
    "json": "/items/2/features",
    "ndjson": "line 3",
    "csv": 'row 4, column "x1"',
    "arrow": 'row 3, column "features"',
    "parquet": 'row 3, column "features"',
}


def kept(place):
    """What lies where uploads wait and parts are put together."""
    return [path.name for folder in ("uploads", "staging") for path in (place / folder).iterdir()]


@pytest.mark.parametrize("name", UPLOADS)
@pytest.mark.parametrize("way", ["wrong value", "cut short"])
def test_a_broken_file_is_refused_with_its_place_and_changes_nothing(
    client, pool, place, name, way
):
    media_type, good = UPLOADS[name]([*"xyz"], FEATURES[:3].astype(np.float64), {})
    upload(client, pool, media_type, good)
    before = client.get(f"/v1/pools/{pool}").json
    where, body = "", good[: len(good) * 3 // 4]
    if way == "wrong value":
        body = UPLOADS[name](IDS, unsure(FEATURES.astype(np.float64)), {})[1]
        body = body.replace(b"NaN", b'"x"') if name == "json" else body
        where = PLACES.get(name, "/features/2/0/1")
    job = upload(client, pool, media_type, body)
    assert (job["state"], job["reason"]) == ("failed", "upload_refused")
    [fault] = job["error"]["errors"]
    assert where in fault["pointer"]
    assert fault["pointer"]
    assert client.get(f"/v1/pools/{pool}").json == before
    until(lambda: not kept(place))
    assert len([*(place / "pools" / pool).iterdir()]) == 1


def test_who_waits_is_told_of_a_refusal_at_once(client, pool):
    answer = client.post(f"/v1/pools/{pool}/items", b"nothing", NPY, Prefer="wait=20")
    assert (answer.status, answer.json["code"]) == (422, "upload_refused")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_type_that_no_reader_knows_is_refused_before_it_is_read(client, pool):
    answer = client.post(f"/v1/pools/{pool}/items", b"\0", "image/png")
    assert (answer.status, answer.json["code"]) == (415, "unsupported_format")
    assert NPY in answer.headers["Accept-Post"]


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_an_upload_without_items_leaves_the_pool_open_to_any_shape(client, pool, name):
    job = upload(client, pool, *UPLOADS[name]([], np.empty((0, 3)), {}))
    assert job["state"] == "succeeded", job
    assert upload(client, pool, *as_multipart(IDS, FEATURES, {}))["state"] == "succeeded"


@pytest.mark.parametrize("name", WITH_IDS)
def test_a_good_file_without_features_becomes_a_part(client, pool, place, name):
    metadata = sent_metadata(name)
    media_type, body = UPLOADS[name](IDS, None, metadata)
    job = upload(client, pool, media_type, body)
    assert job["state"] == "succeeded", job
    part = job["result"]["part"]
    assert (part["rows"], set(part["metadata"])) == (len(IDS), set(metadata))
    assert (job["result"]["item_shape"], job["result"]["dtype"]) == ([0], "float32")
    items = client.get(f"/v1/pools/{pool}/items").json["items"]
    assert [item["id"] for item in items] == IDS
    features = np.load(place / "pools" / pool / part["id"] / "features.npy")
    assert (features.shape, features.dtype) == ((len(IDS), 0), np.float32)


@pytest.mark.parametrize(("name", "more"), [("ndjson", b'{"id": "b"}\n'), ("csv", b"b,\r\n")])
def test_a_part_in_which_only_some_items_have_features_changes_nothing(client, pool, name, more):
    media_type, body = UPLOADS[name](["a"], [[1.0]], {})
    job = upload(client, pool, media_type, body + more)
    assert (job["state"], job["reason"]) == ("failed", "upload_refused")
    assert 'Item "b" has' in job["error"]["detail"]
    assert client.get(f"/v1/pools/{pool}").json["parts"] == []


def duplicate(job):
    """What a job that met a duplicate says of it."""
    assert (job["state"], job["reason"]) == ("failed", "duplicate_item")
    return job["error"]["detail"] + job["error"]["errors"][0]["detail"]


def test_a_duplicate_id_refuses_the_part_and_is_named(client, pool, place):
    twice = upload(client, pool, *as_json([*"abcb"], FEATURES[:4], {}))
    assert "'b'" in duplicate(twice)
    assert twice["error"]["errors"][0]["pointer"] == "/items/3/id"
    upload(client, pool, *as_json([*"abc"], FEATURES[:3], {}))
    again = upload(client, pool, *as_json([*"xyzc"], FEATURES[:4], {}))
    assert "'c'" in duplicate(again)
    assert "row 2" in duplicate(again)
    assert again["error"]["errors"][0]["pointer"] == "/items/3/id"
    assert client.get(f"/v1/pools/{pool}").json["total"] == 3
    until(lambda: not kept(place))
    assert len([*(place / "pools" / pool).iterdir()]) == 1


def together(work, arguments):
    with ThreadPoolExecutor(len(arguments)) as threads:
        return [*threads.map(work, arguments)]


def test_of_two_uploads_at_once_that_share_an_id_exactly_one_enters(client):
    for _ in range(5):
        pool = client.post("/v1/pools", {}).json["id"]
        mine, yours = ([f"{who}{row}" for row in range(5_000)] for who in "my")
        mine[-1] = yours[-1] = "ours"
        bodies = [as_multipart(ids, np.ones((5_000, 2)), {}) for ids in (mine, yours)]
        jobs = together(lambda body: upload(client, pool, *body), bodies)  # noqa: B023 - now
        assert sorted(job["state"] for job in jobs) == ["failed", "succeeded"]
        assert "'ours'" in duplicate(next(job for job in jobs if job["state"] == "failed"))
        assert client.get(f"/v1/pools/{pool}").json["total"] == 5_000


def test_arrays_sent_at_once_are_numbered_one_after_another(client, pool):
    sizes = [3, 5, 7, 11]
    bodies = [npy(np.full((size, 2), size, dtype=np.float64)) for size in sizes]
    jobs = together(lambda body: upload(client, pool, NPY, body), bodies)
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert sum(part["rows"] for part in client.get(f"/v1/pools/{pool}").json["parts"]) == 26
    items = client.get(f"/v1/pools/{pool}/items").json["items"]
    assert [item["id"] for item in items] == [str(row) for row in range(26)]


def test_a_body_that_ends_early_is_not_kept(client, pool, place):
    before = client.get("/v1/jobs?page_size=1").json["jobs"]
    address = urlsplit(client.url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST /v1/pools/{pool}/items HTTP/1.1\r\nHost: x\r\nContent-Type: {NPY}\r\n"
        connection.sendall(head.encode() + b"Content-Length: 9000000\r\n\r\n" + b"x" * 3_000_000)
        until(lambda: kept(place))
    until(lambda: not kept(place))
    assert client.get("/v1/jobs?page_size=1").json["jobs"] == before
    assert client.get(f"/v1/pools/{pool}").json["parts"] == []


def blocks(path, size=1024 * 1024):
    with path.open("rb") as file:
        while block := file.read(size):
            yield block


def test_a_body_in_chunks_of_unknown_number_is_taken_with_its_digest(client, pool, tmp_path):
    file = tmp_path / "array.npy"
    np.save(file, np.random.default_rng(0).random((50_000, 10)))
    digest = hashlib.sha256(file.read_bytes())
    told = base64.b64encode(digest.digest()).decode()
    headers = {"Content-Type": NPY, "Repr-Digest": f"sha-256=:{told}:"}
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", f"/v1/pools/{pool}/items", blocks(file), headers)
        answer = connection.getresponse()
        job = client.ended(json.loads(answer.read())["id"])
    assert job["state"] == "succeeded", job
    part = job["result"]["part"]
    assert (part["sha256"], part["rows"]) == (digest.hexdigest(), 50_000)


def test_a_large_body_does_not_grow_the_web_processes(running, pool, place, tmp_path):
    client, process = running
    file = tmp_path / "large.npy"
    shape = (75_000, 1_000)
    np.save(file, np.random.default_rng(0).random(shape, dtype=np.float32))
    assert file.stat().st_size > 300_000_000
    words = "service.processes.webserver"
    web = [pid for pid in descendants(process.pid) if words in command_line(pid)]
    assert len(web) == 3
    before = {pid: resident(pid) for pid in web}
    length = str(file.stat().st_size)
    with file.open("rb") as body:
        answer = client.post(f"/v1/pools/{pool}/items", body, NPY, Content_Length=length)
    job = client.ended(answer.json["id"])
    assert max(high_water(pid) - before[pid] for pid in web) < 64 * 1024**2
    part = job["result"]["part"]
    digest = hashlib.sha256()
    for block in blocks(file):
        digest.update(block)
    assert (part["sha256"], part["rows"]) == (digest.hexdigest(), shape[0])
    features = np.load(place / "pools" / pool / part["id"] / "features.npy", mmap_mode="r")
    assert features.shape == shape
    assert math.isclose(features[-1, -1], np.load(file, mmap_mode="r")[-1, -1])
