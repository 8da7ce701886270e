"""Predictions over HTTP: every kind, good and broken, and what an installation keeps of them."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pytest

from service.given import FORMS
from tests.conftest import installation, until
from tests.uploads import arrow_stream, as_json, npy

JSON = "application/json"
NPY = "application/x-npy"
NPZ = "application/x-npz"
ARROW = "application/vnd.apache.arrow.stream"

CLASSES = ["bus", "tram"]
IDS = ["d", "a", "ö c"]
OBJECTS = [[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]
BOXES = [[0, 0, 10, 10], [5, 5, 20.5, 30], [-1, 2, 3, 4]]
FIELDS = {
    "probs": {"probs": [[0.75, 0.25], [0.5, 0.5], [1, 0]]},
    "members": {"members": [[[0.75, 0.25], [0, 1]], [[0.5, 0.5], [1, 0]], [[1, 0], [0.5, 0.5]]]},
    "votes": {"votes": [["bus", "tram"], [None, "bus"], [None, None]]},
    "objects": {
        "objects": [OBJECTS[:2], [], OBJECTS[2:]],
        "boxes": [BOXES[:2], [], BOXES[2:]],
        "labels": [["bus", "tram"], [], ["tram"]],
    },
    "tokens": {"tokens": [OBJECTS[:1], OBJECTS[1:2], OBJECTS[2:]]},
    "multilabel": {"label_probs": [[0.75, 1], [0, 0], [0.5, 0.25]]},
    "regression": {"mean": [1.5, -2, 0], "std": [0, 0.5, 2]},
    "regression_members": {"values": [[1.5, 2], [-3, 4], [0, 0]]},
}
"""What is said of the items of IDS, by kind and field; one entry to an item."""

KEPT = {
    "probs": {"probs": FIELDS["probs"]["probs"]},
    "members": {"member_probs": FIELDS["members"]["members"]},
    "votes": {"votes": [[0, 1], [-1, 0], [-1, -1]]},
    "objects": {
        "values": OBJECTS,
        "ends": [2, 2, 3],
        "boxes": BOXES,
        "object_labels": [0, 1, 1],
    },
    "tokens": {"values": OBJECTS, "ends": [1, 2, 3]},
    "multilabel": {"label_probs": FIELDS["multilabel"]["label_probs"]},
    "regression": FIELDS["regression"],
    "regression_members": {"member_values": FIELDS["regression_members"]["values"]},
}
"""The arrays that are kept of it."""

BROKEN = {
    "probs": ("probs", 1, [0.5, 0.75]),
    "members": ("members", 1, [[0.5, 0.5], [1.5, -0.5]]),
    "votes": ("votes", 1, ["bus", "ship"]),
    "objects": ("objects", 2, [[0.5, 0.25]]),
    "tokens": ("tokens", 1, [[0.5, 0.25]]),
    "multilabel": ("label_probs", 1, [0.5, 1.5]),
    "regression": ("std", 1, -0.5),
    "regression_members": ("values", 1, [float("inf"), 0]),
}
"""By kind the field, the item and what is said of it that cannot be."""


def in_json(kind, ids, fields):
    """One object to an item; objects are objects themselves."""
    names = list(fields)
    items = []
    for id, *values in zip(ids, *fields.values(), strict=True):
        item = {"id": id, **dict(zip(names, values, strict=True))}
        if kind == "objects":
            rows = zip(item["objects"], item.pop("boxes"), item.pop("labels"), strict=True)
            item["objects"] = [
                {"probs": probs, "box": box, "label": label} for probs, box, label in rows
            ]
        items.append(item)
    text = json.dumps({"items": items, **({"classes": CLASSES} if FORMS[kind].classed else {})})
    return JSON, text.replace("Infinity", "1e999").encode()


def in_npz(kind, ids, fields):
    """Arrays by name; votes and labels are the numbers of their classes."""
    arrays = {name: np.array(values) for name, values in fields.items() if kind != "objects"}
    if kind == "votes":
        codes = {"bus": 0, "tram": 1, None: -1}
        arrays["votes"] = np.array([[codes.get(v, 7) for v in row] for row in fields["votes"]])
    if FORMS[kind].arrays[0] == "values":
        lists = fields[kind]
        arrays = {
            "values": np.array([row for each in lists for row in each], dtype=np.float32),
            "lengths": np.array([len(each) for each in lists]),
        }
    if kind == "objects":
        arrays["boxes"] = np.array([row for each in fields["boxes"] for row in each])
        labels = [CLASSES.index(label) for each in fields["labels"] for label in each]
        arrays["labels"] = np.array(labels)
    if FORMS[kind].classed:
        arrays["classes"] = np.array(CLASSES)
    if ids is not None:
        arrays["ids"] = np.array(ids)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return NPZ, file.getvalue()


def in_arrow(kind, ids, fields):
    """A table, with lists where an item has more than one number; it cannot name classes."""
    columns = {"id": pa.array(ids, pa.string())}
    for name, values in fields.items():
        columns[name] = pa.array(values)
    return ARROW, arrow_stream(pa.table(columns))


FORMATS = {"json": in_json, "npz": in_npz, "arrow": in_arrow}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("predictions") / "data"


@pytest.fixture(scope="module")
def client(place):
    with installation(place, workers=1) as (client, _):
        yield client


@pytest.fixture
def pool(client):
    body = as_json(["a", "b", "ö c", "d"], np.ones((4, 2)), {})[1]
    return client.pool(body, JSON)


def upload(client, pool, kind, sent, **query):
    """Upload predictions of a kind; return the job once it has ended."""
    media_type, body = sent
    axes = FORMS[kind].axes_in(media_type)
    if axes:
        query = {"axes": ",".join(axes), **query}
    if FORMS[kind].classed and media_type in (ARROW, NPY):
        query = {"class": CLASSES, **query}
    path = f"/v1/pools/{pool}/predictions?{urlencode({'kind': kind, **query}, doseq=True)}"
    answer = client.post(path, body, media_type)
    assert answer.status == 202, answer.body
    return client.ended(answer.json["id"])


def kept(place, pool, job):
    """The arrays that stand in the files."""
    directory = place / "pools" / pool / "predictions" / job["result"]["predictions"]
    return {path.stem: np.load(path) for path in directory.glob("*.npy")}


def check_nothing_kept(client, place, pool):
    assert client.get(f"/v1/pools/{pool}/predictions").json["predictions"] == []
    until(lambda: not [*(place / "uploads").iterdir(), *(place / "staging").iterdir()])
    directory = place / "pools" / pool / "predictions"
    assert not directory.exists() or not [*directory.iterdir()]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", FORMS)
def test_predictions_of_some_items_are_taken_and_told(client, place, pool, kind, format):
    job = upload(client, pool, kind, FORMATS[format](kind, IDS, FIELDS[kind]))

    assert job["state"] == "succeeded", job
    id = job["result"]["predictions"]
    assert job["links"]["predictions"] == f"/v1/pools/{pool}/predictions/{id}"
    assert job["progress"] == {"done": 3, "total": 3, "remaining_seconds": None}
    found = client.get(job["links"]["predictions"]).json
    assert client.get(f"/v1/pools/{pool}/predictions").json["predictions"] == [found]
    told = {name: found[name] for name in ("kind", "items", "classes", "members")}
    assert job["result"] == {"predictions": id, **told}
    form = FORMS[kind]
    assert (found["kind"], found["items"], found["total"]) == (kind, 3, 4)
    assert found["classes"] == (CLASSES if form.classed else [])
    assert found["members"] == (2 if form.has_members else None)
    assert found["empty"] == (1 if kind == "objects" else 0)
    arrays = kept(place, pool, job)
    assert arrays.pop("places").tolist() == [1, -1, 2, 0]
    assert arrays.keys() == KEPT[kind].keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, KEPT[kind][name])
    assert found["dtype"] == arrays[form.arrays[0]].dtype.name


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", FORMS)
def test_what_cannot_be_is_refused_with_its_place_and_nothing_kept(
    client, place, pool, kind, format
):
    field, item, value = BROKEN[kind]
    fields = {name: list(values) for name, values in FIELDS[kind].items()}
    fields[field][item] = value
    job = upload(client, pool, kind, FORMATS[format](kind, IDS, fields))

    assert (job["state"], job["reason"]) == ("failed", "upload_refused"), job
    [fault] = job["error"]["errors"]
    assert fault["pointer"]
    if format == "json":
        assert f"/items/{item}/" in fault["pointer"]
        assert json.dumps(IDS[item], ensure_ascii=False) in job["error"]["detail"]
    check_nothing_kept(client, place, pool)


@pytest.mark.parametrize("kind", FORMS)
def test_arrays_without_ids_are_of_all_items_in_pool_order(client, place, kind):
    pool = client.pool(npy(np.ones((3, 2))), NPY)
    job = upload(client, pool, kind, in_npz(kind, None, FIELDS[kind]))

    assert job["state"] == "succeeded", job
    arrays = kept(place, pool, job)
    assert arrays.keys() == KEPT[kind].keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, KEPT[kind][name])


@pytest.mark.parametrize("kind", FORMS)
def test_predictions_of_another_number_of_items_are_refused_with_both(client, place, pool, kind):
    job = upload(client, pool, kind, in_npz(kind, None, FIELDS[kind]))

    assert (job["state"], job["reason"]) == ("failed", "upload_refused")
    assert "3 items" in job["error"]["detail"]
    assert "the pool has 4" in job["error"]["detail"]
    check_nothing_kept(client, place, pool)


@pytest.mark.parametrize("format", FORMATS)
def test_an_item_that_is_not_there_and_one_that_is_there_twice_are_named(
    client, place, pool, format
):
    strange = upload(client, pool, "probs", FORMATS[format]("probs", ["a", "x", "y"], PROBS))
    twice = upload(client, pool, "probs", FORMATS[format]("probs", ["b", "a", "b"], PROBS))

    assert (strange["state"], strange["reason"]) == ("failed", "upload_refused")
    places = {
        "json": ["/items/0/id", "/items/1/id", "/items/2/id"],
        "npz": ["/ids/0", "/ids/1", "/ids/2"],
        "arrow": [f'row {row}, column "id"' for row in (1, 2, 3)],
    }[format]
    assert strange["error"]["errors"] == [
        {"pointer": places[1], "detail": "'x' is not in the pool"}
    ]
    assert (twice["state"], twice["reason"]) == ("failed", "duplicate_item")
    assert twice["error"]["errors"] == [
        {"pointer": places[2], "detail": f"'b' stands also at {places[0]}"}
    ]
    check_nothing_kept(client, place, pool)


PROBS = FIELDS["probs"]


def test_a_pool_may_grow_and_its_predictions_stay_what_they_were(client, place):
    pool = client.pool(npy(np.ones((3, 2))), NPY)
    first = upload(client, pool, "probs", in_npz("probs", None, PROBS))
    client.finish(f"/v1/pools/{pool}/items", npy(np.ones((2, 2))), NPY)

    assert upload(client, pool, "probs", in_npz("probs", None, PROBS))["state"] == "failed"
    later = upload(client, pool, "probs", in_json("probs", ["4", "0", "1"], PROBS))
    whole = upload(client, pool, "probs", (NPY, npy(np.full((5, 2), 0.5, dtype=np.float16))))

    path = f"/v1/pools/{pool}/predictions"
    listed = client.get(path).json["predictions"]
    assert [each["id"] for each in listed] == [
        job["result"]["predictions"] for job in (whole, later, first)
    ]
    assert [(each["total"], each["items"]) for each in listed] == [(5, 5), (5, 3), (3, 3)]
    assert [len(each["parts"]) for each in listed] == [2, 2, 1]
    assert listed[0]["dtype"] == "float16"
    assert kept(place, pool, later)["places"].tolist() == [1, 2, -1, -1, 0]
    assert kept(place, pool, whole).keys() == {"probs"}


def test_members_come_with_their_axes_in_any_order(client, place):
    pool = client.pool(npy(np.ones((3, 2))), NPY)
    members = np.array(FIELDS["members"]["members"])
    body = npy(members.transpose(1, 0, 2))

    job = upload(client, pool, "members", (NPY, body), axes="members,items,classes")

    np.testing.assert_array_equal(kept(place, pool, job)["member_probs"], members)
    assert job["result"]["members"] == 2


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
@pytest.mark.parametrize("kind", ["probs", "members"])
def test_the_commands_of_the_page_are_taken(client, tmp_path, kind):
    page = (Path(__file__).parents[2] / "docs" / "predictions.md").read_text()
    section = page.split(f"\n## {kind}\n")[1].split("\n## ")[0]
    [program] = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    [command] = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    (tmp_path / "ids.txt").write_text("frame-1\nframe-2\n")
    pool = client.pool(as_json(["frame-1", "frame-2"], np.ones((2, 2)), {})[1], JSON)

    answer = subprocess.run(
        ["bash", "-euc", command],  # noqa: S607 - the user's own bash
        cwd=tmp_path,
        env={**os.environ, "URL": client.url, "POOL": pool, "no_proxy": "*"},
        capture_output=True,
        check=True,
    )

    job = client.ended(json.loads(answer.stdout)["id"])
    assert job["state"] == "succeeded", job
    assert job["result"]["classes"] == ["cat", "dog"]


def test_logits_become_probabilities(client, place, pool):
    logits = np.log(np.array([[0.75, 0.25], [0.5, 0.5], [0.9, 0.1]]))
    probs = {}
    for scale, numbers in (("logits", logits + 3), ("log_probabilities", logits)):
        fields = {"probs": numbers.tolist()}
        job = upload(client, pool, "probs", in_json("probs", IDS, fields), scale=scale)
        probs[scale] = kept(place, pool, job)["probs"]

    np.testing.assert_allclose(probs["logits"], np.exp(logits), rtol=1e-12)
    np.testing.assert_allclose(probs["log_probabilities"], np.exp(logits), rtol=1e-12)


def test_what_does_not_sum_to_one_is_normalized_only_where_that_is_said(client, place, pool):
    counts = in_json("probs", IDS, {"probs": [[3, 1], [2, 2], [9, 1]]})

    refused = upload(client, pool, "probs", counts)
    taken = upload(client, pool, "probs", counts, normalize="true")

    assert refused["reason"] == "upload_refused"
    assert '"d"' in refused["error"]["detail"]
    expected = [[0.75, 0.25], [0.5, 0.5], [0.9, 0.1]]
    np.testing.assert_allclose(kept(place, pool, taken)["probs"], expected)


def test_who_waits_is_told_of_the_end_or_of_a_refusal_at_once(client, pool):
    path = f"/v1/pools/{pool}/predictions?kind=probs"
    media_type, body = in_json("probs", IDS, PROBS)

    good = client.post(path, body, media_type, Prefer="wait=20")
    bad = client.post(path, b"nothing", media_type, Prefer="wait=20")

    assert (good.status, good.json["state"]) == (201, "succeeded")
    assert (bad.status, bad.json["code"]) == (422, "upload_refused")
    assert bad.headers["Content-Type"] == "application/problem+json"


def test_deleted_predictions_leave_no_file_and_a_deleted_pool_leaves_no_predictions(
    client, place, pool
):
    ids = [
        client.predictions(pool, in_json("probs", IDS, PROBS)[1], kind="probs") for _ in range(2)
    ]
    path, directory = f"/v1/pools/{pool}/predictions", place / "pools" / pool / "predictions"
    assert {each.name for each in directory.iterdir()} == set(ids)

    assert client.send("DELETE", f"{path}/{ids[0]}").status == 204
    assert [each.name for each in directory.iterdir()] == [ids[1]]
    assert client.get(f"{path}/{ids[0]}").json["code"] == "predictions_not_found"
    assert client.send("DELETE", f"/v1/pools/{pool}").status == 204
    assert not (place / "pools" / pool).exists()
    assert client.get(f"{path}/{ids[1]}").json["code"] == "pool_not_found"
