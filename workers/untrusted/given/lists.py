"""Objects and tokens in Arrow and Parquet: columns of lists of any length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.columns import Columns, column
from workers.untrusted.formats.faults import At, named, pointer, refusal
from workers.untrusted.formats.features import Complaint
from workers.untrusted.formats.tables import is_list, read_ids
from workers.untrusted.given.classes import coded, coder
from workers.untrusted.given.ragged import BOX, BOXES, LABELS, Block, Ragged, groups

SENT = {BOXES: "boxes", LABELS: "labels"}
"""What the columns beside the objects are called in a table."""


@dataclass(frozen=True)
class Places:
    """Says where something of an item's list stands."""

    values: At

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return a row and a column, and a pointer into its list."""
        if field in SENT:
            return f"row {row + 1}, {column(SENT[field])}{pointer(*path)}"
        return self.values(row, field, *path)


def check_type(field: Any) -> None:
    """Refuse a column of anything but lists of lists of single values."""
    kind = field.type
    if not (is_list(kind) and is_list(kind.value_type)) or is_list(kind.value_type.value_type):
        raise refusal(
            f"Each cell must be a list of lists of numbers, one for each of {field.name}, and this "
            f"column holds {kind}",
            column(field.name),
        )


def write_batch(part: Ragged, names: Sequence[str], columns: Columns, batch: Any) -> None:
    """Write the rows of a batch."""
    (position,) = columns.features
    ids = batch.column(columns.id)
    refuse_null(part, ids, batch.column(position), "features")
    lengths = lengths_of(batch.column(position))
    for group in groups(lengths, len(part.classes)):
        count = group.stop - group.start
        write_block(part, names, columns, batch.slice(group.start, count), lengths[group])


def write_block(
    part: Ragged, names: Sequence[str], columns: Columns, block: Any, lengths: Array
) -> None:
    """Write some rows."""
    ids = read_ids(part, block.column(columns.id))
    part.check_lengths(ids, lengths)
    values = block.column(columns.features[0]).flatten()
    found = numbers(values, len(part.classes), part.complaint(ids, lengths))
    beside = {
        name: read_beside(part, block, names.index(sent), name, (ids, lengths))
        for name, sent in SENT.items()
        if part.asked.kind.name == "objects" and sent in names
    }
    part.append(Block(ids, lengths, found.astype(part.dtype, copy=False), beside))


def read_beside(
    part: Ragged, block: Any, position: int, name: str, items: tuple[Sequence[str], Array]
) -> Array:
    """Return the boxes of all objects, or the codes of their labels."""
    array = block.column(position)
    if not is_list(array.type):
        raise refusal(f"Each cell must be a list, not {array.type}", column(SENT[name]))
    ids, lengths = items
    refuse_null(part, ids, array, name)
    wrong = np.flatnonzero(lengths_of(array) != lengths)
    if len(wrong):
        index = int(wrong[0])
        row = part.rows + index
        raise refusal(
            f"{named(ids, index, row)} has {lengths[index]} objects and {lengths_of(array)[index]} "
            f"{SENT[name]}",
            part.at(row, name),
        )
    complaint = part.complaint(ids, lengths, name)
    if name == LABELS:
        labels = array.flatten().to_pylist()
        return coded(labels, coder(part.classes), lambda index: (index,), complaint)
    return numbers(check_boxes_type(array).flatten(), BOX, complaint)


def check_boxes_type(array: Any) -> Any:
    """Return boxes that are lists of numbers."""
    kind = array.type.value_type
    single = kind.value_type if is_list(kind) else kind
    if not is_list(kind) or not (pa.types.is_floating(single) or pa.types.is_integer(single)):
        raise refusal(f"A box is a list of numbers, not {kind}", column(SENT[BOXES]))
    return array


def refuse_null(part: Ragged, ids: Any, array: Any, field: str) -> None:
    """Refuse items without a list, even an empty one."""
    if array.null_count:
        index = int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
        name = ids[index] if isinstance(ids, list) else str(ids[index].as_py())
        row = part.rows + index
        raise refusal(
            f"{named([name], 0, row)} has null where a list must be: send an empty one, if "
            f"there is nothing in it",
            part.at(row, field),
        )


def lengths_of(array: Any) -> Array:
    """Return how many values each list has; none of them is null."""
    if pa.types.is_fixed_size_list(array.type):
        return np.full(len(array), array.type.list_size, dtype=np.int64)
    return np.diff(array.offsets.to_numpy().astype(np.int64))


def numbers(rows: Any, width: int, complaint: Complaint) -> Array:
    """Return lists of one length as an array."""
    refuse_row(rows.is_null().to_numpy(zero_copy_only=False), "has null in its list", complaint)
    lengths = lengths_of(rows)
    wrong = lengths != width
    if wrong.any():
        found = lengths[int(np.argmax(wrong))]
        refuse_row(wrong, f"has {found} values where a list of {width} must be", complaint)
    flat = rows.flatten()
    missing = flat.is_null().to_numpy(zero_copy_only=False).reshape(-1, width)
    refuse_row(missing.any(axis=1), "has null where a number must be", complaint)
    values: Array = flat.to_numpy(zero_copy_only=True)
    return values.reshape(-1, width)


def refuse_row(wrong: Array, detail: str, complaint: Complaint) -> None:
    """Refuse the first row of which something is so."""
    if wrong.any():
        raise complaint(int(np.argmax(wrong)), (), detail)
