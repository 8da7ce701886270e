"""Uploaded predictions of which every item has the same number, in every format."""

import itertools

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
    ndjson_body,
    npz_body,
    read,
    table_body,
)
from tests.uploads import npy

PROBS = np.array([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0], [0.125, 0.0, 0.875]])
MEMBERS = np.stack([PROBS, PROBS[::-1]], axis=1)

every = pytest.mark.parametrize("media_type", EVERY)
floats = pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])


def ids_of(media_type):
    """Return the ids that a format carries."""
    return None if media_type == NPY else IDS


@every
def test_probabilities_are_read_from_every_format(media_type):
    given = read(*dense_body(media_type, "probs", PROBS, classes=CLASSES), "probs", classes=CLASSES)

    assert given.ids == ids_of(media_type)
    assert given.arrays.keys() == {"probs"}
    assert given.result == {
        "kind": "probs",
        "items": 3,
        "numbered": media_type == NPY,
        "classes": CLASSES,
        "members": None,
        "dtype": "float64",
        "rows": 0,
        "empty": 0,
    }
    np.testing.assert_array_equal(given.arrays["probs"], PROBS)
    assert given.progress[-1] == {"done": 3}


@every
def test_members_are_read_from_every_format(media_type):
    body = dense_body(media_type, "members", MEMBERS, classes=CLASSES)
    given = read(*body, "members", classes=CLASSES)

    assert given.ids == ids_of(media_type)
    assert (given.result["members"], given.result["classes"]) == (2, CLASSES)
    np.testing.assert_array_equal(given.arrays["member_probs"], MEMBERS)


@every
def test_labels_need_not_sum_to_one(media_type):
    values = np.array([[0.5, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.25]])
    body = dense_body(media_type, "label_probs", values, classes=CLASSES)

    given = read(*body, "multilabel", classes=CLASSES)

    np.testing.assert_array_equal(given.arrays["label_probs"], values)


@every
def test_numbers_of_members_are_read_from_every_format(media_type):
    values = np.array([[1.5, -2.0], [0.0, 1e30], [3.0, 7.0]])

    given = read(*dense_body(media_type, "values", values), "regression_members")

    assert (given.result["members"], given.result["classes"]) == (2, [])
    np.testing.assert_array_equal(given.arrays["member_values"], values)


MEAN, STD = np.array([1.5, -2.0, 0.0]), np.array([0.5, 0.0, 2.0])


@pytest.mark.parametrize(
    "body",
    [
        json_body(items_of(IDS, mean=MEAN, std=STD)),
        ndjson_body(items_of(IDS, mean=MEAN, std=STD)),
        csv_body(["std", "id", "mean"], zip(STD, IDS, MEAN, strict=True)),
        npz_body(mean=MEAN, std=STD, ids=np.array(IDS)),
        multipart_body(mean=MEAN, std=STD, ids=IDS),
        table_body(ARROW, {"std": STD, "id": IDS, "mean": MEAN}),
        table_body(PARQUET, {"std": STD, "id": IDS, "mean": MEAN}),
    ],
    ids=["json", "ndjson", "csv", "npz", "multipart", "arrow", "parquet"],
)
def test_a_mean_comes_with_its_standard_deviation(body):
    given = read(*body, "regression")

    assert given.ids == IDS
    assert given.result["members"] is None
    np.testing.assert_array_equal(given.arrays["mean"], MEAN)
    np.testing.assert_array_equal(given.arrays["std"], STD)


def test_one_array_cannot_tell_means_and_deviations():
    with pytest.raises(
        UnsupportedFormat, match=r"kind regression .*send one of .*application/x-npz"
    ):
        read(NPY, npy(MEAN), "regression")


VOTES = [["cat", "fox"], [None, "dog"], ["dog", "dog"]]
CODES = np.array([[0, 2], [-1, 1], [1, 1]])
CELLS = [[id, *[vote or "" for vote in row]] for id, row in zip(IDS, VOTES, strict=True)]


