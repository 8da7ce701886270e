"""Parts sent as Arrow streams and Parquet files."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.errors import UploadRefused
from tests.uploads import LIMITS, arrow_stream, parquet_file, read
from workers.untrusted.formats import parquet, strips

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
IDS = pa.array(["a", "b", "c"])


def read_table(kind, columns, options=None, **kwargs):
    """Return the part that a table makes, sent in batches of two rows."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    if kind == ARROW:
        return read(ARROW, arrow_stream(table, 2), options=options, **kwargs)
    return read(PARQUET, parquet_file(table, row_group_size=2), options=options, **kwargs)


both = pytest.mark.parametrize("kind", [ARROW, PARQUET])


@both
@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["007", "\U0001f98a", " c\n"]),
        pa.array(["007", "\U0001f98a", " c\n"], pa.large_string()),
        pa.array(["007", "\U0001f98a", " c\n"]).dictionary_encode(),
    ],
)
def test_ids_may_be_strings_of_every_kind(kind, ids):
    part = read_table(kind, {"key": ids, "x": [1.0, 2.0, 3.0]}, {"id_column": "key"})

    assert part.ids == ["007", "\U0001f98a", " c\n"]
    assert part.result["item_shape"] == [1]


@both
@pytest.mark.parametrize("type_", [pa.int8(), pa.int64(), pa.uint64()])
def test_integer_ids_become_decimal_text(kind, type_):
    part = read_table(kind, {"id": pa.array([7, 100, 0], type_), "x": [1.0, 2.0, 3.0]})

    assert part.ids == ["7", "100", "0"]


@both
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (pa.array(["a", None, "c"]), 'The id is null.*row 2, column "id"'),
        (pa.array([1.0, 2.0, 3.0]), "strings or integers, not double"),
        (pa.array([b"a", b"b", b"c"]), "strings or integers, not binary"),
    ],
)
def test_ids_of_another_kind_are_refused(kind, ids, message):
    with pytest.raises(UploadRefused, match=message):
        read_table(kind, {"id": ids, "x": [1.0, 2.0, 3.0]})


def list_columns():
    """Return the same features in every kind of list."""
    values = np.arange(18, dtype=np.float32)
    flat = pa.array(values)
    fixed = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(flat, 2), 3)
    nested = values.reshape(3, 3, 2).tolist()
    return {
        "fixed": fixed,
        "lists": pa.array(nested, pa.list_(pa.list_(pa.float32()))),
        "large": pa.array(nested, pa.large_list(pa.list_(pa.float32(), 2))),
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(values.reshape(3, 3, 2)),
    }


@both
@pytest.mark.parametrize("name", list(list_columns()))
def test_features_may_be_lists_of_every_kind(kind, name):
    part = read_table(kind, {"id": IDS, "features": list_columns()[name]})

    assert part.result["item_shape"] == [3, 2]
    assert part.result["dtype"] == "float32"
    assert part.features.tolist() == np.arange(18.0).reshape(3, 3, 2).tolist()


def test_tensors_may_be_stored_in_another_order_of_axes():
    kind = pa.fixed_shape_tensor(pa.uint8(), [2, 3], permutation=[1, 0])
    stored = pa.array([[0, 1, 2, 3, 4, 5]] * 3, pa.list_(pa.uint8(), 6))
    tensors = pa.ExtensionArray.from_storage(kind, stored)

    part = read_table(ARROW, {"id": IDS, "features": tensors})

    assert part.result["item_shape"] == [3, 2]
    assert part.features[2].tolist() == [[0, 3], [1, 4], [2, 5]]
    np.testing.assert_array_equal(part.features, tensors.to_numpy_ndarray())


@both
def test_columns_of_several_types_take_their_common_one(kind):
    columns = {
        "id": IDS,
        "a": pa.array([1, 2, 3], pa.uint8()),
        "b": pa.array(np.array([0.5, 1, 2], np.float16)),
    }

    assert read_table(kind, columns).result["dtype"] == "float16"
    columns["c"] = pa.array([1, 2, 3], pa.float32())
    assert read_table(kind, columns).result["dtype"] == "float32"
    columns["d"] = pa.array([-(2**53), 2, 2**53], pa.int64())
    part = read_table(kind, columns)
    assert part.result["dtype"] == "float64"
    assert part.features.tolist() == [[1, 0.5, 1, -(2**53)], [2, 1, 2, 2], [3, 2, 3, 2**53]]


def lists(values, kind=None):
    """Return a column of lists of numbers."""
    return pa.array(values, pa.list_(kind or pa.float64()))


