"""Recovery: what dead workers, and a server that was away, left behind is put right."""

from dataclasses import replace
from datetime import UTC, datetime

from service.backend import Backend
from service.files import work_name
from service.operations import jobs
from service.records import ACTIVE, QUEUED, Job, new_id, now

SWEEP_SECONDS = 3
SUSPECT_SECONDS = 30
LOST_TICKET_SECONDS = 20


def sweep(backend: Backend) -> None:
    """Put right what dead workers left, at most once in some seconds over all workers."""
    if backend.storage.remember("sweep", {}, SWEEP_SECONDS) is not None:
        return
    waiting = frozenset(backend.queue.tickets())
    for job in backend.storage.indexed(Job, ACTIVE):
        if job.ticket in waiting and (job.pieces or job.state == QUEUED):
            continue  # its turn comes, or that of its next piece
        if job.state == QUEUED:
            replace_lost_ticket(backend, job)
        elif not backend.storage.is_held(job.ticket) and is_suspected(backend, job):
            jobs.lose(backend, job.id, job.ticket)


def is_suspected(backend: Backend, job: Job) -> bool:
    """Return whether an earlier sweep, too, saw no sign of life; suspect the worker from now on.

    When Redis comes back after a while, workers that are alive need a moment to say so.
    """
    return backend.storage.remember(f"suspect:{job.ticket}", {}, SUSPECT_SECONDS) is not None


def replace_lost_ticket(backend: Backend, job: Job) -> None:
    """Queue a job again whose ticket died with the worker, or the server, that held it.

    A worker that has just taken the ticket has until the next sweep to claim the job.
    """
    waited = datetime.now(UTC) - datetime.fromisoformat(job.queued_at)
    if waited.total_seconds() < LOST_TICKET_SECONDS or not is_suspected(backend, job):
        return
    again = replace(job, ticket=new_id(), queued_at=now())
    if backend.storage.replace(job, again):
        backend.queue.withdraw(job)
        backend.queue.put(again, jobs.timeout(backend, again))


def forget_abandoned_work(backend: Backend) -> None:
    """Remove what workers shared at jobs that had ended when the last of them was done."""
    for id in backend.files.work():
        job = backend.storage.get(Job, id)
        if job is None or job.is_final:
            backend.files.remove(work_name(id))


def forget_abandoned_uploads(backend: Backend, older_than: float) -> None:
    """Remove request bodies whose receiver died before it could make their jobs."""
    for token in backend.files.uploads(older_than):
        jobs.forget_upload_without_job(backend, token)
