"""Our RQ worker: it says that it lives, and puts right what dead ones left."""

import math
import os
import signal
import time
from functools import partial
from typing import Any

import redis
import rq
from redis.client import Pipeline
from rq.job import Job as Ticket
from rq.queue import Queue as TicketQueue
from rq.serializers import JSONSerializer
from rq.utils import now

from service.backend import Backend
from service.errors import ServiceError
from service.operations import decisions, jobs, pools, recovery, retention, unsettled
from service.queue import QUEUE
from service.records import CANCELLING, Job
from service.tickets import FairTickets
from workers.sandbox.kernel import die_with_parent
from workers.sandbox.starter import ZygoteProcess
from workers.tasks import record_death, record_overrun, workspace_of

WORKER_TTL = 20
"""Seconds; RQ waits this less 15 for a ticket before it looks after itself and others."""

BEATS_TO_STOP = 2
"""How many heartbeats a process has to stop by itself once nobody wants what it does."""

SECONDS_BETWEEN_SIGNS = 1
SECONDS_TO_FINISH = 5
"""For the job at hand, once a worker is told to stop; what takes longer is handed back."""

MAINTENANCE_SECONDS = 3
TIDY_SECONDS = 600
HOUR = 3_600
DAY = 86_400


class Worker(rq.Worker):
    """Runs one job at a time, each in a process of its own."""

    max_connection_wait_time = 2.0

    def __init__(self, backend: Backend, connection: redis.Redis, zygote: ZygoteProcess) -> None:
        self.backend = backend
        self.tidied = time.monotonic()
        self.zygote = zygote
        self.unheeded = 0
        self.said = -math.inf
        self.told_to_stop = math.inf
        super().__init__(
            [QUEUE],
            queue_class=FairTickets,
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_SECONDS,
            job_monitoring_interval=backend.settings.heartbeat,
            log_job_description=False,
            work_horse_killed_handler=self.record_killed,
        )

    def record_killed(self, ticket: Ticket, pid: int, status: int, usage: Any) -> None:
        """Queue the job again whose process was killed, or end it, as one that overran is."""
        del pid, status, usage
        backend = self.backend_of(ticket)
        if overran(ticket):
            record_overrun(backend, ticket)
        else:
            record_death(backend, ticket, handed_back=self._stop_requested)

    def handle_warm_shutdown_request(self) -> None:
        """Note that this worker shall stop; RQ then waits for the job that it is at."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]  # RQ's own gap
        self.told_to_stop = time.monotonic()
        self.job_monitoring_interval = SECONDS_BETWEEN_SIGNS
        if callable(signal.getsignal(signal.SIGALRM)):  # what waits for the job looks up by then
            signal.alarm(SECONDS_BETWEEN_SIGNS)

    def hand_back_when_due(self) -> None:
        """Kill the process of a job that does not end before this worker must."""
        if time.monotonic() - self.told_to_stop > SECONDS_TO_FINISH:
            self.kill_horse()

    def backend_of(self, ticket: Ticket) -> Backend:
        """Return the backend as the workspace of a ticket sees it."""
        return self.backend.within(workspace_of(ticket))

    def handle_exception(self, ticket: Ticket, *error: Any) -> None:
        """Log what a task raised: a line for a client's mistake, a traceback for ours."""
        if isinstance(error[1], ServiceError):
            self.log.info("job %s ended: %s: %s", ticket.args[0], error[1].code, error[1])
        else:
            super().handle_exception(ticket, *error)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Say that this worker lives: in one write, and not again within a second."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        elif time.monotonic() - self.said > SECONDS_BETWEEN_SIGNS:
            with self.connection.pipeline() as together:
                super().heartbeat(timeout, together)
                together.execute()
            self.said = time.monotonic()

    def maintain_heartbeats(self, ticket: Ticket) -> None:
        """Say that the job's worker lives; RQ calls this while the job runs."""
        super().maintain_heartbeats(ticket)
        jobs.hold(self.backend_of(ticket), ticket.args[1])
        self.sweep()
        self.stop_if_unwanted(ticket)
        self.hand_back_when_due()

    def stop_if_unwanted(self, ticket: Ticket) -> None:
        """Kill the process whose work nobody wants any more, if it does not stop by itself.

        A job looks whether it shall go on wherever it can; one call of a library may take hours.
        """
        unwanted = overran(ticket) or not is_wanted(self.backend_of(ticket), ticket)
        self.unheeded = self.unheeded + 1 if unwanted else 0
        if self.unheeded > BEATS_TO_STOP:
            self.unheeded = 0
            self.kill_horse()

    def run_maintenance_tasks(self) -> None:
        """Put right what dead workers left, ours and RQ's."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]  # RQ's own gap
        self.sweep()
        if time.monotonic() - self.tidied > TIDY_SECONDS:
            self.tidied = time.monotonic()
            self.backend.files.aside(partial(tidy, self.backend))

    def sweep(self) -> None:
        """Put right what dead workers left in any workspace."""
        for workspace in self.backend.keys.workspaces():
            recovery.sweep(self.backend.within(workspace))

    def execute_job(self, ticket: Ticket, queue: TicketQueue) -> None:
        """Do a job, with a sandbox that is alive."""
        self.zygote.revive()
        super().execute_job(ticket, queue)

    def fork_work_horse(self, ticket: Ticket, queue: TicketQueue) -> None:
        """Start the process that does the job."""
        self.parent_pid = os.getpid()
        super().fork_work_horse(ticket, queue)

    def main_work_horse(self, ticket: Ticket, queue: TicketQueue) -> None:
        """Do the job, in the new process, which ends when its worker does."""
        die_with_parent(self.parent_pid)
        super().main_work_horse(ticket, queue)


def is_wanted(backend: Backend, ticket: Ticket) -> bool:
    """Return whether the work of a ticket still serves a job: one that is not to be cancelled, nor,
    where the ticket is a hand's, has ended."""
    job = backend.storage.get(Job, ticket.args[0])
    if job is None or job.state == CANCELLING:
        return False
    return job.ticket == ticket.args[1] or not job.is_final


def overran(ticket: Ticket) -> bool:
    """Return whether a ticket has been at work for longer than it may."""
    if ticket.started_at is None or ticket.timeout is None:
        return False
    return bool((now() - ticket.started_at).total_seconds() > ticket.timeout)


def tidy(backend: Backend, older_than: float | None = None) -> None:
    """Put right what processes that died long ago, or so many seconds, left in any workspace."""
    for workspace in backend.keys.workspaces():
        tidy_workspace(backend.within(workspace), older_than)


def tidy_workspace(backend: Backend, older_than: float | None = None) -> None:
    """Put right what they left in one, on disk and between two writes."""
    settings = backend.settings
    longest = max(DAY, 2 * settings.job_timeout, 2 * settings.simulation_timeout)
    long_ago = longest if older_than is None else older_than
    backend.files.forget_staging(long_ago)
    recovery.forget_abandoned_uploads(backend, long_ago)
    recovery.forget_abandoned_work(backend)
    unsettled.settle(backend, HOUR if older_than is None else older_than)
    retention.forget_old(backend)
    pools.finish_deletions(backend)
    decisions.settle_abandoned(backend)
