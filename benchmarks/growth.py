"""Cost grows as the work grows.

Time and memory from a thousand to ten million items of 32 numbers, float32, and the exponent with
which they grow: the slope of their logarithm over that of the number of items, by least squares
over the three largest sizes, none below 10,000 where two others are, so that what is the same at
every size hardly counts. Each measurement is a process of its own with one thread, which calls the
service's own functions on files in the page cache; a short work is done five times, and the median
told. Time is the processor's, and the clock's for reading, which asks a real server. Memory is the
most that was in use beyond what the process had before, pages of mapped files not counted.
Strategies pick 100 items (`batch_bald` 10) with evidence ready. They, and what looks at neighbours,
go on to the next size while that is expected to take no more than some seconds.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np

from benchmarks.growth_measurement import Measured, in_a_fork, measure
from benchmarks.growth_pool import SAID, GrowthPool, write
from benchmarks.growth_work import NEIGHBOURS, POINTWISE, STRATEGIES, make_ready
from benchmarks.report import Row, cells, is_quick, table
from service.processes import embedded

MOST = 1.1
FITTED, LARGE = 3, 10_000
LEAST_MEGABYTES = 8.0
SECONDS_TO_START = 10

WHOLE = "What looks at one item at a time"
PICKING = "Batch strategies"
NEAR = "Functions of neighbours and clusters"

STEEPER = (
    "density",
    "uniqueness",
    "singularity",
    "representativeness",
    "max_herding",
    "facility_location",
    "prob_cover",
    "k_means",
    "clue",
    "typiclust",
    "class_balance",
    "badge",
    "ingest: number, hash and index ids",
)
"""Works that grow faster, at some sizes at least; docs/scaling.md says why, and what to do."""


@dataclass(frozen=True)
class Kind:
    """Works of one kind, the sizes they are measured at, and the seconds that one may take."""

    title: str
    works: Sequence[str]
    sizes: tuple[int, ...]
    longest: float
    said: tuple[str, ...] = ("probs",)
    tabled: bool = False


@dataclass(frozen=True)
class Growth:
    """A work at several sizes."""

    name: str
    found: dict[int, Measured] = field(default_factory=dict)

    def seconds(self, size: int) -> float:
        """Return the seconds at a size: of the clock where another process does a part of it."""
        each = self.found[size]
        return each.elapsed if self.name.startswith("reading") else each.seconds

    @property
    def fitted(self) -> list[int]:
        """The sizes over which exponents are fitted."""
        sizes = sorted(self.found)
        large = [size for size in sizes if size >= LARGE]
        return (large if len(large) > 1 else sizes)[-FITTED:]

    @property
    def exponent(self) -> float:
        """How time grows."""
        return slope(self.fitted, [self.seconds(size) for size in self.fitted])

    @property
    def memory_exponent(self) -> float | None:
        """How memory grows, or None where it is next to nothing."""
        used = {size: self.found[size].megabytes for size in self.fitted}
        more = {size: each for size, each in used.items() if each > LEAST_MEGABYTES}
        return slope(list(more), list(more.values())) if len(more) > 1 else None

    @property
    def steepest(self) -> float:
        """The greater of both."""
        return max(self.exponent, self.memory_exponent or 0.0)

    def expected(self, size: int) -> float:
        """Return the seconds that it takes at the next size, if time grows as the items do."""
        last = max(self.found, default=0)
        return self.seconds(last) * size / last if last else 0.0


KINDS = (
    Kind(WHOLE, tuple(POINTWISE), (10**3, 10**4, 10**5, 10**6, 10**7), 60.0, tabled=True),
    Kind(
        PICKING,
        tuple(STRATEGIES),
        (10**3, 10**4, 3 * 10**4, 10**5, 3 * 10**5, 10**6),
        20.0,
        tuple(SAID),
    ),
    Kind(NEAR, tuple(NEIGHBOURS), (10**3, 10**4, 3 * 10**4, 10**5, 10**6), 8.0),
)
QUICK = (
    Kind(WHOLE, tuple(POINTWISE), (200, 2_000), 1.0, tabled=True),
    Kind(PICKING, ("k_center", "badge"), (200, 600), 1.0, tuple(SAID)),
    Kind(NEAR, ("density", "distance_to_labelled"), (200, 600), 1.0),
)


def main() -> None:
    """Measure everything, and print the tables."""
    kinds = QUICK if is_quick(__doc__) else KINDS
    found = {kind.title: measured(kind) for kind in kinds}
    print(table(list(summary(found))))
    for kind in kinds:
        print(f"\n### {kind.title}\n\n{table_of(found[kind.title], kind.sizes)}")


def measured(kind: Kind) -> list[Growth]:
    """Return how the works of a kind grow."""
    works = [Growth(name) for name in kind.works]
    with tempfile.TemporaryDirectory(prefix="shortlist-growth-") as made, server(Path(made)):
        for size in kind.sizes:
            pool = GrowthPool(Path(made) / str(size), size)
            in_a_fork(prepare, pool, kind)
            for work in works:
                measure_one(work, kind, size, Path(made))
            if size != kind.sizes[0]:
                shutil.rmtree(pool.directory)
    return works


def prepare(pool: GrowthPool, kind: Kind) -> None:
    """Write a pool, and what the works of a kind read beside it."""
    write(pool, kind.said)
    if kind.tabled:
        make_ready(pool)


def measure_one(work: Growth, kind: Kind, size: int, directory: Path) -> None:
    """Measure a work at one size, unless it left out the size before or would take too long."""
    place = kind.sizes.index(size)
    if len(work.found) == place and work.expected(size) <= kind.longest:
        work.found[size] = in_a_fork(measure, work.name, directory, size, kind.sizes[0])
        said = f"{work.name}: {size} items, {shown(work, size)}"
        print(said, file=sys.stderr, flush=True)


@contextmanager
def server(home: Path) -> Iterator[None]:
    """Run an embedded server, as the service does."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT)
    command = embedded.command(home, lock)
    process = subprocess.Popen(command.arguments, pass_fds=command.files)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not embedded.answers(home):
            if time.monotonic() > deadline:
                raise TimeoutError("The embedded server did not start")
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait()
        os.close(lock)


