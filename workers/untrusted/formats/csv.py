"""CSV: UTF-8, a header, one item per row; which column is what is told in `columns`.

Rows are counted as a spreadsheet counts them, from 1 and with those that are blank, which hold no
item and are passed over.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, BinaryIO

import numpy as np

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.columns import HEADER, Columns, assign, column
from workers.untrusted.formats.faults import named, quoted, refusal
from workers.untrusted.formats.features import EXACT
from workers.untrusted.formats.id_columns import encoded_ids
from workers.untrusted.formats.interleaving import interleave
from workers.untrusted.formats.part import FIELD, Part, Rows
from workers.untrusted.formats.plain import PlainReader, Stretch
from workers.untrusted.formats.upload import Options, Upload, rows_per_block

CELL_BYTES = 80
VALUE_BYTES = 8
NAMES_SHOWN = 10
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WHOLE = re.compile(r"[+-]?[0-9]+")

Record = list[str]


class Lines:
    """The lines of a body, of which one record may take only so many bytes."""

    def __init__(self, upload: Upload) -> None:
        self.body = upload.body
        self.limit = upload.limits.text_bytes
        self.taken = 0
        self.row = 0
        mark = self.body.read(len(BYTE_ORDER_MARK))
        if mark != BYTE_ORDER_MARK:
            self.body.seek(0)

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self.body.readline(self.limit - self.taken + 1)
        self.taken += len(line)
        if self.taken > self.limit:
            raise refusal(f"The row is longer than {self.limit} bytes", f"row {self.row}")
        if not line:
            raise StopIteration
        return line.decode("utf-8")

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield the number and the cells of each row that has any, the header first."""
        reader = csv.reader(self, strict=True)
        while True:
            self.row += 1
            self.taken = 0
            try:
                record = next(reader, None)
            except csv.Error as error:
                raise refusal(f"The row is no CSV: {error}", f"row {self.row}") from None
            except UnicodeDecodeError:
                raise refusal("The row is not UTF-8", f"row {self.row}") from None
            if record is None:
                return
            if record:
                yield self.row, record


class Places:
    """Says where something stands in the table, of the rows that are being written."""

    def __init__(self, header: Record, columns: Columns, first: int) -> None:
        self.header = header
        self.columns = columns
        self.numbers: Sequence[int] = [first]
        self.start = 0

    def move(self, start: int, numbers: Sequence[int]) -> None:
        """Turn to the next items: where they start in the part, and their rows in the file."""
        self.start, self.numbers = start, numbers

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return an item's row and the column."""
        if field == "metadata":
            position = self.columns.metadata[str(path[0])]
        elif field == "features":
            position = self.columns.features[int(path[0]) if path else 0]
        else:
            position = self.columns.id
        return f"row {self.numbers[row - self.start]}, {column(self.header[position])}"


def read_csv(upload: Upload) -> dict[str, Any]:
    """Write the items of a CSV body."""
    lines = Lines(upload)
    records = lines.records()
    number, header = next(records, (1, []))
    check_header(header, upload.options)
    columns = assign(header, upload.options)
    places = Places(header, columns, number + 1)
    part = Part(upload, places, np.dtype(upload.options.dtype or "float64"))
    if columns.features:
        part.begin((len(columns.features),))
    else:
        part.begin_featureless()
    plain = PlainReader(upload.body, len(header), columns, lines.limit)
    while upload.body.tell() < upload.size:
        stretch, end = plain.read()
        if stretch is None:
            write_records(part, records, places, upload.body, end)
        else:
            write_stretch(part, stretch, places, lines.row + 1)
            lines.row += stretch.rows
    return part.finish(infer=True)


def write_records(
    part: Part, records: Iterator[tuple[int, Record]], places: Places, body: BinaryIO, end: int
) -> None:
    """Write rows cell by cell, up to a place in the body or behind it."""
    width = len(places.header)
    rows = rows_per_block(width, CELL_BYTES)
    while body.tell() < end and (block := list(islice(records, rows))):
        places.move(part.rows, [number for number, _ in block])
        check_widths(block, width)
        write_block(part, [record for _, record in block], places.columns)


