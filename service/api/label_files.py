"""Labels as text: bodies of JSON and of lines read, CSV and lines written."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import marshmallow
import orjson
from flask import Request

from service.api.blueprint import backend, flatten, loaded, misfit
from service.api.bodies import parse_json, read_json, read_lines
from service.api.slots import BODIES, slot
from service.api.spreadsheets import SPREADSHEET, computes, shown
from service.errors import Fault, InvalidRequest, MalformedBody, UnsupportedFormat
from service.operations.labels import Entry
from service.records import Document
from service.schemas.labels import PutLabelsSchema, read_entries

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
COLUMNS = ("id", "label", "source", "time")
LIMIT = "max_label_bytes"


def read_body(request: Request, source: str | None) -> tuple[dict[str, Entry], str]:
    """Return the entries of a body, and the source of those that name none."""
    limit = backend().settings.max_label_bytes
    if request.mimetype == NDJSON:
        with slot(BODIES):
            return in_lines(read_lines(request, limit, LIMIT)), source or ""
    if request.mimetype != JSON:
        sent = request.mimetype or "missing"
        raise UnsupportedFormat(f"Content-Type {sent}: send {JSON} or {NDJSON}")
    with slot(BODIES):
        document = read_json(request, limit, LIMIT)
    body = loaded(PutLabelsSchema(), document)
    if source is not None and "source" in body:
        detail = "stands in the body too"
        raise InvalidRequest("Name the source once", faults=[Fault("?source", detail)])
    return body["labels"], body.get("source", source or "")


def in_lines(lines: Iterable[bytes]) -> dict[str, Entry]:
    """Return the entries of a body with one of them per line."""
    try:
        return read_entries(values_of(lines))
    except marshmallow.ValidationError as error:
        problems: Mapping[int, Any] = error.messages  # type: ignore[assignment]  # by place
        raise misfit(
            [
                Fault(", ".join(filter(None, [line(place), fault.pointer])), fault.detail)
                for place, problem in problems.items()
                for fault in flatten("", problem)
            ]
        ) from error


def values_of(lines: Iterable[bytes]) -> Iterator[Any]:
    """Yield the value of each line; raise MalformedBody for one that is no JSON."""
    for place, text in enumerate(lines):
        try:
            yield parse_json(text)
        except MalformedBody as error:
            said = "The line is empty; each must hold one label" if not text.strip() else None
            faults = [Fault(line(place), said or error.detail)]
            raise MalformedBody(
                f"The body cannot be read at {line(place)}", faults=faults
            ) from error


def line(place: int) -> str:
    """Return where an entry stands in a body of lines."""
    return f"line {place + 1}"


def id_in_line(place: int) -> str:
    """Return where the id of an entry stands in a body of lines."""
    return f"{line(place)}, /id"


def ndjson(groups: Iterable[Sequence[Document]]) -> Iterator[bytes]:
    """Yield labels as JSON, one a line."""
    for group in groups:
        yield b"".join(orjson.dumps(label) + b"\n" for label in group)


def table(
    groups: Iterable[Sequence[Document]], text_of: Callable[[str], str] = str
) -> Iterator[bytes]:
    """Yield labels as CSV (RFC 4180), a header first; `text_of` gives the cell of a plain text."""
    yield (",".join(COLUMNS) + "\r\n").encode()
    for group in groups:
        text = io.StringIO()
        rows = (
            (text_of(each["id"]), cell(each["label"]), text_of(each["source"]), each["time"])
            for each in group
        )
        csv.writer(text).writerows(rows)
        yield text.getvalue().encode()


def cell(label: Any) -> str:
    """Return a label as the text of a cell: JSON, but strings that are no JSON as they are.

    So a reader who takes a cell for JSON where it is some, and else for a string, has the label.
    A string that a spreadsheet would compute is JSON too: it then begins with a quote.
    """
    plain = isinstance(label, str) and not is_json(label) and not computes(label)
    return label if plain else json.dumps(label)


def is_json(text: str) -> bool:
    """Return whether some reader of JSON might take a text for it."""
    try:
        json.loads(text)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True


WRITERS: dict[str, Callable[[Iterable[Sequence[Document]]], Iterator[bytes]]] = {
    CSV: table,
    SPREADSHEET: partial(table, text_of=shown),
    NDJSON: ndjson,
}
