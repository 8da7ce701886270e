"""A user's own file as labelled items, whatever its format."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris

from service.errors import UploadRefused
from workers.console.file import Source, data_of, read

VECTORS, LABELS = load_iris(return_X_y=True)
CLASSES = ("setosa", "versicolor", "virginica")
NAMES = [CLASSES[label] for label in LABELS]


def table_of(*, ids):
    """Irises as an Arrow table, with ids or without."""
    columns = {"id": [f"iris-{row}" for row in range(150)]} if ids else {}
    return pa.table({**columns, **{f"x{axis}": VECTORS[:, axis] for axis in range(4)}, "y": NAMES})


def write_csv(path, *, ids):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        table = table_of(ids=ids)
        writer.writerow(table.column_names)
        writer.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))


def write_parquet(path, *, ids):
    pq.write_table(table_of(ids=ids), path)


def write_arrow(path, *, ids):
    table = table_of(ids=ids)
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def write_feather(path, *, ids):
    table = table_of(ids=ids)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


def write_npz(path, *, ids):
    named = {"ids": np.array([f"iris-{row}" for row in range(150)])} if ids else {}
    np.savez(path, features=VECTORS, **named, **{"metadata.y": np.array(NAMES)})


def write_ndjson(path, *, ids):
    lines = [
        {"id": f"iris-{row}", "features": list(vector), "metadata": {"y": name}}
        for row, (vector, name) in enumerate(zip(VECTORS, NAMES, strict=True))
    ]
    path.write_text("\n".join(map(json.dumps, lines)))


FORMATS = {
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".arrow": write_arrow,
    ".feather": write_feather,
    ".npz": write_npz,
    ".ndjson": write_ndjson,
}


def data_in(path, tmp_path, label="y", id_column=None, features=None):
    directory = tmp_path / "read"
    directory.mkdir()
    return data_of(read(Source(path, label, id_column, features, directory)))


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_holds_the_same_items(tmp_path, suffix, ids):
    path = tmp_path / f"pool{suffix}"
    FORMATS[suffix](path, ids=ids)

    data = data_in(path, tmp_path)

    named = ids or suffix == ".ndjson"
    assert data.population.ids == tuple(f"iris-{row}" if named else str(row) for row in range(150))
    assert np.array_equal(data.population.features, VECTORS)
    assert data.population.features.dtype == np.float64
    assert data.classes == CLASSES
    assert np.array_equal(data.codes, LABELS)


def test_items_without_a_label_are_left_out(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text("id,x,y\na,1,yes\nb,2,\nc,3,no\n")

    data = data_in(path, tmp_path)

    assert data.population.ids == ("a", "c")
    assert data.population.features.tolist() == [[1], [3]]
    assert data.classes == ("no", "yes")
    assert data.codes.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("cells", "classes"),
    [(("1", "2"), (1, 2)), (("1.5", "2"), (1.5, 2)), (("true", "false"), (False, True))],
)
def test_classes_are_what_they_look_like(tmp_path, cells, classes):
    path = tmp_path / "pool.csv"
    path.write_text("x,y\n" + "".join(f"{row},{cell}\n" for row, cell in enumerate(cells)))

    found = data_in(path, tmp_path).classes

    assert found == classes
    assert list(map(type, found)) == list(map(type, classes))


def test_other_columns_than_the_features_are_metadata(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text("key,x,note,metadata.price,y\na,1,fine,2.5,0\nb,2,,3,1\n")

    data = data_in(path, tmp_path, id_column="key", features=["x"])

    assert data.population.ids == ("a", "b")
    assert data.population.features.tolist() == [[1], [2]]
    assert data.population.columns == {"note": ["fine", None], "price": [2.5, 3]}


def test_labels_may_be_called_metadata_in_the_file(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text("x,metadata.y,metadata.price\n1,a,3\n2,b,4\n")

    data = data_in(path, tmp_path)

    assert data.classes == ("a", "b")
    assert data.population.columns == {"price": [3, 4]}


def test_small_numbers_become_floats(tmp_path):
    path = tmp_path / "pool.parquet"
    features = pa.array([[0, 255], [1, 2]], pa.list_(pa.uint8(), 2))
    pq.write_table(pa.table({"features": features, "y": ["a", "b"]}), path)

    data = data_in(path, tmp_path)

    assert data.population.features.dtype == np.float32
    assert data.population.features.tolist() == [[0, 255], [1, 2]]


def test_labels_that_are_not_there_are_told_with_what_is(tmp_path):
    write_npz(tmp_path / "pool.npz", ids=True)

    with pytest.raises(UploadRefused, match="no labels 'z'; metadata there is: y"):
        data_in(tmp_path / "pool.npz", tmp_path, label="z")
