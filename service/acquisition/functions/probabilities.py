"""Scores of one model's class probabilities: how unsure it is of each item."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np

from service.acquisition.evidence import Array
from service.acquisition.registry import Size, acquisition
from service.acquisition.signature import Matrix, Tunable

BASES = {"e": np.e, "2": 2.0, "10": 10.0}
LEAST_POSITIVE = np.finfo(np.float64).tiny

LANES = 8
PAIRWISE = 128
"""numpy adds up a row of so many numbers, or fewer, in so many sums side by side."""

Costs = Annotated[
    Matrix,
    Tunable(
        "a row for each class that may be true, in the order of the model's classes, with the cost"
        " of deciding for each class: [[0, 1], [5, 0]] says that missing the second class costs"
        " five times as much as a false alarm",
        minimum=0,
        shortest=2,
        longest=100,
        required=True,
    ),
]


@acquisition(least=0.0, aliases=("hardness",))
def entropy(
    probs: Array,
    *,
    base: Annotated[
        str, Tunable("of the logarithm: e gives nats, 2 bits, 10 hartleys", choices=tuple(BASES))
    ] = "e",
    normalised: Annotated[
        bool, Tunable("divide by the entropy of an even item: 0 to 1, whatever the base")
    ] = False,
) -> Array:
    """Shannon entropy of the class probabilities.

    Looks at the whole distribution, so many unlikely classes can outweigh two likely ones. With
    many classes and a young model `margin` is usually the better choice. Nothing is asked of the
    logits: FiftyOne's hardness, the entropy of the softmax of the logits in nats, is this number.

    Use: where every class matters, and the model is past its first labels
    Avoid: with many classes and few labels: on scikit-learn's digits it does worse than `random`
      up to about a hundred labels
    Formula: −Σₖ pₖ log pₖ, with 0 log 0 = 0
    Reference: C. E. Shannon, A Mathematical Theory of Communication, 1948; B. Settles, Active
      Learning Literature Survey, 2009, section 3.1
    """
    total = entropy_of(probs)
    unit = np.log(probs.shape[1] if normalised else BASES[base])
    return total if unit == 1.0 else total / unit


@acquisition(least=0.0)
def least_confidence(
    probs: Array,
    *,
    normalised: Annotated[
        bool, Tunable("divide by what an even item has: 0 to 1, however many the classes")
    ] = False,
) -> Array:
    """One minus the probability of the likeliest class.

    Looks only at how far the likeliest class is from certain.

    Use: where only the likeliest class is acted upon
    Avoid: where two classes are often confused: `margin` tells a tie of two from a doubt of many
    Formula: 1 − maxₖ pₖ; normalised, times C / (C − 1) for C classes
    Reference: D. D. Lewis and W. A. Gale, A Sequential Algorithm for Training Text Classifiers,
      SIGIR 1994
    """
    lacking = 1.0 - probs.max(axis=1)
    classes = probs.shape[1]
    return lacking * (classes / (classes - 1)) if normalised else lacking


@acquisition(lower="margin", least=-1.0)
def margin(probs: Array) -> Array:
    """The gap between the two likeliest classes; a small gap is labelled sooner.

    The best default where a model's probabilities are at hand: it asks about items on the border
    between two classes and is not distracted by the others.

    Use: as the default, with probabilities of the model that is to be trained
    Avoid: before there is a usable model (cold start: `typiclust`, `k_center`), and for large
      batches from a pool with many near copies (`dmbal`, `ranked_batch`)
    Formula: margin = p₍₁₎ − p₍₂₎, the likeliest minus the second likeliest; score = −margin
    Reference: T. Scheffer, C. Decomain and S. Wrobel, Active Hidden Markov Models for Information
      Extraction, IDA 2001
    """
    first, second = likeliest_two(probs)
    # Second minus first is the negative gap, and +0.0 for a tie.
    return second - first


@acquisition(least=0.0)
def ratio(probs: Array) -> Array:
    """The second likeliest class's probability as a share of the likeliest's.

    One for a tie, nothing where the model is certain. It differs from `margin` where both classes
    are unlikely: of two gaps of the same width it takes the one between the likelier classes.

    Use: where a ratio of confidence is easier to agree upon than a difference of it
    Avoid: with probabilities that are not calibrated at their small end; `margin` is steadier
    Formula: p₍₂₎ / p₍₁₎, the second likeliest over the likeliest
    Reference: R. M. Monarch, Human-in-the-Loop Machine Learning, 2021, section 3.2.3
    """
    first, second = likeliest_two(probs)
    return second / first


def least_variance(
    parameters: Mapping[str, Any], classes: int, inner: float | None
) -> float | None:
    """Return the negative of the variance of a certain item's probabilities."""
    del parameters, inner
    return -(classes - 1) / max(1, classes) ** 2


@acquisition(lower="variance", least=least_variance)
def variance_probs(probs: Array) -> Array:
    """The variance of the class probabilities; an even distribution is labelled sooner.

    Its scale shrinks with the number of classes, so compare scores of one model only.

    Use: to rank as Encord Active does by its Variance
    Avoid: for any other reason: `margin` and `entropy` say the same more clearly
    Formula: variance = (1/K) Σₖ (pₖ − 1/K)², over the K classes; score = −variance
    Reference: the population variance of the probability vector, as Encord Active ranks by it
    """
    return 0.0 - np.ascontiguousarray(probs).var(axis=1)


def costs_fit(parameters: Mapping[str, Any], size: Size) -> str | None:
    """Say what is wrong with a cost matrix for this many classes, or return None."""
    costs, classes = parameters["costs"], size.classes
    if not classes or all(len(row) == classes for row in (costs, *costs)):
        return None
    return f"costs must have a row and a column for each of the {classes} classes"


