"""Turns as a worker takes them, those that fit nothing; a real installation takes the others."""

from types import SimpleNamespace

import numpy as np
import pytest

from service.errors import Cancelled, OutOfMemory, SubjectGone
from service.files import predictions_name, ranking_name
from service.operations import jobs, learners, models, pools, queries, turns
from service.operations.rankings import Query
from service.records import Job, Learner, Model, Pool, Ranking
from tests.learning import asked, learner_of, model_of, ranking_of, turn_of
from tests.stored import label, stored_pool
from workers import teaching
from workers.scoring import ranking_id
from workers.teaching import Attempt

ITEMS = 9


@pytest.fixture
def pool(backend):
    features = np.random.default_rng(0).normal(size=(ITEMS, 2)).astype(np.float32)
    return stored_pool(backend, features)


@pytest.fixture
def learner(backend, pool):
    return learner_of(backend, pool.id)


def claimed(backend, learner):
    current = backend.storage.get(Learner, learner.id)
    job = backend.storage.get(Job, current.job)
    return jobs.claim(backend, job.id, job.ticket)


def teach(backend, job):
    """Take a turn without a sandbox, which only a model needs."""
    return teaching.teach(SimpleNamespace(backend=backend, sandbox=None), job)


def last_turn(backend, learner):
    return backend.storage.get(Learner, learner.id).turn


def ids_of(backend, learner):
    answer = queries.query(backend, learner.id, Query(n=ITEMS), 0)
    return [row.id for row in answer.reading.items]


def test_a_turn_without_labels_ranks_every_item_by_the_cold_start(backend, learner):
    job = claimed(backend, learner)

    result = teach(backend, job)

    turn = last_turn(backend, learner)
    assert result == {
        "learner": learner.id,
        "turn": 1,
        "labels": 0,
        "model": None,
        "ranking": turn.ranking,
        "superseded": False,
    }
    assert (turn.number, turn.items, turn.labels, turn.classes) == (1, ITEMS, 0, 0)
    assert backend.storage.get(Ranking, turn.ranking).acquisition == "random"
    assert sorted(ids_of(backend, learner)) == [str(row) for row in range(ITEMS)]


def test_labels_of_one_class_are_counted_and_not_fitted_on(backend, pool, learner):
    label(backend, pool, {3: "ant", 5: "ant"})

    teach(backend, claimed(backend, learner))

    turn = last_turn(backend, learner)
    assert (turn.labels, turn.classes, turn.class_counts) == (2, 1, (("ant", 2),))
    assert turn.model is None
    assert not {"3", "5"} & set(ids_of(backend, learner))


def test_a_turn_whose_earlier_attempt_was_entered_is_not_taken_again(backend, learner):
    job = claimed(backend, learner)
    first = teach(backend, job)

    assert teach(backend, job) == first
    assert len(backend.storage.get(Learner, learner.id).turns) == 1


def test_what_an_attempt_that_died_had_published_is_replaced(backend, pool, learner):
    job = claimed(backend, learner)
    teach(backend, job)
    current = backend.storage.get(Learner, learner.id)
    forgotten = Learner.from_document({**current.document(), "turns": []})
    backend.storage.replace(current, forgotten)  # it died before its turn was entered
    jobs.lose(backend, job.id, job.ticket)
    again = jobs.claim(backend, job.id, jobs.get(backend, job.id).ticket)

    teach(backend, again)

    turn = last_turn(backend, learner)
    assert turn.ranking == ranking_id(again, 0) != ranking_id(job, 0)
    assert backend.storage.get(Ranking, ranking_id(job, 0)) is None
    assert not backend.files.exists(ranking_name(ranking_id(job, 0)))
    assert len(ids_of(backend, learner)) == ITEMS


