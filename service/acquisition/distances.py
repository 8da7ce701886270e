"""Distances between vectors: each computed from its own two vectors alone, in float64.

So the distance of two items is the same to the last bit whatever stands around them, it is exactly
zero between equal vectors, and the same in both directions. The cosine distance is 1 − cos,
computed as half the squared distance of the vectors scaled to length one; a vector of zeros has no
direction, so it is at 0 from any other vector of zeros and at 1 from everything else.
"""

from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array
from service.acquisition.features import Matrix, directions
from service.acquisition.signature import Tunable

EUCLIDEAN, COSINE = "euclidean", "cosine"

Metric = Annotated[
    str,
    Tunable(
        "the distance: `euclidean`, or `cosine`, which looks at directions only",
        choices=(EUCLIDEAN, COSINE),
    ),
]
"""The parameter `metric` of a function that compares items."""


def points(vectors: Matrix, metric: str) -> Array:
    """Return what distances are measured between, float64 (rows, width or width + 1)."""
    wide = np.asarray(vectors, dtype=np.float64)
    return directions(wide) if metric == COSINE else wide


def distances(left: Array, right: Array, metric: str) -> Array:
    """Return the distance of each point on the left to the one on the right, float64 (rows,)."""
    gaps = left - right
    squares = np.einsum("ij,ij->i", gaps, gaps)
    return squares * 0.5 if metric == COSINE else np.sqrt(squares)
