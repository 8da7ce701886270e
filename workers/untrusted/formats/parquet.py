"""Parquet files, read batch by batch; which column is what is in `columns`."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from workers.untrusted.formats.arrow import (
    BODY,
    TEXT_BYTES,
    check_rows,
    checked,
    file_batches,
    open_parquet,
    translated,
    write_batches,
)
from workers.untrusted.formats.faults import refusal
from workers.untrusted.formats.part import Part
from workers.untrusted.formats.strips import strips_needed, write_strips
from workers.untrusted.formats.tables import Plan, make_plan
from workers.untrusted.formats.upload import BLOCK_ROWS, Upload

BATCH_BYTES = 4 * 1024**2
"""What a batch takes, unpacked; larger ones are slower, as they leave the caches."""


def read_parquet(upload: Upload) -> dict[str, Any]:
    """Write the rows of a Parquet file."""
    file = open_parquet(upload)
    rows, limit = file.metadata.num_rows, upload.limits.max_items
    if rows > limit:
        raise refusal(
            f"The file has {rows} rows, and the pool has room for {limit} (max_pool_items)",
            BODY,
        )
    with translated("Parquet file"):
        plan = make_plan(file.schema_arrow, upload)
    part = Part(upload, plan.at, plan.dtype)
    strips = strips_needed(file.metadata, plan)
    if strips > 1:
        write_strips(part, plan, file, strips)
    else:
        write_batches(part, plan, checked(batches_of(file, plan), "Parquet file"))
    check_rows(file, part.rows)
    return part.finish()


def batches_of(file: Any, plan: Plan) -> Iterator[Any]:
    """Yield the batches of a file, each small enough to work on."""

    def item_bytes(item_shape: Sequence[int]) -> int:
        numbers = math.prod(item_shape) * plan.dtype.itemsize
        return max(1, numbers + TEXT_BYTES * (1 + len(plan.columns.metadata)))

    if plan.item_shape is None:
        return file_batches(file, lambda first: item_bytes(plan.shape_in(first)))
    size = max(1, min(BLOCK_ROWS, BATCH_BYTES // item_bytes(plan.item_shape)))
    found: Iterator[Any] = file.iter_batches(batch_size=size, use_threads=False)
    return found
