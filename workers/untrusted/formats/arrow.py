"""Arrow streams read batch by batch, and what Parquet files share with them."""

import mmap
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
MAPPED_SHARE = 2
PIECE_BYTES = 64 * 1024**2
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


@dataclass(frozen=True)
class Source:
    """A body as Arrow reads it, and its mapping where it is mapped."""

    file: Any
    mapping: mmap.mmap | None = None

    def forget(self) -> None:
        """Let the kernel take back what was read; the rest of the batch is read again."""
        if self.mapping is not None:
            self.mapping.madvise(mmap.MADV_DONTNEED)


def open_stream(upload: Upload) -> tuple[Any, Source]:
    """Return a stream that can be read, and what it is read from."""
    if upload.body.read(len(FILE_MAGIC)) == FILE_MAGIC:
        raise refusal("This is an Arrow file, not a stream: write it as an IPC stream", BODY)
    upload.body.seek(0)
    with translated("Arrow stream"):
        source = source_of(upload)
        options = pa.ipc.IpcReadOptions(
            use_threads=False, ensure_alignment=pa.ipc.Alignment.DataTypeSpecific
        )
        return pa.ipc.open_stream(source.file, options=options), source


def stream_batches(reader: Any, source: Source, upload: Upload) -> Iterator[Any]:
    """Yield the batches of a stream that is all there, large ones in pieces."""
    for batch in checked(iter(reader), "Arrow stream"):
        rows = max(1, PIECE_BYTES * batch.num_rows // max(1, batch.nbytes))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)
            source.forget()
    if source.file.tell() != upload.size:
        raise refusal("Something follows the end of the Arrow stream", BODY)
    upload.body.seek(upload.size - len(END_OF_STREAM))
    if upload.body.read() != END_OF_STREAM:
        raise refusal("The Arrow stream has no end marker: it is cut short", BODY)


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


def source_of(upload: Upload) -> Source:
    """Return the body as Arrow reads it: mapped, so that a batch of any size takes no memory.

    A limit on the address space counts what is mapped, so a large body is then read batch by batch.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed == resource.RLIM_INFINITY or upload.size < allowed // MAPPED_SHARE:
        with suppress(OSError, ValueError):
            mapping = mmap.mmap(upload.body.fileno(), 0, access=mmap.ACCESS_READ)
            return Source(pa.BufferReader(pa.py_buffer(mapping)), mapping)
    return Source(pa.PythonFile(upload.body, mode="r"))
