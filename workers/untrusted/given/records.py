"""JSON and NDJSON: one object for each item, with its id and the fields of its kind."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.documents import parse
from workers.untrusted.formats.faults import At, named, pointer, quoted, refusal
from workers.untrusted.formats.features import (
    Complaint,
    complain,
    first_unlike,
    shape_of,
    to_array,
    unlike,
)
from workers.untrusted.formats.records import (
    BODY,
    JSON_BYTES,
    PYTHON_NUMBER_BYTES,
    read_lines,
)
from workers.untrusted.formats.upload import rows_per_block
from workers.untrusted.given import listing
from workers.untrusted.given.alignment import align, is_uneven, within
from workers.untrusted.given.classes import coded, coder, resolve
from workers.untrusted.given.dense import Dense
from workers.untrusted.given.kinds import REGRESSION, Kind
from workers.untrusted.given.request import Asked

ITEMS, CLASSES = "items", "classes"


@dataclass(frozen=True)
class Places:
    """Says where something stands in a document, or in a line."""

    fields: Sequence[str]
    lines: bool

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return a pointer to an item's value."""
        steps: tuple[str | int, ...] = (field, *path)
        if field == "features":
            steps = (self.fields[0], *path)
            if len(self.fields) > 1:
                steps = (self.fields[int(path[0]) if path else 0],)
        return f"line {row + 1}, {pointer(*steps)}" if self.lines else pointer(ITEMS, row, *steps)


def read_json(asked: Asked) -> dict[str, Any]:
    """Write the predictions of a JSON document."""
    if asked.upload.size > JSON_BYTES:
        raise refusal(
            f"A JSON body may have {JSON_BYTES} bytes: send application/x-ndjson, one item per "
            f"line, which may be larger",
            BODY,
        )
    document = parse(asked.upload.body.read(), BODY)
    if type(document) is not dict or not {ITEMS} <= document.keys() <= {ITEMS, CLASSES}:
        raise refusal('The body must be an object with "items" and, if you like, "classes"', "/")
    if type(document[ITEMS]) is not list:
        raise refusal("The items must be a list", pointer(ITEMS))
    at = listing_places(asked.kind, lines=False)
    return write_items(asked, iter(document[ITEMS]), document.get(CLASSES), at)


def read_ndjson(asked: Asked) -> dict[str, Any]:
    """Write the predictions of a body with one JSON object per line."""
    return write_items(
        asked, read_lines(asked.upload), None, listing_places(asked.kind, lines=True)
    )


def listing_places(kind: Kind, *, lines: bool) -> At:
    """Return what says where something stands."""
    plain = Places(kind.fields, lines)
    return listing.Places(kind, plain) if kind.form.ragged else plain


def write_items(asked: Asked, items: Iterator[Any], classes: Any, at: At) -> dict[str, Any]:
    """Write items, and return what there is."""
    items = checked(items, asked.kind, at)
    if asked.kind.name == "members" and is_uneven(classes):
        alignment = align(asked, classes)
        uneven = Dense(
            asked, alignment.classes, at, asked.text_dtype, accept=alignment.acceptance(asked)
        )
        return write_dense(uneven, items, alignment.widths)
    way = ', or by "classes" beside "items"' if not isinstance(at, Places) or not at.lines else ""
    known = resolve(asked, classes, pointer(CLASSES), way)
    if asked.kind.form.ragged:
        return listing.write_items(asked, known, items, at)
    return write_dense(Dense(asked, known, at, asked.text_dtype), items)


def checked(items: Iterator[Any], kind: Kind, at: At) -> Iterator[dict[str, Any]]:
    """Yield items, each of which has an id and the fields of its kind."""
    keys = {"id", *kind.fields}
    for row, item in enumerate(items):
        if type(item) is not dict:
            raise refusal(
                f"An item must be an object with id, {', '.join(kind.fields)}", at(row, "id")
            )
        if type(item.get("id")) is not str:
            raise refusal("An item needs an id, and ids are strings", at(row, "id"))
        if item.keys() != keys:
            name = named([item["id"]], 0, row)
            key = min(item.keys() ^ keys)
            found = "has no" if key in keys else "has the unknown key"
            empty = "; of one in which there are none the list is empty, []"
            raise refusal(
                f"{name} {found} {quoted(key)}: an item has id, {', '.join(kind.fields)}"
                f"{empty if kind.name == listing.OBJECTS else ''}",
                at(row, key),
            )
        yield item


def write_dense(
    part: Dense, items: Iterator[dict[str, Any]], widths: Sequence[int] = ()
) -> dict[str, Any]:
    """Write items of one shape; members of several classes each have a width of their own."""
    first = next(items, None)
    if first is not None:
        part.begin((len(widths), len(part.classes)) if widths else shape_of(value_of(part, first)))
        shape = part.item_shape or ()
        rows = rows_per_block(math.prod(shape), PYTHON_NUMBER_BYTES)
        items = chain([first], items)
        while block := list(islice(items, rows)):
            ids = [item["id"] for item in block]
            complaint = complain(ids, part.rows, part.at)
            values = [value_of(part, item) for item in block]
            part.append(ids, read_block(part, values, widths, complaint))
    return part.finish()


def value_of(part: Dense, item: dict[str, Any]) -> Any:
    """Return an item's values."""
    fields = part.asked.kind.fields
    return [item[name] for name in fields] if fields == REGRESSION else item[fields[0]]


def read_block(
    part: Dense, values: list[Any], widths: Sequence[int], complaint: Complaint
) -> Array:
    """Return the values of some items as an array."""
    shape = part.item_shape or ()
    if part.asked.kind.name == "votes":
        return votes(part, values, complaint)
    if not widths:
        return to_array(values, shape, complaint, part.noun)
    index = first_unlike(values, len(widths))
    if index is not None:
        raise complaint(index, (), unlike(values[index], (len(widths),), 0, part.noun))
    columns = [
        to_array([item[member] for item in values], (width,), within(complaint, member), part.noun)
        for member, width in enumerate(widths)
    ]
    return np.concatenate(columns, axis=1)


def votes(part: Dense, values: list[Any], complaint: Complaint) -> Array:
    """Return the codes of votes that are classes."""
    (members,) = part.item_shape or (0,)
    index = first_unlike(values, members)
    if index is not None:
        raise complaint(index, (), unlike(values[index], (members,), 0, part.noun))
    codes = coded(
        chain.from_iterable(values),
        coder(part.classes),
        lambda index: divmod(index, members),
        complaint,
    )
    return codes.reshape(len(values), members)
