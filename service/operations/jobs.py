"""The life of a job: queued, claimed, held while it runs, and ended once."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from service.backend import Backend
from service.errors import Cancelled, Conflict, JobNotFound, ServiceError, TooBusy, WorkerLost
from service.files import upload_name, work_name
from service.operations import usage
from service.records import (
    ACTIVE,
    CANCELLED,
    CANCELLING,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    new_id,
    now,
)

WHEN_FULL = {"Retry-After": "30"}

ATTEMPTS = 2
"""How often a job is begun: once more after its worker died."""

HEARTBEATS = 4
"""How many signs of life a worker may miss before its job is taken from it."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.003, 0.1
"""Seconds between two looks at a job that is waited for."""

LATE = 1 / 16
"""By which part of the time that it took a job's end may be seen too late."""

Edit = Callable[[Job], Job | None]


def submit(backend: Backend, job: Job) -> Job:
    """Remember a new job and put it in the queue; return it, or who has its id."""
    if not admit(backend, job):
        return get(backend, job.id)
    enqueue(backend, job)
    return job


def admit(backend: Backend, job: Job) -> bool:
    """Remember a new job, which is still to be put in the queue; raise TooBusy where it is full.
    Return False where its id is taken.

    Raise TooLarge where there is no room for what it will leave.
    One that is never put there, because its process died, is put there by the sweep.
    """
    limits = backend.settings
    if len(backend.queue) >= limits.max_queued_jobs:
        raise TooBusy(
            f"{limits.max_queued_jobs} jobs wait already (max_queued_jobs); try again later",
            headers=WHEN_FULL,
        )
    if backend.storage.count(Job, ACTIVE) >= limits.max_workspace_jobs:
        raise TooBusy(
            f"{limits.max_workspace_jobs} jobs of this workspace wait or run already"
            " (max_workspace_jobs): try again when some have ended, or cancel some",
            headers=WHEN_FULL,
        )
    usage.room(backend, usage.left_by(job))
    return backend.storage.add(job)


def enqueue(backend: Backend, job: Job) -> None:
    """Put a job that is remembered in the queue."""
    backend.queue.put(job, timeout(backend, job))


def timeout(backend: Backend, job: Job) -> int:
    """Return for how many seconds a job may run."""
    settings = backend.settings
    return settings.simulation_timeout if job.task == "simulate" else settings.job_timeout


def get(backend: Backend, id: str) -> Job:
    """Return a job."""
    job = backend.storage.get(Job, id)
    if job is None:
        raise not_found(id)
    return job


def not_found(id: str) -> JobNotFound:
    """Return the error for an id that no job has."""
    return JobNotFound(f"There is no job {id}")


def page(
    backend: Backend, after: str | None, limit: int, pool: str | None
) -> tuple[list[Job], str | None]:
    """Return jobs, all or a pool's, the newest first, and where to go on."""
    return backend.storage.page(Job, after, limit, f"pool:{pool}" if pool else None)


def change(backend: Backend, id: str, edit: Edit) -> tuple[Job, bool]:
    """Replace a job by what `edit` makes of it, however often it changes meanwhile.

    Return the job as it then is, and whether it was changed here (`edit` may decline with None).
    """
    while True:
        job = get(backend, id)
        edited = edit(job)
        if edited is None:
            return job, False
        if backend.storage.replace(job, edited):
            return edited, True


def claim(backend: Backend, id: str, ticket: str) -> Job | None:
    """Take a queued job to run it; None where its ticket is no longer good.

    Of a job in pieces whoever comes first takes it, and whoever comes later joins in.
    """
    holder = new_id()

    def edit(job: Job) -> Job | None:
        if job.state != QUEUED or job.ticket != ticket:
            return None
        attempts = job.attempts + 1
        return replace(job, state=RUNNING, attempts=attempts, started_at=now(), holder=holder)

    if backend.storage.get(Job, id) is None:
        return None
    hold(backend, ticket)
    job, claimed = change(backend, id, edit)
    joins = job.pieces and job.ticket == ticket
    if joins and job.state == CANCELLING:
        fail(backend, job, Cancelled("The job was cancelled"))
    return job if claimed or (joins and job.state == RUNNING) else None


def hold(backend: Backend, ticket: str) -> None:
    """Say that the worker that has a ticket is alive."""
    backend.storage.hold(ticket, HEARTBEATS * backend.settings.heartbeat)


def advance(backend: Backend, job: Job, done: int, total: int | None) -> None:
    """Remember how far a running job has come; raise Cancelled where it shall stop."""
    backend.storage.set_progress(job.id, done, total)
    check(backend, job)


def work_with(backend: Backend, job: Job, model: str) -> None:
    """Remember which model a running job works with, so that it ends where the model is deleted,
    and what the model says is kept as long as it runs."""
    change(backend, job.id, lambda current: replace(current, model=model))
    check(backend, job)