def slope(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Return the slope of the logarithm of values over that of sizes."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def summary(found: Mapping[str, Sequence[Growth]]) -> Iterator[Row]:
    """Yield what is promised of each kind, and how it is."""
    for title, works in found.items():
        steep = [work for work in works if work.steepest > MOST]
        named = [f"`{work.name}` {work.steepest:.2f}" for work in steep if work.name in STEEPER]
        kept = [work for work in works if work.name not in STEEPER]
        worst = max(kept, key=lambda work: work.steepest)
        yield Row(
            f"{title}: {len(works)} works, time and memory",
            f"exponent ≤ {MOST}, or the docs say why",
            f"at most {worst.steepest:.2f} ({plain(worst.name)})",
            f"named in docs/scaling.md: {', '.join(named) or 'none'}",
            reached=worst.steepest <= MOST,
        )


def plain(name: str) -> str:
    """Return a work's name as it stands within a sentence."""
    return name if " " in name else f"`{name}`"


def table_of(works: Iterable[Growth], sizes: Sequence[int]) -> str:
    """Return the works of a kind as a table."""
    head = ["work", *(f"{size:,}" for size in sizes), "time grows as", "memory grows as"]
    rules = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join([cells(head), cells(rules), *(row_of(work, sizes) for work in works)])


def row_of(work: Growth, sizes: Sequence[int]) -> str:
    """Return one line of the table."""
    times = [shown(work, size) if size in work.found else "" for size in sizes]
    memory = work.memory_exponent
    grows = "" if memory is None else f"n^{memory:.2f}"
    return cells([plain(work.name), *times, f"n^{work.exponent:.2f}", grows])


def shown(work: Growth, size: int) -> str:
    """Return seconds and megabytes."""
    seconds, megabytes = work.seconds(size), work.found[size].megabytes
    time = f"{seconds:.2f} s" if seconds >= 1 else f"{1_000 * seconds:.3g} ms"
    return f"{time}, {megabytes:.0f} MB"


if __name__ == "__main__":
    main()
