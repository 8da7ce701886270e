"""The pieces of a scoring, without workers: what is done stays done, and is put together right."""

from dataclasses import replace

import numpy as np
import pytest

from service.errors import Cancelled
from service.files import piece_name
from service.functions import Function
from service.operations import jobs, scorings
from service.operations.pieces import by_pieces, pieces_of
from service.operations.scorings import Scoring
from service.records import Part, new_id
from tests.stored import stored_pool
from workers import piecework, scoring
from workers.assignment import read_assignment
from workers.evaluation import file_of
from workers.workbench import Workbench

RANDOM = Function("random", {"seed": 1})
DIVERSE = Function("k_center", {})


@pytest.fixture
def bench(backend):
    small = replace(backend, settings=replace(backend.settings, piece_items=4))
    return Workbench(small, sandbox=None)


@pytest.fixture
def job(bench):
    """A job that runs, of a pool of four parts of three items, in two pieces."""
    pool = stored_pool(bench.backend, np.arange(24.0).reshape(12, 2), parts=4)
    job = scorings.submit(bench.backend, Scoring(pool=pool.id, functions=(RANDOM,)))
    return jobs.claim(bench.backend, job.id, job.ticket)


def parts_of(*rows):
    return [Part(id=new_id(), job=new_id(), rows=each, bytes=1, sha256="0") for each in rows]


@pytest.mark.parametrize(
    ("rows", "pieces"),
    [
        ([], ()),
        ([9], ()),
        ([1, 1, 1], ()),
        ([2, 2, 2, 2], ((0, 2), (2, 4))),
        ([9, 1, 1, 9, 1], ((0, 1), (1, 4), (4, 5))),
        ([0, 4, 0, 4], ((0, 2), (2, 4))),
    ],
)
def test_pieces_are_whole_parts_of_at_least_so_many_items(rows, pieces):
    assert pieces_of(parts_of(*rows), [RANDOM], 4) == pieces


def test_a_job_is_not_cut_where_no_function_goes_item_by_item():
    assert pieces_of(parts_of(9, 9), [DIVERSE], 4) == ()
    assert pieces_of(parts_of(9, 9), [DIVERSE, RANDOM], 4) == ((0, 1), (1, 2))


def test_what_a_function_builds_on_is_computed_in_pieces_where_it_can_be():
    both = Function("weighted_sum", {}, (RANDOM, Function("margin", {})))

    assert [each.name for each in by_pieces([both])] == ["random", "margin"]


def test_a_piece_that_is_done_is_never_done_again(bench, job):
    assignment = read_assignment(bench.backend, job)
    piecework.do(bench, assignment, 1)
    path = bench.backend.files.path(f"{piece_name(job.id, 1)}/{file_of(RANDOM)}")
    np.save(path, np.full(6, 7.0))  # as if it had been computed so
    jobs.lose(bench.backend, job.id, job.ticket)
    again = jobs.get(bench.backend, job.id)
    again = jobs.claim(bench.backend, again.id, again.ticket)
    result = scoring.score(bench, again)

    name = f"rankings/{result['rankings'][0]['id']}/scores.npy"
    scores = bench.backend.files.array(name)
    assert (scores[:6] == 7).all()
    assert (scores[6:] < 1).all()
    assert bench.backend.storage.progress(job.id) == (12, 12)


def test_pieces_together_are_the_whole(bench, job):
    pool = bench.backend
    whole = replace(pool, settings=replace(pool.settings, piece_items=100))
    alone = scorings.submit(whole, Scoring(pool=job.pool, functions=(RANDOM,)))
    assert (len(job.pieces), len(alone.pieces)) == (2, 0)
    results = [
        scoring.score(bench, each) for each in (job, jobs.claim(whole, alone.id, alone.ticket))
    ]
    names = [f"rankings/{each['rankings'][0]['id']}" for each in results]
    for file in ("scores", "order", "order_ascending"):
        first, second = (bench.backend.files.array(f"{name}/{file}.npy") for name in names)
        assert (first == second).all()


def test_a_piece_stops_where_its_job_was_given_to_others(bench, job):
    assignment = read_assignment(bench.backend, job)
    jobs.lose(bench.backend, job.id, job.ticket)

    with pytest.raises(Cancelled):
        piecework.do(bench, assignment, 1)
    assert not bench.backend.files.exists(piece_name(job.id, 1))


def test_a_piece_joins_a_job_and_ends_one_that_is_to_be_cancelled(bench, job):
    assert jobs.claim(bench.backend, job.id, job.ticket) == job
    jobs.cancel(bench.backend, job.id)
    assert jobs.claim(bench.backend, job.id, job.ticket) is None
    assert jobs.get(bench.backend, job.id).state == "cancelled"
    assert jobs.claim(bench.backend, job.id, job.ticket) is None
