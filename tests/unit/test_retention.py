"""What the settings keep no longer is forgotten, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.files import ranking_name
from service.operations import jobs, retention
from service.records import (
    CANCELLED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    Learner,
    Ranking,
    Turn,
    new_id,
    written,
)
from tests.leasing import pool_of, ranking_of
from workers.worker import tidy


def ago(days):
    return written(datetime.now(UTC) - timedelta(days=days))


def keeping(backend, **settings):
    return replace(backend, settings=replace(backend.settings, **settings))


def job_of(backend, state, *, made, ended=None):
    """Remember a job made some days ago, and ended some days ago."""
    record = Job(
        id=new_id(),
        task="score",
        request={},
        pool="p",
        state=state,
        created_at=ago(made),
        finished_at=None if ended is None else ago(ended),
    )
    backend.storage.add(record)
    backend.storage.set_run_progress(record.id, 0, 1, 1)
    return record.id


def old_ranking(backend, pool, days):
    """Make a ranking that is some days old."""
    id = ranking_of(backend, pool, [1, 2])
    made = backend.storage.get(Ranking, id)
    backend.storage.remove(made)
    backend.storage.add(replace(made, created_at=ago(days)))
    return id


@pytest.mark.parametrize("state", [SUCCEEDED, FAILED, CANCELLED])
def test_a_job_is_forgotten_once_it_ended_long_enough_ago(backend, state):
    old = job_of(backend, state, made=9, ended=8)
    lately_ended = job_of(backend, state, made=9, ended=6)
    new = job_of(backend, state, made=1, ended=1)

    tidy(keeping(backend, job_retention_days=7))

    found, _ = jobs.page(backend, None, 10, None)
    assert [each.id for each in found] == [new, lately_ended]
    assert [key for key in backend.connection.scan_iter() if old.encode() in key] == []
    assert [each.id for each in backend.storage.indexed(Job, "pool:p")] == [lately_ended, new]


@pytest.mark.parametrize("state", [QUEUED, RUNNING])
def test_a_job_that_has_not_ended_is_not_forgotten_however_old(backend, state):
    id = job_of(backend, state, made=900)

    retention.forget_old(keeping(backend, job_retention_days=1))

    assert jobs.get(backend, id).state == state


def test_unless_it_is_asked_for_nothing_is_forgotten(backend):
    job = job_of(backend, SUCCEEDED, made=9_000, ended=9_000)
    ranking = old_ranking(backend, pool_of(backend, ["a", "b"]), 9_000)

    tidy(backend)

    assert jobs.get(backend, job)
    assert backend.storage.get(Ranking, ranking)


def test_more_old_jobs_than_are_read_at_once_are_all_forgotten(backend, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for _ in range(5):
        job_of(backend, SUCCEEDED, made=9, ended=9)
    waiting = job_of(backend, QUEUED, made=9)

    retention.forget_old(keeping(backend, job_retention_days=7))

    assert [each.id for each in jobs.page(backend, None, 10, None)[0]] == [waiting]


def test_every_workspace_is_looked_at(backend):
    other = backend.within("other")
    backend.connection.sadd("shortlist:workspaces", "other")
    id = job_of(other, SUCCEEDED, made=9, ended=9)

    tidy(keeping(backend, job_retention_days=7))

    assert other.storage.get(Job, id) is None


def test_an_old_ranking_goes_with_its_files_and_one_that_a_learner_needs_stays(backend):
    pool = pool_of(backend, ["a", "b"])
    old, needed, new = (old_ranking(backend, pool, days) for days in (8, 8, 6))
    turn = Turn(number=1, job="j", items=2, labels=0, classes=0, class_counts=(), ranking=needed)
    learner = Learner(
        id=new_id(),
        pool=pool,
        recipe={},
        function={},
        cold_start={},
        batch=1,
        folds=0,
        seed=0,
        turns=(turn,),
    )
    backend.storage.add(learner)

    retention.forget_old(keeping(backend, ranking_retention_days=7))

    assert [backend.files.exists(ranking_name(id)) for id in (old, needed, new)] == [0, 1, 1]
    assert {each.id for each in backend.storage.indexed(Ranking, f"pool:{pool}")} == {needed, new}
