"""Nearest neighbours, near duplicates and distances to centres, by blocks on both sides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from service.acquisition.distances import EUCLIDEAN, distances
from service.acquisition.evidence import Array, Clusters, Neighbours, Originals, Rows
from service.acquisition.features import Features, Vector
from workers.comparison import (
    Bounds,
    Pairs,
    Space,
    Tile,
    columns,
    measured,
    pairs_within,
    tiles,
)

Report = Callable[[int], None]

NOBODY = np.iinfo(np.int64).max
"""The row of a neighbour not found yet: after every other."""


def silent(done: int) -> None:
    """Report nothing."""
    del done


@dataclass(frozen=True)
class Neighbourhood:
    """The k nearest of `references` around each of `features`; without references, the others.

    Without references an item is never its own neighbour; its exact copies are, at a distance of
    exactly 0. With references everything counts, so a labelled item is its own nearest labelled
    one. Neighbours are ordered by their distance, equally near ones by their row. There are fewer
    than k where there are fewer references.

    Memory holds a tile of items, a tile of references, and a few numbers per item; never one per
    pair. Nothing depends on how the vectors are cut into parts, nor on which rows are asked for
    together.
    """

    features: Features
    references: Features | None
    k: int
    metric: str

    @cached_property
    def everything(self) -> Features:
        """All that may be a neighbour."""
        return self.features if self.references is None else self.references

    @cached_property
    def kept(self) -> Rows:
        """The references that can be a neighbour: of exact copies the first k + 1 are enough."""
        _, ordinal = copies(self.everything)
        return np.flatnonzero(ordinal <= self.k)

    @cached_property
    def space(self) -> Space:
        """Where vectors are compared."""
        return Space.around(self.everything, self.metric)

    @property
    def width(self) -> int:
        """How many neighbours each item has."""
        return max(0, min(self.k, len(self.everything) - (self.references is None)))

    def of(self, rows: Rows, report: Report = silent) -> Neighbours:
        """Return the neighbours of some of the features' rows, ascending.

        `report` is told after every tile how many of the rows are done.
        """
        found = Neighbours(
            np.empty((len(rows), self.width), dtype=np.int64), np.empty((len(rows), self.width))
        )
        if not self.width:
            return found
        for place, queries in tiles(self.features, rows, self.space):
            nearest = self.nearest_to(queries, rows[place])
            found.rows[place], found.distances[place] = nearest.rows, nearest.distances
            report(place.stop)
        return found

    def nearest_to(self, queries: Tile, rows: Rows) -> Neighbours:
        """Return the neighbours of one tile of items."""
        shape = len(rows), self.width
        best = Neighbours(np.full(shape, NOBODY), np.full(shape, np.inf))
        own = np.searchsorted(self.kept, rows)
        own[(own == len(self.kept)) | (self.kept[own % len(self.kept)] != rows)] = -1
        for place, others in columns(self.everything.take(self.kept), self.space):

            def limits(bounds: Bounds, best: Neighbours = best) -> Vector:
                known: Vector = self.space.squared(best.distances[:, -1])
                if np.isfinite(known).all():
                    return known
                return np.minimum(known, kth_at_most(bounds, self.width))

            here = np.where(own >= 0, own - place.start, -1) if self.references is None else None
            pairs = pairs_within(queries, others, limits, here)
            merge(best, pairs, self.kept[place][pairs.others], measured(queries, others, pairs))
        return best


def kth_at_most(bounds: Bounds, k: int) -> Vector:
    """Return what the k-th least squared distance of each query is at most."""
    if bounds.lower.shape[1] < k:
        return np.full(len(bounds.lower), np.inf)
    return np.partition(bounds.lower, k - 1, axis=1)[:, k - 1] + bounds.slack


def merge(best: Neighbours, pairs: Pairs, rows: Rows, measures: Vector) -> None:
    """Put those pairs among the best of their queries that are nearer than what is there."""
    touched, query = np.unique(pairs.queries, return_inverse=True)
    k = best.rows.shape[1]
    queries = np.concatenate([np.repeat(np.arange(len(touched)), k), query])
    every = np.concatenate([best.rows[touched].ravel(), rows])
    far = np.concatenate([best.distances[touched].ravel(), measures])
    order = np.lexsort((every, far, queries))
    starts = np.searchsorted(queries[order], np.arange(len(touched)))
    chosen = order[starts[:, None] + np.arange(k)]
    best.rows[touched], best.distances[touched] = every[chosen], far[chosen]


def copies(features: Features) -> tuple[Rows, Rows]:
    """Return the first place with the same vector, and how many places before have it, (items,).

    Vectors are told apart by a 128-bit hash of their values.
    """
    prints = np.empty((len(features), 2), dtype=np.uint64)
    for place, block in features.blocks():
        values = np.ascontiguousarray(block + block.dtype.type(0))  # -0.0 becomes 0.0
        digests = b"".join(blake2b(row.data, digest_size=16).digest() for row in values)
        prints[place] = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
    order = np.lexsort((prints[:, 1], prints[:, 0]))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (prints[order[1:]] != prints[order[:-1]]).any(axis=1)
    starts = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
    first, ordinal = np.empty_like(order), np.empty_like(order)
    first[order] = order[starts]
    ordinal[order] = np.arange(len(order)) - starts
    return first, ordinal


def originals(
    features: Features, threshold: float, metric: str, report: Report = silent
) -> Originals:
    """Return the first row within the threshold of each item, and how far the next thing is.

    An item that is the first itself has -1. The distance is to the nearest item, earlier or later,
    that is further away than the threshold, and infinite where there is none. `report` is told
    after every tile how many items are done.
    """
    first, _ = copies(features)
    distinct = np.flatnonzero(first == np.arange(len(first)))
    things = features.take(distinct)
    space = Space.around(features, metric)
    rows, beyond = np.empty(len(distinct), dtype=np.int64), np.empty(len(distinct))
    for place, queries in tiles(things, np.arange(len(distinct)), space):
        rows[place], beyond[place] = surroundings(queries, things, threshold)
        report(int(distinct[place.stop - 1]) + 1)
    report(len(features))
    same = np.searchsorted(distinct, first)
    found = distinct[rows[same]]
    return Originals(np.where(found == np.arange(len(found)), -1, found), beyond[same])


def surroundings(queries: Tile, things: Features, threshold: float) -> tuple[Rows, Vector]:
    """Return the first place within the threshold, and the least distance beyond it."""
    space = queries.space
    cut = space.squared(threshold)
    rows, beyond = np.full(len(queries), NOBODY), np.full(len(queries), np.inf)
    for place, others in columns(things, space):

        def limits(bounds: Bounds, beyond: Vector = beyond) -> Vector:
            known: Vector = space.squared(beyond)
            if np.isfinite(known).all():
                return known
            further = np.where(bounds.lower > cut * (1 + 1e-6), bounds.lower, np.inf).min(axis=1)
            return np.minimum(known, further + bounds.slack)

        pairs = pairs_within(queries, others, limits)
        within = pairs.lower + pairs.slack < cut * (1 - 1e-6)
        np.minimum.at(rows, pairs.queries[within], pairs.others[within] + place.start)
        pairs = pairs.where(~within)
        measures = measured(queries, others, pairs)
        within = measures <= threshold
        np.minimum.at(rows, pairs.queries[within], pairs.others[within] + place.start)
        np.minimum.at(beyond, pairs.queries[~within], measures[~within])
    return rows, beyond


def clusters_of(features: Features, labels: Rows, centres: Array) -> Clusters:
    """Return the Euclidean distance of each item to the centre of its cluster, (items,).

    `labels` (items,) says which of `centres` (clusters, width) it is.
    """
    far = np.empty(len(features))
    for place, block in features.blocks():
        far[place] = distances(block.astype(np.float64), centres[labels[place]], EUCLIDEAN)
    nearest = np.full(len(centres), np.inf)
    np.minimum.at(nearest, labels, far)
    return Clusters(labels, far, nearest)
