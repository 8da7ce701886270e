"""What scikit-activeml takes to score ready probabilities, bare and as it is asked by its users."""

import importlib.util
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.processes import processor_time_of

Probs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Peer:
    """Median seconds of its formula alone, and of a query that returns its utilities."""

    formula: float
    query: float


def peer(probs: Probs, method: str, repeats: int) -> Peer | None:
    """Return what a method of scikit-activeml takes; None where it is not installed."""
    if importlib.util.find_spec("skactiveml") is None:
        return None
    from skactiveml.pool import uncertainty_scores

    def formula() -> object:
        return uncertainty_scores(probs, method=method)

    ask = query(probs, method)
    times = [(processor_time_of(formula), processor_time_of(ask)) for _ in range(repeats)]
    return Peer(*(statistics.median(each) for each in zip(*times, strict=True)))


def query(probs: Probs, method: str) -> Callable[[], object]:
    """Return what asks for the utilities of a pool of which no item is labelled."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import UncertaintySampling

    class Ready(SkactivemlClassifier):  # type: ignore[misc] - it has no types
        """A classifier whose probabilities are at hand: to hand them out takes no time."""

        def fit(self, *_: Any) -> "Ready":
            """Do nothing."""
            return self

        def predict_proba(self, items: npt.NDArray[Any]) -> Probs:
            """Return the probabilities, which are of all the items."""
            return probs[: len(items)]

    items = np.arange(len(probs), dtype=np.float64)[:, None]
    labels = np.full(len(probs), np.nan)
    classes = list(range(probs.shape[1]))

    def ask() -> object:
        strategy = UncertaintySampling(method=method, missing_label=np.nan, random_state=0)
        return strategy.query(
            items, labels, Ready(classes, np.nan), fit_clf=False, return_utilities=True
        )

    return ask
