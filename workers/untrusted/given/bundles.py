"""Objects and tokens as arrays: all rows one after another, and where each item's rows end."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.faults import pointer, refusal
from workers.untrusted.given.classes import Class, check_coded, check_codes
from workers.untrusted.given.ragged import BOX, BOXES, LABELS, Block, Ragged, groups
from workers.untrusted.given.request import Asked
from workers.untrusted.given.stored import IDS, Arrays, check_values, check_whole
from workers.untrusted.given.strips import Strips

VALUES, ENDS, LENGTHS = "values", "ends", "lengths"
SENT = {BOXES: "boxes", LABELS: "labels"}
"""What the arrays beside the values are called in a body."""


def in_bundles(row: int, field: str, *path: str | int) -> str:
    """Return where something stands, by item and row in the item."""
    if field == "id":
        return pointer(IDS, row)
    name = SENT.get(field, VALUES)
    return (
        f"{pointer(name)}, row {path[0]} of item {row}" if path else f"{pointer(name)}, item {row}"
    )


def write_arrays(asked: Asked, classes: Sequence[Class], arrays: Arrays) -> dict[str, Any]:
    """Write the rows of all items, and return what there is."""
    values = arrays.named[VALUES]
    check_values(asked, values)
    check_rows(values, values, (len(classes),))
    bounds = check_bounds(arrays)
    beside = {name: arrays.named[sent] for name, sent in SENT.items() if sent in arrays.named}
    check_beside(beside, values)
    if LABELS in beside:
        check_coded(classes, pointer("labels"))
    part = Ragged(asked, classes, in_bundles, values.dtype, numbered=arrays.ids is None)
    part.items.check_room(bounds.items, 0)
    for block in blocks(part, arrays, bounds, {VALUES: values, **beside}):
        part.append(block)
    arrays.check_end(part.rows)
    return part.finish()


def check_rows(array: Strips, values: Strips, inner: tuple[int, ...]) -> None:
    """Refuse an array that is not of one row for each row of the values."""
    expected = (values.items, *inner)
    if array.header.shape != expected:
        raise refusal(
            f"The array has the shape {list(array.header.shape)}; it must be {list(expected)}",
            array.place,
        )


def check_beside(beside: dict[str, Strips], values: Strips) -> None:
    """Refuse boxes and labels that do not go with the values."""
    if BOXES in beside:
        check_rows(beside[BOXES], values, (BOX,))
        if (
            beside[BOXES].dtype.kind not in "fiu"
            or beside[BOXES].dtype.itemsize > np.float64().nbytes
        ):
            raise refusal(f"Boxes are numbers, not {beside[BOXES].dtype}", beside[BOXES].place)
    if LABELS in beside:
        check_rows(beside[LABELS], values, ())
        check_whole(beside[LABELS])


def check_bounds(arrays: Arrays) -> Strips:
    """Return the array that says which rows are whose."""
    found = [arrays.named[name] for name in (ENDS, LENGTHS) if name in arrays.named]
    if len(found) != 1:
        raise refusal(
            "There must be either the array ends, where each item's rows end in values, or lengths",
            pointer(ENDS),
        )
    array = found[0]
    if len(array.header.shape) != 1 or array.dtype.kind not in "iu":
        raise refusal("The array must hold one whole number for each item", array.place)
    return array


def blocks(
    part: Ragged, arrays: Arrays, bounds: Strips, every: dict[str, Strips]
) -> Iterator[Block]:
    """Yield the items that are worked on at once, with their rows of every array."""
    done = 0
    for lengths in all_lengths(bounds, every[VALUES].items):
        for group in groups(lengths, len(part.classes)):
            some = lengths[group]
            ids = arrays.take_ids(len(some), part.rows, part.noun)
            part.check_lengths(ids, some)
            count = int(some.sum())
            rows = {name: array.read(done, count) for name, array in every.items()}
            if LABELS in rows:
                complaint = part.complaint(ids, some, LABELS)
                rows[LABELS] = check_codes(rows[LABELS], len(part.classes), complaint)
            done += count
            yield Block(ids, some, rows.pop(VALUES), rows)


def all_lengths(bounds: Strips, total: int) -> Iterator[Array]:
    """Yield how many rows items have, which together must be all rows."""
    name = bounds.place.removeprefix("/")
    row = end = 0
    for block in bounds.blocks():
        wrong = (block < 0) | (block > total)
        found = np.where(wrong, 0, block).astype(np.int64)
        lengths = np.diff(found, prepend=end) if name == ENDS else found
        ends = end + np.cumsum(lengths)
        wrong |= (lengths < 0) | (ends > total)
        if wrong.any():
            index = int(np.argmax(wrong))
            raise refusal(
                f"Item {row + index}, counted from 0, has {block[index]}, and values has {total} "
                f"rows: {name} must not lead back, nor beyond them",
                pointer(name, row + index),
            )
        yield lengths
        row += len(block)
        end = int(ends[-1])
    if end != total:
        raise refusal(f"{name} account for {end} of the {total} rows of values", bounds.place)
