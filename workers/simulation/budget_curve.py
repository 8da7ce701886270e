"""Budget curves: what a metric was, seed by seed, with so many labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.acquisition.evidence import Array, Rows
from service.simulation import LOWER, METRICS, Plan, Run
from workers.simulation.trace import Trace

HAIR = 1e-12
"""A score that misses a target by less, relative to it, reaches it: sums round."""


@dataclass(frozen=True)
class BudgetCurve:
    """A metric of one recipe with one function: scores (seeds, steps), with `labels` (steps,).

    The steps are the numbers of labels that all seeds came by. A score that is not defined is NaN,
    and so is whatever is computed from it: nothing is told from some of the seeds alone.
    """

    labels: Rows
    scores: Array
    lower: bool

    @property
    def mean(self) -> Array:
        """The mean over the seeds with each number of labels, (steps,)."""
        return self.scores.mean(axis=0)

    @property
    def deviation(self) -> Array | None:
        """The standard deviation over the seeds (n − 1 below the line), (steps,); None of one."""
        return self.scores.std(axis=0, ddof=1) if len(self.scores) > 1 else None

    @property
    def areas(self) -> Array:
        """The area under each seed's curve, as a mean score, (seeds,): see `weights`."""
        if not len(self.labels):
            return np.full(len(self.scores), np.nan)
        return self.scores @ weights(self.labels)

    def reached(self, means: Array, targets: Array) -> Rows:
        """Return the first step at which each of many curves reaches its target.

        Means are (curves, steps), targets (curves,); `steps` itself stands for never.
        """
        ahead = (targets[:, None] - means) * (-1 if self.lower else 1)
        there = ahead <= HAIR * np.abs(targets[:, None])
        return np.pad(there, ((0, 0), (0, 1)), constant_values=True).argmax(axis=1)

    def needed(self, target: float) -> int | None:
        """Return the first number of labels at which the mean reaches a target, or None."""
        [step] = self.reached(self.mean[None, :], np.array([target]))
        return int(self.labels[step]) if step < len(self.labels) else None

    def at(self, labels: Rows) -> "BudgetCurve":
        """Return the curve at some of its numbers of labels."""
        return BudgetCurve(labels, self.scores[:, np.isin(self.labels, labels)], self.lower)


def weights(labels: Rows) -> Array:
    """Return what each round counts for in the area under a budget curve, summing to 1: (steps,).

    A round stands for the labels from half-way to the round before to half-way to the round after;
    the first and the last reach as far outwards as inwards. Where every round adds as many labels,
    the area is the plain mean of all rounds, round 0 included; a last round of fewer labels counts
    less. It is always a mean of scores: in the metric's own scale, between the curve's least and
    its greatest.
    """
    if len(labels) == 1:
        return np.ones(1)
    gaps = np.diff(labels).astype(np.float64)
    spans = np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])
    return spans / spans.sum()


def budget_curves(
    plan: Plan, traces: Iterable[Trace], metrics: Sequence[str]
) -> Mapping[tuple[int, int], Mapping[str, BudgetCurve]]:
    """Return the curves of each recipe and function, by their places in the plan, then by metric.

    Traces come in any order. Raise KeyError where one of the plan's runs has none.
    """
    measured = {trace.run: steps(trace, metrics) for trace in traces}
    found: dict[tuple[int, int], list[Mapping[int, Array]]] = {}
    for run in plan.runs:
        found.setdefault(place(run), []).append(measured[run.number])
    return {
        where: {
            metric: stacked(seeds, column, lower=METRICS[metric] == LOWER)
            for column, metric in enumerate(metrics)
        }
        for where, seeds in found.items()
    }


def place(run: Run) -> tuple[int, int]:
    """Return the places of a run's recipe and function in the plan."""
    return run.recipe, run.function


def steps(trace: Trace, metrics: Sequence[str]) -> Mapping[int, Array]:
    """Return the scores of each round, (metrics,), by its number of labels."""
    return {
        each.labels: np.array([each.scores[name] for name in metrics], dtype=np.float64)
        for each in trace.rounds
    }


def stacked(seeds: Sequence[Mapping[int, Array]], column: int, *, lower: bool) -> BudgetCurve:
    """Return the curve of one metric, at the numbers of labels that all seeds came by."""
    labels = sorted(set(seeds[0]).intersection(*seeds[1:]))
    scores = [[seed[each][column] for each in labels] for seed in seeds]
    return BudgetCurve(np.array(labels, dtype=np.int64), np.array(scores), lower)