@acquisition(least=0.0, fits=costs_fit)
def expected_cost(
    probs: Array,
    *,
    costs: Costs = ((0.0, 1.0), (5.0, 0.0)),
) -> Array:
    """What the cheapest decision is still expected to cost.

    With a cost of one for every mistake it is `least_confidence`. The costs have a row
    and a column for each class, in the order of the predictions' classes.

    Use: where mistakes differ in price: a missed tumour, a blocked honest payment
    Avoid: where no one can put numbers to mistakes; `margin` needs none
    Formula: minⱼ Σᵢ pᵢ cᵢⱼ, with cᵢⱼ the cost of deciding j where i is true
    Reference: P.-L. Chen and H.-T. Lin, Active Learning for Multiclass Cost-Sensitive
      Classification Using Probabilistic Models, TAAI 2013
    """
    return costs_of_decisions(probs, costs).min(axis=1)


def least_cost_margin(
    parameters: Mapping[str, Any], classes: int, inner: float | None
) -> float | None:
    """Return the negative of the widest gap that two expected costs can have."""
    del classes, inner
    return -max(max(row) for row in parameters["costs"])


@acquisition(lower="cost_margin", least=least_cost_margin, fits=costs_fit)
def cost_margin(
    probs: Array,
    *,
    costs: Costs = ((0.0, 1.0), (5.0, 0.0)),
) -> Array:
    """The gap between the two cheapest decisions' expected costs; small is labelled sooner.

    With a cost of one for every mistake it is `margin`. The costs have a row and a column for
    each class, in the order of the predictions' classes.

    Use: where mistakes differ in price, and the question is which decision to take
    Avoid: where two decisions cost the same whatever is true: their gap is always nothing
    Formula: cost margin = e₍₂₎ − e₍₁₎, the two least of eⱼ = Σᵢ pᵢ cᵢⱼ, with cᵢⱼ the cost of
      deciding j where i is true; score = −cost margin
    Reference: P.-L. Chen and H.-T. Lin, Active Learning for Multiclass Cost-Sensitive
      Classification Using Probabilistic Models, TAAI 2013
    """
    first, second = likeliest_two(0.0 - costs_of_decisions(probs, costs))
    return second - first


def entropy_of(probs: Array) -> Array:
    """Return the Shannon entropy in nats of each row of (rows, classes); 0 ln 0 counts as 0."""
    positive = probs.min(initial=1.0) > 0.0
    total = sums_of(probs, times_its_logarithm if positive else times_its_logarithm_or_zero)
    # Subtracting from zero keeps the entropy of a certain row at 0.0, where negating gives -0.0.
    return np.subtract(0.0, total, out=total)


def times_its_logarithm(probs: Array) -> Array:
    """Return p ln p of each number above 0."""
    terms = np.log(probs)
    terms *= probs
    return terms


def times_its_logarithm_or_zero(probs: Array) -> Array:
    """Return p ln p of each number, 0 for 0."""
    # The logarithm of 1 instead: that of 0 takes many times as long as any other.
    terms = np.where(probs == 0.0, 1.0, probs)
    np.log(terms, out=terms)
    terms *= probs
    return terms


def log_of(probs: Array) -> Array:
    """Return the natural logarithm of probabilities, finite also for 0."""
    floored = np.maximum(probs, LEAST_POSITIVE)
    return np.log(floored, out=floored)


def sums_of(numbers: Array, term: Callable[[Array], Array] = np.array) -> Array:
    """Return the sum of each row of (rows, classes), whose last bits do not depend on the layout.

    What is added up is what `term` makes of the numbers, in arrays of its own. Where the rows lie
    class by class, it is made and added class by class, so that it never leaves the cache, in
    numpy's own order for a row by itself: many times faster with few classes.
    """
    columns = numbers.T
    count = len(columns)
    if count > PAIRWISE or not columns.flags.c_contiguous:
        return np.ascontiguousarray(term(numbers)).sum(axis=1)
    whole = count - count % LANES

    def lane(first: int) -> Array:
        total = term(columns[first])
        for place in range(first + LANES, whole, LANES):
            total += term(columns[place])
        return total

    def pair(first: int) -> Array:
        total = lane(first)
        total += lane(first + 1)
        return total

    if whole:
        total = pair(0)
        total += pair(2)
        other = pair(4)
        other += pair(6)
        total += other
    else:
        total = term(columns[0]) + 0.0  # numpy begins with 0.0, which makes one of -0.0
    for column in columns[max(1, whole) :]:
        total += term(column)
    return total


def likeliest_two(probs: Array) -> tuple[Array, Array]:
    """Return the largest and the second largest of each row, (rows,) each."""
    # One class after another, each in a row of its own, is several times faster than partitioning.
    columns = np.ascontiguousarray(probs.T)
    first = np.maximum(columns[0], columns[1])
    second = np.minimum(columns[0], columns[1])
    for column in columns[2:]:
        np.maximum(second, np.minimum(first, column), out=second)
        np.maximum(first, column, out=first)
    return first, second


def costs_of_decisions(probs: Array, costs: Matrix) -> Array:
    """Return what each decision is expected to cost, (items, classes); raise ValueError."""
    classes = probs.shape[1]
    if any(len(row) != classes for row in (costs, *costs)):
        raise ValueError(f"{len(costs)} rows of costs do not fit {classes} classes")
    # A product for each row on its own, so that its last bits do not depend on the rows around it.
    rows = np.ascontiguousarray(probs)[:, None, :]
    return np.matmul(rows, np.asarray(costs, dtype=np.float64))[:, 0] + 0.0