@both
@pytest.mark.parametrize(
    ("features", "place", "message"),
    [
        (lists([[1], [2], [3, 4]]), "row 3", 'Item "c" has 2 values where the first item has 1'),
        (lists([[1], [2], []]), "row 3", "has 0 values"),
        (lists([[1], [2], None]), "row 3", 'Item "c" has null'),
        (lists([[1, 2], [1, 2], [1, None]]), "row 3", "has null"),
        (lists([None, [1], [2]]), "row 1", "null|at least one"),
        (lists([[], [], []]), "row 1", "at least one feature value"),
        (lists([[1], [2], [2**53 + 1]], pa.int64()), "row 3", "beyond 2"),
        (lists([[1], [2], [2**53 + 1]], pa.uint64()), "row 3", "beyond 2"),
        (pa.array([1.5, 2, None]), "row 3", 'Item "c" has null'),
        (pa.array([1, 2, 2**60]), "row 3", "beyond 2"),
        (pa.array([1.5, 2, np.nan]), "row 3", 'Item "c" has NaN'),
        (pa.array(["a", "b", "c"]), "column", "metadata.features"),
        (pa.array([True, False, True]), "column", "holds bool"),
        (pa.array([["a"], ["b"], ["c"]]), "column", "metadata.features"),
    ],
)
def test_features_that_are_no_numbers_of_one_shape_are_named(kind, features, place, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        read_table(kind, {"id": IDS, "features": features})

    assert refused.value.faults[0].pointer.startswith(place)
    assert 'column "features"' in refused.value.faults[0].pointer


def test_a_value_in_a_list_is_named_by_its_position():
    with pytest.raises(UploadRefused) as refused:
        read_table(ARROW, {"id": IDS, "features": lists([[1, 2], [1, 2], [1, np.inf]])})

    assert refused.value.faults[0].pointer == 'row 3, column "features"/1'


def test_lists_are_the_only_column_of_features():
    with pytest.raises(UploadRefused, match="must be the only column"):
        read_table(ARROW, {"id": IDS, "x": [1.0, 2.0, 3.0], "y": lists([[1], [2], [3]])})


@both
def test_metadata_may_be_strings_numbers_and_booleans(kind):
    columns = {
        "site": pa.array(["x", None, "y"]).dictionary_encode(),
        "age": pa.array([1, None, 3], pa.int32()),
        "seen": pa.array([None, True, False]),
        "never": pa.nulls(3),
    }
    table = {"id": IDS, "x": [1.0, 2.0, 3.0]} | {f"metadata.{k}": v for k, v in columns.items()}

    part = read_table(kind, table)

    assert part.metadata == {
        "site": ["x", None, "y"],
        "age": [1, None, 3],
        "seen": [None, True, False],
    }


@both
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([1, 2, 2**60]), 'Item "c" .*beyond 2.*row 3, column "metadata.m"'),
        (pa.array([1.0, 2.0, np.nan]), "NaN"),
        (pa.array([1, 2, 3], pa.timestamp("s")), "not timestamp.*: convert"),
        (pa.array([b"a", b"b", b"c"]), "not binary"),
        (lists([[1], [2], [3]]), "not list"),
    ],
)
def test_metadata_of_another_kind_are_refused(kind, values, message):
    with pytest.raises(UploadRefused, match=message):
        read_table(kind, {"id": IDS, "x": [1.0, 2.0, 3.0], "metadata.m": values})


def invalid_strings():
    """Return strings that are no UTF-8."""
    buffers = [None, pa.py_buffer(np.array([0, 1, 2, 3], "i4")), pa.py_buffer(b"a\xffc")]
    return pa.Array.from_buffers(pa.string(), 3, buffers)


@both
def test_strings_that_are_not_utf_8_are_refused(kind):
    with pytest.raises(UploadRefused, match="broken"):
        read_table(kind, {"id": invalid_strings(), "x": [1.0, 2.0, 3.0]})


def test_offsets_that_lead_nowhere_are_refused():
    buffers = [None, pa.py_buffer(np.array([0, 1, 2**30, 3], "i4")), pa.py_buffer(b"abc")]
    ids = pa.Array.from_buffers(pa.string(), 3, buffers)

    with pytest.raises(UploadRefused, match="broken"):
        read(ARROW, arrow_stream(pa.table({"id": ids, "x": [1.0, 2.0, 3.0]})))


