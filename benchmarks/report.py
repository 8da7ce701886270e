"""What a benchmark says: rows of one table, each beside what it shall reach."""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COLUMNS = ("work", "reach", "measured", "floor or peer", "verdict")
REPEATS = 5


@dataclass(frozen=True)
class Row:
    """One measurement: what was done, what it shall reach, what it took, and beside what.

    `reached` is None where nothing is promised.
    """

    work: str
    reach: str
    measured: str
    beside: str = ""
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        """Return whether it was reached, in a word."""
        return "" if self.reached is None else "reached" if self.reached else "**missed**"

    def line(self) -> str:
        """Return the row as Markdown."""
        return cells((self.work, self.reach, self.measured, self.beside, self.verdict))


def cells(texts: Sequence[str]) -> str:
    """Return the cells of a row as Markdown."""
    return f"| {' | '.join(texts)} |"


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown."""
    head = [cells(COLUMNS), cells(["---"] * len(COLUMNS))]
    return "\n".join([*head, *(row.line() for row in rows)])


def median_of(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median of the seconds that some work takes, done so often."""
    return statistics.median(seconds_of(work) for _ in range(repeats))


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def is_quick(title: str | None) -> bool:
    """Read the command line; return whether a small run is asked for."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    return bool(parser.parse_args().quick)
