"""Which columns a table has; one without ids is copied with its rows numbered."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from service.errors import UploadRefused
from workers.untrusted.formats.arrow import FILE_MAGIC

CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

IDS = "id"
"""The column of the ids, where no other is named."""

NUMBERED = "numbered"
"""The name of the copy, in the current directory."""


@dataclass(frozen=True)
class Columns:
    """A file with its format and, where it is a table, the names of its columns."""

    path: Path
    media_type: str
    names: tuple[str, ...] | None = None


def columns_of(path: Path, media_type: str, id_column: str | None) -> Columns:
    """Return a file as its reader takes it: a table has a column of ids, made where it has none.

    Raise UploadRefused where it lacks a column of ids that was named.
    """
    if media_type == CSV:
        return columns_of_csv(path, id_column)
    if media_type in (ARROW, PARQUET):
        try:
            return columns_of_arrow(path, media_type, id_column)
        except (pa.ArrowException, OSError) as error:
            raise UploadRefused(f"{path.name} cannot be read: {error}") from None
    return Columns(path, media_type)


def checked(id_column: str | None, names: Sequence[str]) -> str:
    """Return the name of the column of ids; raise UploadRefused where one was named and is not
    there."""
    if id_column is not None and id_column not in names:
        raise UploadRefused(f"There is no column {id_column!r} of ids; columns: {', '.join(names)}")
    return id_column or IDS


def columns_of_csv(path: Path, asked: str | None) -> Columns:
    """Return a CSV file, numbered where it has no ids."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            found = Columns(path, CSV, tuple(header))
            id_column = checked(asked, header)
            if id_column in header:
                return found
            with Path(NUMBERED).open("w", newline="", encoding="utf-8") as copy:
                writer = csv.writer(copy)
                writer.writerow([id_column, *header])
                writer.writerows([n, *row] for n, row in enumerate(filter(None, rows)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UploadRefused(f"{path.name} is no CSV in UTF-8: {error}") from None
    return replace(found, path=Path(NUMBERED).resolve(), names=(id_column, *header))


def columns_of_arrow(path: Path, media_type: str, asked: str | None) -> Columns:
    """Return a Parquet file or an Arrow stream; as a stream, and numbered, where it has no ids or
    is an Arrow file."""
    with path.open("rb") as file:
        is_file = file.read(len(FILE_MAGIC)) == FILE_MAGIC
    schema, batches = opened(path, media_type, is_file=is_file)
    id_column = checked(asked, schema.names)
    known = id_column in schema.names
    if known and not is_file:
        return Columns(path, media_type, tuple(schema.names))
    if not known:
        schema = schema.insert(0, pa.field(id_column, pa.int64()))
        batches = numbered(batches, schema)
    with pa.ipc.new_stream(NUMBERED, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return Columns(Path(NUMBERED).resolve(), ARROW, tuple(schema.names))


def opened(path: Path, media_type: str, *, is_file: bool) -> tuple[Any, Iterator[Any]]:
    """Return the schema of a file, and its batches."""
    if media_type == PARQUET:
        table = pq.ParquetFile(path)
        return table.schema_arrow, table.iter_batches()
    source = pa.memory_map(str(path))
    if is_file:
        reader = pa.ipc.open_file(source)
        return reader.schema, map(reader.get_batch, range(reader.num_record_batches))
    stream = pa.ipc.open_stream(source)
    return stream.schema, iter(stream)


def numbered(batches: Iterator[Any], schema: Any) -> Iterator[Any]:
    """Yield batches with the numbers of their rows, from 0 on, as their first column."""
    start = 0
    for batch in batches:
        ids = pa.array(range(start, start + batch.num_rows), pa.int64())
        yield pa.RecordBatch.from_arrays([ids, *batch.columns], schema=schema)
        start += batch.num_rows
