"""A scoring job: predictions once, every function over every block, batches, then the orders."""

import math
import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.acquisition.evidence import Rows
from service.acquisition.registry import BATCH
from service.backend import Backend
from service.errors import RankingNotFound, SubjectGone
from service.files import MANIFEST, ranking_name, write_manifest
from service.functions import Function
from service.operations import jobs, pools, unsettled, usage
from service.operations import rankings as stored_rankings
from service.ranking import Order, Scores, ascending, bitmap_of, descending, row_type
from service.records import Job, Ranking
from workers import piecework
from workers.assignment import (
    Assignment,
    Mask,
    eligible,
    read_assignment,
    subjects,
)
from workers.evaluation import Evaluation, evaluate
from workers.prediction import predict_all, versions_used
from workers.selection import select
from workers.supply import supply_of
from workers.versions import own_versions
from workers.workbench import Workbench

BINS = 20

LARGE = 900
"""Scores beyond 2 to this power are added up as parts of it."""

LEARNT = frozenset({"k_means", "clustering", "unlabelled_probs"})
"""The evidence that scikit-learn makes."""


@dataclass(frozen=True)
class Outcome:
    """What a function made of a pool: the rows it ranks, in order, and the scores.

    The scores of a batch stand in the order of its rows; those of any other function in pool order.
    """

    function: Function
    order: Order
    scores: Scores
    file: Path | None = None
    originals: Rows | None = None

    @property
    def is_batch(self) -> bool:
        """Whether the order is a selection."""
        return self.function.entry.kind == BATCH

    @property
    def ranked_scores(self) -> Scores:
        """The scores of the rows that are ranked."""
        whole = self.is_batch or len(self.order) == len(self.scores)
        return self.scores if whole else self.scores[self.order]


