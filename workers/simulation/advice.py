"""One sentence that a person can act on, and that claims no more than was seen."""

from collections.abc import Sequence

import numpy as np

from workers.simulation.comparison import Comparison, Contender
from workers.simulation.savings import (
    COSTS,
    END,
    FEWEST,
    SAVES,
    Interval,
    Saving,
    seeds_to_show,
)


def advise(found: Sequence[Comparison]) -> str:
    """Return the advice of a simulation: that of the recipe with the best area under a curve."""
    best = max(found, key=best_area)
    said = advice(best)
    if len(found) == 1 or not np.isfinite(best_area(best)):
        return said
    area = abs(best_area(best))
    return (
        f"{said.removesuffix('.')}; of the {len(found)} estimators {best.estimator} has the best"
        f" mean {best.metric} over all rounds, {area:.3f}."
    )


def best_area(comparison: Comparison) -> float:
    """Return the best mean area under a curve of a recipe, negative where less is better."""
    areas = [float(each.curves[comparison.metric].areas.mean()) for each in comparison.contenders]
    known = [-each if comparison.lower else each for each in areas if np.isfinite(each)]
    return max(known, default=-np.inf)


def advice(comparison: Comparison) -> str:
    """Return the advice for one recipe."""
    random = comparison.random
    if random is None or not comparison.others:
        return "There is nothing to compare: simulate random and at least one other function."
    if not comparison.targets or comparison.targets[0].kind != END:
        return (
            f"Nothing can be said of {comparison.metric}, which is not defined in the first or the"
            " last round of random: simulate with another metric, or more labels."
        )
    best = max(comparison.others, key=lambda each: preference(comparison, each))
    curve = random.curves[comparison.metric]
    if best.savings[0].random == curve.labels[0]:
        return (
            f"No saving can be seen with {comparison.estimator}: with its first {curve.labels[0]}"
            f" labels random is where it ends, at {reached(best)}; simulate with fewer first"
            " labels, or a harder test."
        )
    return judged(comparison, best)


def preference(comparison: Comparison, contender: Contender) -> tuple[bool, float, float]:
    """Return what the best function has most of: savings that are shown, labels saved, area."""
    saving = contender.savings[0]
    area = float(contender.curves[comparison.metric].areas.mean())
    area = -area if comparison.lower else area
    saved = -np.inf if saving.saved is None else saving.saved
    return saving.shown == SAVES, saved, area if np.isfinite(area) else -np.inf


def judged(comparison: Comparison, best: Contender) -> str:
    """Return what the best function is shown to do, and what to do about it."""
    saving, estimator = best.savings[0], comparison.estimator
    if saving.shown == SAVES:
        return (
            f"Use {best.name} with {estimator}: it reaches the {reached(best)} that random needs"
            f" {saving.random} labels for with {saving.labels} ({told(saving, comparison)})."
        )
    if all(each.savings[0].shown == COSTS for each in comparison.others):
        return f"Keep random with {estimator}: {lost(comparison, best)}."
    if saving.saved is None or saving.labels_saved is None or saving.labels_saved.low <= 0:
        return undecided(comparison, best)
    return (
        f"{best.name} with {estimator} looks better than random, reaching {reached(best)} with"
        f" {saving.labels} labels where random needs {saving.random} ({told(saving, comparison)}),"
        f" but that may be chance {among(comparison)}: {more_seeds(comparison)}."
    )


def lost(comparison: Comparison, best: Contender) -> str:
    """Return by how much random wins."""
    saving = best.savings[0]
    if saving.saved is None:
        return f"no other function reaches the {reached(best)} that it ends with"
    return (
        f"every other function needs more labels for the {reached(best)} that it ends with, the"
        f" best of them, {best.name}, {saving.labels} instead of {saving.random}"
        f" ({told(saving, comparison)})"
    )


def undecided(comparison: Comparison, best: Contender) -> str:
    """Return that nothing is shown, what the best did all the same, and what to do."""
    saving = best.savings[0]
    if saving.saved is None:
        did = f"none reaches the {reached(best)} that random ends with"
    else:
        did = (
            f"{best.name} reaches {reached(best)} with {saving.labels} labels, random with"
            f" {saving.random} ({told(saving, comparison)})"
        )
    return (
        f"No function is shown to need fewer labels than random with {comparison.estimator}: {did};"
        f" {more_seeds(comparison)}{fewer_labels(comparison)}."
    )


def told(saving: Saving, comparison: Comparison) -> str:
    """Return what is saved as a share, its interval, and of how many seeds that is."""
    share, seeds = percent(saving.share or 0.0), comparison.seeds
    amount = f"{abs(share)} % {'more' if share < 0 else 'fewer'}" if share else "as many"
    if saving.share_saved is None:
        return f"{amount}, one seed, no interval"
    if seeds < FEWEST:
        return f"{amount}, {seeds} seeds, too few for an interval"
    return f"{amount}, 95 % interval {span(saving.share_saved, share)}, {seeds} seeds"


def span(interval: Interval, share: int) -> str:
    """Return an interval in percent; of what costs labels as so much more."""
    if share < 0:
        interval = Interval(-interval.high, -interval.low)
    if not np.isfinite(interval.low):
        return f"from never to {percent(interval.high)} %"
    if not np.isfinite(interval.high):
        return f"{percent(interval.low)} % to never"
    return f"{percent(interval.low)} to {percent(interval.high)} %"


def percent(share: float) -> int:
    """Return a share in percent."""
    return round(100 * share)


def reached(contender: Contender) -> str:
    """Return the score that random ends with."""
    return f"{contender.savings[0].target.score:.3f}"


def among(comparison: Comparison) -> str:
    """Return why what is seen may be chance."""
    if comparison.seeds < seeds_to_show(comparison.compared):
        return f"with so few seeds ({comparison.seeds})"
    return f"among the {comparison.compared} that were compared"


def more_seeds(comparison: Comparison) -> str:
    """Return how many seeds to simulate next time."""
    least = seeds_to_show(comparison.compared)
    seeds = least if comparison.seeds < least else 2 * comparison.seeds
    return f"simulate {seeds} seeds or more"


def fewer_labels(comparison: Comparison) -> str:
    """Return that smaller steps show smaller savings, where there are any."""
    return f", or fewer than {comparison.budget} labels a round" if comparison.budget > 1 else ""