def check(backend: Backend, job: Job) -> None:
    """Raise Cancelled where a running job shall stop, or where another attempt has replaced it."""
    current = get(backend, job.id)
    if current.state != RUNNING or current.attempts != job.attempts:
        raise Cancelled("The job was cancelled")


def succeed(backend: Backend, job: Job, result: Mapping[str, Any]) -> None:
    """End a job with its result, unless another attempt has taken its place."""
    end(backend, job, lambda held: replace(held, state=SUCCEEDED, result=result))


def fail(backend: Backend, job: Job, error: ServiceError) -> None:
    """End a job with what went wrong; one that was to be cancelled ends as cancelled."""

    def finish(held: Job) -> Job:
        stopped = isinstance(error, Cancelled) or held.state == CANCELLING
        reason = Cancelled("The job was cancelled") if stopped else error
        return replace(held, state=CANCELLED if stopped else FAILED, error=reason.problem())

    end(backend, job, finish)


def end(backend: Backend, job: Job, finish: Callable[[Job], Job]) -> None:
    """Put a job that this attempt holds in a final state."""

    def edit(current: Job) -> Job | None:
        if current.state not in (RUNNING, CANCELLING) or current.attempts != job.attempts:
            return None
        return replace(finish(current), finished_at=now())

    tidy(backend, *change(backend, job.id, edit))


def tidy(backend: Backend, job: Job, changed: bool) -> None:  # noqa: FBT001 - from change()
    """Remove the request body of a job that has just ended, and what its workers shared."""
    if changed and job.is_final:
        backend.files.remove(upload_name(job.id))
        backend.files.remove(work_name(job.id))
        if job.task in usage.FROM_UPLOADS and job.state != SUCCEEDED:
            usage.count_again(backend)


def forget_upload_without_job(backend: Backend, token: str) -> None:
    """Remove a request body for which there is no job, or none any more that will read it."""
    job = backend.storage.get(Job, token)
    if job is None or job.is_final:
        backend.files.remove(upload_name(token))
        usage.count_again(backend)


def staging_token(job: Job) -> str:
    """Return what the temporary names of a job's present attempt begin with."""
    return f"{job.id}.{job.attempts}"


def lose(backend: Backend, id: str, ticket: str, *, handed_back: bool = False) -> None:
    """Queue a job again whose worker died, or end it where that has happened before.

    One that is handed back, by a worker that was told to stop, is queued again however often.
    """

    def edit(job: Job) -> Job | None:
        if job.ticket != ticket:
            return None
        if job.state == CANCELLING:
            return replace(
                job, state=CANCELLED, finished_at=now(), error=Cancelled("Cancelled").problem()
            )
        if job.is_final:
            return None
        begun = job.attempts + (job.state == QUEUED)  # its worker died before it claimed the job
        returned = job.handed_back + handed_back
        if begun - returned < ATTEMPTS:
            return replace(
                job,
                state=QUEUED,
                attempts=begun,
                handed_back=returned,
                ticket=new_id(),
                queued_at=now(),
            )
        lost = WorkerLost(f"The worker died while it ran the job, {ATTEMPTS} times")
        return replace(job, state=FAILED, finished_at=now(), error=lost.problem())

    job, changed = change(backend, id, edit)
    tidy(backend, job, changed)
    if changed:
        backend.files.forget_staging_of(staging_token(job))
    if changed and job.pieces:
        backend.queue.withdraw(replace(job, ticket=ticket))
    if changed and job.state == QUEUED:
        backend.queue.put(job, timeout(backend, job))


def cancel(backend: Backend, id: str) -> Job:
    """Cancel a job, at once while it waits, soon while it runs; raise Conflict at its end."""

    def edit(job: Job) -> Job | None:
        if job.is_final and job.state != CANCELLED:
            raise Conflict(f"The job has {job.state} already")
        if job.state == QUEUED:
            error = Cancelled("The job was cancelled while it waited").problem()
            return replace(job, state=CANCELLED, finished_at=now(), error=error)
        return replace(job, state=CANCELLING) if job.state == RUNNING else None

    job, changed = change(backend, id, edit)
    tidy(backend, job, changed)
    if changed and job.state == CANCELLED:
        backend.queue.withdraw(job)
    return job


def cancel_all(backend: Backend, index: str) -> list[Job]:
    """Cancel the jobs of an index that have not ended; return all that are in it."""
    found = backend.storage.indexed(Job, index)
    for job in found:
        if not job.is_final:
            with suppress(Conflict):  # it has ended meanwhile
                cancel(backend, job.id)
    return found


def wait(backend: Backend, job: Job, seconds: float) -> Job:
    """Return the job once it has ended, or as it is when the time is over."""
    began = time.monotonic()
    while not job.is_final and (waited := time.monotonic() - began) < seconds:
        # Told of its end a little late at the most, whether it takes milliseconds or minutes.
        pause = min(max(SHORTEST_PAUSE, LATE * waited), LONGEST_PAUSE)
        time.sleep(min(pause, seconds - waited))
        job = get(backend, job.id)
    return job