def score(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Compute a ranking for every function that a job asks for; return which."""
    backend = bench.backend
    assignment = read_assignment(backend, job)
    in_pieces = bool(job.pieces)
    work = (
        piecework.finish(bench, assignment)
        if in_pieces
        else predict_all(bench, subjects(assignment))
    )
    rankings = rank(backend, assignment, report=work.predicted == 0 and not in_pieces)
    backend.storage.set_progress(job.id, assignment.steps, assignment.steps)
    return {"rankings": rankings, "items": {**work.document(), "total": assignment.total}}


def rank(backend: Backend, assignment: Assignment, *, report: bool) -> list[dict[str, Any]]:
    """Publish a ranking for every function of an assignment; return the id and function of each.

    What its models say of the pool must be kept already. `report` says whether the pass of the
    scores counts as progress, which predictions may have been before.
    """
    job = assignment.job
    with backend.files.staging(jobs.staging_token(job)) as staged:
        outcomes = compute(backend, assignment, staged, report=report)
        # Published is done: from here on the job is not stopped half-way any more.
        jobs.check(backend, job)
        usage.claim(backend, usage.RANKED_BYTES * assignment.total * len(outcomes))
        ids = [ranking_id(job, number) for number in range(len(outcomes))]
        unsettled.note(backend, *map(ranking_name, ids))
        rankings = [
            publish(backend, assignment, number, outcome, staged / f"ranking_{number}")
            for number, outcome in enumerate(outcomes)
        ]
    if pools.find(backend, assignment.pool.id) is None:
        withdraw(backend, rankings)
        raise SubjectGone(f"The pool {assignment.pool.id} was deleted while it was scored")
    return rankings


def withdraw(backend: Backend, rankings: Sequence[Mapping[str, Any]]) -> None:
    """Remove rankings that were just published, and that nobody is to find."""
    for each in rankings:
        with suppress(RankingNotFound):
            stored_rankings.delete(backend, each["id"])


def compute(
    backend: Backend, assignment: Assignment, staged: Path, *, report: bool
) -> list[Outcome]:
    """Return what every function of a job makes of the pool."""
    job, total, in_all = assignment.job, assignment.total, assignment.steps

    def told(done: int) -> None:
        jobs.advance(backend, job, done if report else total, in_all)

    supply = supply_of(backend, assignment)
    evaluation = Evaluation(supply, staged, total)
    piecework.gather(backend, evaluation, assignment)
    evaluate(evaluation, assignment.functions, told)
    outcomes, batches = [], 0
    batch = assignment.batch
    free = eligible(backend, assignment, batch) if batch else None
    for function in assignment.functions:
        outcomes.append(outcome(assignment, evaluation, function, free))
        supply.forget_block()
        batches += outcomes[-1].is_batch
        jobs.advance(backend, job, total * (1 + batches), in_all)
    return outcomes


def outcome(
    assignment: Assignment, evaluation: Evaluation, function: Function, free: Mask | None
) -> Outcome:
    """Return what one function makes of the pool; a batch is selected from what is free."""
    batch = assignment.batch
    if function.entry.kind == BATCH and batch is not None and free is not None:
        selection = select(evaluation, function, free, batch["n"])
        return Outcome(function, selection.rows, selection.scores)
    scores = evaluation.array(function)
    unknown = np.isnan(scores)
    if unknown.any():
        ranked = np.flatnonzero(~unknown).astype(row_type(len(scores)))
        order = ranked[descending(scores[ranked])]
    else:
        order = descending(scores)
    originals = evaluation.originals.get(function.key)
    return Outcome(function, order, scores, evaluation.path(function), originals)


def ranking_id(job: Job, number: int) -> str:
    """Return the id of a ranking that a job makes.

    The same job makes the same id again, so a second attempt leaves no second ranking. A turn's
    attempts differ, as there may be more labels by then: each makes an id of its own, because
    whoever has read a ranking knows it by its id for good.
    """
    again = f".{job.attempts}" if job.task == "teach" else ""
    return uuid.uuid5(uuid.UUID(job.id), f"{number}{again}").hex


def publish(
    backend: Backend, assignment: Assignment, number: int, outcome: Outcome, staged: Path
) -> dict[str, Any]:
    """Publish a ranking, and remember it; return its id and function."""
    staged.mkdir(mode=0o700)
    write(outcome, staged, assignment.total)
    id = ranking_id(assignment.job, number)
    ranking = ranking_of(backend, assignment, id, outcome)
    write_manifest(staged / MANIFEST, ranking.kind, ranking.document())
    backend.files.publish(staged, ranking_name(id))
    backend.storage.add(ranking)
    return {"id": id, "acquisition": outcome.function.name}


def write(outcome: Outcome, staged: Path, total: int) -> None:
    """Write the scores and orders of a ranking, and which rows are in none."""
    arrays: dict[str, Any] = {
        "order": outcome.order,
        "order_ascending": outcome.order[::-1]
        if outcome.is_batch
        else ascending(outcome.scores, outcome.order),
    }
    if outcome.file is None:
        arrays["scores"] = outcome.scores
    else:
        os.link(outcome.file, staged / "scores.npy")
    if len(outcome.order) < total:
        arrays["unranked"] = ~bitmap_of(outcome.order.astype(np.int64), total)
    if outcome.originals is not None:
        arrays["originals"] = outcome.originals
    for name, array in arrays.items():
        np.save(staged / f"{name}.npy", array, allow_pickle=False)


def ranking_of(backend: Backend, assignment: Assignment, id: str, outcome: Outcome) -> Ranking:
    """Return the record of a ranking."""
    entry, job = outcome.function.entry, assignment.job
    return Ranking(
        id=id,
        job=job.id,
        pool=assignment.pool.id,
        parts=tuple(part.id for part in assignment.parts),
        total=assignment.total,
        ranked=len(outcome.order),
        form=entry.kind,
        purpose=entry.purpose,
        function=outcome.function.document(),
        source=assignment.source,
        batch=assignment.batch if outcome.is_batch else None,
        raw_name=entry.raw_name,
        raw_direction=entry.raw_direction,
        summary=summary_of(outcome.ranked_scores),
        versions=versions(backend, assignment, outcome.function),
        submitted_at=job.created_at,
        started_at=job.started_at or job.created_at,
    )


def summary_of(scores: Scores) -> dict[str, Any]:
    """Return the extremes, the mean and the histogram of scores."""
    if len(scores) == 0:
        return {"minimum": None, "maximum": None, "mean": None, "histogram": None}
    low, high = float(scores.min()), float(scores.max())
    # Halved often enough, neither the sum of the scores nor the span between them is infinite.
    scale = 2.0 ** max(0, math.frexp(max(abs(low), abs(high)))[1] - LARGE)
    span = (low / scale, high / scale)
    room = BINS**2 * float(np.spacing(max(abs(span[0]), abs(span[1]))))
    if span[1] - span[0] <= room:  # scores so close leave no room for bins between them
        span = (span[0] - max(0.5, room), span[1] + max(0.5, room))
    scaled = scores if scale == 1 else scores / scale
    counts, edges = np.histogram(scaled, bins=BINS, range=span)
    return {
        "minimum": low,
        "maximum": high,
        "mean": float(scaled.mean()) * scale,
        "histogram": {"counts": counts.tolist(), "edges": (edges * scale).tolist()},
    }


def versions(backend: Backend, assignment: Assignment, function: Function) -> dict[str, str]:
    """Return the versions of what computed a ranking."""
    needs = {need for each in function.walk() for need in each.entry.needs}
    own = own_versions(learning=not needs.isdisjoint(LEARNT))
    if not any(each.entry.needs_predictions for each in function.walk()):
        return own
    return {**own, **versions_used(backend.files, subjects(assignment))}
