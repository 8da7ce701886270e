"""A classifier that was opened, whatever format it came in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
Label = str | int | float | bool


@dataclass(frozen=True)
class Classifier:
    """What a model says of itself, and its probabilities for a block of items.

    A model that is a committee also says how many members it has, and what each of them gives for
    a block: fractions (members, items, classes), of the same classes in the same order.
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
