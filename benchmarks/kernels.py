"""Kernels: the scores of ready probabilities.

10,000,000 x 10 float32 probabilities stand in a file, as an upload leaves them. Measured is what a
worker does with them (`workers.evaluation.evaluate`): from the first block that it maps to the last
score in the file that the ranking is made of, the check that every score is finite included, in a
process forked for each function, with one thread. Times are the processor's, so that other work on
the machine disturbs them little. The floor is one pass over the same bytes, mapped anew, as 64-bit
integers of which the greatest is taken; it is read before each repeat. Memory is the peak of the
process above what it had before it mapped anything, so what it maps counts too. Scores are float64,
and equal to the last bit to those of the plain formula in float64.

The peer is scikit-activeml, where it is installed, with the same array in memory. What its users
call for the utilities of a pool is `UncertaintySampling.query(..., return_utilities=True)`: asked
of a classifier that hands out the ready array, with a pool of one feature in which nothing is
labelled. That also checks its input, and picks one item. Its formula alone, `uncertainty_scores`,
stands beside it; that is less than what is measured of ours, for it writes nothing and checks no
score. Both compute in float32.
"""

import os
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np

from benchmarks import peers, processes
from benchmarks.growth_measurement import in_a_fork
from benchmarks.processes import processor_time_of
from benchmarks.report import REPEATS, Row, is_quick, table
from service.acquisition import REGISTRY
from service.files import Files, given_name
from service.functions import Function
from service.given import PredictionFiles
from service.records import Predictions
from workers.evaluation import Evaluation, evaluate
from workers.evidence import Supply
from workers.labels import Labels
from workers.population import HeldPopulation
from workers.sources import Upload

ITEMS, QUICK_ITEMS, CLASSES = 10_000_000, 50_000, 10
BLOCK = 100_000
TIMES, MEMORY, SLOWER = 10, 64, 20
MEBIBYTE = 2**20
PEERS = {
    "entropy": "entropy",
    "margin": "margin_sampling",
    "least_confidence": "least_confident",
}


@dataclass(frozen=True)
class Pool:
    """So many predictions in a directory."""

    directory: Path
    items: int

    @property
    def predictions(self) -> PredictionFiles:
        """Return them as the service has them."""
        record = Predictions(
            id="ready", job="kernels", pool="pool", form="probs", parts=("part",),
            total=self.items, items=self.items, whole=True, classes=tuple(range(CLASSES)),
            members=None, dtype="float32", empty=0, bytes=1, sha256="0",
        )  # fmt: skip
        return PredictionFiles(Files(self.directory), record)

    @property
    def path(self) -> Path:
        """Return the file of the probabilities."""
        return self.directory / given_name("pool", "ready") / "probs.npy"

    def write(self) -> None:
        """Write the probabilities."""
        self.path.parent.mkdir(parents=True)
        generator = np.random.default_rng(0)
        array = np.lib.format.open_memmap(
            self.path, mode="w+", dtype=np.float32, shape=(self.items, CLASSES)
        )
        for start in range(0, self.items, BLOCK):
            some = generator.random((min(BLOCK, self.items - start), CLASSES), dtype=np.float32)
            array[start : start + BLOCK] = some / some.sum(axis=1, keepdims=True)
        array.flush()


@dataclass(frozen=True)
class Measured:
    """Median seconds of the scores and of the floor, and megabytes above what was held before."""

    seconds: float
    floor: float
    megabytes: float


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    repeats = 1 if quick else REPEATS
    with tempfile.TemporaryDirectory(prefix="shortlist-kernels-") as directory:
        pool = Pool(Path(directory), QUICK_ITEMS if quick else ITEMS)
        pool.write()
        lines = []
        for names in (*([name] for name in PEERS), list(PEERS)):
            found = in_a_fork(measured, pool, names, repeats)
            lines.append(line(pool, names, found, promised=not quick and len(names) == 1))
            if len(names) == 1:
                peer = in_a_fork(peer_of, pool, PEERS[names[0]], repeats)
                lines.extend(peer_lines(names[0], found, peer, promised=not quick))
    print(table(lines))


def line(pool: Pool, names: Sequence[str], found: Measured, *, promised: bool) -> Row:
    """Return what was measured of some functions."""
    times = found.seconds / found.floor
    reached = times <= TIMES and found.megabytes <= MEMORY
    return Row(
        f"{', '.join(names)} over {pool.items:,} x {CLASSES} float32",
        f"≤ {TIMES} × the floor, ≤ {MEMORY} MB" if promised else "",
        f"{found.seconds * 1000:.0f} ms, {times:.1f} ×, {found.megabytes:.0f} MB",
        f"bytes read once {found.floor * 1000:.0f} ms",
        reached if promised else None,
    )


def peer_lines(
    name: str, found: Measured, peer: peers.Peer | None, *, promised: bool
) -> Iterator[Row]:
    """Yield how the peer compares: as its users ask it, and its formula alone."""
    if peer is None:
        yield Row(f"{name}, the peer", f"≥ {SLOWER} ×", "", "scikit-activeml is not installed")
        return
    yield Row(
        f"{name}, the peer's query",
        f"≥ {SLOWER} × slower",
        f"{peer.query / found.seconds:.1f} ×",
        f"scikit-activeml's query {peer.query * 1000:.0f} ms",
        peer.query >= SLOWER * found.seconds if promised else None,
    )
    yield Row(
        f"{name}, the peer's formula alone",
        "",
        f"{peer.formula / found.seconds:.1f} ×",
        f"its uncertainty_scores {peer.formula * 1000:.0f} ms",
    )


def measured(pool: Pool, names: Sequence[str], repeats: int) -> Measured:
    """Return what the scores of some functions take, and the floor."""
    functions = [Function(name, defaults(name)) for name in names]
    scored(pool, functions)
    seconds, floors = [], []
    before, pid = processes.resident(os.getpid()), os.getpid()
    processes.forget_high_water(pid)
    scored(pool, functions)
    peak = processes.high_water(pid) - before
    for _ in range(repeats):
        floors.append(processor_time_of(lambda: read(pool)))
        seconds.append(scored(pool, functions))
    return Measured(statistics.median(seconds), statistics.median(floors), peak / MEBIBYTE)


def defaults(name: str) -> dict[str, Any]:
    """Return the parameters of a function as they are by default."""
    return {parameter.name: parameter.default for parameter in REGISTRY[name].parameters}


def read(pool: Pool) -> object:
    """Read the bytes once."""
    array = np.load(pool.path, mmap_mode="r")
    return array.reshape(-1).view(np.uint64).max()


def scored(pool: Pool, functions: Sequence[Function]) -> float:
    """Return the seconds that it takes until all scores are in files, which are removed."""
    with tempfile.TemporaryDirectory(dir=pool.directory) as directory:
        supply = Supply(NOBODY, Upload(pool.predictions), no_labels, tick=lambda: None)
        evaluation = Evaluation(supply, Path(directory), pool.items)
        return processor_time_of(lambda: evaluate(evaluation, functions, lambda _: None))


def no_labels() -> Labels:
    """Raise: none of these functions needs any."""
    raise LookupError("there are no labels")


def peer_of(pool: Pool, method: str, repeats: int) -> peers.Peer | None:
    """Return what the peer takes with the same probabilities."""
    return peers.peer(np.load(pool.path), method, repeats)


NOBODY = HeldPopulation((), np.empty((0, 1)), {})

if __name__ == "__main__":
    main()
