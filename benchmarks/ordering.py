"""Ordering: ten million scores, once, in the worker.

Both orders that a ranking keeps are made of scores that a worker has just written: the descending
one, equal scores in pool order, and from it the ascending one. Beside them stands numpy's stable
sort of the same scores by itself. The scores are entropies of random probabilities, of which few
are equal; margins of float32 probabilities, of which many are; and the shares of ten votes, of
which nearly all are. Times are the processor's, of one thread. The orders are compared with
numpy's. Reading a ranking sorts nothing: it walks the stored order (see the readings).
"""

import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np

from benchmarks.processes import processor_time_of
from benchmarks.report import REPEATS, Row, is_quick, table
from service.acquisition import REGISTRY
from service.ranking import Scores, ascending, descending

ITEMS, QUICK_ITEMS, CLASSES = 10_000_000, 50_000, 10
BLOCK = 100_000
REACH = 2.0


def main() -> None:
    """Measure, and print the table."""
    quick = is_quick(__doc__)
    items = QUICK_ITEMS if quick else ITEMS
    with tempfile.TemporaryDirectory(prefix="shortlist-ordering-") as directory:
        path = Path(directory) / "scores.npy"
        rows = []
        for name, make in MAKERS.items():
            np.save(path, make(items))
            row = measured(name, np.load(path, mmap_mode="r"))
            rows.append(row if not quick else Row(row.work, row.reach, row.measured, row.beside))
    print(table(rows))


def measured(name: str, scores: Scores) -> Row:
    """Return what ordering some scores takes; raise where it is done wrongly."""
    order = descending(scores)
    if not np.array_equal(order, np.argsort(-scores, kind="stable")):
        raise RuntimeError(f"the {name} are ordered wrongly")
    down = median(lambda: descending(scores))
    up = median(lambda: ascending(scores, order))
    peer = median(lambda: np.argsort(-scores, kind="stable"))
    return Row(
        f"ordering {len(scores):,} scores, stable: {name}",
        f"≤ {REACH:g} s",
        f"{down + up:.2f} s (descending {down:.2f}, ascending {up:.2f})",
        f"numpy's stable sort, descending alone: {peer:.2f} s",
        down + up <= REACH,
    )


def median(work: Callable[[], object]) -> float:
    """Return the median of the processor seconds that some work takes."""
    return statistics.median(processor_time_of(work) for _ in range(REPEATS))


def drawn(items: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return random probabilities, float32 (items, classes)."""
    generator = np.random.default_rng(0)
    probs = generator.random((items, CLASSES), dtype=np.float32)
    probs /= probs.sum(axis=1, keepdims=True)
    return probs


def scored(name: str, items: int) -> Scores:
    """Return a function's scores of random probabilities."""
    probs, entry = drawn(items), REGISTRY[name]
    blocks = range(0, items, BLOCK)
    return np.concatenate(
        [entry.score({"probs": probs[at : at + BLOCK].astype(np.float64)}) for at in blocks]
    )


def votes(items: int) -> Scores:
    """Return the shares of ten votes."""
    return np.random.default_rng(0).integers(0, CLASSES, items) / CLASSES


MAKERS = {
    "entropies": lambda items: scored("entropy", items),
    "margins of float32": lambda items: scored("margin", items),
    "shares of ten votes": votes,
}

if __name__ == "__main__":
    main()
