"""Savings: how many labels fewer than random a function needs, and how sure that is.

The intervals are of a paired bootstrap: seeds are drawn with replacement, the same ones for the
function and for random, as often as there are seeds, and the difference is taken anew. So few seeds
vary too little among themselves, so the percentiles are set wider, by Student's t (the expanded
percentile interval of T. Hesterberg, What Teachers Should Know About the Bootstrap, 2015).
"""

from dataclasses import dataclass
from functools import cache
from math import ceil, log2, sqrt

import numpy as np
from scipy.special import ndtr, stdtrit

from service.acquisition.evidence import Array, Rows
from workers.simulation.budget_curve import BudgetCurve

RESAMPLES, SEED, AT_ONCE = 10_000, 0, 1_000
"""How often the seeds are drawn, by which generator, and how many draws are held at once."""

CONFIDENCE = 0.95

FEWEST = 5
"""The seeds from which on an interval holds the truth about as often as it says: with normal noise
2 seeds do so in 51 %, 3 in 75 %, 4 in 88 %, 5 in 93 %, and 8 or more in 95 %."""

NAMED, END, LEVEL = "named", "end", "level"
"""What a target is: a score that was named, random's last, or one on random's way to it."""

LEVELS = (0.5, 0.75, 0.9)
"""Where no score is named: parts of the way from random's first score to its last."""

SAVES, COSTS, OPEN = "saves", "costs", "not_shown"
"""What is shown of a function beside random: that it needs fewer labels, or more, or neither."""


@dataclass(frozen=True)
class Target:
    """A score to reach: one that was named, or a part of random's way from first to last."""

    kind: str
    score: float
    part: float = 1.0

    def drawn(self, means: Array) -> Array:
        """Return the target by each of random's drawn curves, (draws, steps): (draws,).

        What random itself came to differs from draw to draw; a score that was named does not.
        """
        if self.kind == NAMED:
            return np.full(len(means), self.score)
        return way(means, self.part)


@dataclass(frozen=True)
class Interval:
    """A confidence interval; infinite where a score is not reached on that side."""

    low: float
    high: float


@dataclass(frozen=True)
class Saving:
    """Labels that a function needs for a target, and random, and what is saved; None: not reached.

    `labels_saved` and `share` (of random's labels) are the intervals; None with one seed. `shown`
    is what holds also for the best of all functions that were compared.
    """

    target: Target
    labels: int | None
    random: int | None
    labels_saved: Interval | None
    share_saved: Interval | None
    shown: str

    @property
    def saved(self) -> int | None:
        """How many labels fewer than random's, below zero where it needs more."""
        if self.labels is None or self.random is None:
            return None
        return self.random - self.labels

    @property
    def share(self) -> float | None:
        """The same as a part of random's labels."""
        return None if self.saved is None or not self.random else self.saved / self.random


def way(means: Array, part: float) -> Array:
    """Return scores on the way from the first of curves (n, steps) to the last of them, (n,)."""
    first, last = means[:, 0], means[:, -1]
    return last if part == 1 else first + part * (last - first)


def targets_of(random: BudgetCurve, named: tuple[float, ...]) -> list[Target]:
    """Return what is to be reached: random's last score, and those named, or else some lower."""
    means = random.mean[None, :]
    if not means.size or np.isnan(means[0, [0, -1]]).any():
        return [Target(NAMED, each) for each in named]
    [end] = way(means, 1.0).tolist()
    if named or end == means[0, 0]:
        return [Target(END, end), *(Target(NAMED, each) for each in named)]
    levels = (Target(LEVEL, way(means, part).item(), part) for part in LEVELS)
    return [Target(END, end), *levels]


def saving(curve: BudgetCurve, random: BudgetCurve, target: Target, compared: int) -> Saving:
    """Return what a function saves to a target, one of so many functions that are compared."""
    needed = curve.needed(target.score), random.needed(target.score)
    seeds = len(curve.scores)
    if seeds == 1 or not np.isfinite(target.score):
        return Saving(target, *needed, None, None, OPEN)
    saved, share = draws_of_savings(curve, random, target)
    return Saving(
        target,
        *needed,
        labels_saved=interval(saved, seeds),
        share_saved=interval(share, seeds),
        shown=shown(saved, seeds, compared),
    )


def draws_of_savings(
    curve: BudgetCurve, random: BudgetCurve, target: Target
) -> tuple[Array, Array]:
    """Return the labels saved, and their part of random's, by each draw of seeds: (draws,).

    Where only random reaches the target, less than anything is saved; where only the function
    does, more; where neither does, nothing.
    """
    found = []
    for part in np.split(shares(len(curve.scores)), RESAMPLES // AT_ONCE):
        means = part @ random.scores
        scores = target.drawn(means)
        mine = labels_at(curve, curve.reached(part @ curve.scores, scores))
        others = labels_at(random, random.reached(means, scores))
        found.append((mine, others))
    mine, others = np.concatenate(found, axis=1)
    neither = np.isinf(mine) & np.isinf(others)
    saved = np.subtract(others, mine, where=~neither, out=np.zeros(len(mine)))
    share = np.divide(saved, others, where=np.isfinite(others), out=np.copysign(np.inf, saved))
    return saved, np.where(neither, 0.0, share)


def labels_at(curve: BudgetCurve, steps: Rows) -> Array:
    """Return the labels at steps of a curve, infinitely many behind its end."""
    return np.append(curve.labels.astype(np.float64), np.inf)[steps]


def difference(curve: BudgetCurve, random: BudgetCurve) -> tuple[float, Interval | None]:
    """Return by how much the area under a curve is above that of random, and the interval.

    Both areas are of the numbers of labels that both came by.
    """
    common = np.intersect1d(curve.labels, random.labels)
    apart = curve.at(common).areas - random.at(common).areas
    found = float(apart.mean())
    if len(apart) == 1 or np.isnan(found):
        return found, None
    return found, interval(shares(len(apart)) @ apart, len(apart))


@cache
def shares(seeds: int) -> Array:
    """Return which part of each draw every seed is, (RESAMPLES, seeds); always the same."""
    counts = np.random.default_rng(SEED).multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES)
    return counts / seeds


def interval(draws: Array, seeds: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the expanded percentile interval of a statistic that was drawn from so many seeds.

    Its ends are draws themselves, as far from the least as from the greatest.
    """
    quantile = stdtrit(seeds - 1, (1 + confidence) / 2)
    tail = ndtr(-sqrt(seeds / (seeds - 1)) * quantile)
    left_out = int(tail * len(draws))
    ordered = np.sort(draws)
    return Interval(float(ordered[left_out]), float(ordered[-1 - left_out]))


def shown(saved: Array, seeds: int, compared: int) -> str:
    """Return what is shown, at 95 % for all the functions that are compared together.

    The best of many looks good by chance, so each has its part of the 5 % (Bonferroni); and all
    seeds agree by chance, however far apart the curves are, so there must be enough of them.
    """
    if seeds < seeds_to_show(compared):
        return OPEN
    found = interval(saved, seeds, 1 - (1 - CONFIDENCE) / compared)
    if found.low > 0:
        return SAVES
    return COSTS if found.high < 0 else OPEN


def seeds_to_show(compared: int) -> int:
    """Return how many seeds it takes that their all agreeing is no chance: 2 · ½ⁿ · compared ≤ 5 %.

    That is 6 for one function, 7 for two or three, 8 for up to six, 10 for twenty.
    """
    return ceil(log2(2 * compared / (1 - CONFIDENCE)))
