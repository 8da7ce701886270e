"""A classifier that was opened, whatever format it came in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from numpy.typing import NDArray

Array = NDArray[Any]
Label = str | int | float | bool


@dataclass(frozen=True)
class Classifier:
    """What a model says of itself, and its probabilities for a block of items.

    A model that is a committee also says how many members it has, and what each of them gives for
    a block: fractions (members, items, classes), of the same classes in the same order.

    Where `items_alone`, what it says of an item is the same to the last bit whatever stands beside
    it. `prepare`, if it can, writes a form that opens faster, where that passes no number of bytes;
    it returns whether it did. `provider` names what runs it, where its library has several.
    """

    estimator: str
    classes: tuple[Label, ...]
    item_values: int | None
    item_shape: tuple[int, ...] | None
    probabilities: bool
    warnings: tuple[str, ...]
    predict: Callable[[Array], Array]
    members: int | None = None
    predict_members: Callable[[Array], Array] | None = None
    items_alone: bool = False
    provider: str | None = None
    prepare: Callable[[BinaryIO, int], bool] | None = None