def test_a_stream_without_its_end_marker_is_cut_short():
    body = arrow_stream(pa.table({"id": IDS, "x": [1.0, 2.0, 3.0]}))

    with pytest.raises(UploadRefused, match="no end marker"):
        read(ARROW, body[:-8])


def test_an_arrow_file_is_told_to_be_sent_as_a_stream():
    table = pa.table({"id": IDS, "x": [1.0, 2.0, 3.0]})
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)

    with pytest.raises(UploadRefused, match="not a stream"):
        read(ARROW, file.getvalue())


def test_compressed_batches_are_read():
    table = pa.table({"id": IDS, "x": [1.0, 2.0, 3.0]})
    file = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(file, table.schema, options=options) as writer:
        writer.write_table(table)

    assert read(ARROW, file.getvalue()).features.tolist() == [[1], [2], [3]]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip", "lz4", "brotli"])
def test_parquet_of_every_compression_is_read(compression):
    body = parquet_file(pa.table({"id": IDS, "x": [1.0, 2.0, 3.0]}), compression=compression)

    assert read(PARQUET, body).features.tolist() == [[1], [2], [3]]


SMALL_ADDRESS_SPACE = """
import json, os, resource, sys
from workers.untrusted.uploads import read_upload
os.chdir(sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
with open("body", "rb") as file:
    print(read_upload(json.loads(sys.argv[1]), {"body": file}, lambda _: None)["rows"])
"""


def test_a_stream_larger_than_the_address_space_is_read_batch_by_batch(tmp_path):
    batch = pa.record_batch({"id": list("abcdefgh"), "x": np.zeros(8)})
    values = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(8 * 10_000)), 10_000)
    batch = pa.record_batch({"id": batch["id"], "features": values})
    with pa.ipc.new_stream(str(tmp_path / "body"), batch.schema) as writer:
        for _ in range(500):
            writer.write_batch(batch)
    arguments = {"media_type": ARROW, "options": {}, "limits": LIMITS}

    done = subprocess.run(
        [sys.executable, "-c", SMALL_ADDRESS_SPACE, json.dumps(arguments), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), "OPENBLAS_NUM_THREADS": "1"},
    )

    assert done.stdout.strip() == "4000"


def wide_table(rows=7, columns=5):
    """Return a table of many columns of single numbers, with metadata between them."""
    values = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    features = {f"x.{index}": pa.array(values[:, index]) for index in range(columns)}
    beside = {"metadata.m": pa.array([str(row % 2) for row in range(rows)])}
    return pa.table({"x": pa.array(values[:, 0]), **beside, "id": range(rows), **features}), values


@pytest.mark.parametrize("count", [2, 5, 6])
def test_a_file_of_many_columns_is_read_in_strips(monkeypatch, count):
    table, values = wide_table()
    monkeypatch.setattr(parquet, "strips_needed", lambda *_: count)

    part = read(PARQUET, parquet_file(table, row_group_size=3))

    assert part.ids == [str(row) for row in range(7)]
    assert part.features.tolist() == [[row[0], *row] for row in values.tolist()]
    assert part.metadata == {"m": ["0", "1", "0", "1", "0", "1", "0"]}
    assert part.files == read(PARQUET, parquet_file(table)).files


@pytest.mark.parametrize(
    ("wrong", "message"), [(None, "has null"), (float("nan"), 'Item "4" has NaN')]
)
def test_what_is_wrong_in_a_strip_is_named_by_row_and_column(monkeypatch, wrong, message):
    table, _ = wide_table()
    column = pa.array([wrong if row == 4 else 1.0 for row in range(7)], pa.float32())
    table = table.set_column(table.schema.get_field_index("x.3"), "x.3", column)
    monkeypatch.setattr(parquet, "strips_needed", lambda *_: 3)

    with pytest.raises(UploadRefused, match=message) as refused:
        read(PARQUET, parquet_file(table, row_group_size=3))

    assert refused.value.faults[0].pointer == 'row 5, column "x.3"'


def test_only_files_whose_columns_are_too_much_at_once_are_cut_into_strips(monkeypatch):
    table, _ = wide_table()
    kept = []
    real = parquet.strips_needed
    monkeypatch.setattr(parquet, "strips_needed", lambda *given: kept.append(real(*given)) or 1)

    read(PARQUET, parquet_file(table))
    monkeypatch.setattr(strips, "BUDGET", 800)
    read(PARQUET, parquet_file(table))
    read(PARQUET, parquet_file(pa.table({"id": IDS, "features": lists([[1], [2], [3]])})))

    assert kept[0] == 1
    assert 1 < kept[1] <= 6
    assert kept[2] == 1
