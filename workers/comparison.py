"""Comparing many vectors with many: bounds from matrix products, exact distances where they matter.

A matrix product is fast, and its last bits depend on the shapes of the matrices. So it only says
what a distance cannot be below, and by how much it may be more; the pairs that this leaves open are
measured one by one. Whatever is decided so does not depend on how the vectors came in blocks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.acquisition.distances import COSINE, distances, points
from service.acquisition.evidence import Array, Rows
from service.acquisition.features import Features, Matrix, Vector

QUERIES, QUERY_VALUES = 1024, 2**22
"""So many items are compared at once, fewer where they have more values than that."""

COLUMNS = 4096
"""So many others they are compared with at once."""

PAIR_VALUES = 2**20
"""So many values of pairs are in memory while they are measured."""

OPEN = 1 / 16
"""Where more pairs than that are left open by single precision, double precision is asked."""


@dataclass(frozen=True)
class Space:
    """A metric, and the centre around which single precision has its digits."""

    metric: str
    centre: Vector

    @classmethod
    def around(cls, features: Features, metric: str) -> Self:
        """Return the space in which some vectors are compared."""
        return cls(metric, np.zeros(0) if metric == COSINE else features.mean)

    def squared(self, distance: Any) -> Any:
        """Return the squared distance of two operands whose vectors are at a distance."""
        return 2.0 * distance if self.metric == COSINE else distance * distance


@dataclass(frozen=True)
class Tile:
    """Some vectors that are compared with others, and what was computed of them."""

    vectors: Matrix
    space: Space

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def points(self) -> Array:
        """What distances are measured between."""
        return points(self.vectors, self.space.metric)

    @cached_property
    def single(self) -> tuple[Matrix, Vector]:
        """The operand in the type of the vectors, and the squared length of each row."""
        return self.sides(self.vectors.dtype)

    @cached_property
    def double(self) -> tuple[Matrix, Vector]:
        """The same in double precision."""
        return self.sides(np.float64)

    def sides(self, dtype: npt.DTypeLike) -> tuple[Matrix, Vector]:
        """Return what goes into the matrix product, in a type, and each row's squared length."""
        if self.space.metric == COSINE:
            operand = self.points.astype(dtype)
        else:
            operand = self.vectors.astype(dtype) - self.space.centre.astype(dtype)
        return operand, np.einsum("ij,ij->i", operand, operand, dtype=np.float64)


@dataclass(frozen=True)
class Bounds:
    """What squared distances can be: `lower` (queries, others), and at most `slack` more."""

    lower: Matrix
    slack: Vector


@dataclass(frozen=True)
class Pairs:
    """Pairs of a query and another, in the order of both, with their bounds."""

    queries: Rows
    others: Rows
    lower: Vector
    slack: Vector

    def where(self, mask: npt.NDArray[np.bool_]) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.queries[mask], self.others[mask], self.lower[mask], self.slack[mask])


Limits = Callable[[Bounds], Vector]


def tiles(features: Features, rows: Rows, space: Space) -> Iterator[tuple[slice, Tile]]:
    """Yield some items by tiles, with their places among the rows asked for."""
    size = max(1, min(QUERIES, QUERY_VALUES // max(1, features.width)))
    for start in range(0, len(rows), size):
        place = slice(start, min(start + size, len(rows)))
        yield place, Tile(features.at(rows[place]), space)


def columns(features: Features, space: Space) -> Iterator[tuple[slice, Tile]]:
    """Yield all items by tiles, with their places."""
    for place, block in features.blocks():
        for start in range(0, len(block), COLUMNS):
            part = block[start : start + COLUMNS]
            first = place.start + start
            yield slice(first, first + len(part)), Tile(part, space)


def pairs_within(queries: Tile, others: Tile, limits: Limits, own: Rows | None = None) -> Pairs:
    """Return all pairs whose squared distance may be within the limit of the query.

    `limits` tells them from the bounds. `own` is the place of each query among the others, beyond
    them or negative where it is none of them: those pairs are left out.
    """
    double = queries.vectors.dtype == np.float64
    found, bounds = open_pairs(queries, others, limits, own, double=double)
    if not double and len(found) > OPEN * bounds.lower.size:
        found, bounds = open_pairs(queries, others, limits, own, double=True)
    query, other = np.divmod(found, len(others))
    pairs = Pairs(query, other, bounds.lower.ravel()[found].astype(np.float64), bounds.slack[query])
    return pairs if own is None else pairs.where(pairs.others != own[pairs.queries])


def open_pairs(
    queries: Tile, others: Tile, limits: Limits, own: Rows | None, *, double: bool
) -> tuple[Rows, Bounds]:
    """Return the pairs that are not known to be beyond the limits, as places in the bounds."""
    # Numbers too large for the type give no bound, and such a pair is left open.
    with np.errstate(over="ignore", invalid="ignore"):
        left, right = (queries.double, others.double) if double else (queries.single, others.single)
        bounds = bounds_of(*left, *right)
        if own is not None:
            inside = np.flatnonzero((own >= 0) & (own < len(others)))
            bounds.lower[inside, own[inside]] = np.inf
        limit = np.nextafter(limits(bounds).astype(bounds.lower.dtype), np.inf)
        return np.flatnonzero(~(bounds.lower > limit[:, None])), bounds


def bounds_of(left: Matrix, left_norms: Vector, right: Matrix, right_norms: Vector) -> Bounds:
    """Return bounds of the squared distances between the rows of two operands.

    An inner product of w numbers, rounded to a unit u, is off by about √w·u of what is summed, and
    by eight times that practically never (N. J. Higham and T. Mary, SIAM J. Sci. Comput. 2019).
    """
    width, dtype = left.shape[1], left.dtype
    share = min(0.25, (8 * np.sqrt(width) + 16) * float(np.finfo(dtype).eps))
    least = 4.0 * (width + 2) * float(np.finfo(dtype).tiny)
    one = np.empty((len(left), width + 2), dtype=dtype)
    one[:, :width] = -2 * left
    one[:, width] = 1
    one[:, width + 1] = (1 - share) * left_norms - least
    two = np.empty((len(right), width + 2), dtype=dtype)
    two[:, :width] = right
    two[:, width] = (1 - share) * right_norms
    two[:, width + 1] = 1
    slack = 2 * share * (left_norms + right_norms.max(initial=0.0)) + 2 * least
    return Bounds(one @ two.T, slack)


def measured(queries: Tile, others: Tile, pairs: Pairs) -> Vector:
    """Return the exact distance of each pair."""
    answer = np.empty(len(pairs.queries))
    size = max(1, PAIR_VALUES // max(1, queries.vectors.shape[1]))
    metric = queries.space.metric
    for start in range(0, len(answer), size):
        part = slice(start, start + size)
        left = queries.points[pairs.queries[part]]
        right = others.points[pairs.others[part]]
        with np.errstate(over="ignore"):
            answer[part] = distances(left, right, metric)
    return answer
