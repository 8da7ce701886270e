"""Every function's score of every item: one pass over the evidence, then what builds on it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from service.acquisition.evidence import Ragged, Rows
from service.acquisition.registry import AGGREGATION, COMPOSITION
from service.errors import InvalidOutput
from service.functions import Function
from service.ranking import Scores
from workers.evidence import Supply
from workers.watch import Watch, nothing

Report = Callable[[int], None]


@dataclass(frozen=True)
class Evaluation:
    """Where the scores of functions are put: an array of all items each, NaN where there is none.

    What a function tells beside its scores (which item each repeats) stands in `originals`. The
    arrays are files in a directory, or in memory where there is none.
    """

    supply: Supply
    directory: Path | None
    total: int
    scores: dict[str, Scores] = field(default_factory=dict)
    originals: dict[str, Rows] = field(default_factory=dict)

    def array(self, function: Function) -> Scores:
        """Return the scores of a function; if they are new, all are still to be put there."""
        if function.key not in self.scores:
            self.scores[function.key] = self.new_array(function)
        return self.scores[function.key]

    def new_array(self, function: Function) -> Scores:
        """Return a new array of all items for a function's scores."""
        path = self.path(function)
        if path is None:
            return np.empty(self.total)
        made: Scores = np.lib.format.open_memmap(
            path, mode="w+", dtype=np.float64, shape=(self.total,)
        )
        return made

    @contextmanager
    def taking(self, function: Function) -> Iterator[Callable[[Scores], object]]:
        """Give what takes a function's scores, block after block in pool order.

        Written and not mapped, they take no memory, and half the time.
        """
        path = self.path(function)
        if path is None:
            found = [np.empty(0)]
            yield found.append
            self.scores[function.key] = np.concatenate(found)
            return
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f8", "fortran_order": False, "shape": (self.total,)}
            )
            yield lambda scores: file.write(np.ascontiguousarray(scores).data)
        self.scores[function.key] = np.load(path, mmap_mode="r+")

    def path(self, function: Function) -> Path | None:
        """Return the file of a function's scores, where they are in one."""
        return self.directory and self.directory / file_of(function)


def file_of(function: Function) -> str:
    """Return the name of the file of a function's scores."""
    return f"{sha256(function.key.encode()).hexdigest()}.npy"


def evaluate(evaluation: Evaluation, functions: Sequence[Function], report: Report) -> None:
    """Compute the scores of functions, and of all that they build on."""
    wanted = {each.key: each for function in functions for each in function.scored()}
    pointwise = (each for each in wanted.values() if each.entry.pointwise)
    new = [each for each in pointwise if each.key not in evaluation.scores]
    if new:
        evaluate_blocks(evaluation, new, report)
    for function in wanted.values():
        if function.entry.whole or function.entry.kind == COMPOSITION:
            every = np.arange(evaluation.total, dtype=np.int64)
            rows = scored_rows(evaluation, function, every)
            evaluation.array(function)[:] = scores_of(evaluation, function, every, rows)


def evaluate_blocks(evaluation: Evaluation, functions: Sequence[Function], report: Report) -> None:
    """Compute the scores of functions that score each item by itself."""
    supply, pace = evaluation.supply, Watch(nothing)
    with ExitStack() as stack:
        takers = [(each, stack.enter_context(evaluation.taking(each))) for each in functions]
        for done, rows in blocks(evaluation.total, supply.block_rows(functions)):
            for function, take in takers:
                take(scores_of(evaluation, function, rows, supply.known(function, rows)))
            if done == evaluation.total or pace.is_due():
                report(done)
            supply.forget_block()


def blocks(total: int, size: int) -> Iterator[tuple[int, Rows]]:
    """Yield the rows of a pool block by block, and how many are done after each."""
    for start in range(0, total, size):
        stop = min(start + size, total)
        yield stop, np.arange(start, stop, dtype=np.int64)


def scored_rows(evaluation: Evaluation, function: Function, rows: Rows) -> Rows:
    """Return the rows that a function can score as soon as all that it builds on is there."""
    rows = evaluation.supply.known(function, rows)
    for each in function.of:
        rows = rows[~np.isnan(evaluation.array(each)[rows])]
    return rows


def scores_of(evaluation: Evaluation, function: Function, among: Rows, rows: Rows) -> Scores:
    """Return the scores of a run of rows: a function's for some of them, NaN for the others."""
    if len(rows) == len(among):
        return computed(evaluation, function, rows) if len(rows) else np.empty(0)
    found = np.full(len(among), np.nan)
    if len(rows):
        found[rows - among[0]] = computed(evaluation, function, rows)
    return found


def computed(evaluation: Evaluation, function: Function, rows: Rows) -> Scores:
    """Return a function's scores of some rows, checked."""
    evidence = evidence_for(evaluation, function, rows)
    told = function.entry.call(evidence, function.parameters)
    if function.entry.names_originals:
        told, originals = told
        evaluation.originals.setdefault(
            function.key, np.full(evaluation.total, -1, dtype=np.int64)
        )[rows] = originals
    scores = np.asarray(told, dtype=np.float64)
    check(evaluation, function, rows, scores)
    return scores


def evidence_for(evaluation: Evaluation, function: Function, rows: Rows) -> dict[str, Any]:
    """Return all that a function needs of some rows."""
    needs = function.entry.needs
    found: dict[str, Any] = {}
    if function.entry.kind == AGGREGATION:
        objects: Ragged = evaluation.supply.give("objects", function, rows)
        inner = function.of[0]
        found["object_scores"] = inner.entry.score({"probs": objects.values}, **inner.parameters)
        found["object_ends"] = objects.ends
    if "base" in needs:
        found["base"] = base(evaluation, function.of[0], rows)
    if "bases" in needs:
        found["bases"] = np.stack([base(evaluation, each, rows) for each in function.of])
    for need in needs:
        if need not in found:
            found[need] = evaluation.supply.give(need, function, rows)
    return found


def base(evaluation: Evaluation, function: Function, rows: Rows) -> Scores:
    """Return a function's scores of some rows, less the least that there can be."""
    scores = evaluation.array(function)[rows]
    least = function.least(len(evaluation.supply.source.classes))
    if least is None:
        every = evaluation.array(function)
        least = float(np.nanmin(every)) if len(rows) else 0.0
    return np.maximum(scores - least, 0.0)


def check(evaluation: Evaluation, function: Function, rows: Rows, scores: Scores) -> None:
    """Raise InvalidOutput, naming the item, where a score is none."""
    if np.isfinite(scores).all():
        return
    wrong = np.isinf(scores) if function.entry.skips else ~np.isfinite(scores)
    if wrong.any():
        name = evaluation.supply.id_of(int(rows[np.flatnonzero(wrong)[0]]))
        raise InvalidOutput(f"{function.name} gives no finite score for the item {name!r}")
