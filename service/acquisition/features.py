"""Feature vectors of many items, read block by block: no copy of the whole is ever made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
Vector = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

BLOCK_VALUES = 2**20


@dataclass(frozen=True)
class Features:
    """Some rows of the arrays of a pool's parts, one after another, in pool order.

    Blocks come as float32, or as float64 where the arrays are float64. `rows` are the rows wanted,
    ascending, or None for all of them.
    """

    arrays: tuple[Matrix, ...]
    rows: Rows | None = None

    @classmethod
    def of(cls, *arrays: npt.ArrayLike) -> Self:
        """Return all rows of some arrays, each row as one vector."""
        found = [np.asarray(array) for array in arrays]
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
        return self.arrays[0].shape[1] if self.arrays else 0

    @property
    def dtype(self) -> npt.DTypeLike:
        """The type in which blocks are computed with."""
        wide = any(array.dtype == np.float64 for array in self.arrays)
        return np.float64 if wide else np.float32

    def take(self, places: Rows) -> "Features":
        """Return some of these rows, the places ascending."""
        return Features(self.arrays, places if self.rows is None else self.rows[places])

    def at(self, places: Rows | Sequence[int]) -> Matrix:
        """Return a few rows, in any order, as an array of their own."""
        wanted = np.asarray(places, dtype=np.int64)
        wanted = wanted if self.rows is None else self.rows[wanted]
        answer = np.empty((len(wanted), self.width), dtype=self.dtype)
        start = 0
        for array in self.arrays:
            inside = np.flatnonzero((wanted >= start) & (wanted < start + len(array)))
            if len(inside):
                answer[inside] = array[wanted[inside] - start]
            start += len(array)
        return answer

    def blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Yield all rows in order, block by block, with the places that they have here."""
        size = max(1, BLOCK_VALUES // max(1, self.width))
        start = done = 0
        for array in self.arrays:
            for first in range(0, len(array), size):
                block = array[first : first + size]
                inside = self.inside(start + first, len(block))
                chosen = block if inside is None else block[inside]
                if len(chosen):
                    yield slice(done, done + len(chosen)), np.asarray(chosen, dtype=self.dtype)
                done += len(chosen)
            start += len(array)

    def inside(self, start: int, length: int) -> Rows | None:
        """Return which of the stored rows from `start` on are wanted, or None for all of them."""
        if self.rows is None:
            return None
        low, high = np.searchsorted(self.rows, (start, start + length))
        return None if high - low == length else self.rows[low:high] - start

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

    def products(self, points: Matrix) -> Vector:
        """Return the inner product of each vector with some points, float64 (items, points)."""
        answer = np.empty((len(self), len(points)))
        columns = np.asarray(points, dtype=self.dtype).T
        for place, block in self.blocks():
            answer[place] = block @ columns
        return answer

    def squared_distances(self, points: Matrix) -> Vector:
        """Return the squared Euclidean distance of each vector to some points, never negative."""
        wide = np.asarray(points, dtype=np.float64)
        answer = self.products(points)
        answer *= -2
        answer += self.squared_norms[:, None]
        answer += np.einsum("ij,ij->i", wide, wide)
        return np.maximum(answer, 0.0, out=answer)
