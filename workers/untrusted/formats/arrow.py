"""Arrow streams and Parquet files, read batch by batch; which column is what is in `columns`."""

import math
import mmap
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workers.untrusted.formats.faults import refusal
from workers.untrusted.formats.part import Part
from workers.untrusted.formats.tables import Plan, make_plan, write_batch
from workers.untrusted.formats.upload import BLOCK_BYTES, BLOCK_ROWS, Upload

BODY = "body"
END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"
FILE_MAGIC = b"ARROW1"
READ_AHEAD = 16 * 1024**2
SMALLEST_READ, LARGEST_READ = 16 * 1024, 1024**2
MAPPED_SHARE = 4
TEXT_BYTES = 64
"""A guess at what a string or number beside the features takes, to choose the size of a batch."""


def read_arrow(upload: Upload) -> dict[str, Any]:
    """Write the rows of an Arrow stream."""
    reader, file = open_stream(upload)
    with translated("Arrow stream"):
        plan = make_plan(reader.schema, upload)
    part = Part(upload, plan.at, plan.dtype)
    write_batches(part, plan, stream_batches(reader, file, upload))
    return part.finish()


def open_stream(upload: Upload) -> tuple[Any, Any]:
    """Return a stream that can be read, and the file it is read from."""
    if upload.body.read(len(FILE_MAGIC)) == FILE_MAGIC:
        raise refusal("This is an Arrow file, not a stream: write it as an IPC stream", BODY)
    upload.body.seek(0)
    with translated("Arrow stream"):
        file = source(upload)
        options = pa.ipc.IpcReadOptions(
            use_threads=False, ensure_alignment=pa.ipc.Alignment.DataTypeSpecific
        )
        return pa.ipc.open_stream(file, options=options), file


def stream_batches(reader: Any, file: Any, upload: Upload) -> Iterator[Any]:
    """Yield the batches of a stream that is all there."""
    yield from checked(iter(reader), "Arrow stream")
    if file.tell() != upload.size:
        raise refusal("Something follows the end of the Arrow stream", BODY)
    upload.body.seek(upload.size - len(END_OF_STREAM))
    if upload.body.read() != END_OF_STREAM:
        raise refusal("The Arrow stream has no end marker: it is cut short", BODY)


def read_parquet(upload: Upload) -> dict[str, Any]:
    """Write the rows of a Parquet file."""
    file = open_parquet(upload)
    rows, limit = file.metadata.num_rows, upload.limits.max_items
    if rows > limit:
        raise refusal(
            f"The file has {rows} rows; at most {limit} are allowed (max_items): send several "
            f"parts",
            BODY,
        )
    with translated("Parquet file"):
        plan = make_plan(file.schema_arrow, upload)
    part = Part(upload, plan.at, plan.dtype)

    def item_bytes(first: Any) -> int:
        return math.prod(plan.shape_in(first)) * 8 + TEXT_BYTES * len(plan.names)

    write_batches(part, plan, checked(file_batches(file, item_bytes), "Parquet file"))
    check_rows(file, part.rows)
    return part.finish()


def open_parquet(upload: Upload) -> Any:
    """Return a file that is read page by page, where the default would read whole row groups."""
    with translated("Parquet file"):
        metadata = pq.read_metadata(pa.PythonFile(upload.body, mode="r"))
        share = READ_AHEAD // max(1, metadata.num_columns)
        return pq.ParquetFile(
            pa.PythonFile(upload.body, mode="r"),
            metadata=metadata,
            pre_buffer=False,
            buffer_size=max(SMALLEST_READ, min(LARGEST_READ, share)),
        )


def check_rows(file: Any, rows: int) -> None:
    """Refuse a file that says something else of its rows than it holds."""
    announced = file.metadata.num_rows
    if rows != announced:
        raise refusal(f"The file announces {announced} rows and holds {rows}", BODY)


def file_batches(file: Any, item_bytes: Callable[[Any], int]) -> Iterator[Any]:
    """Yield the batches of a file, of a size that the first row tells."""
    first = next(file.iter_batches(batch_size=1, use_threads=False), None)
    if first is None:
        return
    first.validate(full=True)
    size = max(1, min(BLOCK_ROWS, BLOCK_BYTES // item_bytes(first)))
    yield from file.iter_batches(batch_size=size, use_threads=False)


def write_batches(part: Part, plan: Plan, batches: Iterator[Any]) -> None:
    """Write the rows of batches, each of any size."""
    if not plan.columns.features:
        part.begin_featureless()
    elif plan.item_shape is not None:
        part.begin(plan.item_shape)
    for batch in batches:
        if batch.num_rows:
            write_batch(part, plan, batch)


def checked(batches: Iterator[Any], what: str) -> Iterator[Any]:
    """Yield batches, once it is certain that each is what it says."""
    while True:
        with translated(what):
            batch = next(batches, None)
            if batch is None:
                return
            batch.validate(full=True)
        yield batch


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Say of a body that it is broken, where the library fails."""
    try:
        yield
    except pa.ArrowMemoryError:
        raise refusal(
            f"The {what} is broken, or holds batches that need more memory than a reader may use: "
            f"write it again with smaller batches or row groups",
            BODY,
        ) from None
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, OverflowError):
        raise refusal(
            f"The {what} is broken, cut short, or uses a feature that is not read here: write it "
            f"again with default settings",
            BODY,
        ) from None


def source(upload: Upload) -> Any:
    """Return the body as Arrow reads it: mapped, so that a batch of any size takes no memory.

    A limit on the address space counts what is mapped, so a large body is then read batch by batch.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed == resource.RLIM_INFINITY or upload.size < allowed // MAPPED_SHARE:
        with suppress(OSError, ValueError):
            mapped = mmap.mmap(upload.body.fileno(), 0, access=mmap.ACCESS_READ)
            return pa.BufferReader(pa.py_buffer(mapped))
    return pa.PythonFile(upload.body, mode="r")