@pytest.mark.parametrize(
    "body",
    [
        json_body(items_of(IDS, votes=VOTES), CLASSES),
        ndjson_body(items_of(IDS, votes=VOTES)),
        csv_body(["id", "m1", "m2"], CELLS),
        (NPY, npy(CODES.astype(np.int8))),
        npz_body(votes=CODES, ids=np.array(IDS), classes=np.array(CLASSES)),
        multipart_body(votes=CODES, ids=IDS, classes=CLASSES),
        table_body(ARROW, {"id": IDS, "votes": VOTES}),
        table_body(PARQUET, {"id": IDS, "m1": ["cat", None, "dog"], "m2": ["fox", "dog", "dog"]}),
    ],
    ids=["json", "ndjson", "csv", "npy", "npz", "multipart", "arrow", "parquet"],
)
def test_votes_become_places_of_classes(body):
    given = read(*body, "votes", classes=CLASSES)

    assert given.result["dtype"] == "int32"
    assert given.result["members"] == 2
    assert given.arrays["votes"].dtype == np.int32
    np.testing.assert_array_equal(given.arrays["votes"], CODES)


@pytest.mark.parametrize(
    ("classes", "cells", "codes"),
    [
        ([1, 2, 3], ["1", "3.0"], [0, 2]),
        ([-1, 1], ["-1", "1"], [0, 1]),
        ([0, 1], ["-1", "1"], [-1, 1]),
        ([False, True], ["False", "true"], [0, 1]),
        (["1", "1.0"], ["1.0", "1"], [1, 0]),
    ],
)
def test_votes_in_cells_are_classes_as_text(classes, cells, codes):
    given = read(*csv_body(["id", "a", "b"], [["x", *cells]]), "votes", classes=classes)

    assert given.arrays["votes"].tolist() == [codes]


@pytest.mark.parametrize(
    ("body", "classes", "message"),
    [
        (
            json_body(items_of(["a"], votes=[["cat", "cow"]])),
            CLASSES,
            'Item "a" .*"cow".*/items/0/votes/1',
        ),
        (json_body([{"id": "a", "votes": [1, True]}]), [0, 1], "the class True"),
        (json_body([{"id": "a", "votes": [1, [1]]}]), [0, 1], r"the class \[1\]"),
        (json_body([{"id": "a", "votes": None}]), [0, 1], "shape"),
        (csv_body(["id", "m"], [["a", "cow"]]), CLASSES, 'row 2, column "m"'),
        ((NPY, npy(np.array([[0, 3]]))), CLASSES, "class number 3: they go from 0 to 2"),
        ((NPY, npy(np.array([[-2, 0]]))), CLASSES, "class number -2"),
        ((NPY, npy(np.array([[2**64 - 1]], dtype=np.uint64))), CLASSES, "class number 1844"),
        ((NPY, npy(np.array([[0.0, 1.0]]))), CLASSES, "float64 holds no places"),
        ((NPY, npy(np.array([[1, 2]]))), [1, 2], "the classes are other numbers"),
        (table_body(ARROW, {"id": ["a"], "m": ["cow"]}), CLASSES, "cow"),
        (
            table_body(ARROW, {"id": ["a"], "votes": pa.array([None], pa.list_(pa.string()))}),
            CLASSES,
            r"shape \[members\]",
        ),
        (
            table_body(PARQUET, {"id": ["a", "b"], "votes": [["cat"], None]}),
            CLASSES,
            r'Item "b" has null where .*row 2, column "votes"',
        ),
        (
            table_body(ARROW, {"id": ["a", "b"], "votes": [["cat"], ["cat", "cat"]]}),
            CLASSES,
            "has 2 votes where the first item has 1",
        ),
    ],
)
def test_votes_for_what_is_no_class_are_refused(body, classes, message):
    with pytest.raises(UploadRefused, match=message):
        read(*body, "votes", classes=classes)


@floats
@pytest.mark.parametrize("media_type", BINARY)
def test_binary_formats_keep_the_type(media_type, dtype):
    given = read(*dense_body(media_type, "probs", PROBS.astype(dtype)), "probs", classes=3)

    assert given.result["dtype"] == dtype
    assert given.result["classes"] == [0, 1, 2]
    assert given.arrays["probs"].dtype == dtype
    np.testing.assert_array_equal(given.arrays["probs"], PROBS)


