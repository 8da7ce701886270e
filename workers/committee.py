"""Committees of several models: what each says of the same items, over the classes of them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Rows
from service.classes import identity


def aligned(classes: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], tuple[Rows, ...]]:
    """Return the classes of several models as one list, and where each model's stand in it.

    They are in the order in which they first appear, each as it first does.
    """
    places: dict[tuple[bool, Any], int] = {}
    found = [[places.setdefault(identity(each), len(places)) for each in one] for one in classes]
    union = tuple(value for _, value in places)
    return union, tuple(np.array(each, dtype=np.int64) for each in found)


@dataclass(frozen=True)
class Committee:
    """Several models: all the classes that any knows, and where each model's stand among them."""

    classes: tuple[Any, ...]
    places: tuple[Rows, ...]

    @classmethod
    def of(cls, classes: Sequence[Sequence[Any]]) -> Self:
        """Return the committee of models that know these classes."""
        return cls(*aligned(classes))

    def member_probs(self, probs: Sequence[npt.NDArray[Any]]) -> Array:
        """Return what the models say of the same items: float64 (members, items, classes).

        `probs` has (items, classes) of each model, its own classes in its own order. A class that a
        model does not know has probability 0.
        """
        found = np.zeros((len(self.places), len(probs[0]), len(self.classes)))
        for member, columns, block in zip(found, self.places, probs, strict=True):
            member[:, columns] = block
        return found
