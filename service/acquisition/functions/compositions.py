"""Scores made from the scores of other functions, each less the least it can be: never negative."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from service.acquisition.evidence import Array, Keys
from service.acquisition.functions.chance import random
from service.acquisition.registry import Size, composition
from service.acquisition.signature import Numbers, Tunable

MOST = 10

Strengths = Annotated[
    Numbers,
    Tunable(
        "how much each function counts, in the order of `of`; empty counts all the same",
        minimum=0,
        maximum=10,
        longest=MOST,
    ),
]
Scale = Annotated[
    str,
    Tunable(
        "what makes scores of different functions comparable: the rank (the share of items with a"
        " lower score, and half of those with the same), the range (0 for the lowest, 1 for the"
        " highest, 0.5 where all are the same), or none",
        choices=("rank", "range", "none"),
    ),
]
Beta = Annotated[
    float,
    Tunable(
        "a larger one keeps closer to the scores; near 0 all is chance", minimum=1e-6, maximum=1e6
    ),
]
Seed = Annotated[int, Tunable("another seed, another draw", minimum=0, maximum=2**53)]

LOG_LEAST = float(np.log(np.nextafter(0.0, 1.0)))
MOST_NOISE = 54 * float(np.log(2.0))
LEAST_NOISE = -float(np.log(MOST_NOISE))


def strengths_fit(parameters: Mapping[str, Any], size: Size) -> str | None:
    """Say that there are not as many strengths as functions, or return None."""
    count = len(parameters["strengths"])
    if count in (0, size.functions):
        return None
    return f"strengths has {count} numbers for {size.functions} functions"


@composition(
    of=(2, MOST),
    least=0.0,
    whole=True,
    fits=strengths_fit,
    needs_least=lambda parameters: parameters["scale"] == "none",
)
def weighted_product(bases: Array, *, strengths: Strengths = (), scale: Scale = "rank") -> Array:
    """The product of several functions' scores, each to the power of its strength.

    An item must do well in all of them: one low score pulls the product down. By rank or range,
    multiplying one function's scores by a number changes nothing; with scale none it changes the
    product of every item alike, and no order.

    Use: as the default to combine functions: uncertain and also typical, unsure and also rare
    Avoid: where doing well in one function is enough: `weighted_sum`
    Formula: Πf s̃f^wf, with s̃f the scaled scores of function f and wf its strength
    Reference: B. Settles and M. Craven, An Analysis of Active Learning Strategies for Sequence
      Labeling Tasks, EMNLP 2008, for the product with a density
    """
    answer = np.ones(bases.shape[1])
    for scores, strength in zip(bases, weights(bases, strengths), strict=True):
        answer *= scaled(scores, scale) ** strength
    return answer


@composition(of=(2, MOST), least=0.0, whole=True, fits=strengths_fit)
def weighted_sum(bases: Array, *, strengths: Strengths = (), scale: Scale = "rank") -> Array:
    """The sum of several functions' scores, each times its strength.

    An item may make up for a low score in one function by a high one in another. By rank or range,
    multiplying one function's scores by a number changes nothing.

    Use: where doing well in one of several functions is enough
    Avoid: scale none with functions of different units: the one with the larger numbers decides
    Formula: Σf wf s̃f, with s̃f the scaled scores of function f and wf its strength
    Reference: the linear combination of query strategies, as modAL has it
    """
    answer = np.zeros(bases.shape[1])
    for scores, strength in zip(bases, weights(bases, strengths), strict=True):
        answer += strength * scaled(scores, scale)
    return answer


@composition(of=(1, 1), least=0.0, needs_least=lambda _: True)
def per_cost(
    bases: Array,
    amounts: Array,
    *,
    column: Annotated[
        str,
        Tunable(
            "the metadata column with the cost of labelling each item",
            required=True,
            names="metadata-column",
        ),
    ] = "cost",
) -> Array:
    """A function's score for each unit of what labelling the item costs.

    Costs are in any unit: minutes, words, money. An item without a cost above zero is named, and
    fails the scoring.

    Use: where items differ much in the time they take: long texts, crowded images
    Avoid: where the costs are guesses: a cost too low by half doubles the score
    Formula: s / cost
    Reference: B. Settles, M. Craven and L. Friedland, Active Learning with Real Annotation Costs,
      NIPS Workshop on Cost-Sensitive Learning 2008
    """
    del column  # it says which amounts these are
    wrong = ~((amounts > 0) & np.isfinite(amounts))
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(f"the item at place {place} costs {amounts[place]:g}: it must be above 0")
    [scores] = bases
    return scores / amounts


@composition(of=(1, 1), needs_least=lambda _: True)
def power(bases: Array, keys: Keys, *, beta: Beta = 1.0, seed: Seed = 0) -> Array:
    """A seeded draw in which a score twice as high is twice as likely (for a beta of one).

    The first n of the ranking are drawn without replacement, so a batch is not made of n items that
    say the same. An item's luck is fixed by its id and the seed, whatever the pool. Items that
    score nothing come behind all others.

    Use: for large batches at next to no cost, with scores that have a true zero: `bald`, `entropy`
    Avoid: with scores whose zero means little: by `margin` and a beta of 1 most items are nearly as
      likely as the best, and on scikit-learn's digits it is hardly better than `random`
      (`soft_rank` looks at the order only)
    Formula: β ln s + g, with g drawn from the Gumbel distribution: the first item is drawn with
      probability s^β / Σ s^β
    Reference: A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron and Y. Gal,
      Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning, TMLR 2023
    """
    [scores] = bases
    nothing = scores == 0
    logs = np.log(np.where(nothing, 1.0, scores))
    # Even the luckiest item that scores nothing stays behind the unluckiest of the least score.
    logs[nothing] = LOG_LEAST + (LEAST_NOISE - MOST_NOISE - 1.0) / beta
    return beta * logs + gumbel(keys, seed)


@composition(of=(1, 1))
def gibbs(bases: Array, keys: Keys, *, beta: Beta = 1.0, seed: Seed = 0) -> Array:
    """A seeded draw in which a score higher by one is e times as likely (for a beta of one).

    The first n of the ranking are drawn without replacement, by the softmax of the scores. An
    item's luck is fixed by its id and the seed, whatever the pool.

    Use: where differences of scores mean something, with beta near one over a typical difference
    Avoid: with the default beta for scores between 0 and 1: the draw is then nearly even
    Formula: β s + g, with g drawn from the Gumbel distribution: the first item is drawn with
      probability exp(β s) / Σ exp(β s)
    Reference: A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron and Y. Gal,
      Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning, TMLR 2023
    """
    [scores] = bases
    return beta * scores + gumbel(keys, seed)


@composition(of=(1, 1), whole=True)
def soft_rank(bases: Array, keys: Keys, *, beta: Beta = 1.0, seed: Seed = 0) -> Array:
    """A seeded draw in which the second of a ranking is half as likely as the first (beta one).

    Looks only at the order of the scores, so it works alike for every function. Items of the same
    score share the mean of their ranks. An item's luck is fixed by its id and the seed.

    Use: for large batches at next to no cost, with any function
    Avoid: where scores fall off steeply after a few items, which their order hides: `power`
    Formula: −β ln r + g, with r the rank from 1, the highest score first, and g drawn from the
      Gumbel distribution: the first item is drawn with probability r^(−β) / Σ r^(−β)
    Reference: A. Kirsch, S. Farquhar, P. Atighehchian, A. Jesson, F. Branchaud-Charron and Y. Gal,
      Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning, TMLR 2023
    """
    [scores] = bases
    return gumbel(keys, seed) - beta * np.log(ranks(-scores))


def weights(bases: Array, strengths: Numbers) -> Numbers:
    """Return a strength for each function; raise ValueError where there are fewer or more."""
    if strengths and len(strengths) != len(bases):
        raise ValueError(f"{len(strengths)} strengths do not fit {len(bases)} functions")
    return strengths or (1.0,) * len(bases)


def scaled(scores: Array, scale: str) -> Array:
    """Return the scores of one function in the scale asked for."""
    if scale == "none" or not len(scores):
        return scores
    if scale == "rank":
        return (ranks(scores) - 0.5) / len(scores)
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if low < high else np.full(len(scores), 0.5)


def ranks(values: Array) -> Array:
    """Return the rank of each value from 1, the least first; the same share their mean rank."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    means: Array = np.cumsum(counts) - (counts - 1) / 2
    return means[which]


def gumbel(keys: Keys, seed: int) -> Array:
    """Return a number from the Gumbel distribution for each item, fixed by its id and the seed.

    They lie between LEAST_NOISE and MOST_NOISE: the uniform numbers behind them have 53 bits.
    """
    waits = np.maximum(-np.log1p(-random(keys, seed=seed)), 2.0**-54)
    return -np.log(waits)
