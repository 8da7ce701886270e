"""Classes of uploaded predictions, and bodies that are refused whatever the numbers."""

import json
import math

import numpy as np
import pytest

from service.errors import UnsupportedFormat, UploadRefused
from tests.predictions import (
    ARROW,
    BINARY,
    CLASSES,
    CSV,
    EVERY,
    JSON,
    MULTIPART,
    NDJSON,
    NPY,
    NPZ,
    PARQUET,
    csv_body,
    dense_body,
    items_of,
    json_body,
    multipart_body,
    npz_body,
    read,
    table_body,
)
from tests.uploads import npy

every = pytest.mark.parametrize("media_type", EVERY)


def test_members_that_know_different_classes_are_aligned():
    items = [{"id": "a", "members": [[0.25, 0.75], [0.5, 0.25, 0.25], [1.0]]}]
    classes = [["dog", "cat"], ["cat", "fox", "dog"], ["elk"]]

    given = read(*json_body(items, classes), "members")

    assert given.result["classes"] == ["dog", "cat", "fox", "elk"]
    assert given.result["members"] == 3
    assert given.arrays["member_probs"].tolist() == [
        [[0.25, 0.75, 0, 0], [0.25, 0.5, 0.25, 0], [0, 0, 0, 1]]
    ]


def test_classes_that_a_member_does_not_know_have_no_logits():
    items = [{"id": "a", "members": [[0.0, 0.0], [3.0, 3.0]]}]

    given = read(*json_body(items, [["x", "y"], ["y", "z"]]), "members", scale="logits")

    assert given.arrays["member_probs"].tolist() == [[[0.5, 0.5, 0], [0, 0.5, 0.5]]]


@pytest.mark.parametrize(
    ("members", "classes", "message"),
    [
        ([[0.5, 0.5]], [["x", "y"], ["y", "z"]], "list of 2"),
        ([[0.5, 0.5], [1.0]], [["x", "y"], ["y", "z"]], "1 values where .*/members/1"),
        ([[0.5, 0.5], [0.5, 0.75]], [["x", "y"], ["y", "z"]], "sum to 1.25 .*/members/1"),
        ([[0.5, 0.5], [0.5, 0.5]], [["x", "y"], ["y", "y"]], "the same .*/classes/1"),
        ([[0.5, 0.5], [0.5, 0.5]], [["x", "y"], "yz"], "list of names.*/classes/1"),
        ([[1.0]], [["x"]], "at least 2 classes"),
        ([], [[]] * 21, "There are 21 members; there may be 1 to 20"),
    ],
)
def test_members_that_do_not_fit_their_classes_are_refused(members, classes, message):
    with pytest.raises(UploadRefused, match=message):
        read(*json_body([{"id": "a", "members": members}], classes), "members")


@pytest.mark.parametrize(
    ("sent", "classes"),
    [
        (CLASSES, CLASSES),
        (3, [0, 1, 2]),
        ([True, False, "x"], [True, False, "x"]),
        ([True, 1, "1"], [True, 1, "1"]),
        ([1.5, 2, -3], [1.5, 2, -3]),
    ],
)
def test_classes_are_names_or_a_count(sent, classes):
    body = dense_body(NDJSON, "probs", [[0.5, 0.25, 0.25]], ["a"])

    assert read(*body, "probs", classes=sent).result["classes"] == classes
    items = items_of(["a"], probs=[[0.5, 0.25, 0.25]])
    assert read(*json_body(items, sent), "probs").result["classes"] == classes


@pytest.mark.parametrize(
    "body",
    [
        npz_body(probs=np.eye(2), classes=np.array([3, 4])),
        multipart_body(probs=np.eye(2), classes=[3, 4]),
        json_body(items_of(["a", "b"], probs=np.eye(2)), [3, 4]),
        csv_body(["id", "3", "4"], [["a", 0, 1]]),
        table_body(PARQUET, {"3": [0.0], "id": ["a"], "4": [1.0]}),
    ],
)
def test_classes_given_twice_must_agree(body):
    assert read(*body, "probs", classes=[3, 4]).result["classes"] == [3, 4]
    for other in ([4, 3], [3, 5], [3, 4, 5]):
        with pytest.raises(UploadRefused, match="given twice and differ"):
            read(*body, "probs", classes=other)


@every
def test_classes_must_be_said(media_type):
    body = dense_body(media_type, "votes" if media_type == CSV else "probs", np.eye(3))

    with pytest.raises(UploadRefused, match=r"must be said: by .class=cat&class=dog"):
        read(*body, "votes" if media_type == CSV else "probs")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["x", "x"], "the same"),
        ([1, 1.0], "the same"),
        ([0, False, 0.0], "the same"),
        (["x"], "at least 2"),
        (1, "at least 2"),
        (-5, "at least 2"),
        (10**30, "at most 50"),
        ([str(n) for n in range(51)], "at most 50"),
        (["x", None], "A class is"),
        (["x", ["y"]], "A class is"),
        (["x", math.nan], "A class is"),
        (["x", "\ud800"], "A class is"),
        (True, "a list of names, or their count"),
        ("xy", "a list of names, or their count"),
        (["x", "y", "z"], "2 probabilities, and 3 classes"),
    ],
)
def test_classes_that_cannot_be_are_refused(classes, message):
    for sent in ({"classes": classes}, {}):
        body = json_body(items_of(["a"], probs=[[0.5, 0.5]]), None if sent else classes)
        with pytest.raises(UploadRefused, match=message):
            read(*body, "probs", **sent)


