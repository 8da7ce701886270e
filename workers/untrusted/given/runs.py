"""CSV in which an item has several rows, one after another: an object, a token or a member each.

An item without objects has one row, of which all cells but the id are empty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.columns import Columns, column
from workers.untrusted.formats.csv import (
    CELL_BYTES,
    Places,
    Record,
    check_widths,
    feature_values,
)
from workers.untrusted.formats.faults import At, named, refusal
from workers.untrusted.formats.features import Complaint
from workers.untrusted.formats.upload import rows_per_block
from workers.untrusted.given.classes import (
    OPTION,
    coded,
    parse_classes,
    resolve_columns,
    text_coder,
)
from workers.untrusted.given.columns import assign
from workers.untrusted.given.dense import Dense, check_members
from workers.untrusted.given.items import check_item_values
from workers.untrusted.given.ragged import BOX, BOXES, LABELS, Block, Ragged
from workers.untrusted.given.request import Asked

BOX_COLUMNS = tuple(f"box.{corner}" for corner in range(BOX))
LABEL_COLUMN = "label"

Records = Iterator[tuple[int, Record]]


@dataclass(frozen=True)
class Run:
    """The rows of one item, and their numbers in the file."""

    id: str
    numbers: list[int]
    records: list[Record]


@dataclass(frozen=True)
class Layout:
    """The columns of the table: the id, the classes, and what stands beside these."""

    header: Record
    columns: Columns
    beside: dict[str, tuple[int, ...]]

    def filled(self, record: Record) -> bool:
        """Whether a row has anything but the id."""
        return any(
            cell.strip() for position, cell in enumerate(record) if position != self.columns.id
        )


@dataclass
class RunPlaces:
    """Says where something of the items stands that are being written."""

    layout: Layout
    start: int = 0
    runs: Sequence[Run] = ()

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return the row of an item's object, and the column."""
        if row - self.start >= len(self.runs):
            return f"item {row}"
        numbers = self.runs[row - self.start].numbers
        number = numbers[int(path[0])] if path else numbers[0]
        return f"row {number}, {column(self.layout.header[self.position(field, *path[1:])])}"

    def position(self, field: str, *path: str | int) -> int:
        """Return the position of a column."""
        if field == "id":
            return self.layout.columns.id
        positions = self.layout.beside.get(field, self.layout.columns.features)
        return positions[int(path[0]) if path else 0]


@dataclass(frozen=True)
class Cells:
    """The rows of several items as one table, of which numbers are read."""

    at: At
    dtype: DType
    noun: str
    rows: int = 0
    item_shape: tuple[int, ...] | None = None


def write_runs(asked: Asked, records: Records, header: Record) -> dict[str, Any]:
    """Write the items of a table, and return what there is."""
    layout = lay_out(asked, header)
    names = [header[position] for position in layout.columns.features]
    classes = resolve_columns(asked, names)
    at = RunPlaces(layout)
    part: Dense | Ragged
    if asked.kind.form.ragged:
        part = Ragged(asked, classes, at, asked.text_dtype)
    else:
        part = Dense(asked, classes, at, asked.text_dtype)
    for block in blocks(runs(asked, records, layout), rows_per_block(len(header), CELL_BYTES)):
        at.start, at.runs = part.rows, block
        if isinstance(part, Ragged):
            write_ragged(part, layout, block)
        else:
            write_members(part, layout, block)
    return part.finish()


def lay_out(asked: Asked, header: Record) -> Layout:
    """Return which column is what; a class may have any name, if the classes are said."""
    columns = assign(header, asked)
    named_classes: set[Any] = set()
    if asked.classes is not None:
        named_classes = set(parse_classes(asked, asked.classes, OPTION))
    beside = {}
    if asked.kind.name == "objects":
        for name, wanted in ((BOXES, BOX_COLUMNS), (LABELS, (LABEL_COLUMN,))):
            found = [each for each in wanted if each in header and each not in named_classes]
            if found and len(found) < len(wanted):
                raise refusal(f"A box has the columns {', '.join(wanted)}", column(found[0]))
            if found:
                beside[name] = tuple(header.index(each) for each in found)
    taken = set(chain.from_iterable(beside.values()))
    values = tuple(position for position in columns.features if position not in taken)
    return Layout(header, Columns(columns.id, values, {}), beside)