@floats
@pytest.mark.parametrize("media_type", [JSON, NDJSON, CSV])
def test_text_is_kept_in_the_type_asked_for(media_type, dtype):
    body = dense_body(media_type, "probs", PROBS, classes=CLASSES)

    given = read(*body, "probs", classes=CLASSES, dtype=dtype)

    assert given.arrays["probs"].dtype == dtype


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
@pytest.mark.parametrize("media_type", [NPY, NPZ, MULTIPART])
def test_whole_numbers_are_no_probabilities(media_type, dtype):
    body = dense_body(media_type, "probs", PROBS.astype(dtype))

    with pytest.raises(UploadRefused, match=f"type {dtype} are not taken .*divided"):
        read(*body, "probs", classes=CLASSES)


@pytest.mark.parametrize("media_type", [ARROW, PARQUET])
def test_whole_numbers_in_tables_are_no_probabilities(media_type):
    with pytest.raises(UploadRefused, match=r'int64 are not taken .*column "cat"'):
        read(*table_body(media_type, {"id": ["a"], "cat": [1], "dog": [0]}), "probs")
    with pytest.raises(UploadRefused, match="holds string: leave it out"):
        read(*table_body(media_type, {"id": ["a"], "cat": ["1"], "dog": ["0"]}), "probs")


@pytest.mark.parametrize("axes", list(itertools.permutations(["items", "members", "classes"])))
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("media_type", [NPY, NPZ, MULTIPART])
def test_axes_may_come_in_any_order(media_type, order, axes):
    values = np.random.default_rng(1).dirichlet(np.ones(4), size=(7, 5)).astype("float32")
    sent = np.array(
        values.transpose([["items", "members", "classes"].index(a) for a in axes]), order=order
    )
    ids = [str(row) for row in range(7)]

    given = read(
        *dense_body(media_type, "members", sent, ids), "members", classes=4, axes=list(axes)
    )

    assert given.result["members"] == 5
    np.testing.assert_array_equal(given.arrays["member_probs"], values)


@pytest.mark.parametrize(
    ("kind", "dtype", "classes"), [("regression_members", float, None), ("votes", int, 6)]
)
def test_members_may_come_first(kind, dtype, classes):
    values = np.arange(6).reshape(2, 3)

    given = read(NPY, npy(values.astype(dtype)), kind, axes=["members", "items"], classes=classes)

    (array,) = given.arrays.values()
    np.testing.assert_array_equal(array, values.T)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (["members", "items", "classes"], "3 probabilities, and 4 classes"),
        (["items", "members", "classes"], "7 members; there may be 1 to 5"),
    ],
)
@pytest.mark.parametrize("media_type", [NPY, NPZ, MULTIPART])
def test_axes_that_do_not_fit_are_told_with_the_shape(media_type, axes, message):
    body = dense_body(media_type, "members", np.full((4, 7, 3), 1 / 3), IDS)
    classes = 4 if axes[0] == "members" else 3

    with pytest.raises(UploadRefused, match=message) as caught:
        read(*body, "members", classes=classes, axes=axes, limits={"max_members": 5})

    said = f"axes={','.join(axes)} is said of an array of shape [4, 7, 3]"
    assert said in caught.value.detail


def test_an_array_larger_than_a_block_is_transposed_piece_by_piece(monkeypatch):
    monkeypatch.setattr("workers.untrusted.given.strips.TRANSPOSED_BYTES", 1000)
    monkeypatch.setattr("workers.untrusted.formats.upload.BLOCK_BYTES", 200)
    values = np.random.default_rng(1).dirichlet(np.ones(3), size=(101, 4))

    given = read(
        NPY,
        npy(values.transpose(1, 2, 0)),
        "members",
        classes=3,
        axes=["members", "classes", "items"],
    )

    np.testing.assert_array_equal(given.arrays["member_probs"], values)
