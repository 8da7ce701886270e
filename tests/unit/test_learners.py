"""Learners as operations: whose turn it is, what a turn leaves, and what a query is answered by."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from service.backend import Backend
from service.errors import Conflict, LearnerNotFound, PoolNotFound, SubjectGone
from service.files import predictions_name, ranking_name
from service.ids import pack
from service.operations import jobs, learner_predictions, learners, models, pools, queries, turns
from service.operations.queries import suffices
from service.operations.rankings import Columns, Query, Reading
from service.records import CANCELLED, FAILED, QUEUED, SUCCEEDED, Job, Learner, Ranking, new_id
from tests.learning import learner_of, model_of, ranking_of, take_turn, turn_of
from tests.stored import label, stored_pool

ITEMS = 12
SCORES = np.arange(ITEMS)


@pytest.fixture
def pool(backend):
    features = np.random.default_rng(0).normal(size=(ITEMS, 2)).astype(np.float32)
    return stored_pool(backend, features)


@pytest.fixture
def learner(backend, pool):
    return learner_of(backend, pool.id)


def drawn(seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(3), ITEMS)


def now(backend, learner):
    return backend.storage.get(Learner, learner.id)


def claimed(backend, learner):
    """The job of a learner's next turn, as a worker has it."""
    job = backend.storage.get(Job, now(backend, learner).job)
    return jobs.claim(backend, job.id, job.ticket)


def ids_of(answer):
    return [row.id for row in answer.reading.items]


def query(backend, learner, n=3, patience=0, **said):
    return queries.query(backend, learner.id, Query(n=n, **said), patience)


def test_a_new_learner_has_one_job_that_waits_and_is_found_by_its_pool(backend, pool, learner):
    [job] = backend.storage.indexed(Job, f"pool:{pool.id}")

    assert (job.id, job.task, job.state) == (learner.job, "teach", QUEUED)
    assert job.request == {"learner": learner.id, "pool": pool.id, "turn": 1}
    assert backend.storage.indexed(Learner, f"pool:{pool.id}") == [learner]
    assert len(backend.queue) == 1


def test_a_record_of_a_learner_comes_back_as_it_was(backend, learner):
    taken = take_turn(backend, learner, SCORES, drawn())

    assert Learner.from_document(taken.document()) == taken


def test_asking_while_a_turn_waits_adds_no_second_job(backend, learner):
    assert {turns.ask(backend, learner.id).id for _ in range(3)} == {learner.job}
    assert len(backend.queue) == 1


def test_asking_while_a_turn_runs_queues_one_more_and_only_one(backend, learner):
    running = claimed(backend, learner)

    more = {turns.ask(backend, learner.id).id for _ in range(3)}

    assert len(more) == 1
    assert running.id not in more
    assert now(backend, learner).asked == 2


def test_of_many_that_ask_at_once_all_get_the_same_job(backend, learner):
    claimed(backend, learner)

    with ThreadPoolExecutor(8) as threads:
        found = {job.id for job in threads.map(lambda _: turns.ask(backend, learner.id), range(32))}

    assert found == {now(backend, learner).job}
    assert len(backend.storage.indexed(Job, f"pool:{learner.pool}")) == 2


@pytest.mark.parametrize("state", [CANCELLED, FAILED, SUCCEEDED])
def test_a_turn_that_has_ended_is_followed_by_another(backend, learner, state):
    job = backend.storage.get(Job, learner.job)
    backend.storage.replace(job, replace(job, state=state))

    assert turns.ask(backend, learner.id).id != job.id


def test_a_job_that_waits_for_a_second_try_at_a_turn_that_is_in_is_not_asked_again(
    backend, learner
):
    job = claimed(backend, learner)
    entered = turn_of(backend, learner, ranking_of(backend, learner.pool, SCORES))
    turns.enter(backend, learner.id, entered)
    jobs.lose(backend, job.id, job.ticket)  # its worker died after that

    asked = turns.ask(backend, learner.id)

    assert backend.storage.get(Job, job.id).state == QUEUED
    assert (asked.id != job.id, asked.request["turn"]) == (True, 2)


def test_a_learner_that_is_gone_is_asked_for_nothing_and_keeps_no_job(backend, learner):
    learners.delete(backend, learner.id)

    with pytest.raises(LearnerNotFound):
        turns.ask(backend, learner.id)
    assert all(job.is_final for job in backend.storage.indexed(Job, f"pool:{learner.pool}"))


