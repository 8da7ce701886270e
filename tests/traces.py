"""Plans and traces made up by hand: what a simulation would leave, without one."""

import numpy as np

from service.estimators import Recipe
from service.functions import Function
from service.simulation import Initial, Plan
from workers.simulation.trace import Round, Trace

LOGISTIC = Recipe(estimator="logistic_regression", parameters={})


def plan_of(functions, *, seeds=1, recipes=(LOGISTIC,), budget=10, **more):
    """A plan of functions by name, or as they are."""
    asked = (Function(each) if isinstance(each, str) else each for each in functions)
    return Plan(
        pool="pool",
        recipes=tuple(recipes),
        functions=tuple(asked),
        seeds=tuple(range(seeds)),
        initial=Initial(size=20),
        budget=budget,
        **more,
    )


def traces_of(plan, scores, labels=None):
    """Traces with scores of (functions, seeds, rounds): the same of every metric and recipe."""
    rounds = len(scores[0][0])
    steps = labels or [20 + plan.budget * each for each in range(rounds)]
    made = []
    for run in plan.runs:
        values = scores[run.function][plan.seeds.index(run.seed)]
        told = (None if np.isnan(each) else float(each) for each in values)
        played = (
            Round(number, count, (f"{run.number}-{number}",), dict.fromkeys(plan.metrics, score))
            for number, (count, score) in enumerate(zip(steps, told, strict=True))
        )
        made.append(Trace(run.number, tuple(played), 0.0))
    return made


def learning(speeds, *, seeds=10, rounds=30, noise=0.003):
    """Scores that rise to 0.95, those of a greater speed sooner: (functions, seeds, rounds + 1).

    The seeds differ from one another as much in every function, and a little more by chance.
    """
    drawn = np.random.default_rng(7)
    shared = drawn.normal(0, 4 * noise, (1, seeds, 1))
    own = drawn.normal(0, noise, (len(speeds), seeds, rounds + 1))
    risen = np.exp(-np.arange(rounds + 1) / 8 * np.array(speeds)[:, None, None])
    return 0.95 - 0.3 * risen + shared + own
