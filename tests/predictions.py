"""Bodies of predictions of every kind in every format, and what is read from them."""

import contextlib
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from service.given import FORMS
from tests.uploads import LIMITS, arrow_stream, load_ids, multipart, npy, parquet_file

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
NPY, NPZ = "application/x-npy", "application/x-npz"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
MULTIPART = "multipart/form-data"
EVERY = (JSON, NDJSON, CSV, NPY, NPZ, ARROW, PARQUET, MULTIPART)
BINARY = (NPY, NPZ, ARROW, PARQUET, MULTIPART)

PREDICTION_LIMITS = LIMITS | {"max_classes": 50, "max_members": 20}
IDS = ["a", "ü", "007"]
CLASSES = ["cat", "dog", "fox"]


@dataclass(frozen=True)
class Given:
    """What a reader made of a body; `arrays` by the names of their files."""

    result: dict[str, Any]
    ids: list[str] | None
    arrays: dict[str, Any]
    progress: list[dict[str, Any]]


def read(media_type, body, kind, *, limits=None, **options):
    """Return the predictions that the reader in the sandbox makes of a body.

    The axes of an array with members are those in which predictions are kept, if not said.
    """
    from workers.untrusted.predictions import read_predictions  # only readers need its libraries

    arguments = {
        "media_type": media_type,
        "options": {
            "kind": kind,
            "scale": "probabilities",
            "classes": None,
            "normalize": False,
            "axes": axes_of(kind, media_type),
            "id_column": "id",
            "dtype": None,
        }
        | options,
        "limits": PREDICTION_LIMITS | (limits or {}),
    }
    progress = []
    with tempfile.TemporaryDirectory() as place:
        outside = Path(place, "upload")
        outside.write_bytes(body)
        scratch = Path(place, "scratch")
        scratch.mkdir()
        with contextlib.chdir(scratch), outside.open("rb") as file:
            said = read_predictions(arguments, {"body": file}, progress.append)
            result = json.loads(json.dumps(said))
            ids = None if result["numbered"] else load_ids()
            return Given(result, ids, load_arrays(), progress)


def axes_of(kind, media_type):
    """Return the axes of an array with members, in the order in which they are kept."""
    return FORMS[kind].axes_in(media_type.partition(";")[0]) if kind in FORMS else None


def load_arrays():
    """Return the arrays of the current directory, each checked to be plain."""
    arrays = {}
    for path in Path().glob("*.npy"):
        if path.stem != "id_ends" and not path.stem.startswith(("sent_", "member_v.")):
            arrays[path.stem] = np.load(path, allow_pickle=False)
            assert arrays[path.stem].flags.c_contiguous
            assert arrays[path.stem].dtype.isnative
    return arrays


def json_body(items, classes=None):
    """Return items as a JSON document."""
    document = {"items": items} | ({} if classes is None else {"classes": classes})
    return JSON, json.dumps(document).encode()


def ndjson_body(items):
    """Return one item per line."""
    return NDJSON, "".join(json.dumps(item) + "\n" for item in items).encode()


def csv_body(header, rows):
    """Return a table of cells that need no quotes."""
    lines = [",".join(map(str, row)) for row in [header, *rows]]
    return CSV, ("\n".join(lines) + "\n").encode()


