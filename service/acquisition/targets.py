"""Targets: the candidates that a selection is to cover, and how well each one is covered.

A kernel says, from the squared distance of an item to a target, what the target still lacks once
the item is picked: 0 where nothing, 1 where all. A target lacks the least that any labelled or
picked item leaves it. No matrix of all pairs is made: the gains of all candidates are remembered,
and a pick changes them only by the targets that it covers better, which are ever fewer.
"""

from collections.abc import Callable

import numpy as np

from service.acquisition.evidence import Array, Picks, Rows
from service.acquisition.features import BLOCK_VALUES, Features, Matrix, squared_gaps, squares

Kernel = Callable[[Matrix], Matrix]
"""Squared distances -> what is lacking, from 0 to 1; may change what it is given."""

PURITY = 0.95
"""How many of the balls around targets are to hold one cluster only."""

NARROWEST, WIDEST = 0.01, 2.0
"""Radii between vectors of length one: what rounding leaves of 0, and opposite directions."""


def spaced(items: int, sample: int) -> Rows:
    """Return the places of a sample, evenly spaced from the first on, or of all items."""
    size = min(items, sample)
    return np.arange(size, dtype=np.int64) * items // max(1, size)


class Targets:
    """A sample of the candidates, what each of them lacks, and what each candidate would give."""

    def __init__(self, features: Features, labelled: Features, kernel: Kernel, sample: int) -> None:
        self.features = features
        self.kernel = kernel
        self.points = features.less_mean(features.at(spaced(len(features), sample)))
        self.squares = squares(self.points)
        self.lacking = np.ones(len(self.points))
        self.free = np.ones(len(features), dtype=bool)
        self.alone: Array | None = None
        for _, vectors in labelled.blocks():
            self.lacking = np.minimum(self.lacking, self.left(features.less_mean(vectors)))
        self.count_anew()

    def __len__(self) -> int:
        return len(self.points)

    def left(self, vectors: Matrix) -> Array:
        """Return what each target lacks by the best of some vectors, float64 (targets,)."""
        answer = np.empty(len(self.points))
        norms = squares(vectors)
        size = max(1, BLOCK_VALUES // len(vectors))
        for first in range(0, len(self.points), size):
            some = slice(first, first + size)
            gaps = squared_gaps(vectors, norms, self.points[some], self.squares[some])
            answer[some] = self.kernel(gaps).min(axis=0)
        return answer

    def worth(self, places: Rows, low: Array) -> Array:
        """Return, for each candidate, how much less some targets would lack with it, where no less
        than `low` counts: float64 (candidates,)."""
        answer = np.zeros(len(self.features))
        points, norms = self.points[places], self.squares[places]
        least, most = (each.astype(points.dtype) for each in (low, self.lacking[places]))
        for index, piece in enumerate(self.features.pieces):
            block, spread = self.block(index), self.features.spread[piece.places]
            size = max(1, BLOCK_VALUES // len(block))
            for first in range(0, len(points), size):
                some = slice(first, first + size)
                lack = self.kernel(squared_gaps(block, spread, points[some], norms[some]))
                np.clip(lack, least[some], most[some], out=lack)
                np.subtract(most[some], lack, out=lack)
                answer[piece.places] += lack.sum(axis=1)
        return answer

    def block(self, index: int) -> Matrix:
        """Return the vectors of one piece, less the mean: at hand where all are targets."""
        if len(self.points) == len(self.features):
            return self.points[self.features.pieces[index].places]
        return self.features.centred(index)

    def count_anew(self) -> None:
        """Find the gains of all candidates from what each target lacks."""
        self.gains = self.worth(np.arange(len(self)), np.zeros_like(self.lacking))
        self.doubt = 8 * float(np.finfo(self.points.dtype).eps * self.gains.max(initial=0.0))

    def add(self, place: int) -> float:
        """Pick a candidate; return how much less the targets lack, all together."""
        left = self.left(self.features.less_mean(self.features.at([place])))
        better = np.flatnonzero(left < self.lacking)
        gain = float((self.lacking[better] - left[better]).sum())
        everything = 2 * len(better) > len(left)
        if not everything:
            self.gains -= self.worth(better, left[better])
        self.lacking[better] = left[better]
        if everything:
            # No dearer than the difference, and free of what rounding it would leave.
            self.count_anew()
        self.free[place] = False
        return gain

    def best(self) -> int:
        """Return the candidate that gives most, the first of those that rounding makes equal."""
        gains = np.where(self.free, self.gains, -np.inf)
        return int(np.argmax(gains >= gains.max() - self.doubt))

    def all_covered(self) -> bool:
        """Return whether no candidate would give anything."""
        return not (self.gains[self.free] > self.doubt).any()

    def uncover(self) -> None:
        """Let every target lack everything again."""
        self.lacking = np.ones_like(self.lacking)
        if self.alone is None:
            self.count_anew()
            self.alone = self.gains.copy()
        self.gains = self.alone.copy()


def cover(n: int, targets: Targets, *, again: bool = False) -> Picks:
    """Pick the candidate by which the targets lack least, and go on so until there are n; with
    `again`, as if nothing were covered whenever everything is. The scores are the gains."""
    count = min(n, len(targets.features))
    rows, scores = np.empty(count, dtype=np.int64), np.empty(count)
    for step in range(count):
        if again and targets.all_covered():
            targets.uncover()
        rows[step] = targets.best()
        scores[step] = targets.add(int(rows[step]))
    return Picks(rows, scores)


def pure_radius(features: Features, sample: int, cluster: Callable[[Features], Rows]) -> float:
    """Return about the largest radius at which nearly all balls around a sample hold one cluster
    only: a little less than the one at which they no longer do."""
    places = spaced(len(features), sample)
    if not len(places):
        return WIDEST
    some = features.take(places)
    labels = cluster(some)
    points = some.less_mean(some.at(np.arange(len(some))))
    norms = squares(points)
    nearest = np.full(len(some), np.inf)
    for index, piece in enumerate(some.pieces):
        size = max(1, BLOCK_VALUES // (piece.places.stop - piece.places.start))
        for first in range(0, len(points), size):
            part = slice(first, first + size)
            gaps = some.gaps(index, points[part], norms[part])
            gaps[labels[piece.places, None] == labels[part]] = np.inf
            nearest[piece.places] = np.minimum(nearest[piece.places], gaps.min(axis=1))
    impure = int((1 - PURITY) * len(some))
    return float(np.clip(0.999 * np.sqrt(np.sort(nearest)[impure]), NARROWEST, WIDEST))
