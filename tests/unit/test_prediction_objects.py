"""Uploaded predictions of which items have several, or none: objects and tokens."""

import math

import numpy as np
import pyarrow as pa
import pytest

from service.errors import UnsupportedFormat, UploadRefused
from tests.predictions import (
    ARROW,
    BINARY,
    CLASSES,
    CSV,
    EVERY,
    IDS,
    JSON,
    NDJSON,
    NPY,
    PARQUET,
    csv_body,
    json_body,
    npz_body,
    ragged_body,
    read,
    table_body,
)

LISTS = [[[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]], [], [[0.125, 0.0, 0.875]]]
TEXTS = [[[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]], [[0.125, 0.0, 0.875]]]
BOXES = [[[0, 1, 2, 3], [4, 5, 6, 7.5]], [], [[1, 1, 1, 1]]]
LABELS = [["cat", None], [], ["fox"]]
GOOD = pa.array([[[1.0, 0.0]]])
BOX_LISTS = pa.list_(pa.list_(pa.int8()))

formats = pytest.mark.parametrize("media_type", [name for name in EVERY if name != NPY])


@formats
def test_objects_are_read_from_every_format(media_type):
    given = read(*ragged_body(media_type, "objects", LISTS), "objects", classes=CLASSES)

    assert given.ids == IDS
    assert (given.result["items"], given.result["rows"], given.result["empty"]) == (3, 3, 1)
    assert given.arrays.keys() == {"values", "ends"}
    assert given.arrays["values"].tolist() == [row for item in LISTS for row in item]
    assert given.arrays["ends"].tolist() == [2, 2, 3]
    assert given.arrays["ends"].dtype == np.int64


@formats
def test_tokens_are_read_from_every_format(media_type):
    given = read(*ragged_body(media_type, "tokens", TEXTS), "tokens", classes=CLASSES)

    assert (given.result["rows"], given.result["empty"]) == (4, 0)
    assert given.arrays["ends"].tolist() == [2, 3, 4]


@formats
def test_boxes_and_labels_stand_beside_objects(media_type):
    body = ragged_body(media_type, "objects", LISTS, boxes=BOXES, labels=LABELS)

    given = read(*body, "objects", classes=CLASSES)

    assert given.arrays["boxes"].dtype == np.float32
    assert given.arrays["boxes"].tolist() == [box for item in BOXES for box in item]
    assert given.arrays["object_labels"].dtype == np.int32
    assert given.arrays["object_labels"].tolist() == [0, -1, 2]


@formats
def test_a_text_without_tokens_is_refused_and_named(media_type):
    with pytest.raises(UploadRefused, match='Item "ü" has 0 tokens'):
        read(*ragged_body(media_type, "tokens", LISTS), "tokens", classes=CLASSES)


@formats
def test_an_object_whose_probabilities_do_not_sum_to_one_is_found(media_type):
    lists = [LISTS[0], [], [[0.0, 0.0, 1.0], [0.5, 0.5, 0.25]]]

    with pytest.raises(UploadRefused, match=r'^Item "007" .* sum to 1.25 ') as caught:
        read(*ragged_body(media_type, "objects", lists), "objects", classes=CLASSES)

    place = {
        JSON: "/items/2/objects/1/probs",
        NDJSON: "line 3, /objects/1/probs",
        CSV: 'row 6, column "cat"',
        ARROW: 'row 3, column "objects"/1',
        PARQUET: 'row 3, column "objects"/1',
    }.get(media_type, "/values, row 1 of item 2")
    assert caught.value.faults[0].pointer == place


@formats
def test_logits_of_objects_become_probabilities(media_type):
    lists = [[[0.0, 0.0, math.log(2)]], [], [[0.0, math.log(2), 0.0]]]
    body = ragged_body(media_type, "objects", lists)

    given = read(*body, "objects", classes=CLASSES, scale="logits")

    expected = [[0.25, 0.25, 0.5], [0.25, 0.5, 0.25]]
    np.testing.assert_allclose(given.arrays["values"], expected, rtol=1e-15)


@formats
def test_items_may_all_be_without_objects(media_type):
    body = ragged_body(media_type, "objects", [[], []])

    given = read(*body, "objects", classes=CLASSES)

    assert (given.result["items"], given.result["rows"], given.result["empty"]) == (2, 0, 2)
    assert given.arrays["values"].shape == (0, 3)


