"""The curves of a simulation as pictures: each metric by labels, a panel for each recipe."""

from collections.abc import Iterable

from service.simulation import Plan
from workers.simulation.budget_curve import budget_curves
from workers.simulation.trace import Trace

PNG, SVG = "png", "svg"


def svg(plan: Plan, traces: Iterable[Trace]) -> bytes:
    """Return the mean curve of every function as SVG, with a band of one standard deviation.

    Text stays text, so that it can be found, read aloud and restyled. The same traces give the same
    bytes.
    """
    return picture(plan, traces, SVG)


def png(plan: Plan, traces: Iterable[Trace]) -> bytes:
    """Return the same picture as PNG."""
    return picture(plan, traces, PNG)


def picture(plan: Plan, traces: Iterable[Trace], kind: str) -> bytes:
    """Return the picture in a format."""
    # Here, and not above: it takes longer to load than all else that a worker needs, and most of
    # them never draw.
    from workers.simulation.drawing import draw

    return draw(plan, budget_curves(plan, traces, plan.metrics), kind)
