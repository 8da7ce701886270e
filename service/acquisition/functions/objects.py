"""Scores of items with several objects in each: how the objects' scores become the item's."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from service.acquisition.evidence import Array, Ragged, Rows
from service.acquisition.ragged import reduced
from service.acquisition.registry import acquisition, aggregation
from service.acquisition.signature import Tunable

REFUSE, UNSCORED, SCORE = "refuse", "unscored", "score"

Empty = Annotated[
    str,
    Tunable(
        "what becomes of items without objects: refuse the scoring, leave them unscored, or give"
        " them the score `empty_score`",
        choices=(REFUSE, UNSCORED, SCORE),
    ),
]


def least_of_objects(
    parameters: Mapping[str, Any], classes: int, inner: float | None
) -> float | None:
    """Return the least aggregate of scores that are no less than `inner`, or None."""
    del classes
    if inner is None or (parameters["aggregation"] == "sum" and inner < 0):
        return None
    return min(inner, parameters["empty_score"]) if parameters["empty"] == SCORE else inner


@aggregation(skips=True, least=least_of_objects)
def per_object(
    object_scores: Array,
    object_ends: Rows,
    *,
    aggregation: Annotated[
        str,
        Tunable(
            "how the scores of an item's objects become one; top_k is the mean of the k highest",
            choices=("mean", "max", "sum", "min", "top_k"),
        ),
    ] = "mean",
    k: Annotated[
        int, Tunable("how many objects top_k looks at, or all where there are fewer", minimum=1)
    ] = 3,
    empty: Empty = REFUSE,
    empty_score: Annotated[
        float, Tunable("the score of items without objects, where `empty` is score")
    ] = 0.0,
) -> Array:
    """The scores of an item's objects, made one score of the item.

    Scores each object of an image, or each part of a document, by the function named in `of`, and
    aggregates. Nobody can say for everyone what an item without objects is worth, so a scoring with
    such items is refused until `empty` says so.

    Use: max or top_k to find items with anything difficult in them; mean for items that are
      difficult throughout; sum where an item with many objects is worth more
    Avoid: sum with functions whose scores are negative (`margin`): there more objects count less
    Formula: mean, max, sum or min of the objects' scores, or the mean of the k highest
    Reference: C.-A. Brust, C. Käding and J. Denzler, Active Learning for Deep Object Detection,
      VISAPP 2019
    """
    if aggregation == "top_k":
        scores = mean_of_highest(object_scores, object_ends, k)
    else:
        scores = reduced(object_scores, object_ends, aggregation)
    return filled(scores, object_ends, empty, empty_score)


@acquisition(lower="mean_object_confidence", least=-1.0, skips=True)
def mean_object_confidence(
    objects: Ragged,
    *,
    empty: Empty = REFUSE,
    empty_score: Annotated[
        float,
        Tunable(
            "the score of items without objects, where `empty` is score: 0 before, -1 behind all"
            " others",
            minimum=-1,
            maximum=0,
        ),
    ] = 0.0,
) -> Array:
    """The mean confidence of an item's objects; unsure objects are labelled sooner.

    Confidence is the probability of an object's likeliest class. Items without objects are refused
    until `empty` says what becomes of them.

    Use: to rank detections as Encord Active does, which puts images without objects first: so does
      an `empty` of score
    Avoid: where a few difficult objects hide among many easy ones: `per_object` with max or top_k
    Formula: mean object confidence = (1/n) Σₒ maxₖ pₒₖ, over an item's n objects o; score = its
      negative
    Reference: the mean object confidence by which Encord Active ranks
    """
    scores = 0.0 - reduced(objects.values.max(axis=1), objects.ends, "mean")
    return filled(scores, objects.ends, empty, empty_score)


def mean_of_highest(values: Array, ends: Rows, k: int) -> Array:
    """Return the mean of each item's k highest values, or of all where there are fewer."""
    lengths = np.diff(ends, prepend=0)
    owners = np.repeat(np.arange(len(ends)), lengths)
    ordered = values[np.lexsort((-values, owners))]
    places = np.arange(len(ordered)) - np.repeat(ends - lengths, lengths)
    return reduced(ordered[places < k], np.cumsum(lengths.clip(max=k)), "mean")


def filled(scores: Array, ends: Rows, empty: str, empty_score: float) -> Array:
    """Return scores with those of items without objects as asked; raise ValueError."""
    without = np.diff(ends, prepend=0) == 0
    if empty == REFUSE and without.any():
        raise ValueError(f"the item at place {int(without.argmax())} has no objects")
    if empty == SCORE:
        scores[without] = empty_score
    return scores + 0.0
