"""The queue on RQ: it carries a job's id and its ticket to a worker, and nothing else.

What a job is and how far it has come is in our own record. An RQ job is only a ticket: a new one
may be drawn for the same job at any time, because only the newest lets a worker claim the job.
"""

from typing import Any, Protocol

import redis
import rq
from rq.exceptions import InvalidJobOperation
from rq.job import Callback, Dependency
from rq.job import Job as Ticket
from rq.serializers import JSONSerializer

from service.records import Job
from service.tickets import FairTickets
from service.workspaces import DEFAULT

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
PIECE = "workers.tasks.score_piece"
ASSIST = "workers.tasks.assist"
RECORD_FAILURE = "workers.tasks.record_failure"


class Queue(Protocol):
    """Tickets in the order in which they have their turn.

    A job in pieces has a ticket for each, and its own waits until those have been used. A hand is a
    ticket beside a job's own: whoever takes it does some of the job's work. Nothing is lost when a
    piece's or a hand's is.
    """

    def put(self, job: Job, timeout: int) -> None:
        """Put the tickets of a job, each of which may be used for `timeout` seconds."""

    def put_hand(self, job: Job, ticket: str, timeout: int) -> None:
        """Put a hand for a job, which may take `timeout` seconds."""

    def workers(self) -> int:
        """Return how many workers listen."""

    def position(self, job: Job) -> int | None:
        """Return how many tickets stand before the first of a job, None where none waits."""

    def tickets(self) -> list[str]:
        """Return the tickets of the jobs that wait, in order; for each piece its job's."""

    def __len__(self) -> int:
        """Return how many tickets wait."""

    def withdraw(self, job: Job) -> None:
        """Take the tickets of a job out of the queue, those that are still there."""


class RQQueue:
    """The queue in Redis that the workers listen to, as a workspace puts its jobs into it."""

    def __init__(self, connection: redis.Redis, workspace: str = DEFAULT) -> None:
        self.workspace = workspace
        self.rq = FairTickets(QUEUE, connection=connection, serializer=JSONSerializer)

    def put(self, job: Job, timeout: int) -> None:
        """Put the tickets of a job, each of which may be used for `timeout` seconds."""
        if not job.pieces:
            self.rq.enqueue_job(self.ticket(job, TASKS[job.task], timeout, job.ticket))
            return
        pieces = [
            self.ticket(job, PIECE, timeout, name, number)
            for number, name in enumerate(job.piece_tickets, 1)
        ]
        with self.rq.connection.pipeline() as pipe:
            for piece in pieces:
                piece.save(pipeline=pipe)  # what the last one waits for must be known before it
            pipe.execute()
        # A piece that fails ends the job; one whose worker died is done by whoever has the last.
        after = Dependency(list(pieces), allow_failure=True)
        self.rq.enqueue_job(self.ticket(job, TASKS[job.task], timeout, job.ticket, after=after))
        with self.rq.connection.pipeline() as pipe:
            for piece in pieces:
                self.rq.enqueue_job(piece, pipeline=pipe)
            pipe.execute()

    def ticket(
        self,
        job: Job,
        task: str,
        timeout: int,
        name: str,
        *more: int,
        after: Dependency | None = None,
    ) -> Ticket:
        """Return a new ticket of a job."""
        return self.rq.create_job(
            task,
            args=(job.id, job.ticket, *more),
            kwargs={"workspace": self.workspace},
            timeout=timeout,
            result_ttl=0,
            failure_ttl=TICKET_SECONDS,
            job_id=self.name_of(name),
            description=job.task,
            depends_on=after,
            on_failure=Callback(RECORD_FAILURE, timeout=TICKET_SECONDS),
        )

    def put_hand(self, job: Job, ticket: str, timeout: int) -> None:
        """Put a hand for a job, which may take `timeout` seconds."""
        self.rq.enqueue_call(
            ASSIST,
            args=(job.id, ticket),
            kwargs={"workspace": self.workspace},
            timeout=timeout,
            result_ttl=0,
            failure_ttl=TICKET_SECONDS,
            job_id=self.name_of(ticket),
            description="assist",
        )

    def workers(self) -> int:
        """Return how many workers listen."""
        return rq.Worker.count(queue=self.rq)

    def position(self, job: Job) -> int | None:
        """Return how many tickets stand before the first of a job, None where none waits."""
        names = [self.name_of(ticket) for ticket in (*job.piece_tickets, job.ticket)]
        places = (self.rq.get_job_position(name) for name in names)
        return next((place for place in places if place is not None), None)

    def tickets(self) -> list[str]:
        """Return the tickets of the jobs that wait, in order; for each piece its job's."""
        return [ticket_of(name).partition("-")[0] for name in self.rq.job_ids]

    def name_of(self, ticket: str) -> str:
        """Return what RQ calls a ticket of the workspace."""
        return f"{self.workspace}_{ticket}"

    def __len__(self) -> int:
        return self.rq.count

    def withdraw(self, job: Job) -> None:
        """Take the tickets of a job out of the queue, those that are still there."""
        names = [self.name_of(ticket) for ticket in (*job.piece_tickets, job.ticket)]
        connection: Any = self.rq.connection
        for found in Ticket.fetch_many(names, connection, JSONSerializer):
            if found is None:
                continue
            try:
                found.delete()
            except InvalidJobOperation:  # it went meanwhile, or only a sign of life came after that
                self.rq.remove(found.id)
                connection.delete(found.key)


def ticket_of(name: str) -> str:
    """Return the ticket that RQ calls so: a job's, a piece's or a hand's."""
    return name.partition("_")[2]
