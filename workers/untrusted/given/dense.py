"""Predictions of which every item has the same number, while they are written."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from service.errors import UploadRefused
from workers.untrusted.formats.arrays import Array, DType, GrowingArray
from workers.untrusted.formats.faults import At, refusal
from workers.untrusted.formats.features import Complaint, check_finite
from workers.untrusted.given.classes import Class, check_codes
from workers.untrusted.given.items import Items, called, check_item_values
from workers.untrusted.given.kinds import REGRESSION
from workers.untrusted.given.request import Asked
from workers.untrusted.given.scales import distributions, rounded, said, separate

Accept = Callable[[Array, Complaint], Array]
"""Turns a block as it was sent into what is kept, or refuses it."""


class Dense:
    """The files of one upload of predictions, in the current directory.

    Votes are appended as codes, and a mean with its standard deviation as two columns.
    """

    def __init__(
        self,
        asked: Asked,
        classes: Sequence[Class],
        at: At,
        dtype: DType,
        *,
        numbered: bool = False,
        accept: Accept | None = None,
    ) -> None:
        self.asked = asked
        self.classes = tuple(classes)
        self.at = at
        self.dtype = dtype
        self.stored = asked.stored(dtype)
        self.noun = asked.kind.noun
        self.accept = accept or acceptance(asked, len(self.classes))
        self.items = Items(asked, at, numbered=numbered)
        self.item_shape: tuple[int, ...] | None = None
        self.files: list[GrowingArray] = []

    @property
    def rows(self) -> int:
        """How many items are written."""
        return self.items.count

    def begin(self, item_shape: Sequence[int], source: str = "") -> None:
        """Fix the shape of the items; `source` ends the sentence that refuses it."""
        place = self.at(0, "features")
        check_shape(self.asked, len(self.classes), tuple(item_shape), place, source)
        self.open(tuple(item_shape))

    def open(self, item_shape: tuple[int, ...]) -> None:
        """Begin the files."""
        self.item_shape = item_shape
        names = self.asked.kind.form.arrays
        shape = () if names == REGRESSION else item_shape
        self.files = [GrowingArray(f"{name}.npy", self.stored, shape) for name in names]

    def append(self, ids: Sequence[str] | None, values: Array) -> None:
        """Write the next items."""
        count = len(values)
        item_values = math.prod(self.item_shape or ())
        self.items.append(ids, count, count * item_values * self.stored.itemsize)
        complaint = self.complaint(ids)
        kept = self.accept(values, complaint)
        if self.stored.kind == "f":
            kept = rounded(kept, self.stored, complaint, self.asked.kind)
        for column, file in enumerate(self.files):
            file.append(kept if len(self.files) == 1 else kept[:, column])
        self.items.done(count)

    def complaint(self, ids: Sequence[str] | None) -> Complaint:
        """Return a function that refuses one value of the next items."""

        def complaint(index: int, path: tuple[int, ...], detail: str) -> UploadRefused:
            row = self.rows + index
            place = self.at(row, "features", *path)
            return refusal(f"{called(ids, index, row)} {detail}", place)

        return complaint

    def finish(self) -> dict[str, Any]:
        """Complete the files, and return what they hold."""
        if self.item_shape is None:
            self.open(shape_of_none(self.asked, len(self.classes)))
        for file in self.files:
            file.finish()
        self.items.finish()
        shape = self.item_shape or ()
        return {
            "kind": self.asked.kind.name,
            "items": self.rows,
            "numbered": self.items.ids is None,
            "classes": list(self.classes),
            "members": shape[0] if self.asked.kind.form.has_members else None,
            "dtype": self.stored.name,
            "rows": 0,
            "empty": 0,
        }


def acceptance(asked: Asked, classes: int) -> Accept:
    """Return what a kind's values must pass."""
    form = asked.kind.form

    def accept(block: Array, complaint: Complaint) -> Array:
        if form.summed:
            return distributions(block, asked.scale, complaint, normalize=asked.normalize)
        if form.scaled:
            return separate(block, asked.scale, complaint)
        if form.classed:
            return check_codes(block, classes, complaint)
        check_finite(block, complaint, asked.kind.noun)
        if asked.kind.fields == REGRESSION:
            check_deviations(block, complaint)
        return block

    return accept


def check_deviations(block: Array, complaint: Complaint) -> None:
    """Refuse standard deviations below zero."""
    wrong = np.flatnonzero(block[:, 1] < 0)
    if len(wrong):
        index = int(wrong[0])
        value = said(block[index, 1])
        raise complaint(index, (1,), f"has the std {value}: a standard deviation is 0 or more")


def check_shape(
    asked: Asked, classes: int, shape: tuple[int, ...], place: str, source: str = ""
) -> None:
    """Refuse items that are not of the shape that the kind has, or too large."""
    if asked.kind.fields == REGRESSION:
        return
    axes = asked.kind.form.axes[1:]
    if len(shape) != len(axes):
        raise refusal(
            f"Each item's {asked.kind.noun} must be of shape [{', '.join(axes)}], not "
            f"{list(shape)}",
            place,
        )
    if axes[0] == "members":
        check_members(asked, shape[0], place, source)
    check_item_values(asked, math.prod(shape), place)
    if asked.kind.form.scaled:
        check_width(classes, shape[-1], place, source)


def check_members(asked: Asked, members: int, place: str, source: str = "") -> None:
    """Refuse no members, or too many."""
    limit = asked.limits.max_members
    if not 1 <= members <= limit:
        raise refusal(
            f"There are {members} members; there may be 1 to {limit} (max_members){source}", place
        )


def check_width(classes: int, width: int, place: str, source: str) -> None:
    """Refuse probabilities that are not one for each class."""
    if width != classes:
        raise refusal(f"There are {width} probabilities, and {classes} classes{source}", place)


def shape_of_none(asked: Asked, classes: int) -> tuple[int, ...]:
    """Return the shape of items of which there are none."""
    lengths = {"members": 0, "classes": classes, "labels": classes}
    return tuple(lengths[name] for name in asked.kind.form.axes[1:])
