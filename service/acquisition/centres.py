"""Centres: what is labelled and what was picked, and each item's distance to the nearest of it.

A pick has to know only which item lies farthest. The distance remembered of an item can only
shrink as centres are added: so a block of items is compared with the latest centres when, by what
is remembered, it could hold the next pick, and not before. The picks are those of comparing every
item each time.
"""

from collections.abc import Callable, Sequence
from math import inf

import numpy as np

from service.acquisition.evidence import Array, Picks, Rows
from service.acquisition.features import BLOCK_VALUES, Features, Matrix, squared_gaps, squares
from service.acquisition.registry import Size

Score = Callable[[Array, Rows | slice], Array]
"""Squared distances to the nearest centre, and whose they are -> scores, rising with distance."""

CONTENDERS = 16
"""How many of the items that rounding cannot tell apart are compared exactly."""


class Centres:
    """The centres among some candidates: the labelled items, and then also each pick.

    Where `values` are given, an item's squared distance to a centre is that of the vectors times
    that of the values; `labelled_values` are those of the labelled items.
    """

    def __init__(
        self,
        features: Features,
        labelled: Features,
        *,
        values: Array | None = None,
        labelled_values: Array | None = None,
    ) -> None:
        self.features = features
        self.labelled = labelled
        self.values = values
        self.labelled_values = labelled_values
        self.picked: list[int] = []
        self.points: list[Matrix] = []
        self.taken = np.zeros(len(features), dtype=bool)
        self.squared = np.full(len(features), inf)
        self.met = np.zeros(len(features.pieces), dtype=np.int64)
        self.starts = [piece.places.start for piece in features.pieces]
        self.doubt = self.rounding()
        for places, vectors in labelled.blocks():
            for index in range(len(self.met)):
                self.meet(index, features.less_mean(vectors), chosen(labelled_values, places))

    def rounding(self) -> float:
        """Return how far a squared distance found from products may be off."""
        farthest = float(self.features.spread.max(initial=0.0))
        for _, vectors in self.labelled.blocks():
            farthest = max(farthest, float(squares(self.features.less_mean(vectors)).max()))
        doubt = max(each.rounding for each in (self.features, self.labelled))
        # Vectors scaled to length one are off by a part of that length, however near they lie.
        return 4 * doubt * (farthest + farthest**0.5 * self.features.unit)

    def meet(self, index: int, points: Matrix, values: Array | None) -> None:
        """Compare one block of candidates with some centres."""
        places = self.features.pieces[index].places
        block, spread = self.features.centred(index), self.features.spread[places]
        known = self.squared[places]
        size = max(1, BLOCK_VALUES // len(block))
        for first in range(0, len(points), size):
            some = slice(first, first + size)
            gaps = squared_gaps(block, spread, points[some], squares(points[some]))
            if self.values is not None and values is not None:
                gaps = np.add(gaps, self.doubt, dtype=np.float64)
                gaps *= np.subtract.outer(self.values[places], values[some]) ** 2
                np.minimum(known, gaps.min(axis=1), out=known)
            else:
                np.minimum(known, gaps.min(axis=1) + self.doubt, out=known)

    def catch_up(self, index: int) -> None:
        """Compare one block of candidates with the picks that it has not met."""
        since = int(self.met[index])
        self.meet(index, np.stack(self.points[since:]), chosen(self.values, self.picked[since:]))
        self.met[index] = len(self.picked)

    def add(self, place: int) -> None:
        """Make a candidate a centre; it is not to be picked again."""
        self.picked.append(place)
        self.points.append(self.features.less_mean(self.features.at([place]))[0])
        self.taken[place] = True

    def middlemost(self) -> int:
        """Return the candidate nearest to the mean."""
        spread = self.features.spread
        return int(np.argmax(spread <= spread.min() + self.doubt))

    def farthest(self, score: Score) -> tuple[int, float]:
        """Return the candidate of the highest score that is no pick yet, and its score."""
        places = self.contenders(score)[:CONTENDERS]
        exact = self.exact_scores(score, places)
        best = int(np.argmax(exact))
        return int(places[best]), float(exact[best])

    def contenders(self, score: Score) -> Rows:
        """Return the candidates that have the highest score, or may have it but for rounding."""
        bounds = self.bounds(score, slice(0, len(self.squared)))
        peaks = np.maximum.reduceat(bounds, self.starts)
        while True:
            late = np.flatnonzero(self.met < len(self.picked))
            top = int(np.argmax(peaks))
            if self.met[top] < len(self.picked):
                late = late[late == top]
            else:
                places = self.features.pieces[top].places
                best = np.array([places.start + int(np.argmax(bounds[places]))])
                floor = min(self.exact_scores(score, best)[0], bounds[best[0]])
                late = late[peaks[late] >= floor]
                if not len(late):
                    return np.flatnonzero(bounds >= floor)
            for index in late.tolist():
                self.catch_up(index)
                places = self.features.pieces[index].places
                bounds[places] = self.bounds(score, places)
                peaks[index] = bounds[places].max()

    def bounds(self, score: Score, places: slice) -> Array:
        """Return the highest scores that some candidates may have, by what is remembered."""
        return np.where(self.taken[places], -inf, score(self.squared[places], places))

    def exact_scores(self, score: Score, places: Rows) -> Array:
        """Return the scores of some candidates, free of what rounding does to products."""
        return score(np.array([self.exactly(int(place)) for place in places]), places)

    def exactly(self, place: int) -> float:
        """Return a candidate's squared distance to its nearest centre, found from differences: so
        it is zero between equal vectors."""
        near = self.nearest_labelled(place)
        vectors = self.features.exactly(self.picked)
        if len(near):
            vectors = np.concatenate([self.labelled.exactly(near), vectors])
        squared = squares(vectors - self.features.exactly([place]))
        if self.values is not None and self.labelled_values is not None:
            values = np.concatenate([self.labelled_values[near], self.values[self.picked]])
            squared *= (values - self.values[place]) ** 2
        return float(squared.min())

    def nearest_labelled(self, place: int) -> Rows:
        """Return the labelled items nearest to a candidate, as far as rounding can tell."""
        if not len(self.labelled):
            return np.empty(0, dtype=np.int64)
        squared = self.labelled.squared_distances(self.features.at([place]))[:, 0]
        if self.values is not None and self.labelled_values is not None:
            squared *= (self.labelled_values - self.values[place]) ** 2
        return np.argsort(squared, kind="stable")[:CONTENDERS]


def chosen(values: Array | None, places: slice | Rows | Sequence[int]) -> Array | None:
    """Return some of the values, where there are any."""
    return None if values is None else values[places]


def farthest_first(
    n: int, centres: Centres, score: Callable[[int], Score], *, least: float = -inf
) -> Picks:
    """Pick the candidate of the highest score, make it a centre, and go on so until there are n, or
    until no candidate scores `least`.

    `score` makes the score for when so many are picked. Where nothing is labelled the first pick is
    the candidate nearest to the mean. No centre is near it, so its score is that of an infinite
    distance; where that is infinite too, the next pick's, or 0 where there is nothing else.
    """
    items = len(centres.taken)
    rows: list[int] = []
    scores: list[float] = []
    cold = n > 0 and not len(centres.labelled)
    # A cold start's first score may be that of the second step, so that is found in any case.
    while len(rows) < min(items, max(n, 2 * cold)):
        if cold and not rows:
            place = centres.middlemost()
            value = float(score(0)(np.array([inf]), np.array([place]))[0])
        else:
            place, value = centres.farthest(score(len(rows)))
        scores.append(value)
        if value < least:
            break
        centres.add(place)
        rows.append(place)
    if scores and scores[0] == inf:
        scores[0] = scores[1] if items > 1 else 0.0
    rows = rows[:n]
    return Picks(np.array(rows, dtype=np.int64), np.array(scores[: len(rows)], dtype=np.float64))


def distance(picked: int) -> Score:
    """Return the score that is the distance itself, however many are picked."""
    del picked

    def score(squared: Array, places: Rows | slice) -> Array:
        del places
        return np.sqrt(squared)

    return score


def cosine(picked: int) -> Score:
    """Return the score that is the cosine distance, of vectors of length one."""
    del picked

    def score(squared: Array, places: Rows | slice) -> Array:
        del places
        return squared * 0.5

    return score


def work_of_centres(size: Size) -> float:
    """Return the work of comparing the candidates with each labelled and picked item."""
    return float(size.candidates) * size.width * (size.n + size.labelled)
