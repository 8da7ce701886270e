"""Batches: an ordered selection from the eligible items, by a strategy."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from service.acquisition.evidence import Picks, Rows
from service.errors import InvalidOutput
from service.functions import Function
from service.ranking import Scores, descending
from workers.assignment import Mask
from workers.clustering import k_means
from workers.evaluation import Evaluation, base


@dataclass(frozen=True)
class Selection:
    """Rows of the pool in the order in which they were picked, and the score of each step."""

    rows: Rows
    scores: Scores


def select(evaluation: Evaluation, function: Function, eligible: Mask, n: int) -> Selection:
    """Return what a strategy picks from the eligible items."""
    rows = candidates(evaluation, function, eligible)
    if not len(rows) or n == 0:
        return Selection(rows[:0], np.empty(0))
    supply = evaluation.supply
    evidence: dict[str, Any] = {"n": min(n, len(rows)), "k_means": k_means}
    for need in function.entry.needs:
        if need == "base":
            evidence[need] = base(evaluation, function.of[0], rows)
        elif need not in ("n", "k_means", "generator"):
            evidence[need] = supply.give(need, function, rows)
    picks = function.entry.pick(evidence, **function.parameters)
    check(function, picks, len(rows))
    return Selection(rows[picks.rows], picks.scores)


def candidates(evaluation: Evaluation, function: Function, eligible: Mask) -> Rows:
    """Return the rows among which a strategy chooses, ascending."""
    rows = evaluation.supply.known(function, np.flatnonzero(eligible).astype(np.int64))
    for each in function.of:
        rows = rows[~np.isnan(evaluation.array(each)[rows])]
    if function.candidates is None or function.candidates >= len(rows):
        return rows
    best = descending(evaluation.array(function.of[0])[rows])[: function.candidates]
    return np.sort(rows[best])


def check(function: Function, picks: Picks, candidates: int) -> None:
    """Raise InvalidOutput where a strategy picks what is no candidate, or one twice."""
    rows, scores = picks.rows, picks.scores
    sound = (
        len(rows) == len(scores)
        and len(np.unique(rows)) == len(rows)
        and bool(((rows >= 0) & (rows < candidates)).all())
        and bool(np.isfinite(scores).all())
    )
    if not sound:
        raise InvalidOutput(f"{function.name} made no usable selection of these items")
