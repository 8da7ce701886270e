"""Predictions of which items have several rows or none, while they are written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.errors import UploadRefused
from workers.untrusted.formats.arrays import Array, DType, GrowingArray
from workers.untrusted.formats.faults import At, refusal
from workers.untrusted.formats.features import Complaint
from workers.untrusted.formats.upload import BLOCK_BYTES, BLOCK_ROWS
from workers.untrusted.given.classes import Class
from workers.untrusted.given.items import Items, called
from workers.untrusted.given.request import Asked
from workers.untrusted.given.scales import distributions, rounded

BOX = 4
BOXES, LABELS = "boxes", "object_labels"
BESIDE = {BOXES: (np.dtype(np.float32), (BOX,)), LABELS: (np.dtype(np.int32), ())}
FLOAT64_BYTES = 8


@dataclass(frozen=True)
class Block:
    """Some items: how many rows each has, the rows (rows, classes), and what belongs to them.

    `beside` has boxes (rows, 4) and the codes of labels (rows,), as far as they were sent.
    """

    ids: Sequence[str] | None
    lengths: Array
    values: Array
    beside: dict[str, Array]


class Ragged:
    """The files of one upload of objects or tokens, in the current directory."""

    def __init__(
        self,
        asked: Asked,
        classes: Sequence[Class],
        at: At,
        dtype: DType,
        *,
        numbered: bool = False,
    ) -> None:
        self.asked = asked
        self.classes = tuple(classes)
        self.at = at
        self.dtype = dtype
        self.item_shape: tuple[int, ...] | None = (len(self.classes),)
        self.noun = asked.kind.noun
        self.stored = asked.stored(dtype)
        self.items = Items(asked, at, numbered=numbered)
        self.values = GrowingArray("values.npy", self.stored, (len(self.classes),))
        self.ends = GrowingArray("ends.npy", np.dtype(np.int64))
        self.beside: dict[str, GrowingArray] | None = None
        self.empty = 0

    @property
    def rows(self) -> int:
        """How many items are written."""
        return self.items.count

    def append(self, block: Block) -> None:
        """Write the next items."""
        count = len(block.lengths)
        size = len(block.values) * len(self.classes) * self.stored.itemsize
        self.items.append(block.ids, count, size + count * FLOAT64_BYTES)
        self.check_lengths(block.ids, block.lengths)
        complaint = self.complaint(block.ids, block.lengths)
        kept = distributions(
            block.values, self.asked.scale, complaint, normalize=self.asked.normalize
        )
        ends = self.values.rows + np.cumsum(block.lengths)
        self.write_beside(block)
        self.values.append(rounded(kept, self.stored, complaint, self.asked.kind))
        self.ends.append(ends)
        self.empty += int((block.lengths == 0).sum())
        self.items.done(count)

    def complaint(
        self, ids: Sequence[str] | None, lengths: Array, field: str = "features"
    ) -> Complaint:
        """Return a function that refuses one row of the next items."""
        ends = np.cumsum(lengths)

        def complaint(index: int, path: tuple[int, ...], detail: str) -> UploadRefused:
            item = int(np.searchsorted(ends, index, side="right"))
            inner = index - int(ends[item] - lengths[item])
            row = self.rows + item
            return refusal(f"{called(ids, item, row)} {detail}", self.at(row, field, inner, *path))

        return complaint

    def check_lengths(self, ids: Sequence[str] | None, lengths: Array) -> None:
        """Refuse items with too many rows, and texts without tokens."""
        most = self.asked.limits.max_item_values // max(1, len(self.classes))
        wrong = np.flatnonzero(lengths > most)
        detail = f"more than {most}, which max_item_values leaves room for"
        if not len(wrong) and self.noun == "tokens":
            wrong = np.flatnonzero(lengths == 0)
            detail = "and a text has at least one: leave the item out"
        if len(wrong):
            item = int(wrong[0])
            row = self.rows + item
            name = called(ids, item, row)
            raise refusal(
                f"{name} has {lengths[item]} {self.noun}, {detail}", self.at(row, "features")
            )

    def write_beside(self, block: Block) -> None:
        """Write boxes and labels, which all rows have or none."""
        if not len(block.values):
            return
        if self.beside is None:
            self.beside = {
                name: GrowingArray(f"{name}.npy", *BESIDE[name]) for name in block.beside
            }
        for name in sorted(self.beside.keys() ^ block.beside.keys()):
            raise uneven(name, self.complaint(block.ids, block.lengths, name), 0)
        for name, file in self.beside.items():
            values = block.beside[name]
            if name == BOXES:
                values = check_boxes(values, self.complaint(block.ids, block.lengths, name))
            file.append(values)

    def finish(self) -> dict[str, Any]:
        """Complete the files, and return what they hold."""
        for file in (self.values, self.ends, *(self.beside or {}).values()):
            file.finish()
        self.items.finish()
        return {
            "kind": self.asked.kind.name,
            "items": self.rows,
            "numbered": self.items.ids is None,
            "classes": list(self.classes),
            "members": None,
            "dtype": self.stored.name,
            "rows": self.values.rows,
            "empty": self.empty,
        }


def uneven(name: str, complaint: Complaint, index: int) -> UploadRefused:
    """Return the error for a row that has what others have not, or the reverse."""
    what = {BOXES: "box", LABELS: "label"}[name]
    return complaint(index, (), f"is unlike others: every object must have a {what}, or none")


def check_boxes(boxes: Array, complaint: Complaint) -> Array:
    """Return boxes as float32, if they are finite."""
    with np.errstate(over="ignore"):
        kept = boxes.astype(np.float32)
    wrong = ~np.isfinite(kept)
    if wrong.any():
        row, corner = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        raise complaint(int(row), (int(corner),), "has a box that float32 cannot hold")
    return kept


def groups(lengths: Array, classes: int) -> Iterator[slice]:
    """Yield runs of items that are worked on at once, each of about a block of values."""
    ends = np.cumsum(lengths)
    most = max(1, BLOCK_BYTES // (max(1, classes) * FLOAT64_BYTES))
    start = 0
    while start < len(lengths):
        before = int(ends[start] - lengths[start])
        stop = int(np.searchsorted(ends, before + most, side="right"))
        stop = min(max(stop, start + 1), start + BLOCK_ROWS)
        yield slice(start, stop)
        start = stop