def runs(asked: Asked, records: Records, layout: Layout) -> Iterator[Run]:
    """Yield the rows of each item; where an id comes again later, it is another item."""
    run: Run | None = None
    for number, record in records:
        check_widths([(number, record)], len(layout.header))
        id = record[layout.columns.id]
        if run is None or run.id != id:
            if run is not None:
                yield run
            run = Run(id, [], [])
        run.numbers.append(number)
        run.records.append(record)
        values = len(run.records) * len(layout.columns.features)
        check_item_values(asked, values, f"row {number}")
    if run is not None:
        yield run


def blocks(found: Iterator[Run], rows: int) -> Iterator[list[Run]]:
    """Yield items that are worked on at once."""
    block: list[Run] = []
    count = 0
    for run in found:
        block.append(run)
        count += len(run.records)
        if count >= rows:
            yield block
            block, count = [], 0
    if block:
        yield block


def write_members(part: Dense, layout: Layout, block: list[Run]) -> None:
    """Write items that have one row for each member."""
    if part.item_shape is None:
        check_members(part.asked, len(block[0].records), "header")
        part.begin((len(block[0].records), len(part.classes)))
    members = (part.item_shape or (0,))[0]
    for index, run in enumerate(block):
        if len(run.records) != members:
            row = part.rows + index
            raise refusal(
                f"{named([run.id], 0, row)} has {len(run.records)} rows, one for each member, "
                f"where the first item has {members}",
                part.at(row, "features"),
            )
    values = numbers(part, layout, block)
    shape = (len(block), members, len(part.classes))
    part.append([run.id for run in block], values.reshape(shape))


def write_ragged(part: Ragged, layout: Layout, block: list[Run]) -> None:
    """Write items that have one row for each object or token."""
    ids = [run.id for run in block]
    full = [without_blank(part, layout, run, index) for index, run in enumerate(block)]
    lengths = np.array([len(run.records) for run in full], dtype=np.int64)
    part.check_lengths(ids, lengths)
    beside = {
        name: read_beside(part, layout, full, name, part.complaint(ids, lengths, name))
        for name in layout.beside
    }
    part.append(Block(ids, lengths, numbers(part, layout, full), beside))


def without_blank(part: Ragged, layout: Layout, run: Run, index: int) -> Run:
    """Return a run without the row that says that there are no objects."""
    filled = list(map(layout.filled, run.records))
    if all(filled):
        return run
    if len(filled) > 1:
        row = part.rows + index
        raise refusal(
            f"{named([run.id], 0, row)} has several rows, and one of them is empty",
            part.at(row, "features", filled.index(False)),
        )
    return Run(run.id, [], [])


def numbers(part: Dense | Ragged, layout: Layout, block: list[Run], name: str = "") -> Array:
    """Return the numbers of all rows of some items."""
    records = list(chain.from_iterable(run.records for run in block))
    positions = layout.beside.get(name, layout.columns.features)
    if not records:
        return np.empty((0, len(positions)))
    columns = Columns(layout.columns.id, positions, {})
    places = Places(layout.header, columns, 0)
    places.move(0, list(chain.from_iterable(run.numbers for run in block)))
    ids = [record[columns.id] for record in records]
    cells = Cells(places, np.dtype(np.float64), part.noun)
    return feature_values(cells, ids, records, columns)


def read_beside(
    part: Ragged, layout: Layout, block: list[Run], name: str, complaint: Complaint
) -> Array:
    """Return the boxes of all objects, or the codes of their labels."""
    if name == BOXES:
        return numbers(part, layout, block, name)
    (position,) = layout.beside[name]
    cells = [record[position] for run in block for record in run.records]
    return coded(cells, text_coder(part.classes), lambda index: (index,), complaint)
