"""Readings of rankings in every form that they are given in.

The counts of a reading stand in a JSON document beside its items; every other form has them in
headers, and Arrow among its schema's metadata too.
"""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from service.api.spreadsheets import SPREADSHEET, shown
from service.ids import pack, padded
from service.operations.rankings import Columns

JSON = "application/json"
COLUMNAR = "application/vnd.shortlist.columns+json"
NPY = "application/x-npy"
ARROW = "application/vnd.apache.arrow.stream"
CSV = "text/csv"
NDJSON = "application/x-ndjson"

Envelope = dict[str, Any]
Writer = Callable[[Columns, Envelope], bytes]

NAMES = ("rank", "id", "score", "raw_score")
ORIGINAL = "original"
AT_ONCE = 256
"""Items whose documents exist at one moment: so few stay in the processor's cache."""
LARGEST_STRINGS = 2**31
"""Bytes of text from which on a column of Arrow needs offsets of 64 bits."""


def documents(columns: Columns) -> Iterator[list[dict[str, Any]]]:
    """Yield the items as documents, some at a time; an original is told only of one's copy."""
    found = columns.lists()
    originals = columns.originals
    for first in range(0, len(columns), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        said = [
            {"rank": rank, "id": id, "score": score, "raw_score": raw}
            for rank, id, score, raw in zip(*(column[some] for column in found), strict=True)
        ]
        for document, original in zip(said, originals[some] if originals else (), strict=False):
            if original is not None:
                document[ORIGINAL] = original
        yield said


def rows(columns: Columns, envelope: Envelope) -> bytes:
    """Return a document that holds one object for each item."""
    rest = dict(envelope)
    pieces = [b'{"ranking":', orjson.dumps(rest.pop("ranking")), b',"items":[']
    for said in documents(columns):
        pieces += (orjson.dumps(said)[1:-1], b",")
    if len(columns):
        pieces.pop()
    # All is joined once: a copy of megabytes takes as long as making some of them.
    return b"".join([*pieces, b"],", document(rest)[1:]])


def columnar(columns: Columns, envelope: Envelope) -> bytes:
    """Return a document that holds one list for each column, all of one length."""
    originals = {} if columns.originals is None else {ORIGINAL: columns.originals}
    found: dict[str, Any] = {
        "rank": columns.ranks,
        "id": columns.ids.texts(),
        "score": columns.scores,
        "raw_score": columns.raw_scores,
    }
    return document({**found, **originals, **envelope})


def document(values: dict[str, Any]) -> bytes:
    """Return values as a JSON document."""
    return orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def npy(columns: Columns, envelope: Envelope) -> bytes:
    """Return a structured array, which numpy reads without pickle.

    An id is its UTF-8 bytes, filled up with zeros to the longest; because numpy takes zeros at the
    end for filling, `id_bytes` tells how long it is.
    """
    del envelope
    texts = [("id", columns.ids)]
    if columns.originals is not None:
        texts.append((ORIGINAL, pack([each or "" for each in columns.originals])))
    everything = np.arange(len(columns))
    fields: dict[str, npt.NDArray[Any]] = {
        "rank": columns.ranks,
        "score": columns.scores,
        "raw_score": columns.raw_scores,
    }
    for name, packed in texts:
        _, lengths = packed.spans(everything)
        filled = np.ascontiguousarray(padded(packed, everything))
        fields[f"{name}_bytes"] = lengths.astype("<u4")
        fields[name] = filled.view(f"S{filled.shape[1]}")[:, 0]
    table = np.empty(len(columns), [(name, values.dtype) for name, values in fields.items()])
    for name, values in fields.items():
        table[name] = values
    file = io.BytesIO()
    np.save(file, table, allow_pickle=False)
    return file.getvalue()


def arrow(columns: Columns, envelope: Envelope) -> bytes:
    """Return a stream of one batch in Arrow's format."""
    import nanoarrow  # what nobody asks for is not imported
    from nanoarrow.ipc import StreamWriter

    size = len(columns)
    fields = {
        "rank": number(nanoarrow.int64(), columns.ranks),
        "id": text(columns.ids),
        "score": number(nanoarrow.float64(), columns.scores),
        "raw_score": number(nanoarrow.float64(), columns.raw_scores),
    }
    if columns.originals is not None:
        fields[ORIGINAL] = text(
            pack([each or "" for each in columns.originals]),
            np.array([each is not None for each in columns.originals], dtype=np.bool_),
        )
    kinds = [kind.modify(name=name) for name, (kind, _) in fields.items()]
    told = {name: str(value) for name, value in counts(envelope).items()}
    schema = nanoarrow.c_schema(nanoarrow.struct(kinds)).modify(metadata=told, nullable=False)
    batch = nanoarrow.c_array_from_buffers(
        schema,
        size,
        [None],
        children=[
            nanoarrow.c_array_from_buffers(schema.child(place), size, buffers)
            for place, (_, buffers) in enumerate(fields.values())
        ],
    )
    file = io.BytesIO()
    with StreamWriter.from_writable(file) as writer:
        writer.serialize_stream(batch)
    return file.getvalue()


def number(kind: Any, values: npt.NDArray[Any]) -> tuple[Any, list[Any]]:
    """Return numbers as a column of Arrow: its type, and its buffers."""
    import nanoarrow

    return nanoarrow.c_schema(kind).modify(nullable=False), [None, np.ascontiguousarray(values)]


def text(ids: Any, present: npt.NDArray[np.bool_] | None = None) -> tuple[Any, list[Any]]:
    """Return texts as a column of Arrow, with nulls where they are not present."""
    import nanoarrow

    large = len(ids.blob) >= LARGEST_STRINGS
    kind = nanoarrow.large_string() if large else nanoarrow.string()
    offsets = np.append(0, ids.ends).astype(np.int64 if large else np.int32)
    mask = None if present is None else np.packbits(present, bitorder="little")
    return nanoarrow.c_schema(kind).modify(nullable=present is not None), [mask, offsets, ids.blob]


def ndjson(columns: Columns, envelope: Envelope) -> bytes:
    """Return one object for each item, each on a line."""
    del envelope
    option = orjson.OPT_APPEND_NEWLINE
    return b"".join(
        orjson.dumps(each, option=option) for said in documents(columns) for each in said
    )


def table(columns: Columns, envelope: Envelope) -> bytes:
    """Return a table (RFC 4180), a header first."""
    del envelope
    return in_cells(columns)


def spreadsheet(columns: Columns, envelope: Envelope) -> bytes:
    """Return a table of which a spreadsheet computes no cell."""
    del envelope
    return in_cells(columns, shown)


def in_cells(columns: Columns, text_of: Callable[[str], str] | None = None) -> bytes:
    """Return a table; `text_of` gives the cells of ids where they are not the ids themselves."""
    found: list[Any] = columns.lists()
    if columns.originals is not None:
        found.append(columns.originals)
    if text_of is not None:
        found[1:2] = [map(text_of, found[1])]
        found[len(NAMES) :] = [
            [None if each is None else text_of(each) for each in originals]
            for originals in found[len(NAMES) :]
        ]
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow((*NAMES, ORIGINAL)[: len(found)])
    writer.writerows(zip(*found, strict=True))
    return file.getvalue().encode()


def counts(envelope: Envelope) -> dict[str, Any]:
    """Return what is told of a reading where no document tells it; of unknown ids their number."""
    told = {**envelope, "unknown_ids": len(envelope["unknown_ids"])}
    return {name: value for name, value in told.items() if value is not None}


def headers(envelope: Envelope) -> dict[str, str]:
    """Return what is told of a reading as headers of its answer."""
    return {header(name): str(value) for name, value in counts(envelope).items()}


def header(name: str) -> str:
    """Return the header that tells something of a reading."""
    return f"Shortlist-{name.replace('_', '-').title()}"


WRITERS: dict[str, Writer] = {
    JSON: rows,
    COLUMNAR: columnar,
    NPY: npy,
    ARROW: arrow,
    CSV: table,
    SPREADSHEET: spreadsheet,
    NDJSON: ndjson,
}
DOCUMENTS = (JSON, COLUMNAR)
"""The forms that tell the counts themselves."""
