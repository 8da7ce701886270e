"""Sample uploads in every format, and what is read from them.

Features that are None make items without features, in every format that carries ids.
"""

import contextlib
import io
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BOUNDARY = "between-the-fields"
LIMITS = {
    "max_items": 1_000_000,
    "max_item_values": 10_000,
    "max_id_bytes": 512,
    "max_metadata_columns": 4,
    "max_metadata_bytes": 100,
}


def item_records(ids, features, metadata):
    """Return items as JSON has them."""
    records = [{"id": id} for id in ids]
    if features is not None:
        for record, values in zip(records, np.asarray(features).tolist(), strict=True):
            record["features"] = values
    if metadata:
        for row, record in enumerate(records):
            record["metadata"] = {name: values[row] for name, values in metadata.items()}
    return records


def as_json(ids, features, metadata):
    document = {"items": item_records(ids, features, metadata)}
    return "application/json", json.dumps(document, ensure_ascii=False).encode()


def as_ndjson(ids, features, metadata):
    lines = [json.dumps(item) + "\n" for item in item_records(ids, features, metadata)]
    return "application/x-ndjson", "".join(lines).encode()


def as_csv(ids, features, metadata):
    """Return flat features, one column each; numbers so that they are read back exactly."""
    features = np.asarray(np.empty((len(ids), 0)) if features is None else features, dtype=float)
    flat = features.reshape(len(ids), math.prod(features.shape[1:]))
    header = ["id", *(f"x{i}" for i in range(flat.shape[1])), *(f"metadata.{k}" for k in metadata)]
    lines = [",".join(map(cell, header))]
    for row, id in enumerate(ids):
        values = [repr(value) for value in flat[row].tolist()]
        beside = ["" if column[row] is None else str(column[row]) for column in metadata.values()]
        lines.append(",".join([cell(id), *values, *map(cell, beside)]))
    return "text/csv", ("\r\n".join(lines) + "\r\n").encode()


def cell(text):
    """Return text as a CSV cell."""
    special = any(mark in text for mark in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if special else text


def npy(array):
    """Return an array as the bytes of a `.npy` file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def as_npy(ids, features, metadata):
    """Return features alone: their items are numbered."""
    return "application/x-npy", npy(np.asarray(features))


def as_npz(ids, features, metadata):
    """Return an archive; numpy has no missing values, so metadata must not have any."""
    arrays = {f"metadata.{name}": np.array(values) for name, values in metadata.items()}
    file = io.BytesIO()
    if features is not None:
        arrays["features"] = np.asarray(features)
    np.savez(file, ids=np.array(ids, dtype=str), **arrays)
    return "application/x-npz", file.getvalue()


def arrow_table(ids, features, metadata):
    """Return a table in which the features are lists of fixed size, nested for their shape."""
    columns = {"id": pa.array(ids, pa.string())}
    if features is not None:
        features = np.asarray(features)
        column = pa.array(features.ravel())
        for length in reversed(features.shape[1:]):
            column = pa.FixedSizeListArray.from_arrays(column, length)
        columns["features"] = column
    return pa.table(columns | {f"metadata.{k}": pa.array(v) for k, v in metadata.items()})


def arrow_stream(table, batch_rows=None):
    """Return a table as the bytes of an Arrow stream."""
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, batch_rows)
    return file.getvalue()


def parquet_file(table, **options):
    """Return a table as the bytes of a Parquet file."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def as_arrow(ids, features, metadata):
    table = arrow_table(ids, features, metadata)
    return "application/vnd.apache.arrow.stream", arrow_stream(table)


def as_parquet(ids, features, metadata):
    table = arrow_table(ids, features, metadata)
    return "application/vnd.apache.parquet", parquet_file(table)


def multipart(*fields):
    """Return a body of (name, content type or None, bytes) fields."""
    parts = []
    for name, media_type, content in fields:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n'
        head += f"Content-Type: {media_type}\r\n" if media_type else ""
        parts.append(head.encode() + b"\r\n" + content + b"\r\n")
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}", body


def as_multipart(ids, features, metadata):
    fields = [("ids", "application/json", json.dumps(ids).encode())]
    if features is not None:
        fields.append(("features", "application/octet-stream", npy(np.asarray(features))))
    if metadata:
        fields.append(("metadata", "application/json", json.dumps(metadata).encode()))
    return multipart(*fields)


UPLOADS = {
    "json": as_json,
    "ndjson": as_ndjson,
    "csv": as_csv,
    "npy": as_npy,
    "npz": as_npz,
    "arrow": as_arrow,
    "parquet": as_parquet,
    "multipart": as_multipart,
}
"""Name of a format -> function(ids, features, metadata) -> (media type, body)."""

WITH_IDS = tuple(name for name in UPLOADS if name != "npy")
"""The formats that carry ids, and so may do without features."""

BINARY = ("npy", "npz", "arrow", "parquet", "multipart")
"""The formats that keep the features' type; the others send numbers as text."""


@dataclass(frozen=True)
class ReadPart:
    """What a reader made of an upload."""

    result: dict[str, Any]
    ids: list[str] | None
    features: Any
    metadata: dict[str, list[Any]]
    progress: list[dict[str, Any]]
    files: set[str]


def read(media_type, body, *, options=None, limits=None):
    """Return the part that the reader in the sandbox makes of a body."""
    from workers.untrusted.uploads import read_upload  # only readers of parts need its libraries

    arguments = {
        "media_type": media_type,
        "options": {"dtype": None, "id_column": "id", "features": None, "metadata": None}
        | (options or {}),
        "limits": LIMITS | (limits or {}),
    }
    progress = []
    with tempfile.TemporaryDirectory() as place:
        outside = Path(place, "upload")
        outside.write_bytes(body)
        scratch = Path(place, "scratch")
        scratch.mkdir()
        with contextlib.chdir(scratch), outside.open("rb") as file:
            result = json.loads(json.dumps(read_upload(arguments, {"body": file}, progress.append)))
            return load_part(result, outside, progress)


def load_part(result, body, progress):
    """Return the files of the current directory as values."""
    features = np.load(body if result["features"] == "body" else result["features"])
    metadata = {
        column["name"]: load_column(k, column["type"])
        for k, column in enumerate(result["metadata"])
    }
    ids = None if result["numbered"] else load_ids()
    return ReadPart(result, ids, features, metadata, progress, set(map(str, Path().iterdir())))


def load_ids():
    """Return the ids that were written."""
    blob = Path("ids.bin").read_bytes()
    ends = np.load("id_ends.npy")
    assert ends.dtype == np.int64
    return [blob[a:b].decode() for a, b in zip([0, *ends[:-1]], ends, strict=len(ends) > 0)]


def load_column(number, kind):
    """Return a metadata column with None where a value is missing."""
    values = np.load(f"metadata_{number}.npy")
    assert values.dtype == {"number": "float64", "boolean": "int8", "string": "int32"}[kind]
    if kind == "number":
        return [None if np.isnan(value) else value for value in values.tolist()]
    if kind == "boolean":
        return [None if value < 0 else bool(value) for value in values.tolist()]
    texts = json.loads(Path(f"metadata_{number}.json").read_text(encoding="utf-8"))
    return [None if code < 0 else texts[code] for code in values.tolist()]
