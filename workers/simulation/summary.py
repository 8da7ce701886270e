"""The summary of a simulation, as plain values: curves, areas, labels needed, savings, advice."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from service.acquisition.evidence import Array
from service.simulation import METRICS, Plan
from workers.simulation.advice import advice, advise
from workers.simulation.budget_curve import BudgetCurve
from workers.simulation.comparison import Comparison, Contender, comparisons
from workers.simulation.savings import (
    CONFIDENCE,
    NAMED,
    RESAMPLES,
    Interval,
    Saving,
    Target,
    difference,
)
from workers.simulation.trace import Trace

Values = Mapping[str, Any]


def summarise(plan: Plan, traces: Iterable[Trace]) -> dict[str, Any]:
    """Return what a simulation came to, as values that JSON has; null is what is not defined.

    `recipes` have one `advice` each, and the `targets`; `combinations` are each recipe with each
    function, in the plan's order: every metric's mean curve, its standard deviation over the seeds
    (n − 1 below the line), the area under it (`budget_curve.weights`), the labels needed to reach
    each target, and what is saved against random (`savings`). The same traces give the same
    summary, in whatever order they come.
    """
    found = comparisons(plan, traces)
    return {
        "metric": plan.metrics[0],
        "better": METRICS[plan.metrics[0]],
        "seeds": len(plan.seeds),
        "intervals": {
            "confidence": CONFIDENCE,
            "method": "expanded percentile, paired bootstrap over seeds",
            "resamples": RESAMPLES,
        },
        "advice": advise(found),
        "recipes": [recipe_values(each) for each in found],
        "combinations": [
            combination_values(each, contender) for each in found for contender in each.contenders
        ],
    }


def recipe_values(comparison: Comparison) -> Values:
    """Return what there is to say of one recipe."""
    return {
        "recipe": comparison.recipe,
        "estimator": comparison.estimator,
        "targets": [target_values(each) for each in comparison.targets],
        "advice": advice(comparison),
    }


def target_values(target: Target) -> Values:
    """Return a score to reach, what it is, and which part of random's way, if it is one."""
    part = None if target.kind == NAMED else target.part
    return {"score": number(target.score), "kind": target.kind, "part": part}


def combination_values(comparison: Comparison, contender: Contender) -> Values:
    """Return what there is to say of a recipe with a function."""
    curve = contender.curves[comparison.metric]
    return {
        "recipe": comparison.recipe,
        "estimator": comparison.estimator,
        "function": contender.name,
        "place": contender.place,
        "labels": curve.labels.tolist(),
        "metrics": {
            name: metric_values(each, baseline(comparison, contender, name))
            for name, each in contender.curves.items()
        },
        "labels_needed": [
            {"target": number(each.score), "labels": curve.needed(each.score)}
            for each in comparison.targets
        ],
        "savings": [saving_values(each) for each in contender.savings],
    }


def baseline(comparison: Comparison, contender: Contender, metric: str) -> BudgetCurve | None:
    """Return the curve of random that a function is compared with, or None for random itself."""
    random = comparison.random
    return None if random is None or contender is random else random.curves[metric]


def metric_values(curve: BudgetCurve, random: BudgetCurve | None) -> Values:
    """Return a metric's mean curve, its deviation over seeds, and the area under it."""
    areas = curve.areas
    return {
        "mean": numbers(curve.mean),
        "deviation": None if curve.deviation is None else numbers(curve.deviation),
        "area": {
            "mean": number(float(areas.mean())),
            "deviation": number(float(areas.std(ddof=1))) if len(areas) > 1 else None,
            "seeds": numbers(areas),
            "against_random": None if random is None else against(curve, random),
        },
    }


def against(curve: BudgetCurve, random: BudgetCurve) -> Values:
    """Return by how much the area under a curve is above that under random's."""
    found, interval = difference(curve, random)
    return {"difference": number(found), "interval": interval_values(interval)}


def saving_values(saving: Saving) -> Values:
    """Return what is saved to one target."""
    reached = saving.saved is not None
    return {
        "target": number(saving.target.score),
        "kind": saving.target.kind,
        "labels": saving.labels,
        "random_labels": saving.random,
        "saved": saving.saved,
        "interval": interval_values(saving.labels_saved if reached else None, whole=True),
        "share": saving.share,
        "share_interval": interval_values(saving.share_saved if reached else None),
        "shown": saving.shown,
    }


def interval_values(interval: Interval | None, *, whole: bool = False) -> Values | None:
    """Return an interval; an end that is null is open: a score is not reached on that side."""
    if interval is None:
        return None
    ends = {"low": number(interval.low), "high": number(interval.high)}
    if not whole:
        return ends
    return {name: None if each is None else int(each) for name, each in ends.items()}


def numbers(values: Array) -> list[float | None]:
    """Return numbers as JSON has them."""
    return [number(each) for each in np.asarray(values).tolist()]


def number(value: float) -> float | None:
    """Return a number, or None where it is not finite."""
    return value if math.isfinite(value) else None