def test_regression_has_no_classes():
    with pytest.raises(UploadRefused, match="no classes"):
        read(*dense_body(NPY, "values", np.eye(2)), "regression_members", classes=2)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("boxes", {}, "kind is one of probs, members"),
        (None, {}, "kind is one of"),
        ("probs", {"scale": "percent"}, "scale is one of"),
        ("votes", {"scale": "logits"}, "no scale"),
        ("regression_members", {"scale": "logits"}, "no scale"),
        ("multilabel", {"normalize": True}, "need not sum to 1"),
        ("probs", {"dtype": "uint8"}, "dtype is one of float16"),
        ("votes", {"dtype": "float32"}, "leave dtype out"),
        ("probs", {"dtype": "float32", "scale": "logits"}, "leave dtype out"),
        ("probs", {"dtype": "float32"}, "asks for float32"),
        ("probs", {"id_column": "key"}, "id_column names a column"),
        ("votes", {"axes": None}, "axes must name items, members, each once"),
        ("members", {"axes": None}, "axes must name items, members, classes"),
        ("regression_members", {"axes": None}, "axes must name items, members, each once"),
    ],
)
def test_options_that_make_no_sense_are_refused(kind, options, message):
    with pytest.raises(UploadRefused, match=message):
        read(NPY, npy(np.eye(2)), kind, classes=2, **options)


@pytest.mark.parametrize(
    ("media_type", "kind", "axes"),
    [
        (NPY, "members", ["items", "members"]),
        (NPY, "members", ["items", "items", "classes"]),
        (NPY, "probs", ["classes", "items"]),
        (JSON, "members", ["members", "items", "classes"]),
    ],
)
def test_axes_that_make_no_sense_are_refused(media_type, kind, axes):
    with pytest.raises(UploadRefused, match="axes"):
        read(media_type, b"", kind, classes=3, axes=axes)


def test_unknown_formats_are_refused():
    for media_type in ("text/plain", "application/json; charset=utf-16"):
        with pytest.raises(UnsupportedFormat):
            read(media_type, b"", "probs")


BROKEN = [
    (NPY, lambda body: body[:-1], "cut short"),
    (NPZ, lambda body: body[:-1], "broken or cut short|follows"),
    (NPZ, lambda body: body + b"x", "broken|follows"),
    (ARROW, lambda body: body[:-20], "broken, cut short|no end marker"),
    (PARQUET, lambda body: body[:-20], "broken, cut short"),
    (MULTIPART, lambda body: body[:-20], "broken or cut short"),
    (JSON, lambda body: body[:-1], "not JSON"),
    (NDJSON, lambda body: body[:-5], "not JSON"),
    (CSV, lambda body: body[:-12], "cells and the header"),
]


@pytest.mark.parametrize(("media_type", "cut", "message"), BROKEN)
def test_bodies_that_are_cut_short_are_refused(media_type, cut, message):
    media_type, body = dense_body(media_type, "probs", np.eye(3), classes=CLASSES)

    with pytest.raises(UploadRefused, match=message):
        read(media_type, cut(body), "probs", classes=CLASSES)


@every
def test_probabilities_of_another_width_are_refused(media_type):
    body = dense_body(media_type, "probs", np.eye(3), classes=None)

    with pytest.raises(UploadRefused, match=r"3 probabilities, and 4 classes|differ"):
        read(*body, "probs", classes=4)


@every
def test_limits_hold_for_every_format(media_type):
    body = dense_body(media_type, "members", np.stack([np.eye(3)] * 2, axis=1), classes=CLASSES)
    limits = {
        "max_items": (2, "more than 2 items, which no pool can have"),
        "max_members": (1, "2 members; there may be 1 to 1"),
        "max_classes": (2, "at most 2"),
        "max_item_values": (5, "6 values|longer than"),
    }
    for name, (limit, message) in limits.items():
        with pytest.raises(UploadRefused, match=message):
            read(*body, "members", classes=CLASSES, limits={name: limit})


@pytest.mark.parametrize("media_type", [JSON, NDJSON])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"id": "b", "probs": [0.5]}, "1 values where the first item has a list of 2"),
        ({"id": "b", "probs": [0.5, None]}, 'Item "b" has null where a number must be'),
        ({"id": "b", "probs": [0.5, "x"]}, "a string where a number"),
        ({"id": "b"}, 'has no "probs"'),
        ({"id": "b", "probs": [0.5, 0.5], "features": []}, 'unknown key "features"'),
        ({"probs": [0.5, 0.5]}, "needs an id"),
        ({"id": 7, "probs": [0.5, 0.5]}, "ids are strings"),
        ([0.5, 0.5], "must be an object"),
    ],
)
def test_items_that_are_not_as_they_must_be_are_refused(media_type, second, message):
    items = [{"id": "a", "probs": [0.5, 0.5]}, second]
    text = json.dumps({"items": items}) if media_type == JSON else "\n".join(map(json.dumps, items))

    with pytest.raises(UploadRefused, match=message) as caught:
        read(media_type, text.encode(), "probs", classes=2)

    assert caught.value.faults[0].pointer.startswith("/items/1" if media_type == JSON else "line 2")


@every
def test_no_items_make_empty_arrays(media_type):
    body = dense_body(media_type, "probs", np.empty((0, 3)), [], classes=CLASSES)

    given = read(*body, "probs", classes=CLASSES)

    assert given.result["items"] == 0
    assert given.arrays["probs"].shape == (0, 3)
    assert media_type not in BINARY or given.result["dtype"] == "float64"
