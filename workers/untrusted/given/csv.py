"""CSV of predictions: one row for each item, or for each of its objects, tokens or members."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.columns import Columns
from workers.untrusted.formats.csv import (
    CELL_BYTES,
    Lines,
    Places,
    Record,
    check_header,
    check_widths,
    feature_values,
)
from workers.untrusted.formats.features import complain
from workers.untrusted.formats.upload import rows_per_block
from workers.untrusted.given import runs
from workers.untrusted.given.classes import Coder, coded, text_coder
from workers.untrusted.given.columns import assign, classes_of
from workers.untrusted.given.dense import Dense
from workers.untrusted.given.request import Asked


def read_csv(asked: Asked) -> dict[str, Any]:
    """Write the predictions of a CSV body."""
    records = Lines(asked.upload).records()
    number, header = next(records, (1, []))
    check_header(header, asked.upload.options)
    if asked.kind.form.ragged or asked.kind.name == "members":
        return runs.write_runs(asked, records, header)
    columns = assign(header, asked)
    classes = classes_of(asked, [header[position] for position in columns.features])
    places = Places(header, columns, number + 1)
    part = Dense(asked, classes, places, asked.text_dtype)
    part.begin((len(columns.features),))
    coder = text_coder(classes) if asked.kind.name == "votes" else None
    rows = rows_per_block(len(header), CELL_BYTES)
    while block := list(islice(records, rows)):
        places.move(part.rows, [number for number, _ in block])
        check_widths(block, len(header))
        write_block(part, [record for _, record in block], columns, coder)
    return part.finish()


def write_block(part: Dense, block: list[Record], columns: Columns, coder: Coder | None) -> None:
    """Write some rows."""
    ids = [record[columns.id] for record in block]
    if coder is None:
        part.append(ids, feature_values(part, ids, block, columns))
    else:
        part.append(ids, votes(part, ids, block, columns.features, coder))


def votes(
    part: Dense, ids: Sequence[str], block: list[Record], positions: Sequence[int], coder: Coder
) -> Array:
    """Return the codes of the votes of some rows."""
    cells = chain.from_iterable([record[p] for p in positions] for record in block)
    width = len(positions)
    codes = coded(
        cells, coder, lambda index: divmod(index, width), complain(ids, part.rows, part.at)
    )
    return codes.reshape(len(block), width)
