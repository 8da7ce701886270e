"""What a body of arrays holds, and the types that predictions may have in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.untrusted.formats.arrays import DType
from workers.untrusted.formats.companions import NOTHING, exactly
from workers.untrusted.formats.faults import pointer, refusal
from workers.untrusted.formats.features import check_dtype
from workers.untrusted.given.classes import NONE
from workers.untrusted.given.request import FLOATS, Asked
from workers.untrusted.given.strips import Strips

IDS = "ids"


@dataclass(frozen=True)
class Arrays:
    """What a body holds, by name: its ids, if it has any, and its classes, if it says them."""

    named: Mapping[str, Strips]
    ids: Iterator[str] | None = None
    classes: Any = None

    def take_ids(self, count: int, done: int, noun: str) -> Sequence[str] | None:
        """Return the ids of the next items."""
        return None if self.ids is None else exactly(self.ids, count, done, pointer(IDS), noun)

    def check_end(self, items: int) -> None:
        """Refuse ids beyond the last item."""
        if self.ids is not None and next(self.ids, NOTHING) is not NOTHING:
            raise refusal(f"There are more ids than the {items} items", pointer(IDS))


def check_values(asked: Asked, array: Strips) -> None:
    """Refuse an array of a type that its values cannot have."""
    if asked.kind.name == "votes":
        check_whole(array)
        return
    check_fraction(array.dtype, array.place)
    if not asked.converted:
        check_dtype(array.dtype, asked.upload.options.dtype)


def check_whole(array: Strips) -> None:
    """Refuse an array of anything but whole numbers."""
    if array.dtype.kind not in "iu":
        raise refusal(
            f"An array of {array.dtype} holds no places of classes: they are whole numbers from 0, "
            f"and {NONE} stands for none",
            array.place,
        )


def check_fraction(dtype: DType, place: str) -> None:
    """Refuse types in which predicted numbers are not kept."""
    if dtype.name in FLOATS:
        return
    reason = ""
    if dtype.kind in "iub":
        reason = (
            " (whole numbers would first have to be divided, and by what is not said: 255, 100, "
            "their sum)"
        )
    raise refusal(
        f"Predictions of type {dtype} are not taken{reason}: convert them to one of "
        f"{', '.join(FLOATS)}",
        place,
    )
