"""Turns of learners: asked for, entered when they are taken, completed, and forgotten."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from service.backend import Backend
from service.errors import Conflict, LearnerNotFound, RankingNotFound, SubjectGone
from service.operations import jobs, models, pools, rankings
from service.records import QUEUED, Job, Learner, Turn, active, new_id

KEPT_RANKINGS = 5
"""The rankings of so many last turns are kept: a client may still be reading one, or lease it."""

KEPT_PREDICTIONS = 2
"""What the models of so many last turns say is kept: the next turn is compared with the last."""


def ask(backend: Backend, id: str) -> Job:
    """Ask for the next turn of a learner; return its job.

    Where one waits already that one is returned: it will see all that is stored by now, unless it
    took its turn before its worker died. Of several that ask at once one wins, and its job is
    everybody's.
    """
    while True:
        learner = backend.storage.get(Learner, id)
        if learner is None:
            raise LearnerNotFound(f"There is no learner {id}")
        waiting = pending(backend, learner)
        if waiting is not None and waiting.state == QUEUED:
            return waiting
        job = next_job(learner)
        jobs.admit(backend, job)
        if backend.storage.replace(learner, awaiting(learner, job)):
            jobs.enqueue(backend, job)
            return job
        backend.storage.remove(job)


def next_job(learner: Learner) -> Job:
    """Return the job of a learner's next turn, which nobody knows of yet."""
    return Job(
        id=new_id(),
        task="teach",
        request={"learner": learner.id, "pool": learner.pool, "turn": learner.asked + 1},
        pool=learner.pool,
    )


def awaiting(learner: Learner, job: Job) -> Learner:
    """Return a learner whose next turn a job takes."""
    return replace(learner, job=job.id, asked=job.request["turn"])


def pending(backend: Backend, learner: Learner) -> Job | None:
    """Return the job of a turn that is on its way, None where the last one is in."""
    if learner.job is None or (learner.turn is not None and learner.turn.job == learner.job):
        return None
    job = backend.storage.get(Job, learner.job)
    return None if job is None or job.is_final else job


def not_ready(backend: Backend, learner: Learner) -> Conflict:
    """Return the error for a learner that has not taken a turn yet."""
    job = pending(backend, learner)
    if job is not None:
        return Conflict(
            f"The learner has not taken its first turn yet: wait for /v1/jobs/{job.id}",
            headers={"Retry-After": "1"},
        )
    ended = backend.storage.get(Job, learner.job) if learner.job else None
    said = (ended.error or {}).get("detail", "") if ended is not None else ""
    return Conflict(f"The learner's first turn came to nothing ({said}): teach it to try again")


def enter(backend: Backend, id: str, turn: Turn) -> bool:
    """Make a turn the one that queries are answered from; return False where a later one is.

    Raise SubjectGone where the learner was deleted meanwhile. What only older turns need goes.
    """
    while True:
        learner = backend.storage.get(Learner, id)
        if learner is None:
            raise SubjectGone(f"The learner {id} was deleted while its turn was taken")
        if learner.turn is not None and learner.turn.number >= turn.number:
            return False
        every = (*learner.turns, turn)[-backend.settings.max_turns :]
        old = [replace(each, ranking=None, class_counts=()) for each in every[:-KEPT_RANKINGS]]
        entered = replace(learner, turns=(*old, *every[-KEPT_RANKINGS:]))
        if backend.storage.replace(learner, entered):
            forget_rankings(backend, learner, entered)
            forget_predictions(backend, entered)
            return True


def complete(backend: Backend, id: str, number: int, **found: Any) -> None:
    """Add to a turn what was found out after it was entered, if it is still there."""
    while True:
        learner = backend.storage.get(Learner, id)
        if learner is None:
            return
        turns = tuple(
            replace(each, **found) if each.number == number else each for each in learner.turns
        )
        completed = replace(learner, turns=turns)
        if completed == learner or backend.storage.replace(learner, completed):
            return


def forget_rankings(backend: Backend, before: Learner, after: Learner | None) -> None:
    """Remove the rankings that a learner's turns name no more."""
    kept = {turn.ranking for turn in after.turns} if after else set()
    for turn in before.turns:
        if turn.ranking is not None and turn.ranking not in kept:
            with suppress(RankingNotFound):
                rankings.delete(backend, turn.ranking)


def forget_predictions(backend: Backend, learner: Learner) -> None:
    """Remove what superseded models said of the pool; it can be computed again.

    Two learners may have come to the same model: what a last turn of any stands on is kept, and so
    is what a job is at work with.
    """
    old = learner.turns[-KEPT_RANKINGS:-KEPT_PREDICTIONS]
    superseded = {turn.model for turn in old if turn.model is not None}
    forget_unused(backend, learner.pool, superseded)


def forget_unused(backend: Backend, pool_id: str, superseded: set[str]) -> None:
    """Remove what some models said of a pool, those apart that a learner or a job still needs."""
    pool = pools.find(backend, pool_id)
    if pool is None:
        return
    others = backend.storage.indexed(Learner, f"pool:{pool_id}")
    needed = {turn.model for each in others for turn in each.turns[-KEPT_PREDICTIONS:]}
    for model in superseded - needed:
        if not backend.storage.indexed(Job, active(f"model:{model}")):
            models.forget_predictions(backend, model, pool)
