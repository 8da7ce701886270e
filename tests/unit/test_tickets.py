"""The order in which tickets wait: workspaces have their turns, and within one its jobs."""

from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.operations import job_views, jobs
from service.records import Job, new_id

WORKSPACES = ("a", "team-b", "team-c")
names = st.tuples(st.sampled_from(WORKSPACES), st.sampled_from("xyz"))


def put(backend, workspace, job, number):
    name = f"{workspace}_{job}-{number}"
    backend.queue.rq.push_job_id(name)
    return name


def waiting(backend):
    rq = backend.queue.rq
    return [name.decode() for name in rq.connection.lrange(rq.key, 0, -1)]


def workspace_of(name):
    return name.partition("_")[0]


def job_of(name):
    return name.rpartition("-")[0]


def turns(order, owner_of):
    """How many of its owner's tickets have had their turn when each has its own."""
    seen = {}
    for name in order:
        seen[owner_of(name)] = seen.get(owner_of(name), 0) + 1
        yield seen[owner_of(name)]


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(names, max_size=30))
def test_what_came_at_once_goes_in_rounds(backend, asked):
    backend.queue.rq.connection.flushdb()
    put_in = [put(backend, *name, number) for number, name in enumerate(asked)]
    order = waiting(backend)

    assert sorted(order) == sorted(put_in), "nothing is lost, nothing doubled"
    rounds = list(turns(order, workspace_of))
    assert rounds == sorted(rounds), "every workspace has a turn before one has two"
    for workspace in WORKSPACES:
        own = [name for name in order if workspace_of(name) == workspace]
        rounds = list(turns(own, job_of))
        assert rounds == sorted(rounds), "and so has every job of one"
        for _, found in groupby(sorted(own, key=job_of), key=job_of):
            its = set(found)
            came = [name for name in put_in if name in its]
            assert [name for name in order if name in its] == came, "each in the order it came"


def test_a_thousand_jobs_of_one_workspace_do_not_keep_another_waiting(backend):
    many, one = backend.within("many"), backend.within("one-more")
    for _ in range(1_000):
        jobs.submit(many, Job(id=new_id(), task="score", request={}))
    alone = jobs.submit(one, Job(id=new_id(), task="score", request={}))

    assert job_views.view(one, alone).queue_position == 1


def test_the_pieces_of_a_large_job_let_a_small_one_pass(backend):
    pieces = tuple((number, number + 1) for number in range(50))
    large = jobs.submit(backend, Job(id=new_id(), task="score", request={}, pieces=pieces))
    small = jobs.submit(backend, Job(id=new_id(), task="score", request={}))

    assert job_views.view(backend, large).queue_position == 0
    assert job_views.view(backend, small).queue_position == 1


def test_pieces_are_not_kept_waiting_for_ever(backend):
    pieces = ((0, 1), (1, 2), (2, 3))
    large = jobs.submit(backend, Job(id=new_id(), task="score", request={}, pieces=pieces))
    taken = []
    for _ in range(9):  # as many small jobs come as are done
        jobs.submit(backend, Job(id=new_id(), task="score", request={}))
        taken.append(backend.queue.rq.connection.lpop(backend.queue.rq.key).decode())

    assert [name for name in taken if large.ticket in name] == [
        f"default_{ticket}" for ticket in large.piece_tickets
    ]


def test_a_job_in_pieces_leaves_nothing_when_it_is_cancelled_while_it_waits(backend):
    pieces = ((0, 1), (1, 2))
    job = jobs.submit(backend, Job(id=new_id(), task="score", request={}, pieces=pieces))
    assert len(backend.queue) == len(pieces), "the last waits until the pieces have had their turn"
    jobs.cancel(backend, job.id)

    assert backend.queue.tickets() == []
    left = [key for key in backend.queue.rq.connection.keys("rq:*") if job.ticket in key.decode()]
    assert left == []
    assert backend.queue.rq.deferred_job_registry.count == 0


@pytest.mark.parametrize("pieces", [(), ((0, 1), (1, 2))])
def test_a_record_tells_its_pieces_again(backend, pieces):
    job = jobs.submit(backend, Job(id=new_id(), task="score", request={}, pieces=pieces))

    assert jobs.get(backend, job.id).pieces == pieces
