"""The life of a job, on a real server, without workers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import rq

from service.errors import Cancelled, Conflict, InvalidOutput, JobNotFound, TooBusy
from service.files import upload_name
from service.operations import job_views, jobs, recovery
from service.queue import ASSIST
from service.records import CANCELLED, CANCELLING, FAILED, QUEUED, RUNNING, SUCCEEDED, Job, new_id
from service.workspaces import key_of


@pytest.fixture
def queued(backend):
    return jobs.submit(backend, Job(id=new_id(), task="score", request={}, total=5))


def claim(backend, job):
    current = jobs.get(backend, job.id)
    return jobs.claim(backend, job.id, current.ticket)


def test_a_submitted_job_waits_in_the_queue(backend, queued):
    view = job_views.view(backend, jobs.get(backend, queued.id))

    assert (view.job.state, view.queue_position) == (QUEUED, 0)
    assert view.progress == job_views.Progress(0, 5)


def test_a_job_that_runs_says_how_long_it_may_go_on(backend, queued):
    def remaining():
        return job_views.view(backend, jobs.get(backend, queued.id)).progress.remaining_seconds

    assert remaining() is None
    job = claim(backend, queued)
    assert remaining() is None, "nothing is done yet"
    began = datetime.now(UTC) - timedelta(seconds=30)
    began_then = replace(job, started_at=began.isoformat())
    backend.storage.replace(job, began_then)
    jobs.advance(backend, job, 3, 5)
    assert remaining() == pytest.approx(20, abs=1)
    jobs.advance(backend, job, 3, None)
    assert remaining() is None, "of how many is not known"
    jobs.advance(backend, job, 6, 5)
    assert remaining() == 0
    jobs.succeed(backend, began_then, {})
    assert remaining() is None


def test_a_simulation_has_a_timeout_of_its_own(backend):
    for task in ("score", "simulate"):
        job = jobs.submit(backend, Job(id=new_id(), task=task, request={}))
        ticket = backend.queue.rq.fetch_job(backend.queue.name_of(job.ticket))
        settings = backend.settings
        expected = {"score": settings.job_timeout, "simulate": settings.simulation_timeout}
        assert ticket.timeout == expected[task]


def test_a_hand_waits_in_the_queue_and_harms_no_job_when_it_dies(backend, queued):
    backend.queue.put_hand(queued, "hand", 60)
    ticket = backend.queue.rq.fetch_job(backend.queue.name_of("hand"))

    assert backend.queue.tickets() == [queued.ticket, "hand"]
    assert (ticket.func_name, ticket.timeout) == (ASSIST, 60)
    assert ticket.args == [queued.id, "hand"]
    assert ticket.failure_callback is None
    job = claim(backend, queued)
    jobs.lose(backend, queued.id, "hand")
    assert jobs.get(backend, queued.id) == job


def test_the_workers_that_listen_are_counted(backend, connection):
    assert backend.queue.workers() == 0
    rq.Worker([backend.queue.rq], connection=connection).register_birth()
    assert backend.queue.workers() == 1


def test_the_queue_is_in_the_order_of_submission(backend, queued):
    second = jobs.submit(backend, Job(id=new_id(), task="score", request={}))

    assert job_views.view(backend, second).queue_position == 1


def test_of_many_claims_one_gets_the_job(backend, queued):
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda _: claim(backend, queued), range(8)))

    won = [job for job in claims if job is not None]
    assert len(won) == 1
    assert (won[0].state, won[0].attempts) == (RUNNING, 1)


def test_an_old_ticket_claims_nothing(backend, queued):
    claim(backend, queued)
    jobs.lose(backend, queued.id, queued.ticket)

    assert jobs.claim(backend, queued.id, queued.ticket) is None
    assert claim(backend, queued) is not None


def test_a_claim_of_a_job_that_is_unknown_gets_nothing(backend):
    assert jobs.claim(backend, new_id(), "ticket") is None


def test_a_job_succeeds_once_and_stays_so(backend, queued):
    job = claim(backend, queued)
    jobs.succeed(backend, job, {"n": 1})
    jobs.succeed(backend, job, {"n": 2})
    jobs.fail(backend, job, InvalidOutput("late"))
    jobs.lose(backend, job.id, job.ticket)

    ended = jobs.get(backend, job.id)
    assert (ended.state, ended.result, ended.error) == (SUCCEEDED, {"n": 1}, None)
    assert ended.finished_at >= ended.started_at >= ended.created_at


def test_a_failure_is_kept_as_a_problem(backend, queued):
    jobs.fail(backend, claim(backend, queued), InvalidOutput("the item 'a' has no score"))

    ended = jobs.get(backend, queued.id)
    assert (ended.state, ended.error["code"]) == (FAILED, "invalid_output")
    assert ended.error["detail"] == "the item 'a' has no score"


def test_a_job_that_is_handed_back_keeps_its_two_attempts(backend, queued):
    for _ in range(3):
        jobs.lose(backend, queued.id, claim(backend, queued).ticket, handed_back=True)
        assert jobs.get(backend, queued.id).state == QUEUED

    jobs.lose(backend, queued.id, claim(backend, queued).ticket)
    assert jobs.get(backend, queued.id).state == QUEUED
    jobs.lose(backend, queued.id, claim(backend, queued).ticket)

    ended = jobs.get(backend, queued.id)
    assert (ended.state, ended.error["code"], ended.attempts) == (FAILED, "worker_lost", 5)


def test_a_ticket_that_goes_while_it_is_withdrawn_is_no_mistake(backend, queued, connection):
    """A sign of life that comes late leaves a ticket of which nothing else is known."""
    ticket = backend.queue.rq.fetch_job(backend.queue.name_of(queued.ticket))
    connection.hdel(ticket.key, "status")

    assert jobs.cancel(backend, queued.id).state == CANCELLED
    assert backend.queue.tickets() == []
    assert not connection.exists(ticket.key)


def test_a_lost_job_is_run_once_more_and_then_fails(backend, queued):
    first = claim(backend, queued)
    jobs.lose(backend, queued.id, first.ticket)
    assert jobs.get(backend, queued.id).state == QUEUED

    second = claim(backend, queued)
    assert second.attempts == 2
    jobs.lose(backend, queued.id, second.ticket)

    ended = jobs.get(backend, queued.id)
    assert (ended.state, ended.error["code"]) == (FAILED, "worker_lost")


def test_what_a_replaced_attempt_says_is_not_heard(backend, queued):
    first = claim(backend, queued)
    jobs.lose(backend, queued.id, first.ticket)
    second = claim(backend, queued)

    jobs.succeed(backend, first, {"n": 1})
    with pytest.raises(Cancelled):
        jobs.advance(backend, first, 1, 5)
    jobs.succeed(backend, second, {"n": 2})

    assert jobs.get(backend, queued.id).result == {"n": 2}


def test_a_waiting_job_is_cancelled_at_once_and_leaves_the_queue(backend, queued):
    assert jobs.cancel(backend, queued.id).state == CANCELLED
    assert len(backend.queue) == 0
    assert claim(backend, queued) is None
    assert jobs.cancel(backend, queued.id).state == CANCELLED


def test_a_running_job_is_told_to_stop(backend, queued):
    job = claim(backend, queued)
    jobs.advance(backend, job, 2, 5)

    assert jobs.cancel(backend, job.id).state == CANCELLING
    assert jobs.cancel(backend, job.id).state == CANCELLING
    with pytest.raises(Cancelled) as stop:
        jobs.advance(backend, job, 3, 5)
    jobs.fail(backend, job, stop.value)

    assert jobs.get(backend, job.id).state == CANCELLED


def test_a_cancelling_job_whose_worker_died_is_cancelled(backend, queued):
    job = claim(backend, queued)
    jobs.cancel(backend, job.id)
    jobs.lose(backend, job.id, job.ticket)

    assert jobs.get(backend, job.id).state == CANCELLED


def test_a_job_that_has_ended_cannot_be_cancelled(backend, queued):
    jobs.succeed(backend, claim(backend, queued), {})

    with pytest.raises(Conflict, match="succeeded already"):
        jobs.cancel(backend, queued.id)
    with pytest.raises(JobNotFound):
        jobs.cancel(backend, new_id())


def test_the_sweep_takes_a_job_from_a_worker_that_gives_no_sign_of_life(backend, queued):
    job = claim(backend, queued)
    recovery.sweep(backend)
    assert jobs.get(backend, job.id).state == RUNNING

    backend.storage.redis.delete(key_of("held", job.ticket))
    backend.storage.forget("sweep")
    recovery.sweep(backend)
    assert jobs.get(backend, job.id).state == RUNNING, "it may be Redis that was away"
    backend.storage.forget("sweep")
    recovery.sweep(backend)

    again = jobs.get(backend, job.id)
    assert (again.state, len(backend.queue) - 1) == (QUEUED, 1)
    assert again.ticket != job.ticket


def test_the_sweep_draws_a_new_ticket_for_a_job_whose_ticket_is_gone(backend, queued):
    backend.queue.withdraw(queued)
    recovery.sweep(backend)
    assert len(backend.queue) == 0

    long_ago = replace(queued, queued_at="2020-01-01T00:00:00Z")
    backend.storage.replace(queued, long_ago)
    for _ in range(2):
        assert len(backend.queue) == 0, "a worker may have taken the ticket this moment"
        backend.storage.forget("sweep")
        recovery.sweep(backend)

    assert len(backend.queue) == 1
    assert job_views.view(backend, jobs.get(backend, queued.id)).queue_position == 0
    assert claim(backend, queued) is not None


def test_a_job_takes_the_body_it_was_made_of_along_when_it_ends(backend):
    job = Job(id=new_id(), task="ingest", request={})
    body = backend.files.path(upload_name(job.id))
    body.write_bytes(b"items")
    jobs.submit(backend, job)

    first = claim(backend, job)
    jobs.lose(backend, job.id, first.ticket)
    assert body.exists()
    jobs.fail(backend, claim(backend, job), InvalidOutput("no"))

    assert not body.exists()


def test_a_full_queue_takes_no_more(backend, queued):
    full = replace(backend, settings=replace(backend.settings, max_queued_jobs=1))

    with pytest.raises(TooBusy):
        jobs.submit(full, Job(id=new_id(), task="score", request={}))


def test_a_wait_ends_with_the_job_or_with_the_time(backend, queued):
    assert jobs.wait(backend, queued, 0.05).state == QUEUED
    jobs.cancel(backend, queued.id)
    assert jobs.wait(backend, queued, 60).state == CANCELLED


def test_a_job_that_fails_while_it_is_being_cancelled_was_cancelled(backend, queued):
    job = claim(backend, queued)
    jobs.cancel(backend, job.id)
    jobs.fail(backend, job, InvalidOutput("its files are gone"))

    ended = jobs.get(backend, job.id)
    assert (CANCELLED, "cancelled") == (ended.state, ended.error["code"])


def test_the_jobs_of_a_deleted_model_or_pool_are_cancelled(backend):
    mine = [
        jobs.submit(backend, Job(id=new_id(), task="score", request={}, pool="p", model="m"))
        for _ in range(3)
    ]
    other = jobs.submit(backend, Job(id=new_id(), task="score", request={}, pool="q", model="n"))
    jobs.succeed(backend, claim(backend, mine[0]), {})

    jobs.cancel_all(backend, "model:m")

    states = [jobs.get(backend, job.id).state for job in [*mine, other]]
    assert [SUCCEEDED, CANCELLED, CANCELLED, QUEUED] == states


def test_a_body_whose_job_has_ended_is_not_kept(backend):
    job = jobs.submit(backend, Job(id=new_id(), task="ingest", request={}))
    body = backend.files.path(upload_name(job.id))
    body.write_bytes(b"items")
    jobs.forget_upload_without_job(backend, job.id)
    assert body.exists()

    jobs.cancel(backend, job.id)
    body.write_bytes(b"items")
    jobs.forget_upload_without_job(backend, job.id)

    assert not body.exists()
