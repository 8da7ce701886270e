"""Objects and tokens in JSON and NDJSON: lists of any length in each item."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.faults import At, named, quoted, refusal
from workers.untrusted.formats.features import (
    JSON_TYPES,
    Complaint,
    first_unlike,
    to_array,
)
from workers.untrusted.formats.records import PYTHON_NUMBER_BYTES
from workers.untrusted.formats.upload import BLOCK_ROWS, rows_per_block
from workers.untrusted.given.classes import Class, coded, coder
from workers.untrusted.given.items import check_item_values
from workers.untrusted.given.kinds import Kind
from workers.untrusted.given.ragged import BOX, BOXES, LABELS, Block, Ragged, uneven
from workers.untrusted.given.request import Asked

PROBS = "probs"
KEYS = {BOXES: "box", LABELS: "label"}
OBJECTS = "objects"

Item = dict[str, Any]


@dataclass(frozen=True)
class Places:
    """Says where something of an object or a token stands."""

    kind: Kind
    item: At

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return a pointer to a value of an item's list."""
        name = self.kind.fields[0]
        if field == name or not path:
            return self.item(row, name if field == "features" else field, *path)
        first, *rest = path
        if self.kind.name == OBJECTS:
            return self.item(row, name, first, KEYS.get(field, PROBS), *rest)
        return self.item(row, name, first, *rest)


def write_items(
    asked: Asked, classes: Sequence[Class], items: Iterator[Item], at: At
) -> dict[str, Any]:
    """Write items, and return what there is."""
    part = Ragged(asked, classes, at, asked.text_dtype)
    for block in chunks(part, items):
        write_block(part, block)
    return part.finish()


def chunks(part: Ragged, items: Iterator[Item]) -> Iterator[list[Item]]:
    """Yield items that are worked on at once."""
    name = part.asked.kind.fields[0]
    most = rows_per_block(len(part.classes), PYTHON_NUMBER_BYTES)
    block: list[Item] = []
    rows = 0
    for number, item in enumerate(items):
        found = item[name]
        if type(found) is not list:
            who, what = named([item["id"]], 0, number), JSON_TYPES[type(found)]
            empty = ": of an item without objects it is []" if name == OBJECTS else ""
            place = part.at(number, "features")
            raise refusal(f"{who} has {what} where a list must be{empty}", place)
        values = len(found) * len(part.classes)
        check_item_values(part.asked, values, part.at(number, "features"))
        block.append(item)
        rows += len(found)
        if rows >= most or len(block) == BLOCK_ROWS:
            yield block
            block, rows = [], 0
    if block:
        yield block


def write_block(part: Ragged, block: list[Item]) -> None:
    """Write some items."""
    ids = [item["id"] for item in block]
    lists = [item[part.asked.kind.fields[0]] for item in block]
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    rows = list(chain.from_iterable(lists))
    complaint = part.complaint(ids, lengths)
    beside: dict[str, Array] = {}
    probs = rows
    if part.asked.kind.name == OBJECTS:
        inner = part.complaint(ids, lengths, OBJECTS)
        check_objects(rows, inner)
        for name in present(rows, inner):
            values = [row[KEYS[name]] for row in rows]
            refuse = part.complaint(ids, lengths, name)
            beside[name] = boxes(values, refuse) if name == BOXES else labels(part, values, refuse)
        probs = [row[PROBS] for row in rows]
    found = numbers(probs, len(part.classes), complaint)
    part.append(Block(ids, lengths, found, beside))


def check_objects(rows: list[Any], complaint: Complaint) -> None:
    """Refuse what is no object."""
    for index, row in enumerate(rows):
        if type(row) is not dict:
            raise complaint(
                index, (), f"has {JSON_TYPES[type(row)]} where an object with probs must be"
            )
        if PROBS not in row:
            raise complaint(
                index,
                (),
                "has an object without probs, a probability for each class; where there is but one "
                "score for a box, send [score, 1 - score] of the classes object and none",
            )
        unknown = row.keys() - {PROBS, *KEYS.values()}
        if unknown:
            raise complaint(
                index,
                (),
                f"has an object with the unknown key {quoted(min(unknown))}: it may have probs, "
                f"box and label",
            )


def present(rows: list[Item], complaint: Complaint) -> Iterator[str]:
    """Yield what objects have beside their probabilities, which all of them have or none."""
    for name, key in KEYS.items():
        have = [key in row for row in rows]
        if any(have):
            if not all(have):
                raise uneven(name, complaint, have.index(False))
            yield name


def numbers(rows: list[Any], width: int, complaint: Complaint) -> Array:
    """Return lists of one length as float64."""
    index = first_unlike(rows, width)
    if index is not None:
        row = rows[index]
        found = f"{len(row)} values" if type(row) is list else JSON_TYPES[type(row)]
        raise complaint(index, (), f"has {found} where a list of {width} must be")
    return to_array(rows, (width,), complaint)


def boxes(values: list[Any], complaint: Complaint) -> Array:
    """Return boxes of four numbers."""
    return numbers(values, BOX, complaint)


def labels(part: Ragged, values: list[Any], complaint: Complaint) -> Array:
    """Return the codes of labels that are classes."""
    return coded(values, coder(part.classes), lambda index: (index,), complaint)
