"""Numbers as they are stored, made into numbers to compute with."""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Rows

FEW_CLASSES = 64


def fractions(array: npt.NDArray[Any]) -> Array:
    """Return probabilities (items, …, classes) as float64, from 0 to 1: rounding may have left one
    a hair outside.

    Where the classes are few, the numbers of one class lie side by side: what is done item by item
    is then several times faster.
    """
    few = array.shape[-1] <= FEW_CLASSES
    stored = array.transpose(*range(1, array.ndim), 0) if few else array
    # Of all floats only those from 0 to 1 have bits that, as an integer, are no more than those of
    # 1: one look instead of two, and it brings the numbers into the cache. It is rare that anything
    # has to be done.
    bits = np.dtype(f"u{array.itemsize}")
    beyond = array.view(bits).max(initial=0) > np.ones((), array.dtype).view(bits)
    made = np.array(stored, dtype=np.float64, order="C")
    if beyond:
        np.clip(made, 0.0, 1.0, out=made)
    return made.transpose(-1, *range(array.ndim - 1)) if few else made


def votes_of(member_probs: Array) -> Rows:
    """Return the class that each member finds likeliest, the first of equals: (members, items)."""
    return member_probs.argmax(axis=2).astype(np.int64)


def window(rows: Rows) -> Any:
    """Return rows, ascending, as an index: a slice, which copies nothing, where they are a run."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def ordered(places: Rows) -> bool:
    """Return whether places ascend, each different."""
    return bool((places[1:] > places[:-1]).all())