def test_a_later_turn_is_never_replaced_by_an_earlier_one(backend, learner):
    early = turn_of(backend, learner, ranking_of(backend, learner.pool, SCORES))
    claimed(backend, learner)
    turns.ask(backend, learner.id)
    late = turn_of(backend, learner, ranking_of(backend, learner.pool, SCORES))

    assert turns.enter(backend, learner.id, late)
    assert not turns.enter(backend, learner.id, early)
    assert now(backend, learner).turns == (late,)


def test_a_turn_of_a_deleted_learner_is_not_entered(backend, learner):
    turn = turn_of(backend, learner, ranking_of(backend, learner.pool, SCORES))
    learners.delete(backend, learner.id)

    with pytest.raises(SubjectGone):
        turns.enter(backend, learner.id, turn)


def test_the_rankings_of_the_last_turns_stay_and_older_ones_go(backend, learner):
    made = [take_turn(backend, learner, SCORES).turn.ranking for _ in range(7)]

    kept = [turn.ranking for turn in now(backend, learner).turns]
    assert kept == [None, None, *made[2:]]
    for ranking in made:
        there = ranking in kept
        assert (backend.storage.get(Ranking, ranking) is not None) is there
        assert backend.files.exists(ranking_name(ranking)) is there


def test_only_the_last_turns_keep_their_class_counts(backend, learner):
    for _ in range(7):
        take_turn(backend, learner, SCORES)

    counts = [len(turn.class_counts) for turn in now(backend, learner).turns]
    assert counts == [0, 0, 2, 2, 2, 2, 2]


def has_predictions(backend, pool, model):
    return all(backend.files.exists(predictions_name(model, part.id)) for part in pool.parts)


def test_predictions_of_the_last_two_turns_stay_and_older_ones_go(backend, pool, learner):
    made = [take_turn(backend, learner, SCORES, drawn(seed)).turn.model for seed in range(4)]

    assert [has_predictions(backend, pool, model) for model in made] == [False, False, True, True]


def test_what_another_learner_or_a_job_stands_on_is_kept(backend, pool, learner):
    shared, busy = (
        take_turn(backend, learner, SCORES, drawn(seed)).turn.model for seed in range(2)
    )
    other = learner_of(backend, pool.id)
    ranking = ranking_of(backend, pool.id, SCORES)
    turns.enter(backend, other.id, turn_of(backend, other, ranking, shared))
    jobs.submit(backend, Job(id=new_id(), task="score", request={}, model=busy))

    for seed in range(2, 5):
        take_turn(backend, learner, SCORES, drawn(seed))

    assert has_predictions(backend, pool, shared)
    assert has_predictions(backend, pool, busy)


def test_the_history_keeps_the_last_max_turns(backend, learner):
    short = Backend(**{**vars(backend), "settings": replace(backend.settings, max_turns=3)})

    for _ in range(5):
        take_turn(short, learner, SCORES)

    assert [turn.number for turn in now(backend, learner).turns] == [3, 4, 5]


def test_a_turn_is_completed_where_it_is_still_there(backend, learner):
    first = take_turn(backend, learner, SCORES).turn
    take_turn(backend, learner, SCORES)

    turns.complete(backend, learner.id, first.number, score=0.5, agreement=0.9)
    turns.complete(backend, learner.id, 99, score=0.1)
    turns.complete(backend, "nobody", 1, score=0.1)

    completed, last = now(backend, learner).turns
    assert (completed.score, completed.agreement) == (0.5, 0.9)
    assert last.score is None


def test_a_learner_is_updating_until_its_turn_is_entered_not_until_its_job_ends(backend, learner):
    assert turns.pending(backend, learner).id == learner.job
    claimed(backend, learner)

    taken = take_turn(backend, learner, SCORES)

    assert backend.storage.get(Job, learner.job).state == "running"
    assert turns.pending(backend, taken) is None


def test_a_learner_whose_turn_failed_says_why_and_goes_on_with_the_one_before(backend, learner):
    take_turn(backend, learner, SCORES)
    job = turns.ask(backend, learner.id)
    running = jobs.claim(backend, job.id, job.ticket)
    jobs.fail(backend, running, Conflict("it could not be"))

    view = learners.view(backend, now(backend, learner))

    assert view.pending is None
    assert view.problem["detail"] == "it could not be"
    assert ids_of(query(backend, learner)) == ["11", "10", "9"]


