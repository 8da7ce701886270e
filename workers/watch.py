"""Long work looks up now and then: shall it go on?"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy.typing as npt

from service.acquisition.features import Features, Matrix

SECONDS = 0.5


def nothing() -> None:
    """Look at nothing."""


class Watch:
    """Looks whether a job shall go on, as often as it is asked, and not more than so often."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.looked = time.monotonic()

    def __call__(self) -> None:
        """Look, if the last time is long enough ago; raise what looking raises."""
        if self.is_due():
            self.look()

    def is_due(self) -> bool:
        """Return whether the last time is long enough ago; the next is counted from now on."""
        now = time.monotonic()
        due = now - self.looked >= SECONDS
        if due:
            self.looked = now
        return due


@dataclass(frozen=True)
class WatchedFeatures(Features):
    """Feature vectors whose every reading is a moment at which the work may be stopped."""

    watch: Callable[[], None] = nothing

    def block(self, index: int) -> Matrix:
        """Return the vectors of one piece."""
        self.watch()
        return super().block(index)


def watched(watch: Callable[[], None], *arrays: npt.ArrayLike) -> WatchedFeatures:
    """Return all rows of some arrays, each row as one vector."""
    return replace(WatchedFeatures.of(*arrays), watch=watch)
