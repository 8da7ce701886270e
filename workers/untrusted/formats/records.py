"""JSON and NDJSON: items as objects with an id and, if there are any, features and metadata."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from service.errors import UploadRefused
from workers.untrusted.formats.documents import parse
from workers.untrusted.formats.faults import At, named, pointer, quoted, refusal
from workers.untrusted.formats.features import complain, shape_of, to_array
from workers.untrusted.formats.part import FIELD, Part
from workers.untrusted.formats.upload import Upload, rows_per_block

JSON_BYTES = 256 * 1024**2
KEYS = frozenset({"id", "features", "metadata"})
PYTHON_NUMBER_BYTES = 32
BODY = "body"


def read_json(upload: Upload) -> dict[str, Any]:
    """Write the items of a JSON document."""
    if upload.size > JSON_BYTES:
        raise refusal(
            f"A JSON body may have {JSON_BYTES} bytes: send application/x-ndjson, one item per "
            f"line, which may be larger",
            BODY,
        )
    document = parse(upload.body.read(), BODY)
    if type(document) is not dict or document.keys() != {"items"}:
        raise refusal('The body must be an object with the one key "items"', "/")
    if type(document["items"]) is not list:
        raise refusal("The items must be a list", "/items")
    return write_items(upload, iter(document["items"]), in_items)


def read_ndjson(upload: Upload) -> dict[str, Any]:
    """Write the items of a body with one JSON object per line."""
    return write_items(upload, read_lines(upload), in_lines)


def read_lines(upload: Upload) -> Iterator[Any]:
    """Yield the value of each line."""
    limit = upload.limits.text_bytes
    number = 0
    while line := upload.body.readline(limit + 1):
        number += 1
        place = f"line {number}"
        if len(line) > limit:
            raise refusal(f"The line is longer than {limit} bytes", place)
        if not line.strip():
            raise refusal("The line is empty; each line must hold one item", place)
        yield parse(line, place)


def in_items(row: int, field: str, *path: str | int) -> str:
    """Return where something stands in a JSON document."""
    return pointer("items", row, field, *path)


def in_lines(row: int, field: str, *path: str | int) -> str:
    """Return where something stands in an NDJSON body."""
    return f"line {row + 1}, {pointer(field, *path)}"


def write_items(upload: Upload, items: Iterator[Any], at: At) -> dict[str, Any]:
    """Write items, and return what the part holds."""
    part = Part(upload, at, np.dtype(upload.options.dtype or "float64"))
    first = next(items, None)
    if first is not None:
        check_item(first, 0, at)
        shape = begin(part, first)
        items = chain([first], items)
        rows = rows_per_block(math.prod(shape or ()), PYTHON_NUMBER_BYTES)
        while block := list(islice(items, rows)):
            write_block(part, block, shape)
    return part.finish()


def begin(part: Part, first: dict[str, Any]) -> tuple[int, ...] | None:
    """Fix the shape of the items as the first has it, and return it; None without features."""
    if FIELD not in first:
        part.begin_featureless()
        return None
    shape = shape_of(first[FIELD])
    part.begin(shape)
    return shape


def write_block(part: Part, block: list[Any], shape: tuple[int, ...] | None) -> None:
    """Write some items."""
    for index, item in enumerate(block):
        check_item(item, part.rows + index, part.at)
        check_alike(item, part.rows + index, part.at, featured=shape is not None)
    ids = [item["id"] for item in block]
    objects = [item.get("metadata") or {} for item in block]
    limit = part.upload.limits.max_metadata_columns
    metadata = by_column(objects, limit, part.rows, part.at)
    if shape is None:
        part.append_featureless(ids, metadata)
        return
    complaint = complain(ids, part.rows, part.at)
    part.append(ids, to_array([item[FIELD] for item in block], shape, complaint), metadata)


def check_item(item: Any, row: int, at: At) -> None:
    """Refuse what is no item."""
    if type(item) is not dict:
        raise refusal('An item must be an object with an "id"', at(row, "id"))
    if type(item.get("id")) is not str:
        raise refusal("An item needs an id, and ids are strings", at(row, "id"))
    if not item.keys() <= KEYS:
        raise unknown_key(item, row, at)
    if type(item.get("metadata")) not in {dict, type(None)}:
        name = named([item["id"]], 0, row)
        raise refusal(f"{name} has metadata that is no object", at(row, "metadata"))


def check_alike(item: dict[str, Any], row: int, at: At, *, featured: bool) -> None:
    """Refuse an item with features among items without, or the reverse."""
    if (FIELD in item) != featured:
        have, first = ("no features", "some") if featured else ("features", "none")
        raise refusal(
            f"{named([item['id']], 0, row)} has {have} and the first item has {first}: all items "
            f"of a part have features, or none has",
            at(row, FIELD),
        )


def unknown_key(item: dict[str, Any], row: int, at: At) -> UploadRefused:
    """Return the error for an item that says more than is understood."""
    key = min(item.keys() - KEYS)
    return refusal(
        f"{named([item['id']], 0, row)} has the unknown key {quoted(key)}: an item has id, "
        f"features and metadata; put other values into metadata",
        at(row, key),
    )


def by_column(
    rows: Sequence[dict[str, Any]], limit: int, first_row: int, at: At
) -> dict[str, list[Any]]:
    """Return the values of some objects by name, with None where an object has none."""
    columns: dict[str, list[Any]] = {}
    for index, row in enumerate(rows):
        for name, value in row.items():
            if value is None:
                continue
            if name not in columns:
                if len(columns) == limit:
                    place = at(first_row + index, "metadata", name)
                    detail = f"There are more than {limit} metadata columns (max_metadata_columns)"
                    raise refusal(detail, place)
                columns[name] = [None] * len(rows)
            columns[name][index] = value
    return columns
