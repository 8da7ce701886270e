"""A turn of a learner: fit on the labels, predict, rank, and say how it went.

As soon as there is a ranking the turn is entered, and queries are answered from it; what the
history tells of it is found out afterwards, in the same job.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from service import ranking
from service.acquisition.registry import BATCH
from service.backend import Backend
from service.errors import (
    ComputeFailed,
    FitFailed,
    OutOfMemory,
    SubjectGone,
    TooFewLabels,
    UnusableLabels,
)
from service.estimators import Recipe
from service.files import predictions_name, ranking_name
from service.functions import Function
from service.operations import jobs, learners, models, pools, turns
from service.operations.pairing import faults_of
from service.operations.scorings import Batch
from service.records import LABELLED, Job, Learner, Model, Pool, Ranking, Turn
from workers import appraisal
from workers.appraisal import Opinion, Score
from workers.assignment import Assignment, there
from workers.compute import open_compute
from workers.fitting import Task
from workers.memory import limited_memory
from workers.prediction import MEMBERS, OWN, Subject, predict
from workers.scoring import rank, ranking_id, withdraw
from workers.sources import stack
from workers.training import Lesson, lesson_of, model_of
from workers.workbench import Workbench

FEWEST_CLASSES = 2
COUNTED_CLASSES = 100
"""The classes whose labels a turn counts one by one, the most frequent ones."""


@dataclass(frozen=True)
class Attempt:
    """An attempt at a turn: the learner, its pool as it is now, and what may be fitted on."""

    bench: Workbench
    job: Job
    learner: Learner
    pool: Pool
    lesson: Lesson | None

    @property
    def backend(self) -> Backend:
        """The parts of the service that outlive the job."""
        return self.bench.backend

    @property
    def number(self) -> int:
        """The number of the turn."""
        return int(self.job.request["turn"])

    @property
    def recipe(self) -> Recipe:
        """What is fitted."""
        return Recipe.from_document(self.learner.recipe)

    @cached_property
    def function(self) -> Function:
        """What ranks: the learner's function, or its cold start where nothing can be fitted."""
        cold = self.lesson is None
        return Function.from_document(self.learner.cold_start if cold else self.learner.function)

    def tick(self) -> None:
        """See whether the job shall go on."""
        jobs.check(self.backend, self.job)


