"""Evidence: the closed vocabulary of what a function may ask for, and the values it gets.

The worker makes each kind of evidence, in the one shape named here. What is marked `per_item` has
one entry for each item scored; the rest is the same for all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.acquisition.features import Features

Array = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Generator = np.random.Generator

PREDICTIONS, ITEMS, LABELS, REQUEST = "predictions", "items", "labels", "request"


@dataclass(frozen=True)
class Kind:
    """One word of the vocabulary: what it is, who must have given it, the parameters of the
    function that say how it is made, and whether it is made of feature vectors."""

    says: str
    source: str
    per_item: bool = True
    asks: tuple[str, ...] = ()
    vectors: bool = False


@dataclass(frozen=True)
class Ragged:
    """Several rows of probabilities for each item: objects in an image, tokens in a text.

    `values` is (rows, classes) float64; item i has the rows `ends[i-1]:ends[i]`, maybe none.
    """

    values: Array
    ends: Rows

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def lengths(self) -> Rows:
        """The number of rows of each item."""
        return np.diff(self.ends, prepend=0)


@dataclass(frozen=True)
class Neighbours:
    """The nearest items of each item, the nearest first.

    Among the items of a pool an item is never its own neighbour; among the labelled it is.
    `rows` (items, k) says which, `distances` (items, k) float64 how far. Where there are fewer than
    k, both have fewer columns.
    """

    rows: Rows
    distances: Array


@dataclass(frozen=True)
class Originals:
    """What each item is a near duplicate of, and how far the nearest other thing is.

    `rows` (items,) is the first row of the pool within the threshold, -1 where that is the item
    itself; `distances` (items,) float64 is to the nearest item beyond the threshold, and
    infinite where there is none.
    """

    rows: Rows
    distances: Array


@dataclass(frozen=True)
class Clusters:
    """The cluster of each item and the distance to its centre, (items,) each; `nearest` (clusters,)
    is the least distance of any item of a cluster."""

    labels: Rows
    distances: Array
    nearest: Array


@dataclass(frozen=True)
class Picks:
    """An ordered selection: places among the candidates, and the score of each step."""

    rows: Rows
    scores: Array

    @classmethod
    def none(cls) -> Self:
        """Return a selection of no items."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0))


KMeans = Callable[[Features, int, Array | None, int], tuple[Rows, Array]]
"""k-means: (features, clusters, weights of the items or None, seed) -> the cluster of each item and
the centres (clusters, width) float64. There may be fewer clusters than were asked for, never an
empty one."""


EVIDENCE = {
    "probs": Kind("class probabilities, float64 (items, classes); rows sum to one", PREDICTIONS),
    "member_probs": Kind(
        "each committee member's class probabilities, float64 (members, items, classes)",
        PREDICTIONS,
    ),
    "votes": Kind(
        "the class each member votes for, int64 (members, items); -1 where one did not vote",
        PREDICTIONS,
    ),
    "objects": Kind("class probabilities of each object found in an item, ragged", PREDICTIONS),
    "object_scores": Kind("score of each object, float64 (objects,)", PREDICTIONS),
    "object_ends": Kind(
        "where the objects of each item end, int64 (items,); item i has the objects"
        " `object_ends[i-1]:object_ends[i]`, maybe none",
        PREDICTIONS,
    ),
    "tokens": Kind("class probabilities of each token of an item, ragged", PREDICTIONS),
    "label_probs": Kind(
        "the probability of each label on its own, float64 (items, labels)", PREDICTIONS
    ),
    "mean": Kind("the predicted value, float64 (items,)", PREDICTIONS),
    "std": Kind("the standard deviation of the predicted value, float64 (items,)", PREDICTIONS),
    "member_values": Kind("each member's predicted value, float64 (members, items)", PREDICTIONS),
    "keys": Kind(
        "a 64-bit hash of each item's id, uint64 (items,); the same on every machine", ITEMS
    ),
    "features": Kind("feature vectors, rows of numbers", ITEMS, vectors=True),
    "neighbours": Kind(
        "the nearest other items of each item", ITEMS, asks=("k", "metric"), vectors=True
    ),
    "originals": Kind(
        "which earlier item each item nearly repeats",
        ITEMS,
        asks=("threshold", "metric"),
        vectors=True,
    ),
    "clustering": Kind(
        "the k-means cluster of each item", ITEMS, asks=("clusters", "seed"), vectors=True
    ),
    "amounts": Kind("numbers of a metadata column, float64 (items,)", ITEMS, asks=("column",)),
    "groups": Kind(
        "values of a metadata column as codes, int64 (items,); -1 for none", ITEMS, asks=("column",)
    ),
    "labels": Kind("the class of each item's label, int64 (items,); -1 without one", LABELS),
    "annotations": Kind(
        "each annotator's class, int64 (annotators, items); -1 where one gave none", LABELS
    ),
    "labelled_neighbours": Kind(
        "the nearest labelled items of each item", LABELS, asks=("k", "metric"), vectors=True
    ),
    "labelled_features": Kind(
        "feature vectors of the labelled items", LABELS, per_item=False, vectors=True
    ),
    "labelled_probs": Kind(
        "class probabilities of the labelled items, float64 (labelled, classes)",
        LABELS,
        per_item=False,
    ),
    "labelled_values": Kind(
        "the numbers that are the labelled items' labels, float64 (labelled,)",
        LABELS,
        per_item=False,
    ),
    "label_counts": Kind(
        "how many items are labelled with each class, int64 (classes,)", LABELS, per_item=False
    ),
    "unlabelled_probs": Kind(
        "the probability, to a classifier told labelled from unlabelled, of being unlabelled,"
        " float64 (items,)",
        LABELS,
        asks=("seed",),
        vectors=True,
    ),
    "given_features": Kind(
        "feature vectors of the items that the parameter `items` names",
        REQUEST,
        per_item=False,
        asks=("items",),
        vectors=True,
    ),
    "target_member_probs": Kind(
        "member_probs of the target items, float64 (members, targets, classes)",
        REQUEST,
        per_item=False,
        asks=("targets", "sample", "seed"),
    ),
    "base": Kind(
        "the score of the function that this one builds on, less the least that it can be:"
        " float64 (items,), never negative",
        REQUEST,
    ),
    "bases": Kind("`base` for several functions, float64 (functions, items)", REQUEST),
    "k_means": Kind("k-means clustering, as something to call", REQUEST, per_item=False),
    "n": Kind("how many items are wanted", REQUEST, per_item=False),
    "generator": Kind("random numbers, seeded by the parameter `seed`", REQUEST, per_item=False),
}
"""What a function may ask for. The worker makes each, in this one shape."""


def sources(needs: tuple[str, ...]) -> frozenset[str]:
    """Return who must have given what a function needs."""
    return frozenset(EVIDENCE[need].source for need in needs)


def frozen(value: Any) -> Any:
    """Make the arrays of some evidence read-only, and return it: no function may change what others
    get."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, Ragged):
        frozen(value.values)
        frozen(value.ends)
    return value
