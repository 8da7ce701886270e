"""One recipe's functions beside random: curves, targets, and what each saves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from service.simulation import LOWER, METRICS, Plan
from workers.simulation.budget_curve import BudgetCurve, budget_curves
from workers.simulation.names import estimator_names, function_names
from workers.simulation.savings import NAMED, Saving, Target, saving, targets_of
from workers.simulation.trace import Trace

BASELINE = "random"


@dataclass(frozen=True)
class Contender:
    """A function with one recipe: its curves by metric, and what it saves to each target.

    Random itself saves nothing, nor does anything without it.
    """

    place: int
    name: str
    curves: Mapping[str, BudgetCurve]
    savings: tuple[Saving, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All functions of a plan with one recipe; `random` is None where the plan has no such.

    `compared` is how many functions all recipes together set against random.
    """

    recipe: int
    estimator: str
    metric: str
    budget: int
    compared: int
    targets: tuple[Target, ...]
    random: Contender | None
    contenders: tuple[Contender, ...]

    @property
    def lower(self) -> bool:
        """Whether less of the metric is better."""
        return METRICS[self.metric] == LOWER

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len(self.contenders[0].curves[self.metric].scores)

    @property
    def others(self) -> tuple[Contender, ...]:
        """The functions that are compared with random."""
        return tuple(each for each in self.contenders if each is not self.random)


def comparisons(plan: Plan, traces: Iterable[Trace]) -> list[Comparison]:
    """Return what each recipe of a plan came to, in its order."""
    curves, functions = budget_curves(plan, traces, plan.metrics), function_names(plan)
    return [
        beside(
            plan,
            recipe,
            estimator,
            [Contender(at, name, curves[recipe, at]) for at, name in enumerate(functions)],
        )
        for recipe, estimator in enumerate(estimator_names(plan))
    ]


def baseline_of(plan: Plan) -> int | None:
    """Return the place of random in a plan, the first of several."""
    places = (place for place, each in enumerate(plan.functions) if each.name == BASELINE)
    return next(places, None)


def beside(plan: Plan, recipe: int, estimator: str, contenders: list[Contender]) -> Comparison:
    """Return the functions with one recipe, each with what it saves beside random."""
    baseline, metric = baseline_of(plan), plan.metrics[0]
    random = None if baseline is None else contenders[baseline]
    if random is None:
        targets = [Target(NAMED, each) for each in plan.targets]
    else:
        targets = targets_of(random.curves[metric], plan.targets)
    # What looks best is the best of all that is compared, whatever recipe it is with.
    compared = len(plan.recipes) * max(len(contenders) - (random is not None), 1)
    return Comparison(
        recipe=recipe,
        estimator=estimator,
        metric=metric,
        budget=plan.budget,
        compared=compared,
        targets=tuple(targets),
        random=random,
        contenders=tuple(
            each
            if random is None or each is random
            else saved(each, random, metric, targets, compared)
            for each in contenders
        ),
    )


def saved(
    contender: Contender, random: Contender, metric: str, targets: list[Target], compared: int
) -> Contender:
    """Return a function with what it saves to each target."""
    curve, other = contender.curves[metric], random.curves[metric]
    savings = tuple(saving(curve, other, each, compared) for each in targets)
    return replace(contender, savings=savings)
