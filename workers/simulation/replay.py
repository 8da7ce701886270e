"""One run: label, fit, measure, choose, over and over."""

from collections.abc import Callable

from service.simulation import Plan, Run
from workers.simulation.data import Data
from workers.simulation.trace import Round, Trace


def replay(plan: Plan, run: Run, data: Data, tick: Callable[[Round], None]) -> Trace:
    """Return all rounds of one run; `tick` is told each as it ends, and may raise to stop."""
    raise NotImplementedError