def test_before_the_first_turn_a_query_names_the_job_to_wait_for(backend, learner):
    with pytest.raises(Conflict, match=f"/v1/jobs/{learner.job}") as caught:
        query(backend, learner)
    assert caught.value.headers["Retry-After"] == "1"


def test_after_a_first_turn_that_failed_a_query_says_so_and_names_no_time(backend, learner):
    jobs.fail(backend, claimed(backend, learner), Conflict("it could not be"))

    with pytest.raises(Conflict, match="it could not be") as caught:
        query(backend, learner)
    assert not caught.value.headers


def test_a_query_gives_the_best_that_are_not_labelled_and_what_the_model_says(
    backend, pool, learner
):
    probs = drawn()
    take_turn(backend, learner, SCORES, probs)
    label(backend, pool, {11: "ant"})

    answer = query(backend, learner, exclude=("9",))

    assert ids_of(answer) == ["10", "8", "7"]
    expected = [(("ant", "bee", "cat")[probs[r].argmax()], probs[r].max()) for r in (10, 8, 7)]
    assert list(answer.guesses) == expected
    assert (answer.turn.number, answer.updating) == (1, False)


def test_a_query_while_a_newer_turn_comes_is_answered_from_the_last_and_says_so(backend, learner):
    take_turn(backend, learner, SCORES)
    turns.ask(backend, learner.id)

    answer = query(backend, learner)

    assert ids_of(answer) == ["11", "10", "9"]
    assert answer.updating


def test_a_query_that_may_wait_is_answered_from_the_newer_turn(backend, learner):
    take_turn(backend, learner, SCORES)
    turns.ask(backend, learner.id)

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(query, backend, learner, patience=30)
        current = now(backend, learner)
        ranking = ranking_of(backend, learner.pool, -SCORES)
        turns.enter(backend, learner.id, turn_of(backend, current, ranking))

    assert ids_of(waiting.result()) == ["0", "1", "2"]


def test_where_the_model_was_deleted_queries_go_on_without_its_word(backend, learner):
    model = take_turn(backend, learner, SCORES, drawn()).turn.model
    backend.storage.remove(learner_predictions.models.get(backend, model))

    answer = query(backend, learner)

    assert (answer.model, answer.guesses) == (None, (None,) * 3)
    with pytest.raises(Conflict, match="deleted"):
        learner_predictions.page(backend, learner.id, number=None, start=0, limit=5)


def test_where_the_model_was_deleted_no_other_batch_is_selected_and_the_answer_says_what_to_do(
    backend, learner
):
    taken = take_turn(backend, learner, SCORES, drawn(), function="dmbal", batch=3)
    models.delete(backend, taken.turn.model)

    with pytest.raises(Conflict, match="teach to fit another"):
        query(backend, learner, n=5)


def test_items_that_came_after_the_turn_are_not_spoken_of(backend, learner):
    take_turn(backend, learner, SCORES, drawn())
    current = now(backend, learner)
    shorter = replace(current.turn, items=10)
    backend.storage.replace(current, replace(current, turns=(shorter,)))

    found = learner_predictions.page(backend, learner.id, number=None, start=8, limit=9)
    some = learner_predictions.some(backend, learner.id, ["11", "2"])

    assert (found.ids, found.total, found.following) == (("8", "9"), 10, None)
    assert (some.ids, some.unknown) == (("2",), ("11",))


def reading(form, returned, eligible, ranked, made, *, name="k_center"):
    ranking = type("Ranking", (), {})()
    ranking.form, ranking.acquisition, ranking.ranked = form, name, ranked
    ranking.batch = {"n": made}
    nothing = np.zeros(returned)
    columns = Columns(nothing, pack(["any"] * returned), nothing, nothing)
    return Reading(ranking, columns, eligible, 0, (), None)


