"""Jobs as they are seen: with how far they have come, and where they stand in the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.backend import Backend
from service.operations.jobs import not_found
from service.records import QUEUED, RUNNING, Job


@dataclass(frozen=True)
class Progress:
    """How many items of a job are done, and of how many, where that is known.

    A job that runs may go on for `remaining_seconds`, if it goes on as it has until now.
    """

    done: int
    total: int | None
    remaining_seconds: float | None = None


@dataclass(frozen=True)
class JobView:
    """A job with what is not in its record: how far it has come, and its place in the queue."""

    job: Job
    progress: Progress | None
    queue_position: int | None


Far = tuple[int, int | None]
"""How many items of a job are done, and of how many, as the storage tells it."""


def poll(backend: Backend, id: str) -> JobView:
    """Return a job with its progress and its place in the queue, asked for in one step."""
    job, done = backend.storage.poll(id)
    if job is None:
        raise not_found(id)
    return seen(job, done, place_of(backend, job))


def view(backend: Backend, job: Job) -> JobView:
    """Return a job with its progress and its place in the queue."""
    return seen(job, backend.storage.progress(job.id), place_of(backend, job))


def place_of(backend: Backend, job: Job) -> int | None:
    """Return how many tickets stand before a job that waits, None where it does not."""
    return backend.queue.position(job) if job.state == QUEUED else None


def views(backend: Backend, listed: Sequence[Job]) -> list[JobView]:
    """Return jobs with their progress and their places in the queue."""
    waiting = any(job.state == QUEUED for job in listed)
    tickets = backend.queue.tickets() if waiting else []
    places = {ticket: at for at, ticket in reversed([*enumerate(tickets)])}
    return [seen(job, backend.storage.progress(job.id), places.get(job.ticket)) for job in listed]


def seen(job: Job, done: Far | None, place: int | None) -> JobView:
    """Return a job as it is seen from a place in the queue."""
    if done is None and job.total is not None:
        done = (0, job.total)
    return JobView(
        job=job,
        progress=None if done is None else Progress(*done, remaining(job, *done)),
        # A ticket that a worker has just taken stands nowhere: nothing is before it.
        queue_position=(place or 0) if job.state == QUEUED else None,
    )


def remaining(job: Job, done: int, total: int | None) -> float | None:
    """Return for how many seconds a job that runs may go on, None where nothing tells."""
    if job.state != RUNNING or job.started_at is None or not done or total is None:
        return None
    elapsed = datetime.now(UTC) - datetime.fromisoformat(job.started_at)
    return round(elapsed.total_seconds() * max(0, total - done) / done, 1)
