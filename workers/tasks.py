"""The functions whose names travel on the queue, and the edge at which their failures are recorded.

A task is called with a job's id, its ticket and its workspace. It claims the job, does the work and
ends the job with the result. It catches nothing: whatever is raised ends at `record_failure`, which
RQ calls, or, when the process is killed, at `record_death`, which the worker calls.
"""

import errno
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from rq.exceptions import AbandonedJobError
from rq.job import Job as Ticket
from rq.timeouts import JobTimeoutException

from service.backend import Backend, open_backend
from service.errors import OutOfMemory, ServiceError, StorageFull, TimedOut, Unavailable
from service.operations import jobs
from service.queue import ticket_of
from service.records import Job
from service.settings import Settings
from service.workspaces import DEFAULT
from workers import (
    ingestion,
    inspection,
    piecework,
    reception,
    scoring,
    simulating,
    teaching,
    training,
)
from workers.assignment import read_assignment
from workers.workbench import PATIENCE, Workbench, open_workbench

log = logging.getLogger("shortlist.workers")

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FAILING = frozenset({errno.EROFS, errno.EIO})

OVERRAN = "The job ran longer than its deadline (job_timeout, simulation_timeout)"

Work = Callable[[Workbench, Job], Mapping[str, Any]]


def ingest(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Make a part of an upload and put it into its pool."""
    run(job_id, ticket, workspace, ingestion.ingest)


def receive(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Take in the predictions that a client gives of a pool."""
    run(job_id, ticket, workspace, reception.receive)


def inspect(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Find out what an uploaded artifact is, and take it in as a model."""
    run(job_id, ticket, workspace, inspection.inspect)


def score(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Compute acquisition scores and their rankings."""
    run(job_id, ticket, workspace, scoring.score)


def score_piece(job_id: str, ticket: str, number: int, workspace: str = DEFAULT) -> None:
    """Do a piece of a scoring that several workers share."""
    bench = open_workbench(os.environ, workspace)
    job = jobs.claim(bench.backend, job_id, ticket)
    if job is not None:
        piecework.do(bench, read_assignment(bench.backend, job), number)


def train(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Fit a model on a pool's labels."""
    run(job_id, ticket, workspace, training.train)


def teach(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Take a learner's next turn: fit, predict, rank."""
    run(job_id, ticket, workspace, teaching.teach)


def simulate(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Replay active learning on a labelled pool."""
    run(job_id, ticket, workspace, simulating.simulate)


def assist(job_id: str, ticket: str, workspace: str = DEFAULT) -> None:
    """Lend a hand at a simulation that another worker has claimed.

    The ticket is the hand's own. What it raises ends nothing but itself: the run is done by others.
    """
    simulating.assist(open_workbench(os.environ, workspace), job_id, ticket)


def run(job_id: str, ticket: str, workspace: str, work: Work) -> None:
    """Claim a job, do its work, and end it with the result."""
    bench = open_workbench(os.environ, workspace)
    job = jobs.claim(bench.backend, job_id, ticket)
    if job is not None:
        jobs.succeed(bench.backend, job, work(bench, job))


def record_failure(
    ticket: Ticket, connection: Any, kind: type[BaseException], error: Any, trace: Any
) -> None:
    """End the job of a ticket with what its task raised; RQ calls this in the work-horse."""
    del connection, kind
    settings = Settings.from_environment(os.environ)
    backend = open_backend(settings, PATIENCE).within(workspace_of(ticket))
    if isinstance(error, AbandonedJobError | Unavailable):
        # The worker, or the sandbox beside it, died; neither is the job's fault.
        record_death(backend, ticket)
        return
    job = backend.storage.get(Job, ticket.args[0])
    if job is not None and job.ticket == ticket.args[1]:
        jobs.fail(backend, job, error_of(error, trace))


def workspace_of(ticket: Ticket) -> str:
    """Return the workspace whose work a ticket is for."""
    return str(ticket.kwargs.get("workspace", DEFAULT))


def record_death(backend: Backend, ticket: Ticket, *, handed_back: bool = False) -> None:
    """Queue the job of a ticket again, or end it, after the process that ran it was killed.

    A piece's or a hand's ticket is not the job's: what it was for is left to whoever has that.
    """
    if backend.storage.get(Job, ticket.args[0]) is not None:
        jobs.lose(backend, ticket.args[0], ticket_of(ticket.id), handed_back=handed_back)


def record_overrun(backend: Backend, ticket: Ticket) -> None:
    """End the job of a ticket whose process had to be killed after its deadline."""
    job = backend.storage.get(Job, ticket.args[0])
    if job is not None and job.ticket == ticket.args[1]:
        jobs.fail(backend, job, TimedOut(OVERRAN))
        backend.files.forget_staging_of(jobs.staging_token(job))


def error_of(error: BaseException, trace: Any) -> ServiceError:
    """Return what a task raised as an error that a client may see."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, JobTimeoutException):
        return TimedOut(OVERRAN)
    if isinstance(error, OSError) and error.errno in FULL:
        return StorageFull("The disk is full; nothing was kept")
    if isinstance(error, OSError) and error.errno in FAILING:
        return Unavailable("The file storage failed; nothing was kept")
    if isinstance(error, MemoryError):
        return OutOfMemory("The worker ran out of memory")
    log.error("a task failed unexpectedly", exc_info=(type(error), error, trace))
    return ServiceError("This is a mistake in the service; its log says more")