def teach(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Take a learner's next turn; return its model and its ranking."""
    backend, request = bench.backend, job.request
    learner = there(learners.find(backend, request["learner"]), f"learner {request['learner']}")
    if learner.turn is not None and learner.turn.number >= request["turn"]:
        return taken_before(learner, job)
    pool = there(pools.find(backend, request["pool"]), f"pool {request['pool']}")
    forget_earlier_attempts(backend, job)
    job = as_training(job, learner, pool)
    attempt = Attempt(bench, job, learner, pool, lesson_for(backend, job, pool))
    model = None if attempt.lesson is None else fitted(attempt, attempt.lesson)
    assignment = assignment_of(attempt, model)
    published = rank(backend, assignment, report=model is None)
    turn = turn_of(attempt, model, published[0]["id"])
    try:
        entered = turns.enter(backend, learner.id, turn)
    except SubjectGone:
        take_back(attempt, model, published)
        raise
    if not entered:
        take_back(attempt, model, published)
        return result_of(learner, turn, superseded=True)
    if model is not None and attempt.lesson is not None:
        appraise(attempt, attempt.lesson, model)
    backend.storage.set_progress(job.id, assignment.steps, assignment.steps)
    return result_of(learner, turn)


def take_back(
    attempt: Attempt, model: Model | None, published: Sequence[Mapping[str, Any]]
) -> None:
    """Remove the ranking of a turn that is not in force, and what its model said of the pool."""
    withdraw(attempt.backend, published)
    if model is not None:
        models.forget_predictions(attempt.backend, model.id, attempt.pool)


def taken_before(learner: Learner, job: Job) -> dict[str, Any]:
    """Return the result of a job whose turn an earlier attempt has taken, or a later turn made
    needless."""
    for turn in learner.turns:
        if turn.job == job.id:
            return result_of(learner, turn)
    return {"learner": learner.id, "turn": job.request["turn"], "superseded": True}


def result_of(learner: Learner, turn: Turn, *, superseded: bool = False) -> dict[str, Any]:
    """Return what a turn has made; a superseded one has no ranking, because a later turn has."""
    return {
        "learner": learner.id,
        "turn": turn.number,
        "labels": turn.labels,
        "model": turn.model,
        "ranking": None if superseded else turn.ranking,
        "superseded": superseded,
    }


def forget_earlier_attempts(backend: Backend, job: Job) -> None:
    """Remove the rankings of attempts that died: there may be more labels and items by now."""
    for attempt in range(1, job.attempts):
        id = ranking_id(replace(job, attempts=attempt), 0)
        left = backend.storage.get(Ranking, id)
        if left is not None:
            backend.storage.remove(left)
        backend.files.remove(ranking_name(id))


def as_training(job: Job, learner: Learner, pool: Pool) -> Job:
    """Return a turn's job with what a training's says: the whole pool as it is now, no folds."""
    asked = {
        "parts": [part.id for part in pool.parts],
        "seed": learner.seed,
        "folds": 0,
        "name": f"{learner.name or learner.id}, turn {job.request['turn']}",
    }
    return replace(job, request={**job.request, **asked})


def lesson_for(backend: Backend, job: Job, pool: Pool) -> Lesson | None:
    """Return what there is to fit on, None with labels of fewer than two classes."""
    if backend.labels.classes(pool.id, FEWEST_CLASSES).distinct < FEWEST_CLASSES:
        return None
    return lesson_of(backend, job, pool)


def fitted(attempt: Attempt, lesson: Lesson) -> Model:
    """Return the model that the learner's recipe makes of the labels, with what it says of all
    items kept."""
    job = attempt.job
    model, _ = model_of(attempt.bench, job, attempt.recipe, lesson)
    jobs.work_with(attempt.backend, job, model.id)
    refuse(attempt, model)
    kinds = OWN
    if assignment_of(attempt, model).asks_members:
        kinds = OWN | {MEMBERS}
    predict(attempt.bench, Subject(job, attempt.pool, attempt.pool.parts, model, kinds))
    return model


def refuse(attempt: Attempt, model: Model) -> None:
    """Raise UnusableLabels where the learner's function cannot be asked of what was fitted now."""
    function, batch = attempt.function, attempt.learner.batch
    question = learners.question_of(attempt.pool, (model,), function, batch)
    for fault in faults_of(attempt.backend, question):
        raise UnusableLabels(f"{function.name} cannot be asked of what was fitted: {fault.detail}")


def assignment_of(attempt: Attempt, model: Model | None) -> Assignment:
    """Return what a turn scores: the whole pool, by the function of the turn."""
    learner, function = attempt.learner, attempt.function
    is_batch = function.entry.kind == BATCH
    assignment = Assignment(
        job=attempt.job,
        pool=attempt.pool,
        parts=attempt.pool.parts,
        models=() if model is None else (model,),
        predictions=None,
        annotations=None,
        functions=(function,),
        batch=Batch(n=learner.batch).document() if is_batch else None,
    )
    return replace(assignment, job=replace(attempt.job, total=assignment.steps))


def turn_of(attempt: Attempt, model: Model | None, ranked: str) -> Turn:
    """Return the record of a turn, without what is found out after it was entered."""
    counts = class_counts(attempt)
    return Turn(
        number=attempt.number,
        job=attempt.job.id,
        items=attempt.pool.total,
        labels=sum(count for _, count in counts),
        classes=len(counts),
        class_counts=tuple(counts[:COUNTED_CLASSES]),
        ranking=ranked,
        model=None if model is None else model.id,
    )


def class_counts(attempt: Attempt) -> list[tuple[Any, int]]:
    """Return how many labels there are of each class, the most frequent first."""
    if attempt.lesson is None:
        found = attempt.backend.labels.classes(attempt.pool.id, FEWEST_CLASSES)
        return [(json.loads(text), count) for text, count in found.counts]
    names, counts = np.unique(attempt.lesson.targets, return_counts=True)
    listed = zip(names.tolist(), counts.tolist(), strict=True)
    return sorted(listed, key=lambda each: -each[1])


def appraise(attempt: Attempt, lesson: Lesson, model: Model) -> None:
    """Find out how a turn went, and complete it: one thing after another, what is quick first."""
    backend, learner, number = attempt.backend, attempt.learner, attempt.number
    before = opinion_before(attempt)
    now = opinion_of(attempt.backend, attempt.pool, model, attempt.pool.total)
    if now.total < attempt.pool.total:
        raise SubjectGone(f"The model {model.id}, or what it said, was deleted")
    stored = backend.storage.bits(attempt.pool.id, LABELLED)
    labelled = ranking.rows_of(ranking.fitted(stored, attempt.pool.total))
    doubts = appraisal.uncertainty(now, labelled, attempt.tick)
    agreed = None if before is None else appraisal.agreement(now, before, attempt.tick)
    mean, greatest = doubts or (None, None)
    turns.complete(
        backend,
        learner.id,
        number,
        mean_uncertainty=mean,
        max_uncertainty=greatest,
        agreement=agreed,
    )
    score = score_of(attempt, lesson)
    if score is not None:
        turns.complete(backend, learner.id, number, score=score.mean, score_error=score.error)


def score_of(attempt: Attempt, lesson: Lesson) -> Score | None:
    """Return the cross-validated score of a turn, None where it cannot be had.

    The turn is in force by then: labels too few for folds, folds that take more memory than the fit
    itself did, or a cluster that went away make the history poorer and no turn fail.
    """
    learner = attempt.learner
    task = Task(attempt.recipe, lesson.vectors, lesson.targets, learner.seed)
    with (
        suppress(ComputeFailed, FitFailed, TooFewLabels, OutOfMemory),
        attempt.backend.files.staging(jobs.staging_token(attempt.job)) as folder,
        open_compute(attempt.backend.settings, folder, attempt.tick) as compute,
        limited_memory(attempt.backend.settings.sandbox_memory),
    ):
        return appraisal.score(task, learner.folds, compute, attempt.tick)
    return None


def opinion_before(attempt: Attempt) -> Opinion | None:
    """Return what the model of the turn before says, None where there is none, or it is gone."""
    learner = learners.find(attempt.backend, attempt.learner.id)
    earlier = [turn for turn in (learner.turns if learner else ()) if turn.number < attempt.number]
    if not earlier or earlier[-1].model is None:
        return None
    model = models.find(attempt.backend, earlier[-1].model)
    if model is None:
        return None
    return opinion_of(attempt.backend, attempt.pool, model, earlier[-1].items)


def opinion_of(backend: Backend, pool: Pool, model: Model, total: int) -> Opinion:
    """Return what a model says of the first items of a pool, as far as that is kept."""
    parts, rows = [], 0
    for part in pool.parts:
        if rows >= total or not backend.files.exists(predictions_name(model.id, part.id)):
            break
        parts.append(part)
        rows += part.rows
    return Opinion(stack(backend.files, model, parts, "probs"), model.classes, rows)