def write_stretch(part: Part, stretch: Stretch, places: Places, number: int) -> None:
    """Write rows that were read at once, the first of which has a number in the file."""
    columns = places.columns
    step = rows_per_block(len(columns.features), VALUE_BYTES)
    for start in range(0, stretch.rows, step):
        block = stretch.table.slice(start, step)
        places.move(part.rows, range(number + start, number + start + block.num_rows))
        ids = encoded_ids(part, block.column(columns.id).combine_chunks())
        metadata = {
            name: [text or None for text in block.column(position).to_pylist()]
            for name, position in columns.metadata.items()
        }
        if columns.features:
            values = [column[start : start + step] for column in stretch.values]
            part.append(ids, interleave(values, np.dtype(np.float64)), metadata)
        else:
            part.append_featureless(ids, metadata)


def check_header(header: Record, options: Options) -> None:
    """Refuse a table without a header, and one whose header names no ids, with what it names."""
    if not header:
        raise refusal("The first row must be a header that names the columns", "row 1")
    if options.id_column not in header:
        more = ", …" if len(header) > NAMES_SHOWN else ""
        found = ", ".join(map(quoted, header[:NAMES_SHOWN])) + more
        raise refusal(
            f"There is no column {quoted(options.id_column)} of ids among the columns {found}, as "
            f"separated by commas: add one, or say which it is with ?id_column=",
            HEADER,
        )


def check_widths(block: Sequence[tuple[int, Record]], width: int) -> None:
    """Refuse a row that has more or fewer cells than the header."""
    for number, record in block:
        if len(record) != width:
            raise refusal(
                f"The row has {len(record)} cells and the header {width}", f"row {number}"
            )


def write_block(part: Part, block: list[Record], columns: Columns) -> None:
    """Write some rows."""
    ids = [record[columns.id] for record in block]
    metadata = {
        name: [record[position] or None for record in block]
        for name, position in columns.metadata.items()
    }
    if columns.features:
        part.append(ids, feature_values(part, ids, block, columns), metadata)
    else:
        part.append_featureless(ids, metadata)


def feature_values(part: Rows, ids: Sequence[str], block: list[Record], columns: Columns) -> Array:
    """Return the values of some rows as float64."""
    pick: Callable[[Record], Any] = itemgetter(*columns.features, columns.features[0])
    cells = list(chain.from_iterable(pick(record)[:-1] for record in block))
    together = "".join(cells)
    try:
        numbers = list(map(float, cells))
    except ValueError:
        numbers = []
    width = len(columns.features)
    if len(numbers) < len(cells) or "_" in together or not together.isascii():
        index = next(i for i, cell in enumerate(cells) if not is_number(cell))
        refuse_cell(part, ids, cells[index], divmod(index, width))
    values = np.array(numbers, dtype=np.float64).reshape(len(block), width)
    if values.size and np.abs(values).max() >= EXACT:
        check_exact(part, ids, cells, width)
    return values


def is_number(cell: str) -> bool:
    """Whether a cell holds a number; spaces around it do no harm."""
    try:
        return math.isfinite(float(cell)) and cell.isascii() and "_" not in cell
    except ValueError:
        return False


def check_exact(part: Rows, ids: Sequence[str], cells: Sequence[str], width: int) -> None:
    """Refuse whole numbers that float64 would round."""
    for index, cell in enumerate(cells):
        digits = cell.strip()
        rounded = abs(float(digits)) >= EXACT and digits.lstrip("+-0") != str(EXACT)
        if rounded and WHOLE.fullmatch(digits):
            row, position = divmod(index, width)
            name = named(ids, row, part.rows + row)
            raise refusal(
                f"{name} has a whole number beyond 2**53, which float64 cannot hold exactly: "
                f"scale it, or write it with a decimal point",
                part.at(part.rows + row, "features", position),
            )


def refuse_cell(part: Rows, ids: Sequence[str], cell: str, position: tuple[int, int]) -> None:
    """Refuse a cell among the features that holds no number."""
    row = part.rows + position[0]
    name = named(ids, position[0], row)
    found = f"holds {quoted(cell)}" if cell.strip() else "is empty"
    wrong = f"{found} where a number must be: correct it"
    if part.noun == FIELD:
        detail = (
            f"{name} has a feature that {wrong}; if the column is no feature, send it as metadata: "
            f"rename it to metadata.… or list it in ?metadata="
        )
    else:
        detail = f"{name} has a cell that {wrong}; leave out columns that are no {part.noun}"
    raise refusal(detail, part.at(row, "features", position[1]))
