"""Evidence: what each function needs, made from the pool, its labels and its predictions."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from service.acquisition.evidence import (
    EVIDENCE,
    PREDICTIONS,
    Array,
    Clusters,
    Keys,
    Neighbours,
    Originals,
    Rows,
    frozen,
)
from service.acquisition.features import Features
from service.classes import identity
from service.errors import UnusableItems, UnusableMetadata
from service.functions import Function
from workers.clustering import k_means
from workers.discriminator import unlabelled_probs
from workers.labels import Labels
from workers.neighbours import Neighbourhood, clusters_of, originals
from workers.population import Population
from workers.sources import Source, Upload
from workers.watch import Watch

BLOCK_ROWS = 16_384
BLOCK_VALUES = 2**21
CACHED_VALUES = 3 * 2**15
"""Values of a block, a member's by itself, with which the steps of a function stay in the cache."""

BLOCKS_KEPT = 64
"""Of so many blocks, what was read of files may stay in memory."""

PROBABILITIES = frozenset({"probs", "label_probs", "member_probs"})
TARGETS = "target_member_probs"
VALUES = frozenset({"mean", "std", "member_values"})
LARGEST = 1e15
"""Features and predicted values no further from zero have finite squares, and sums of them."""

Tick = Callable[[], None]


class Supply:
    """The evidence of one job. What is costly to make is made once, when it is first asked for."""

    def __init__(
        self,
        population: Population,
        source: Source,
        labels: Callable[[], Labels],
        tick: Tick,
        votes: Upload | None = None,
    ) -> None:
        self.population = population
        self.source = source
        self.read_labels = labels
        self.tick = Watch(tick)
        self.votes = votes
        self.made: dict[str, Any] = {}
        self.blocks = 0
        self.block: dict[str, list[tuple[Rows, Any]]] = {}

    def id_of(self, row: int) -> str:
        """Return the id of the item in a row."""
        return self.population.names(np.array([row]))[0]

    def block_rows(self, functions: Sequence[Function]) -> int:
        """Return how many rows' evidence may be held at once."""
        needs = {need for each in functions for need in each.entry.needs}
        predicted = any(EVIDENCE[need].source == PREDICTIONS for need in needs)
        if not predicted:
            return BLOCK_ROWS
        values, classes = max(1, self.source.values), max(1, len(self.source.classes))
        return max(1, min(BLOCK_ROWS, CACHED_VALUES // classes, BLOCK_VALUES // values))

    def known(self, function: Function, rows: Rows) -> Rows:
        """Return those rows for which there are predictions, where the function needs any."""
        return self.source.known(rows) if function.entry.needs_predictions else rows

    def give(self, need: str, function: Function, rows: Rows) -> Any:
        """Return one kind of evidence of some rows, ascending."""
        asked = {name: function.parameters[name] for name in EVIDENCE[need].asks}
        if need == "labelled_neighbours":
            asked["predicted"] = "labelled_probs" in function.entry.needs
        by_item = need in PROBABILITIES and not function.entry.pointwise
        name = f"{need} {by_item} {json.dumps(asked) if asked else ''}"
        if not EVIDENCE[need].per_item:
            return self.once(name, lambda: frozen(self.make(need, asked, rows)))
        for those, value in self.block.get(name, ()):
            if those is rows or np.array_equal(those, rows):
                return value
        made = self.make(need, asked, rows)
        value = frozen(np.ascontiguousarray(made) if by_item else made)
        self.block.setdefault(name, []).append((rows, value))
        return value

    def forget_block(self) -> None:
        """Let go of the evidence of the rows that are done."""
        self.block.clear()
        self.blocks += 1
        if self.blocks % BLOCKS_KEPT == 0:
            self.source.let_go()
        self.tick()

    def make(self, need: str, asked: Mapping[str, Any], rows: Rows) -> Any:
        """Return one kind of evidence of some rows, newly made."""
        if EVIDENCE[need].source == PREDICTIONS and need != TARGETS:
            found = self.source.give(need, rows)
            if need in VALUES:
                self.check_values(found, rows)
            return found
        maker = getattr(self, need)
        return maker(rows, **asked)

    def check_values(self, values: Array, rows: Rows) -> None:
        """Raise, naming the item, where a predicted value is too large to compute with."""
        wrong = np.flatnonzero((np.abs(np.atleast_2d(values)) > LARGEST).any(axis=0))
        if len(wrong):
            name = self.id_of(int(rows[wrong[0]]))
            raise UnusableItems(f"The item {name!r} has a predicted value beyond {LARGEST:g}")

    def keys(self, rows: Rows) -> Keys:
        """Return the hashes of the items' ids."""
        return self.population.keys(rows)

    def features(self, rows: Rows) -> Features:
        """Return the feature vectors of some items."""
        return self.vectors if len(rows) == len(self.vectors) else self.vectors.take(rows)

    def amounts(self, rows: Rows, column: str) -> Array:
        """Return the numbers of a metadata column; raise where an item has none above zero."""
        found = np.array(self.population.column(rows, column), dtype=np.float64)
        wrong = np.flatnonzero(~(found > 0))
        if len(wrong):
            name, value = self.id_of(int(rows[wrong[0]])), found[wrong[0]]
            said = "no value" if np.isnan(value) else f"{value:g}"
            raise UnusableMetadata(
                f"The item {name!r} has {said} in the metadata column {column!r}, where a number"
                " above zero is needed"
            )
        return found

    def groups(self, rows: Rows, column: str) -> Rows:
        """Return the values of a metadata column as codes, -1 where there is none."""
        known: dict[Any, int] = {}
        values = self.population.column(rows, column)
        codes = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
        return np.array(codes, dtype=np.int64)

    def neighbours(self, rows: Rows, k: int, metric: str) -> Neighbours:
        """Return the nearest other items of some items."""
        near = self.once(f"near {k} {metric}", lambda: Neighbourhood(self.vectors, None, k, metric))
        found: Neighbours = near.of(rows, self.ticking)
        return found

    def labelled_neighbours(
        self, rows: Rows, k: int, metric: str, *, predicted: bool
    ) -> Neighbours:
        """Return the nearest labelled items, or of those that have predictions, of some items."""
        known = self.labelled_known if predicted else self.pool_labels.rows
        near = self.once(
            f"labelled {k} {metric} {predicted}",
            lambda: Neighbourhood(self.vectors, self.vectors.take(known), k, metric),
        )
        found: Neighbours = near.of(rows, self.ticking)
        return found

    def originals(self, rows: Rows, threshold: float, metric: str) -> Originals:
        """Return which earlier item each item nearly repeats."""
        found: Originals = self.once(
            f"originals {threshold} {metric}",
            lambda: originals(self.vectors, threshold, metric, self.ticking),
        )
        return Originals(found.rows[rows], found.distances[rows])

    def clustering(self, rows: Rows, clusters: int, seed: int) -> Clusters:
        """Return the cluster of each item."""

        def make() -> Clusters:
            return clusters_of(self.vectors, *k_means(self.vectors, clusters, None, seed))

        found: Clusters = self.once(f"clusters {clusters} {seed}", make)
        return Clusters(found.labels[rows], found.distances[rows], found.nearest)

    def unlabelled_probs(self, rows: Rows, seed: int) -> Array:
        """Return how unlike the labelled items each item looks to a classifier."""
        found: Array = self.once(
            f"unlabelled {seed}",
            lambda: unlabelled_probs(self.vectors, self.pool_labels.rows, seed),
        )
        return found[rows]

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is made of the whole pool, made when it is first asked for."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def ticking(self, done: int) -> None:
        """See whether the job shall go on."""
        del done
        self.tick()

    def labels(self, rows: Rows) -> Rows:
        """Return the class of each item's label, -1 without one."""
        return self.pool_labels.codes_of(rows, self.source.classes)

    def label_counts(self, rows: Rows) -> Rows:
        """Return how many items of the pool are labelled with each class."""
        del rows
        return self.pool_labels.counts(self.source.classes)

    def annotations(self, rows: Rows) -> Rows:
        """Return each annotator's class; the pool's labels are one annotator's without others."""
        if self.votes is None:
            return self.labels(rows)[None, :]
        votes = self.votes.files.predictions
        answer = np.full((votes.members or 1, len(rows)), -1, dtype=np.int64)
        there = self.votes.places(rows) >= 0
        codes = self.votes.give("votes", rows[there])
        places = {identity(each): place for place, each in enumerate(self.source.classes)}
        translated = np.array([places.get(identity(each), -1) for each in votes.classes] + [-1])
        answer[:, there] = translated[codes]
        return answer

    def labelled_features(self, rows: Rows) -> Features:
        """Return the feature vectors of the labelled items."""
        del rows
        return self.vectors.take(self.pool_labels.rows)

    def labelled_probs(self, rows: Rows) -> Array:
        """Return the class probabilities of the labelled items that have any."""
        del rows
        found: Array = np.ascontiguousarray(self.source.give("probs", self.labelled_known))
        return found

    def labelled_values(self, rows: Rows) -> Array:
        """Return the labels, which must be numbers, of the labelled items."""
        del rows
        return self.pool_labels.numbers(self.pool_labels.rows)

    def given_features(self, rows: Rows, items: Sequence[str]) -> Array:
        """Return the feature vectors of items by id."""
        del rows
        return self.vectors.at(self.population.find(items)).astype(np.float64)

    def target_member_probs(
        self, rows: Rows, targets: Sequence[str], sample: int, seed: int
    ) -> Array:
        """Return what the members say of the targets: items by id, or a sample of the pool."""
        del rows
        if targets:
            chosen = np.unique(self.population.find(targets))
        else:
            every = np.arange(self.population.total, dtype=np.int64)
            every = self.source.known(every)
            count = min(sample, len(every))
            chosen = np.sort(np.random.default_rng(seed).choice(every, count, replace=False))
        known = self.source.known(chosen)
        if not len(known):
            raise UnusableItems("There are no predictions of any of the targets")
        found: Array = np.ascontiguousarray(self.source.give("member_probs", known))
        return found

    @cached_property
    def vectors(self) -> Features:
        """The feature vectors of all items."""
        found = self.population.vectors(self.tick)
        for place, block in found.blocks() if found.dtype.kind == "f" else ():
            wrong = np.flatnonzero((np.abs(block) > LARGEST).any(axis=1))
            if len(wrong):
                raise UnusableItems(
                    f"The item {self.id_of(place.start + int(wrong[0]))!r} has a feature beyond"
                    f" {LARGEST:g}: distances would be infinite, so scale the features"
                )
        return found

    @cached_property
    def pool_labels(self) -> Labels:
        """The labels of the pool, as they were when they were first asked for."""
        return self.read_labels()

    @cached_property
    def labelled_known(self) -> Rows:
        """The labelled rows for which there are predictions."""
        return self.source.known(self.pool_labels.rows)
