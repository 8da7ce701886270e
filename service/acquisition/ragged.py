"""Reducing the rows of each item to one number, where items have different numbers of rows."""

import numpy as np

from service.acquisition.evidence import Array, Rows

REDUCTIONS = {"mean": np.add, "sum": np.add, "max": np.maximum, "min": np.minimum}


def reduced(values: Array, ends: Rows, reduction: str) -> Array:
    """Return the mean, sum, max or min of each item's values, float64 (items,); NaN without any.

    Item i has the values `ends[i-1]:ends[i]`.
    """
    lengths = np.diff(ends, prepend=0)
    some = lengths > 0
    answer = np.full(len(ends), np.nan)
    if some.any():
        # Items without values take up no room, so each start begins where the last item ended.
        starts = (ends - lengths)[some]
        answer[some] = REDUCTIONS[reduction].reduceat(values[: ends[-1]], starts)
    return answer / lengths.clip(1) if reduction == "mean" else answer
