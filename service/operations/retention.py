"""Retention: what is old enough by the settings is forgotten."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from service.backend import Backend
from service.errors import RankingNotFound
from service.operations import rankings
from service.records import Job, Learner, Ranking, Record, written

R = TypeVar("R", bound=Record)

AT_ONCE = 1_000


def forget_old(backend: Backend) -> None:
    """Forget the jobs and rankings of a workspace that the settings keep no longer."""
    settings = backend.settings
    if settings.job_retention_days:
        forget_jobs(backend, days_ago(settings.job_retention_days))
    if settings.ranking_retention_days:
        forget_rankings(backend, days_ago(settings.ranking_retention_days))


def days_ago(days: int) -> str:
    """Return the moment so many days ago, as records write it."""
    return written(datetime.now(UTC) - timedelta(days=days))


def forget_jobs(backend: Backend, before: str) -> None:
    """Forget the jobs that ended before a moment; what they made stays."""
    for job in made_before(backend, Job, before):
        if job.is_final and (job.finished_at or job.created_at) < before:
            backend.storage.remove(job)
            backend.storage.forget_progress(job.id)


def forget_rankings(backend: Backend, before: str) -> None:
    """Delete the rankings made before a moment, those apart that learners answer from."""
    needed = {
        turn.ranking
        for learner in every(lambda after: backend.storage.page(Learner, after, AT_ONCE))
        for turn in learner.turns
    }
    for ranking in made_before(backend, Ranking, before):
        if ranking.id not in needed:
            with suppress(RankingNotFound):  # it was deleted meanwhile
                rankings.delete(backend, ranking.id)


def made_before(backend: Backend, kind: type[R], moment: str) -> Iterator[R]:
    """Yield the records of a kind made before a moment, the newest first."""
    return every(lambda after: backend.storage.page(kind, after or moment, AT_ONCE))


def every(page: Callable[[str | None], tuple[list[R], str | None]]) -> Iterator[R]:
    """Yield the records of all pages."""
    after = None
    while True:
        found, after = page(after)
        yield from found
        if after is None:
            return
