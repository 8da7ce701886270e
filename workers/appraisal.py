"""How a turn went: how unsure its model is, how far it agrees with the one before, and its score.

What two models say of a pool is walked block by block: nothing here grows with the pool.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.acquisition.evidence import Array, Rows
from service.classes import identity
from service.errors import FitFailed, TooFewLabels
from workers.compute import Compute
from workers.fitting import Task, accuracies, splits_of
from workers.numbers import fractions
from workers.sources import Stack

BLOCK_ROWS = 65_536
BLOCK_VALUES = 2**22

Tick = Callable[[], None]


@dataclass(frozen=True)
class Opinion:
    """What a model says of the items of a pool: probabilities (items, classes), and of what."""

    probs: Stack
    classes: tuple[Any, ...]
    total: int

    def blocks(self) -> Iterator[Rows]:
        """Yield all rows, so many at a time as may be held at once."""
        size = max(1, min(BLOCK_ROWS, BLOCK_VALUES // max(1, len(self.classes))))
        for start in range(0, self.total, size):
            yield np.arange(start, min(start + size, self.total), dtype=np.int64)


def uncertainty(opinion: Opinion, labelled: Rows, tick: Tick) -> tuple[float, float] | None:
    """Return the mean and the maximum of one less the greatest probability, over the items that
    have no label; None where all have one."""
    sums: list[float] = []
    greatest, count = 0.0, 0
    marked = np.zeros(opinion.total, dtype=np.bool_)
    marked[labelled] = True
    for rows in opinion.blocks():
        free = rows[~marked[rows]]
        if len(free):
            doubts = 1.0 - fractions(opinion.probs.at(free)).max(axis=1)
            sums.append(float(doubts.sum()))
            greatest = max(greatest, float(doubts.max()))
            count += len(free)
        tick()
    return (math.fsum(sums) / count, greatest) if count else None


def agreement(now: Opinion, before: Opinion, tick: Tick) -> float | None:
    """Return Cohen's kappa of what two models find likeliest, over the items that both know.

    Classes are matched by identity, so that one that was just found is like any other. None where
    there are no items, and where both models always say the same one class: it would be 0 of 0.
    """
    places = {identity(each): place for place, each in enumerate(now.classes)}
    others = [places.setdefault(identity(each), len(places)) for each in before.classes]
    translated = np.array(others, dtype=np.int64)
    counts = np.zeros((2, len(places)), dtype=np.int64)
    same, total = 0, min(now.total, before.total)
    narrower = max(now, before, key=lambda each: len(each.classes))
    for every in narrower.blocks():
        rows = every[every < total]
        if len(rows):
            ours = now.probs.at(rows).argmax(axis=1)
            theirs = translated[before.probs.at(rows).argmax(axis=1)]
            same += int((ours == theirs).sum())
            for place, said in enumerate((ours, theirs)):
                counts[place] += np.bincount(said, minlength=len(places))
        tick()
    return kappa(same, counts, total) if total else None


def kappa(same: int, counts: Rows, total: int) -> float | None:
    """Return Cohen's kappa from how often two said the same and how often each said what.

    `counts` is (2, classes). None where both always said the same one thing, and chance would have
    agreed as well. Reference: Cohen, "A coefficient of agreement for nominal scales", Educational
    and Psychological Measurement 20(1), 1960.
    """
    shares = counts / total
    expected = float((shares[0] * shares[1]).sum())
    observed = same / total
    return None if expected == 1.0 else (observed - expected) / (1.0 - expected)


@dataclass(frozen=True)
class Score:
    """The mean accuracy over the folds of cross-validation, and the standard error of that mean."""

    mean: float
    error: float


def score(task: Task, folds: int, compute: Compute, tick: Tick) -> Score | None:
    """Return how well a recipe does on labels held out, None where there are too few of them."""
    splits = splits_of(task, folds) if folds else ()
    found: list[float] = []
    try:
        for accuracy in accuracies(task, splits, compute):
            found.append(accuracy)
            tick()
    except (FitFailed, TooFewLabels):
        return None  # what is fitted on all labels need not be on part of them
    return summary(np.array(found)) if len(found) > 1 else None


def summary(accuracies: Array | Sequence[float]) -> Score:
    """Return the mean of some accuracies, and its standard error."""
    error = np.std(accuracies, ddof=1) / math.sqrt(len(accuracies))
    return Score(float(np.mean(accuracies)), float(error))