@pytest.mark.parametrize(
    ("found", "n", "good"),
    [
        (reading("score", 2, 2, 9, None), 5, True),
        (reading("batch", 5, 5, 5, 5), 5, True),
        (reading("batch", 3, 5, 5, 5), 3, True),  # the first of more
        (reading("batch", 3, 5, 5, 5, name="typiclust"), 3, False),  # others than the first of more
        (reading("batch", 0, 5, 5, 5, name="typiclust"), 0, True),
        (reading("batch", 5, 5, 5, 5), 8, False),  # more than it was made for
        (reading("batch", 4, 4, 5, 5), 5, False),  # one was labelled since
        (reading("batch", 4, 4, 4, 5), 5, True),  # there were no more
        (reading("batch", 4, 4, 4, 5), 9, True),
        (reading("batch", 3, 3, 4, 5), 5, False),  # there were no more, and one was labelled since
    ],
)
def test_a_batch_answers_what_it_was_made_for_and_its_beginning_where_that_is_consistent(
    found, n, good
):
    assert suffices(found, n) is good


def test_another_batch_is_selected_by_one_job_however_often_it_is_asked_for(backend, pool, learner):
    take_turn(backend, learner, SCORES, function="k_center", batch=3)

    first = query(backend, learner, n=5, exclude=("4", "unknown"))
    again = query(backend, learner, n=5, exclude=("4", "unknown"))
    other = query(backend, learner, n=6)

    assert first.id == again.id != other.id
    assert first.task == "score"
    assert first.request["batch"] | {"n": 5, "exclude": 1} == first.request["batch"]


def test_the_batch_that_was_selected_for_a_query_answers_it_until_it_is_used_up(
    backend, pool, learner
):
    take_turn(backend, learner, SCORES, function="k_center", batch=3)
    job = query(backend, learner, n=4)
    ranking = ranking_of(backend, pool.id, -SCORES, function="k_center", batch=4)
    running = jobs.claim(backend, job.id, job.ticket)
    jobs.succeed(backend, running, {"rankings": [{"id": ranking}]})

    assert ids_of(query(backend, learner, n=4)) == ["0", "1", "2", "3"]
    label(backend, pool, {2: "ant"})
    fresh = query(backend, learner, n=4)
    assert fresh.id != job.id
    assert fresh.id == query(backend, learner, n=4).id


def test_a_batch_that_is_short_while_a_turn_comes_waits_for_the_turn(backend, pool, learner):
    take_turn(backend, learner, SCORES, function="k_center", batch=3)
    label(backend, pool, {11: "ant"})
    turn = turns.ask(backend, learner.id)

    assert query(backend, learner).id == turn.id


def test_a_failed_selection_is_told_and_may_be_tried_again(backend, learner):
    take_turn(backend, learner, SCORES, function="k_center", batch=3)
    job = query(backend, learner, n=5)
    jobs.fail(backend, jobs.claim(backend, job.id, job.ticket), Conflict("it could not be"))

    assert query(backend, learner, n=5).id != job.id


def test_deleting_a_learner_takes_its_rankings_and_predictions_and_leaves_its_models(
    backend, pool, learner
):
    turn = take_turn(backend, learner, SCORES, drawn()).turn
    turns.ask(backend, learner.id)
    waiting = now(backend, learner).job

    learners.delete(backend, learner.id)

    assert backend.storage.get(Ranking, turn.ranking) is None
    assert not has_predictions(backend, pool, turn.model)
    assert learner_predictions.models.find(backend, turn.model) is not None
    assert jobs.get(backend, waiting).state == CANCELLED


def test_deleting_a_pool_takes_its_learners(backend, pool, learner):
    turn = take_turn(backend, learner, SCORES, drawn()).turn

    pools.delete(backend, pool.id)

    assert now(backend, learner) is None
    assert not has_predictions(backend, pool, turn.model)
    with pytest.raises(PoolNotFound):
        learner_of(backend, pool.id)


def test_a_learner_made_while_its_pool_is_deleted_leaves_nothing(backend, pool, monkeypatch):
    def deleted(backend, asked):
        found = pools.get(backend, asked.pool)
        pools.delete(backend, found.id)
        return found

    monkeypatch.setattr(learners, "validate", deleted)

    with pytest.raises(PoolNotFound):
        learner_of(backend, pool.id)
    assert backend.storage.page(Learner, None, 5)[0] == []
    assert backend.storage.page(Job, None, 5)[0] == []


def test_a_model_of_no_pool_says_nothing(backend, pool, learner):
    model = model_of(backend, pool.id, drawn())
    turns.forget_unused(backend, pool.id, {model})

    assert not has_predictions(backend, pool, model)
