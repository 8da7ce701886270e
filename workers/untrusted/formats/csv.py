"""CSV: UTF-8, a header, one item per row; which column is what is told in `columns`.

Rows are counted as a spreadsheet counts them: the header is row 1.
"""

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.columns import Columns, assign, column
from workers.untrusted.formats.faults import At, named, quoted, refusal
from workers.untrusted.formats.features import EXACT
from workers.untrusted.formats.part import Part
from workers.untrusted.formats.upload import Upload, rows_per_block

CELL_BYTES = 80
FIRST_ROW = 2
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

    def records(self) -> Iterator[Record]:
        """Yield the cells of each row, the header first."""
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
            yield record


def read_csv(upload: Upload) -> dict[str, Any]:
    """Write the items of a CSV body."""
    records = Lines(upload).records()
    header = next(records, None)
    if not header:
        raise refusal("The first row must be a header that names the columns", "row 1")
    columns = assign(header, upload.options)
    part = Part(upload, in_rows(header, columns), np.dtype(upload.options.dtype or "float64"))
    part.begin((len(columns.features),))
    rows = rows_per_block(len(header), CELL_BYTES)
    while block := list(islice(records, rows)):
        write_block(part, block, header, columns)
    return part.finish(infer=True)


def in_rows(header: Sequence[str], columns: Columns) -> At:
    """Return a function that says where something stands in the table."""

    def at(row: int, field: str, *path: str | int) -> str:
        if field == "metadata":
            position = columns.metadata[str(path[0])]
        elif field == "features":
            position = columns.features[int(path[0]) if path else 0]
        else:
            position = columns.id
        return f"row {row + FIRST_ROW}, {column(header[position])}"

    return at


def write_block(part: Part, block: list[Record], header: Sequence[str], columns: Columns) -> None:
    """Write some rows."""
    for index, record in enumerate(block):
        if len(record) != len(header):
            raise refusal(
                f"The row has {len(record)} cells and the header {len(header)}",
                f"row {part.rows + index + FIRST_ROW}",
            )
    ids = [record[columns.id] for record in block]
    metadata = {
        name: [record[position] or None for record in block]
        for name, position in columns.metadata.items()
    }
    part.append(ids, feature_values(part, ids, block, columns), metadata)


def feature_values(part: Part, ids: Sequence[str], block: list[Record], columns: Columns) -> Array:
    """Return the features of some rows as float64."""
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


def check_exact(part: Part, ids: Sequence[str], cells: Sequence[str], width: int) -> None:
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


def refuse_cell(part: Part, ids: Sequence[str], cell: str, position: tuple[int, int]) -> None:
    """Refuse a cell among the features that holds no number."""
    row = part.rows + position[0]
    name = named(ids, position[0], row)
    found = f"holds {quoted(cell)}" if cell.strip() else "is empty"
    raise refusal(
        f"{name} has a feature that {found} where a number must be: correct it; if the column is "
        f"no feature, send it as metadata: rename it to metadata.… or list it in ?metadata=",
        part.at(row, "features", position[1]),
    )