@pytest.mark.parametrize("kind", ["objects", "tokens"])
def test_one_array_cannot_tell_which_rows_are_whose(kind):
    with pytest.raises(UnsupportedFormat, match="send one of application/json"):
        read(NPY, b"", kind, classes=3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_may_say_lengths_and_keep_their_type(dtype, order):
    values = np.array([row for item in LISTS for row in item], dtype=dtype, order=order)
    lengths = np.array([2, 0, 1], dtype=np.uint8)

    given = read(*npz_body(values=values, lengths=lengths), "objects", classes=3)

    assert given.ids is None
    assert given.result["dtype"] == dtype
    np.testing.assert_array_equal(given.arrays["values"], values)
    assert given.arrays["ends"].tolist() == [2, 2, 3]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "either the array ends"),
        ({"ends": [2, 3], "lengths": [2, 1]}, "either the array ends"),
        ({"ends": [2, 1, 3]}, "Item 1, counted from 0, has 1, .*must not lead back"),
        ({"ends": [2, 4]}, "has 4, and values has 3 rows"),
        ({"ends": [-1, 3]}, "has -1"),
        ({"ends": np.array([2**64 - 1], np.uint64)}, "has 1844"),
        ({"ends": [1, 2]}, "account for 2 of the 3"),
        ({"lengths": [2, 2]}, "has 2, and values has 3"),
        ({"lengths": [-(2**63), 2]}, "has -922"),
        ({"ends": [1.0, 3.0]}, "whole number"),
        ({"ends": [[1, 3]]}, "whole number"),
        ({"ends": [3], "boxes": np.zeros((2, 4))}, r"must be \[3, 4\]"),
        ({"ends": [3], "boxes": np.full((3, 4), np.nan)}, "a box that float32 cannot hold"),
        ({"ends": [3], "boxes": np.full((3, 4), 1e300)}, "a box that float32 cannot hold"),
        ({"ends": [3], "boxes": np.zeros((3, 4), str)}, "holds nothing|Boxes are numbers"),
        ({"ends": [3], "labels": [0, 1, 3]}, "class number 3.*/labels, row 2 of item 0"),
        ({"ends": [3], "labels": [0.0, 1, 2]}, "no places of classes"),
        ({"ends": [1, 3], "ids": np.array(["a"])}, "only 1 values here"),
        ({"ends": [3], "ids": np.array(["a", "b"])}, "more ids than the 1 items"),
        ({"ends": [3], "extra": [1]}, "it may hold the arrays values, ends, lengths, boxes"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(arrays, message):
    values = np.array([row for item in LISTS for row in item])
    arrays = {name: np.asarray(array) for name, array in arrays.items()}

    with pytest.raises(UploadRefused, match=message):
        read(*npz_body(values=values, **arrays), "objects", classes=3)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (None, r"has null where a list must be: of an item without objects it is \[\]"),
        ({"probs": [1, 0]}, "an object where a list must be"),
        ([[0.5, 0.5]], "a list where an object with probs"),
        ([{"score": 0.9}], r"without probs, .*one score for a box, send \[score, 1 - score\]"),
        ([{"probs": [1, 0], "score": 1}], 'unknown key "score"'),
        ([{"probs": [1.0]}], "1 values where a list of 2"),
        ([{"probs": 1.0}], "a number where a list of 2"),
        ([{"probs": [1, "0"]}], "a string where a number"),
        ([{"probs": [1, 0], "box": [0, 0, 1, 1]}, {"probs": [1, 0]}], "must have a box, or none"),
        ([{"probs": [1, 0], "label": "x"}, {"probs": [1, 0]}], "must have a label, or none"),
        ([{"probs": [1, 0], "box": [0, 0, 1]}], "3 values where a list of 4"),
        ([{"probs": [1, 0], "box": None}], "null where a list of 4"),
        ([{"probs": [1, 0], "label": "z"}], 'names the class "z"'),
    ],
)
def test_objects_that_are_not_as_they_must_be_are_refused(objects, message):
    with pytest.raises(UploadRefused, match=f'^Item "a" .*{message}'):
        read(*json_body([{"id": "a", "objects": objects}]), "objects", classes=["x", "y"])


def test_an_item_without_the_list_of_its_objects_is_told_to_send_an_empty_one():
    with pytest.raises(UploadRefused, match=r'has no "objects": .* the list is empty, \[\]'):
        read(*json_body([{"id": "a"}]), "objects", classes=["x", "y"])


def test_boxes_that_come_only_later_are_refused(monkeypatch):
    monkeypatch.setattr("workers.untrusted.formats.upload.BLOCK_BYTES", 1)
    items = [
        {"id": "a", "objects": [{"probs": [1, 0]}]},
        {"id": "b", "objects": [{"probs": [1, 0], "box": [0, 0, 1, 1]}]},
    ]

    with pytest.raises(UploadRefused, match=r'Item "b" .* must have a box, or none'):
        read(*json_body(items), "objects", classes=2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a", 1, 0], ["a", "", ""]], "several rows, and one of them is empty.*row 3"),
        ([["a", 1, ""]], "a cell that is empty .*row 2"),
        ([["a", 1, "nan"]], "row 2"),
        ([["a", 1, "x"]], 'holds "x"'),
        ([["a", 1]], "2 cells and the header 3"),
        ([["", 1, 0]], "An id is empty"),
    ],
)
def test_rows_of_objects_that_are_broken_are_refused(rows, message):
    with pytest.raises(UploadRefused, match=message):
        read(*csv_body(["id", "x", "y"], rows), "objects")