def npz_body(**arrays):
    """Return an archive of arrays."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return NPZ, file.getvalue()


def multipart_body(ids=None, classes=None, **arrays):
    """Return arrays as fields, with ids and classes as JSON."""
    beside = {"ids": ids, "classes": classes}
    return multipart(
        *((name, None, npy(array)) for name, array in arrays.items()),
        *(
            (name, "application/json", json.dumps(value).encode())
            for name, value in beside.items()
            if value is not None
        ),
    )


def table_body(media_type, columns):
    """Return a table, sent two rows at a time."""
    table = pa.table(columns)
    if media_type == ARROW:
        return ARROW, arrow_stream(table, 2)
    return PARQUET, parquet_file(table, row_group_size=2)


def items_of(ids, **fields):
    """Return items as JSON has them."""
    columns = {name: np.asarray(values).tolist() for name, values in fields.items()}
    return [
        {"id": id, **{name: values[row] for name, values in columns.items()}}
        for row, id in enumerate(ids)
    ]


def arrow_lists(array):
    """Return an array as lists of fixed size."""
    array = np.asarray(array)
    column = pa.array(array.ravel())
    for length in reversed(array.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, length)
    return column


def dense_body(media_type, field, values, ids=IDS, classes=None):
    """Return an array (items, …) in any format; the classes where the body can say them."""
    values = np.asarray(values)
    names = {} if classes is None else {"classes": np.array(classes)}
    makers = {
        JSON: lambda: json_body(items_of(ids, **{field: values}), classes),
        NDJSON: lambda: ndjson_body(items_of(ids, **{field: values})),
        CSV: lambda: flat_csv(values, ids, classes),
        NPY: lambda: (NPY, npy(values)),
        NPZ: lambda: npz_body(**{field: values}, ids=np.array(ids, str), **names),
        ARROW: lambda: table_body(
            ARROW, {"id": pa.array(ids, pa.string()), field: arrow_lists(values)}
        ),
        PARQUET: lambda: table_body(
            PARQUET, {"id": pa.array(ids, pa.string()), field: arrow_lists(values)}
        ),
        MULTIPART: lambda: multipart_body(ids=ids, classes=classes, **{field: values}),
    }
    return makers[media_type]()


def flat_csv(values, ids, classes):
    """Return one row for each item, or for each of its members."""
    names = classes or [f"x{column}" for column in range(values.shape[-1])]
    rows = [
        [id, *map(repr, row.tolist())]
        for id, item in zip(ids, values, strict=True)
        for row in np.atleast_2d(item)
    ]
    return csv_body(["id", *names], rows)


def ragged_body(media_type, field, lists, *, boxes=None, labels=None):
    """Return lists of rows in any format but npy; labels are classes, or their places in arrays."""
    ids = IDS[: len(lists)]
    if media_type == CSV:
        return ragged_csv(lists, boxes=boxes, labels=labels)
    if media_type in {JSON, NDJSON}:
        items = [
            ragged_item(field, id, lists[row], boxes and boxes[row], labels and labels[row])
            for row, id in enumerate(ids)
        ]
        return json_body(items) if media_type == JSON else ndjson_body(items)
    if media_type in {ARROW, PARQUET}:
        columns = {"id": ids, field: pa.array(lists, pa.list_(pa.list_(pa.float64())))}
        columns |= {} if boxes is None else {"boxes": pa.array(boxes)}
        columns |= {} if labels is None else {"labels": pa.array(labels)}
        return table_body(media_type, columns)
    arrays = {"values": rows_of(lists), "ends": np.cumsum([len(rows) for rows in lists])}
    if boxes is not None:
        arrays["boxes"] = np.array([box for item in boxes for box in item], dtype=float)
    if labels is not None:
        codes = [-1 if label is None else CLASSES.index(label) for item in labels for label in item]
        arrays["labels"] = np.array(codes)
    if media_type == NPZ:
        return npz_body(**arrays, ids=np.array(ids))
    return multipart_body(ids=ids, **arrays)


def ragged_item(field, id, rows, boxes, labels):
    """Return an item with its objects or tokens."""
    if field == "tokens":
        return {"id": id, "tokens": rows}
    objects = [
        {"probs": row}
        | ({} if boxes is None else {"box": boxes[number]})
        | ({} if labels is None else {"label": labels[number]})
        for number, row in enumerate(rows)
    ]
    return {"id": id, "objects": objects}


def ragged_csv(lists, *, boxes=None, labels=None):
    """Return one row for each object, and an empty one for an item without."""
    header = ["id", *CLASSES]
    header += [] if boxes is None else [f"box.{corner}" for corner in range(4)]
    header += [] if labels is None else ["label"]
    rows = []
    for item, id in enumerate(IDS[: len(lists)]):
        for number, values in enumerate(lists[item]):
            row = [id, *map(repr, values)]
            row += [] if boxes is None else boxes[item][number]
            row += [] if labels is None else [labels[item][number] or ""]
            rows.append(row)
        if not lists[item]:
            rows.append([id, *[""] * (len(header) - 1)])
    return csv_body(header, rows)


def rows_of(lists):
    """Return all rows one after another."""
    return np.array([row for rows in lists for row in rows], dtype=float).reshape(-1, len(CLASSES))
