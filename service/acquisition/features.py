"""Feature vectors of many items, read block by block: no copy of the whole is ever made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
Vector = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

BLOCK_VALUES, BLOCK_ROWS = 2**18, 2**12
"""The most that a block holds: little enough to stay in a processor's cache while it is used."""


@dataclass(frozen=True)
class Piece:
    """Where one block is read: some rows of one array, and the places that they have."""

    array: Matrix
    rows: slice | Rows
    places: slice


@dataclass(frozen=True)
class Features:
    """Some rows of the arrays of a pool's parts, one after another, in pool order.

    Blocks come as float32, or as float64 where the arrays are float64. `rows` are the rows wanted,
    ascending, or None for all of them. Where `unit` is set, vectors are read as `directions`.
    """

    arrays: tuple[Matrix, ...]
    rows: Rows | None = None
    unit: bool = False

    @classmethod
    def of(cls, *arrays: npt.ArrayLike) -> Self:
        """Return all rows of some arrays, each row as one vector."""
        found = [np.asarray(array) for array in arrays]
        # An empty part may have any shape: it fixes nothing of its pool.
        found = [array for array in found if len(array)] or found[:1]
        return cls(tuple(array.reshape(len(array), prod(array.shape[1:])) for array in found))

    def __len__(self) -> int:
        return self.stored if self.rows is None else len(self.rows)

    @property
    def stored(self) -> int:
        """The number of rows of all arrays, wanted or not."""
        return sum(map(len, self.arrays))

    @property
    def width(self) -> int:
        """The number of values of one vector."""
        return self.arrays[0].shape[1] + self.unit if self.arrays else 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in which blocks are computed with."""
        wide = any(array.dtype == np.float64 for array in self.arrays)
        return np.dtype(np.float64 if wide else np.float32)

    def take(self, places: Rows) -> "Features":
        """Return some of these rows, the places ascending."""
        return replace(self, rows=places if self.rows is None else self.rows[places])

    def normalised(self) -> "Features":
        """Return the same vectors as `directions`, one value wider: made when read, not stored."""
        return replace(self, unit=True)

    def at(self, places: Rows | Sequence[int]) -> Matrix:
        """Return a few rows, in any order, as an array of their own."""
        return self.read(places, self.dtype)

    def exactly(self, places: Rows | Sequence[int]) -> Vector:
        """Return a few rows, in any order, as float64."""
        return self.read(places, np.dtype(np.float64))

    def read(self, places: Rows | Sequence[int], dtype: np.dtype[Any]) -> Matrix:
        """Return a few rows, in any order, in a type."""
        asked = np.asarray(places, dtype=np.int64)
        wanted = asked if self.rows is None else self.rows[asked]
        answer = np.empty((len(wanted), self.width - self.unit), dtype=dtype)
        start = 0
        for array in self.arrays:
            inside = np.flatnonzero((wanted >= start) & (wanted < start + len(array)))
            if len(inside):
                answer[inside] = array[wanted[inside] - start]
            start += len(array)
        return directions(answer) if self.unit else answer

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Where the blocks are read, in order; no block is empty."""
        size = min(BLOCK_ROWS, max(1, BLOCK_VALUES // max(1, self.width)))
        found: list[Piece] = []
        start = done = 0
        for array in self.arrays:
            inside = self.inside(start, len(array))
            for first in range(0, len(inside), size):
                rows = inside[first : first + size]
                found.append(Piece(array, neighbouring(rows), slice(done, done + len(rows))))
                done += len(rows)
            start += len(array)
        return tuple(found)

    def inside(self, start: int, length: int) -> range | Rows:
        """Return which of the stored rows from `start` on are wanted."""
        if self.rows is None:
            return range(length)
        low, high = np.searchsorted(self.rows, (start, start + length))
        return self.rows[low:high] - start

    def block(self, index: int) -> Matrix:
        """Return the vectors of one piece."""
        piece = self.pieces[index]
        block = np.asarray(piece.array[piece.rows], dtype=self.dtype)
        return scaled(block, self.lengths[piece.places]) if self.unit else block

    @cached_property
    def lengths(self) -> Matrix:
        """The length of each vector as it is stored, in the type that blocks have."""
        answer = np.empty(len(self), dtype=self.dtype)
        for piece in self.pieces:
            answer[piece.places] = lengths(np.asarray(piece.array[piece.rows], dtype=self.dtype))
        return answer

    def blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Yield all rows in order, block by block, with the places that they have here."""
        for index, piece in enumerate(self.pieces):
            yield piece.places, self.block(index)

    @cached_property
    def mean(self) -> Vector:
        """The mean vector, float64 (width,)."""
        total = np.zeros(self.width)
        for _, block in self.blocks():
            total += block.sum(axis=0, dtype=np.float64)
        return total / max(1, len(self))

    @cached_property
    def squared_norms(self) -> Vector:
        """The squared length of each vector, float64 (items,)."""
        answer = np.empty(len(self))
        for place, block in self.blocks():
            answer[place] = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        return answer

    @cached_property
    def spread(self) -> Vector:
        """The squared distance of each vector to the mean, float64 (items,)."""
        answer = np.empty(len(self))
        for index, piece in enumerate(self.pieces):
            answer[piece.places] = squares(self.centred(index))
        return answer

    @cached_property
    def middle(self) -> Matrix:
        """The mean in the type that blocks have, (width,)."""
        return self.mean.astype(self.dtype)

    def centred(self, index: int) -> Matrix:
        """Return the vectors of one piece, less the mean."""
        return self.less_mean(self.block(index))

    def less_mean(self, vectors: Matrix) -> Matrix:
        """Return some vectors less the mean, in the type that blocks have: products of long vectors
        that lie close together would lose in rounding what tells them apart."""
        return np.subtract(vectors, self.middle).astype(self.dtype, copy=False)

    @property
    def rounding(self) -> float:
        """How far a squared distance found from products may be off, as a part of the greatest."""
        return float(np.finfo(self.dtype).eps) * (4 + self.width**0.5)

    def products(self, points: Matrix) -> Vector:
        """Return the inner product of each vector with some points, float64 (items, points)."""
        answer = np.empty((len(self), len(points)))
        columns = np.asarray(points, dtype=self.dtype).T
        for place, block in self.blocks():
            answer[place] = matmul(block, columns)
        return answer

    def squared_distances(self, points: Matrix) -> Vector:
        """Return the squared Euclidean distance of each vector to some points, never negative."""
        answer = np.empty((len(self), len(points)))
        near = self.less_mean(points)
        for index, piece in enumerate(self.pieces):
            answer[piece.places] = self.gaps(index, near, squares(near))
        return answer

    def gaps(self, index: int, points: Matrix, point_squares: Matrix) -> Matrix:
        """Return the squared distances of one piece to points that are `less_mean`."""
        block, spread = self.centred(index), self.spread[self.pieces[index].places]
        return squared_gaps(block, spread, points, point_squares)


def neighbouring(rows: range | Rows) -> slice | Rows:
    """Return rows as a slice where they follow one another, so that reading them copies nothing."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows):
        return slice(first, last + 1)
    return np.asarray(rows, dtype=np.int64)


def squares(block: Matrix) -> Matrix:
    """Return the squared length of each vector, in the vectors' own type."""
    return np.einsum("ij,ij->i", block, block)


def directions(vectors: Matrix) -> Matrix:
    """Return vectors scaled to length one, with a further value: 1 for a vector of zeros, which has
    no direction and so gets one that no other has, and 0 for all others."""
    return scaled(vectors, lengths(vectors))


def scaled(vectors: Matrix, lengths: Matrix) -> Matrix:
    """Return vectors divided by their lengths, with the further value of `directions`."""
    answer = np.zeros((len(vectors), vectors.shape[1] + 1), dtype=vectors.dtype)
    answer[:, -1] = lengths == 0
    np.divide(vectors, np.where(lengths == 0, 1, lengths)[:, None], out=answer[:, :-1])
    return answer


def lengths(vectors: Matrix) -> Matrix:
    """Return the length of each vector, in the vectors' own type."""
    largest = np.abs(vectors).max(axis=1, initial=0)
    # Scaled to a largest value of one first, so that no square is infinite and not all are zero.
    within = vectors / np.where(largest == 0, 1, largest)[:, None]
    with np.errstate(over="ignore"):
        found = largest * np.sqrt(squares(within))
    return np.minimum(found, np.finfo(vectors.dtype).max)


def squared_gaps(
    block: Matrix, block_squares: Matrix, points: Matrix, point_squares: Matrix
) -> Matrix:
    """Return the squared distance of each vector of a block to each point, (rows, points)."""
    gaps = matmul(block, points.T)
    gaps *= -2
    gaps += point_squares
    gaps += block_squares[:, None]
    return np.maximum(gaps, 0, out=gaps)


def matmul(left: Matrix, right: Matrix) -> Matrix:
    """Return a matrix product."""
    # BLAS computes with more places than the matrix has, and may warn of what it finds in them.
    with np.errstate(invalid="ignore", divide="ignore"):
        product: Matrix = left @ right
    return product
