"""The queue on RQ: it carries a job's id and its ticket to a worker, and nothing else.

What a job is and how far it has come is in our own record. An RQ job is only a ticket: a new one
may be drawn for the same job at any time, because only the newest lets a worker claim the job.
"""

from typing import Protocol

import redis
import rq
from rq.job import Callback
from rq.serializers import JSONSerializer

from service.records import Job

QUEUE = "shortlist"
TICKET_SECONDS = 60
TASKS = {
    "ingest": "workers.tasks.ingest",
    "inspect": "workers.tasks.inspect",
    "receive": "workers.tasks.receive",
    "score": "workers.tasks.score",
    "train": "workers.tasks.train",
    "teach": "workers.tasks.teach",
    "simulate": "workers.tasks.simulate",
}
ASSIST = "workers.tasks.assist"
RECORD_FAILURE = "workers.tasks.record_failure"


class Queue(Protocol):
    """Tickets in the order they were drawn.

    A hand is a ticket beside a job's own: whoever takes it does some of the job's work. Nothing is
    lost when it is.
    """

    def put(self, job: Job, timeout: int) -> None:
        """Put the ticket of a job, which may run `timeout` seconds, at the end."""

    def put_hand(self, job: Job, ticket: str, timeout: int) -> None:
        """Put a hand for a job, which may take `timeout` seconds, at the end."""

    def workers(self) -> int:
        """Return how many workers listen."""

    def position(self, ticket: str) -> int | None:
        """Return how many tickets stand before this one, or None where it does not wait."""

    def tickets(self) -> list[str]:
        """Return all tickets that wait, in order."""

    def __len__(self) -> int:
        """Return how many tickets wait."""

    def withdraw(self, ticket: str) -> None:
        """Take a ticket out of the queue, if it is still there."""


class RQQueue:
    """The queue in Redis that the workers listen to."""

    def __init__(self, connection: redis.Redis) -> None:
        self.rq = rq.Queue(QUEUE, connection=connection, serializer=JSONSerializer)

    def put(self, job: Job, timeout: int) -> None:
        """Put the ticket of a job, which may run `timeout` seconds, at the end."""
        self.rq.enqueue_call(
            TASKS[job.task],
            args=(job.id, job.ticket),
            timeout=timeout,
            result_ttl=0,
            failure_ttl=TICKET_SECONDS,
            job_id=job.ticket,
            description=job.task,
            on_failure=Callback(RECORD_FAILURE, timeout=TICKET_SECONDS),
        )

    def put_hand(self, job: Job, ticket: str, timeout: int) -> None:
        """Put a hand for a job, which may take `timeout` seconds, at the end."""
        self.rq.enqueue_call(
            ASSIST,
            args=(job.id, ticket),
            timeout=timeout,
            result_ttl=0,
            failure_ttl=TICKET_SECONDS,
            job_id=ticket,
            description="assist",
        )

    def workers(self) -> int:
        """Return how many workers listen."""
        return rq.Worker.count(queue=self.rq)

    def position(self, ticket: str) -> int | None:
        """Return how many tickets stand before this one, or None where it does not wait."""
        return self.rq.get_job_position(ticket)

    def tickets(self) -> list[str]:
        """Return all tickets that wait, in order."""
        return self.rq.job_ids

    def __len__(self) -> int:
        return self.rq.count

    def withdraw(self, ticket: str) -> None:
        """Take a ticket out of the queue, if it is still there."""
        self.rq.remove(ticket)