def test_an_id_that_comes_again_later_is_another_item():
    body = csv_body(["id", "x", "y"], [["a", 1, 0], ["b", "", ""], ["a", 0, 1], ["a", 1, 0]])

    given = read(*body, "objects")

    assert given.ids == ["a", "b", "a"]
    assert given.arrays["ends"].tolist() == [1, 1, 3]


def test_a_class_may_have_the_name_of_a_column_beside():
    body = csv_body(["id", "label", "box.0"], [["a", 1, 0]])

    assert read(*body, "objects", classes=["label", "box.0"]).result["classes"] == [
        "label",
        "box.0",
    ]
    with pytest.raises(UploadRefused, match=r"columns box\.0, box\.1, box\.2, box\.3"):
        read(*body, "objects")


@pytest.mark.parametrize("media_type", [ARROW, PARQUET])
def test_lists_may_be_of_any_arrow_type(media_type):
    flat = pa.array(np.array(LISTS[0] + LISTS[2], np.float32).ravel())
    rows = pa.FixedSizeListArray.from_arrays(flat, 3)
    objects = pa.LargeListArray.from_arrays(pa.array([0, 2, 2, 3], pa.int64()), rows)

    given = read(*table_body(media_type, {"id": IDS, "objects": objects}), "objects", classes=3)

    assert given.result["dtype"] == "float32"
    assert given.arrays["ends"].tolist() == [2, 2, 3]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"objects": pa.array([[1.0]])}, "a list of lists of numbers"),
        ({"objects": pa.array([[[[1.0]]]])}, "a list of lists of numbers"),
        ({"objects": pa.array([[["x"]]])}, "holds string"),
        ({"objects": pa.array([[[1, 0]]])}, "int64 are not taken"),
        ({"objects": pa.array([None], pa.list_(pa.list_(pa.float64())))}, 'Item "a" has null'),
        ({"objects": pa.array([[None, [1.0, 0.0]]])}, "null in its list"),
        ({"objects": pa.array([[[1.0, None]]])}, "null where a number"),
        ({"objects": pa.array([[[1.0]]])}, "1 values where a list of 2"),
        ({"tokens": pa.array([[[1.0, 0.0]]])}, "no column objects"),
        ({"objects": GOOD, "x": [1]}, "stands beside objects"),
        ({"objects": GOOD, "boxes": pa.array([[]], BOX_LISTS)}, "1 objects and 0 boxes"),
        ({"objects": GOOD, "boxes": pa.array([[[1.0]]])}, "list of 4"),
        ({"objects": GOOD, "boxes": pa.array([[1.0]])}, "A box is a list"),
        ({"objects": GOOD, "labels": pa.array([["z"]])}, "the class"),
        ({"objects": GOOD, "labels": pa.array(["x"])}, "must be a list"),
    ],
)
def test_tables_of_objects_that_are_broken_are_refused(columns, message):
    for media_type in (ARROW, PARQUET):
        with pytest.raises(UploadRefused, match=message):
            read(*table_body(media_type, {"id": ["a"], **columns}), "objects", classes=["x", "y"])


@formats
def test_limits_of_objects_are_checked(media_type):
    body = ragged_body(media_type, "objects", LISTS)

    with pytest.raises(UploadRefused, match=r"max_item_values|longer than"):
        read(*body, "objects", classes=CLASSES, limits={"max_item_values": 5})
    with pytest.raises(UploadRefused, match="more than 2 items"):
        read(*body, "objects", classes=CLASSES, limits={"max_items": 2})


@pytest.mark.parametrize("media_type", [name for name in BINARY if name != NPY] + [JSON, CSV])
def test_many_items_are_read_in_pieces(media_type, monkeypatch):
    monkeypatch.setattr("workers.untrusted.given.ragged.BLOCK_BYTES", 200)
    monkeypatch.setattr("workers.untrusted.formats.upload.BLOCK_BYTES", 300)
    generator = np.random.default_rng(3)
    monkeypatch.setattr("tests.predictions.IDS", [f"item {row}" for row in range(200)])
    counts = generator.integers(0, 9, 200)
    lists = [generator.dirichlet([1, 1, 1], count).tolist() for count in counts]

    given = read(*ragged_body(media_type, "objects", lists), "objects", classes=CLASSES)

    assert len(given.ids) == 200
    assert given.arrays["ends"].tolist() == np.cumsum(list(map(len, lists))).tolist()
    assert given.arrays["values"].tolist() == [row for item in lists for row in item]
