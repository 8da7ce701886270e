"""Parquet files of many columns: some columns at a time, so that memory does not grow with them.

Each column that is being read holds a page and its dictionary, packed and unpacked. Where all of
them together would be too much, a row group is read several times, some columns each time; what is
read so is a *strip* of the rows, kept in a file, and the strips are put beside one another.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.arrow import BODY, checked
from workers.untrusted.formats.faults import At, refusal
from workers.untrusted.formats.interleaving import interleave
from workers.untrusted.formats.part import Part
from workers.untrusted.formats.tables import Plan, beside, flat_values
from workers.untrusted.formats.upload import BLOCK_ROWS, rows_per_block

WHAT = "Parquet file"
BUDGET = 192 * 1024**2
UNPACKED = 3
"""How many times the size of its values a row group that is being read may take."""


@dataclass(frozen=True)
class Strip:
    """Some columns of features, and the file in which their rows are put together."""

    columns: Sequence[int]
    names: Sequence[str]
    file: BinaryIO


@dataclass(frozen=True)
class Ahead:
    """Where rows stand that are read before those of the part are written."""

    rows: int
    at: At
    dtype: DType
    item_shape: tuple[int, ...] | None
    noun: str


def strips_needed(metadata: Any, plan: Plan) -> int:
    """Return into how many strips the rows of a file are cut."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    largest = max((group.total_byte_size for group in groups), default=0)
    wanted = math.ceil(UNPACKED * largest / BUDGET)
    return 1 if plan.nested else max(1, min(wanted, len(plan.columns.features)))


def write_strips(part: Part, plan: Plan, file: Any, count: int) -> None:
    """Write the rows of a file, cut into strips."""
    part.begin((len(plan.columns.features),))
    with ExitStack() as stack:
        strips = [
            strip_of(plan, columns, stack)
            for columns in np.array_split(np.arange(len(plan.columns.features)), count)
        ]
        for group in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            for strip in strips:
                fill(strip, part, plan, file, group)
            if write_group(part, plan, file, group, strips) != rows:
                raise uneven()


def strip_of(plan: Plan, columns: Array, stack: ExitStack) -> Strip:
    """Return a strip of some columns, in a file that is gone in the end."""
    path = Path(f"strip_{columns[0]}")
    stack.callback(path.unlink)
    names = [plan.names[plan.columns.features[column]] for column in columns]
    return Strip(columns.tolist(), names, stack.enter_context(path.open("w+b")))


def batches_of(file: Any, group: int, names: Sequence[str], rows: int) -> Iterator[Any]:
    """Yield some columns of a row group."""
    return checked(
        file.iter_batches(batch_size=rows, row_groups=[group], columns=names, use_threads=False),
        WHAT,
    )


def fill(strip: Strip, part: Part, plan: Plan, file: Any, group: int) -> None:
    """Read a strip of a row group."""
    strip.file.seek(0)
    done, expected = part.rows, part.rows + file.metadata.row_group(group).num_rows
    size = min(BLOCK_ROWS, rows_per_block(len(strip.columns), plan.dtype.itemsize))
    for batch in batches_of(file, group, strip.names, size):
        ahead = Ahead(done, part.at, part.dtype, part.item_shape, part.noun)
        values = [
            flat_values(ahead, batch.column(name), None, (batch.num_rows,), (column,))
            for column, name in zip(strip.columns, strip.names, strict=True)
        ]
        interleave(values, plan.dtype).tofile(strip.file)
        done += batch.num_rows
    if done != expected:
        raise uneven()
    strip.file.seek(0)


def write_group(part: Part, plan: Plan, file: Any, group: int, strips: Sequence[Strip]) -> int:
    """Write the rows of a row group, whose features stand in strips; return how many they are."""
    positions = [plan.columns.id, *plan.columns.metadata.values()]
    names = [plan.names[position] for position in positions]
    width = len(plan.columns.features)
    rows = 0
    size = min(BLOCK_ROWS, rows_per_block(width, plan.dtype.itemsize))
    for batch in batches_of(file, group, names, size):
        features = np.empty((batch.num_rows, width), dtype=plan.dtype)
        for strip in strips:
            count = batch.num_rows * len(strip.columns)
            values = np.fromfile(strip.file, dtype=plan.dtype, count=count)
            first = strip.columns[0]
            features[:, first : first + len(strip.columns)] = values.reshape(batch.num_rows, -1)
        ids, metadata = beside(part, plan, batch)
        part.append(ids, features, metadata)
        rows += batch.num_rows
    return rows


def uneven() -> Exception:
    """Return the error for columns of different lengths."""
    return refusal("The Parquet file is broken: its columns have different lengths", BODY)