def test_a_turn_that_a_later_one_has_overtaken_leaves_nothing(backend, learner, monkeypatch):
    job = claimed(backend, learner)
    turns.ask(backend, learner.id)
    later = turn_of(backend, learner, ranking_of(backend, learner.pool, range(ITEMS)))
    rank = teaching.rank

    def slow(*given, **named):
        published = rank(*given, **named)
        turns.enter(backend, learner.id, later)
        return published

    monkeypatch.setattr(teaching, "rank", slow)

    result = teach(backend, job)

    assert (result["superseded"], result["ranking"]) == (True, None)
    assert last_turn(backend, learner) == later
    assert backend.storage.get(Ranking, ranking_id(job, 0)) is None
    assert teach(backend, job)["superseded"] is True


def test_what_the_model_of_a_turn_said_goes_with_a_turn_that_is_not_in_force(backend, pool):
    probs = np.full((ITEMS, 2), 0.5)
    model = backend.storage.get(Model, model_of(backend, pool.id, probs))
    ranking = ranking_of(backend, pool.id, range(ITEMS), model.id)
    attempt = SimpleNamespace(backend=backend, pool=backend.storage.get(Pool, pool.id))

    teaching.take_back(attempt, model, [{"id": ranking}])

    assert backend.storage.get(Ranking, ranking) is None
    [part] = attempt.pool.parts
    assert not backend.files.exists(predictions_name(model.id, part.id))
    assert backend.storage.get(Model, model.id) == model


def test_a_score_that_cannot_be_had_fails_no_turn(backend, learner, monkeypatch):
    def fail(*given, **named):
        raise OutOfMemory("The folds take more than the fit did")

    monkeypatch.setattr(teaching.appraisal, "score", fail)
    job = SimpleNamespace(id="job", attempts=1)
    attempt = SimpleNamespace(backend=backend, job=job, learner=learner, recipe=None, tick=None)

    assert teaching.score_of(attempt, SimpleNamespace(vectors=None, targets=None)) is None


def test_a_turn_of_an_empty_pool_ranks_nothing(backend):
    pool = pools.create(backend, "empty")
    learner = learners.create(backend, asked(pool.id))

    teach(backend, claimed(backend, learner))

    assert last_turn(backend, learner).items == 0
    assert ids_of(backend, learner) == []


def test_a_turn_of_a_deleted_learner_or_a_cancelled_job_ends(backend, pool):
    gone, stopped = learner_of(backend, pool.id), learner_of(backend, pool.id)
    job, other = claimed(backend, gone), claimed(backend, stopped)
    learners.delete(backend, gone.id)
    jobs.cancel(backend, other.id)

    with pytest.raises(SubjectGone):
        teach(backend, job)
    with pytest.raises(Cancelled):
        teach(backend, other)
    assert last_turn(backend, stopped) is None
    assert backend.storage.get(Ranking, ranking_id(other, 0)) is None


def test_a_turn_whose_learner_is_deleted_before_it_is_entered_leaves_no_ranking(
    backend, learner, monkeypatch
):
    job = claimed(backend, learner)
    rank = teaching.rank

    def slow(*given, **named):
        published = rank(*given, **named)
        backend.storage.remove(backend.storage.get(Learner, learner.id))
        return published

    monkeypatch.setattr(teaching, "rank", slow)

    with pytest.raises(SubjectGone):
        teach(backend, job)

    id = ranking_id(job, 0)
    assert backend.storage.get(Ranking, id) is None
    assert not backend.files.exists(ranking_name(id))


def test_a_model_that_is_deleted_once_its_turn_is_in_is_not_appraised(backend, pool, learner):
    label(backend, pool, {3: "ant", 5: "bee"})
    job = claimed(backend, learner)
    model = models.get(backend, model_of(backend, pool.id, np.full((ITEMS, 3), 1 / 3)))
    models.delete(backend, model.id)
    attempt = Attempt(SimpleNamespace(backend=backend), job, learner, pool, None)

    with pytest.raises(SubjectGone, match="was deleted"):
        teaching.appraise(attempt, None, model)
