"""Queries of learners: the next items to label, from the last turn's ranking.

A ranking by scores answers any query. A batch was selected for one number of items, from what was
free then: where that does not answer a query, a scoring job selects another for it.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.acquisition import REGISTRY
from service.acquisition.registry import BATCH
from service.backend import Backend
from service.errors import Fault, InvalidRequest
from service.functions import Function
from service.items import Items
from service.operations import exclusions, jobs, learners, models, pools, rankings, scorings, turns
from service.operations.learner_predictions import deleted, is_kept, likeliest, probabilities
from service.operations.rankings import Query, Reading
from service.operations.scorings import Batch, Scoring
from service.problems import from_problem
from service.records import SUCCEEDED, Job, Learner, Pool, Ranking, Turn, new_id

DAY = 86_400
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1


@dataclass(frozen=True)
class Answer:
    """The items to label next, and what the model says of each now: a class and a probability.

    `guesses` is as long as the reading's items; each is None where there is no model to ask.
    """

    learner: Learner
    turn: Turn
    model: str | None
    reading: Reading
    guesses: tuple[tuple[Any, float] | None, ...]
    updating: bool


def query(backend: Backend, id: str, asked: Query, patience: float) -> Answer | Job:
    """Return the items of a learner's last turn that a query does not leave out.

    Up to `patience` seconds are waited: for a newer turn, where one is on its way, and for a batch
    that must be selected first. Where that takes longer its job is returned.
    """
    deadline = time.monotonic() + patience
    learner = up_to_date(backend, id, deadline)
    turn = learner.turn
    if turn is None or turn.ranking is None:
        raise turns.not_ready(backend, learner)
    pool = pools.get(backend, learner.pool)
    reading = rankings.read(backend, turn.ranking, asked)
    if not suffices(reading, asked.n):
        found = selected(backend, learner, asked, deadline)
        if isinstance(found, Job):
            return found
        reading = found
    return answer_of(backend, pool, learner, turn, reading)


def up_to_date(backend: Backend, id: str, deadline: float) -> Learner:
    """Return a learner once no turn of it is on its way, or as it is when the time is over."""
    learner, pause = learners.get(backend, id), FIRST_PAUSE
    while time.monotonic() < deadline and turns.pending(backend, learner) is not None:
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(2 * pause, LONGEST_PAUSE)
        learner = learners.get(backend, id)
    return learner


def suffices(reading: Reading, n: int) -> bool:
    """Return whether a reading of n items is an answer, or another batch must be selected.

    A batch answers for as many as it was made for, and for fewer where the strategy begins every
    larger selection with the smaller. One that came out short of what it was made for, of which
    nothing has been left out since, is all that there is.
    """
    found = reading.ranking
    if found.form != BATCH or n == 0:
        return True
    made = int((found.batch or {})["n"])
    if len(reading.items) < n:
        return found.ranked < made and reading.eligible == found.ranked
    return n == made or bool(REGISTRY[found.acquisition].prefix_consistent)


def selected(backend: Backend, learner: Learner, asked: Query, deadline: float) -> Reading | Job:
    """Return a reading of a batch selected for a query, or the job that must end before there is.

    A turn that is on its way prepares a batch itself. The job is remembered by what was asked, so
    that the same query sent again finds it and makes no other.
    """
    waiting = turns.pending(backend, learner)
    if waiting is not None:
        return waiting
    key, fresh = key_of(learner, asked), {"job": new_id()}
    stored = backend.storage.remember(key, fresh, DAY) or fresh
    job = backend.storage.get(Job, stored["job"])
    if job is None or not is_good(backend, job, asked):
        job = submit(backend, learner, asked, fresh["job"])
        backend.storage.overwrite(key, fresh, DAY)
    job = jobs.wait(backend, job, max(0.0, deadline - time.monotonic()))
    if job.error is not None:
        raise from_problem(job.error)
    return rankings.read(backend, ranking_of(job), asked) if job.is_final else job


def key_of(learner: Learner, asked: Query) -> str:
    """Return the name of a question to the last turn of a learner."""
    number = learner.turn.number if learner.turn else 0
    return hashlib.sha256(f"query {learner.id} {number} {asked!r}".encode()).hexdigest()


def is_good(backend: Backend, job: Job, asked: Query) -> bool:
    """Return whether a job selects a batch for a query, or has, and nothing of it was labelled or
    excluded since."""
    if not job.is_final:
        return True
    if job.state != SUCCEEDED or backend.storage.get(Ranking, ranking_of(job)) is None:
        return False
    return suffices(rankings.read(backend, ranking_of(job), asked), asked.n)


def ranking_of(job: Job) -> str:
    """Return the ranking that a job with one function has made."""
    found: str = (job.result or {})["rankings"][0]["id"]
    return found


def submit(backend: Backend, learner: Learner, asked: Query, id: str) -> Job:
    """Ask for a batch by the function and the model of a learner's last turn; return the job."""
    turn = learner.turn
    if turn is None or turn.ranking is None:
        raise turns.not_ready(backend, learner)
    if turn.model is not None and models.find(backend, turn.model) is None:
        raise deleted(turn)
    pool = pools.get(backend, learner.pool)
    _, unknown = exclusions.known_rows(backend, pool, asked.exclude)
    known = set(asked.exclude).difference(unknown)
    scoring = Scoring(
        pool=pool.id,
        model=turn.model,
        functions=(Function.from_document(rankings.get(backend, turn.ranking).function),),
        batch=Batch(
            n=asked.n,
            exclude=tuple(each for each in asked.exclude if each in known),
            exclude_sets=asked.exclude_sets,
            include_labelled=asked.include_labelled,
            where=asked.where,
        ),
    )
    try:
        return scorings.submit(backend, scoring, id)
    except InvalidRequest as error:
        faults = [Fault("/n", fault.detail) for fault in error.faults]
        raise InvalidRequest("This batch cannot be selected", faults=faults) from error


def answer_of(
    backend: Backend, pool: Pool, learner: Learner, turn: Turn, reading: Reading
) -> Answer:
    """Return a reading with what the turn's model says of each item, where it is still there."""
    model = models.find(backend, turn.model) if turn.model else None
    guesses: list[tuple[Any, float] | None] = [None] * len(reading.items)
    if model is not None and is_kept(backend, pool, model, turn):
        rows = Items(backend.files, pool).find([row.id for row in reading.items])
        known = np.flatnonzero(rows < turn.items)
        said = likeliest(model, probabilities(backend, pool, model, rows[known]))
        for place, guess in zip(known.tolist(), said, strict=True):
            guesses[place] = guess
    updating = turns.pending(backend, learner) is not None
    known_model = None if model is None else model.id
    return Answer(learner, turn, known_model, reading, tuple(guesses), updating)
