"""How far a simulation is, on the screen: a bar on a terminal, else a line now and then."""

import sys
import time
from typing import TextIO

WIDTH = 30
BAR_SECONDS, LINE_SECONDS = 0.1, 5.0
MINUTE, HOUR = 60, 3600


class Progress:
    """How many of all fits are done, and how long the rest will take."""

    def __init__(self, total: int, stream: TextIO = sys.stderr) -> None:
        self.total = total
        self.stream = stream
        self.done = 0
        self.began = self.told = time.monotonic()
        self.is_terminal = stream.isatty()

    def step(self) -> None:
        """Count one more, and tell if the last telling is long enough ago."""
        now = time.monotonic()
        if not self.done:
            self.began = now  # to start the processes took its time, and is over
        self.done = min(self.done + 1, self.total)
        if self.done > 1 and now - self.told >= (BAR_SECONDS if self.is_terminal else LINE_SECONDS):
            self.told = now
            self.tell(now)

    def tell(self, now: float) -> None:
        """Write how far it is."""
        left = (now - self.began) / (self.done - 1) * (self.total - self.done)
        text = f"{self.done} of {self.total} fits, about {duration(left)} left"
        if not self.is_terminal:
            self.stream.write(f"{text}\n")
        else:
            full = WIDTH * self.done // self.total
            self.stream.write(f"\r[{'#' * full}{'.' * (WIDTH - full)}] {text}\x1b[K")
        self.stream.flush()

    def end(self) -> None:
        """Remove the bar."""
        if self.is_terminal:
            self.stream.write("\r\x1b[K")
            self.stream.flush()


def duration(seconds: float) -> str:
    """Return a time as people say it, never less than what it is."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"
