"""Learners over HTTP, without workers: what is refused, what is told, what is kept."""

import numpy as np
import pytest

from service.operations import turns
from service.records import Job, Learner
from tests.api.test_requests import problem
from tests.learning import model_of, ranking_of, take_turn, turn_of
from tests.stored import label, stored_pool

ITEMS = 12
SCORES = np.arange(ITEMS)
FOREST = {"name": "random_forest", "parameters": {"n_estimators": 5}}


@pytest.fixture
def pool(backend):
    features = np.random.default_rng(0).normal(size=(ITEMS, 2)).astype(np.float32)
    return stored_pool(backend, features)


@pytest.fixture
def create(client, pool):
    """Make a learner of the pool; return the answer."""

    def post(key=None, **body):
        asked = {"pool": pool.id, "estimator": FOREST, "acquisition": {"name": "margin"}, "n": 3}
        headers = {"Idempotency-Key": key} if key else {}
        return client.post("/v1/learners", json={**asked, **body}, headers=headers)

    return post


@pytest.fixture
def learner(backend, create):
    return backend.storage.get(Learner, create(name="mara").json["id"])


@pytest.fixture
def own(learner):
    return f"/v1/learners/{learner.id}"


def drawn(seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(3), ITEMS)


def pointers(answer):
    return [each["pointer"] for each in problem(answer, 422, "invalid_request")["errors"]]


def jobs_of(backend, pool):
    return backend.storage.indexed(Job, f"pool:{pool.id}")


def test_a_new_learner_says_all_that_it_is_and_that_its_turn_is_on_its_way(client, create, pool):
    answer = create(name="first", seed=7, folds=0)

    assert answer.status_code == 201
    said = answer.json
    assert answer.headers["Location"] == f"/v1/learners/{said['id']}"
    assert said["pool"] == pool.id
    assert said["estimator"] == FOREST | {"base": None, "scaling": None, "pca": None}
    assert said["acquisition"]["name"] == "margin"
    assert said["cold_start"]["name"] == "k_center"
    assert (said["n"], said["seed"], said["folds"], said["name"]) == (3, 7, 0, "first")
    assert (said["turn"], said["ready"], said["updating"]) == (None, False, True)
    assert said["problem"] is None
    assert not said["stopping"]["stop"]
    assert client.get(answer.headers["Location"]).json == said


def test_the_defaults_are_told(create):
    said = create(n=None, folds=None)
    assert pointers(said) == ["/n", "/folds"]
    assert create().json["folds"] == 3


def function(name, **said):
    return {"acquisition": {"name": name, **said}}


def cold(name, **said):
    return {"cold_start": {"name": name, **said}}


MARGIN = [{"name": "margin"}]
BAYES = {"estimator": {"name": "naive_bayes"}}
REFUSED = [
    (function("no_such"), "/acquisition/name", "entropy"),
    (function("entropy", parameters={"x": 1}), "/acquisition/parameters/x", ""),
    (function("mnlp"), "/acquisition/name", "tokens"),
    (function("k_center", candidates=2, of=MARGIN), "/acquisition/candidates", "few"),
    (function("bald") | BAYES, "/acquisition/name", "alone"),
    ({"estimator": {"name": "no_such"}}, "/estimator/name", "random_forest"),
    ({"estimator": FOREST | {"pca": 3}}, "/estimator/pca", "2 features"),
    (cold("entropy"), "/cold_start", "predictions"),
    (cold("distance_to_labelled"), "/cold_start", "labels"),
    (cold("soft_rank", of=MARGIN), "/cold_start", "margin"),
    ({"n": 0}, "/n", ""),
    ({"n": 2.0}, "/n", "integer"),
    ({"n": 100_001}, "/n", "100000"),
    ({"folds": 21}, "/folds", ""),
    ({"seed": 2**32}, "/seed", ""),
    ({"unheard_of": 1}, "/unheard_of", "acquisition"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[1])
def test_what_cannot_be_learnt_is_refused_and_leaves_nothing(backend, create, pool, case):
    body, pointer, word = case

    answer = create(**body)

    assert pointer in pointers(answer)
    assert word in str(answer.json["errors"])
    assert jobs_of(backend, pool) == []
    assert backend.storage.page(Learner, None, 5)[0] == []


def test_items_without_features_cannot_be_learnt(client, backend):
    pool = stored_pool(backend, np.empty((3, 0), dtype=np.float32))
    body = {"pool": pool.id, "estimator": FOREST, "acquisition": {"name": "margin"}}
    assert "/estimator" in pointers(client.post("/v1/learners", json=body))


def test_a_function_of_labels_is_allowed_before_there_are_any(create):
    assert create(acquisition={"name": "distance_to_labelled"}).status_code == 201


def test_costs_tell_how_many_classes_there_will_be(create):
    costs = {"name": "expected_cost", "parameters": {"costs": [[0, 1, 2], [1, 0, 2], [1, 2, 0]]}}
    assert create(acquisition=costs).status_code == 201


def test_the_members_of_a_forest_may_be_asked(create):
    assert create(acquisition={"name": "bald"}).status_code == 201


def test_the_same_key_makes_one_learner(backend, create, pool):
    first, second = create(key="once"), create(key="once")

    assert first.json == second.json
    assert len(jobs_of(backend, pool)) == 1


def test_learners_are_listed_by_pool(client, create, backend, pool):
    ids = [create().json["id"] for _ in range(3)]
    other = stored_pool(backend, np.ones((2, 2), dtype=np.float32))

    page = client.get(f"/v1/learners?pool={pool.id}&page_size=2").json
    rest = client.get(
        f"/v1/learners?pool={pool.id}&page_size=2&page_token={page['next_page_token']}"
    ).json

    assert [each["id"] for each in page["learners"] + rest["learners"]] == ids[::-1]
    assert client.get(f"/v1/learners?pool={other.id}").json["learners"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/query", {}),
        ("POST", "/teach", {}),
        ("GET", "/history", None),
        ("GET", "/predictions", None),
        ("POST", "/predictions/query", {"ids": []}),
    ],
)
def test_a_learner_that_is_not_there_is_a_404(client, method, path, body):
    answer = client.open(f"/v1/learners/nobody{path}", method=method, json=body)
    problem(answer, 404, "learner_not_found")


def test_before_the_first_turn_a_query_is_a_conflict_that_says_what_to_wait_for(
    client, own, learner
):
    answer = client.post(f"{own}/query", json={})

    assert learner.job in problem(answer, 409, "conflict")["detail"]
    assert answer.headers["Retry-After"] == "1"


def test_a_query_gives_items_with_what_the_model_says(client, backend, own, learner):
    probs = drawn()
    turn = take_turn(backend, learner, SCORES, probs).turn

    answer = client.post(f"{own}/query", json={"n": 1, "exclude": ["11", "nobody"]}).json

    best = int(probs[10].argmax())
    assert answer == {
        "learner": learner.id,
        "turn": 1,
        "model": turn.model,
        "ranking": turn.ranking,
        "items": [
            {
                "rank": 2,
                "id": "10",
                "score": 10.0,
                "raw_score": -10.0,
                "label": ("ant", "bee", "cat")[best],
                "probability": probs[10][best],
            }
        ],
        "returned": 1,
        "eligible": 11,
        "excluded": 1,
        "unknown_ids": ["nobody"],
        "updating": False,
    }


def test_a_query_without_a_number_gives_the_learners_own(client, backend, own, learner):
    take_turn(backend, learner, SCORES)

    answer = client.post(f"{own}/query", json={}).json

    assert [each["id"] for each in answer["items"]] == ["11", "10", "9"]
    assert all(each["label"] is each["probability"] is None for each in answer["items"])


@pytest.mark.parametrize(
    "case",
    [
        ({"n": -1}, "/n"),
        ({"n": 100_001}, "/n"),
        ({"order": "asc"}, "/order"),
        ({"where": {"x": {"eq": 1}}}, "/where/x"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(client, backend, own, learner, case):
    body, pointer = case
    take_turn(backend, learner, SCORES)
    assert pointers(client.post(f"{own}/query", json=body)) == [pointer]


def test_a_batch_that_must_be_selected_first_is_a_job(client, backend, own, learner):
    take_turn(backend, learner, SCORES, function="k_center", batch=3)

    answer = client.post(f"{own}/query", json={"n": 5})

    assert answer.status_code == 202
    assert answer.json["task"] == "score"
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert answer.headers["Retry-After"]
    assert client.post(f"{own}/query", json={"n": 5}).json["id"] == answer.json["id"]


def labels_of(client, pool):
    return client.get(f"/v1/pools/{pool.id}/labels").json["labels"]


def test_only_what_was_taught_is_a_label(client, backend, own, learner, pool):
    take_turn(backend, learner, SCORES, drawn())
    shown = client.post(f"{own}/query", json={"n": 3}).json["items"]

    client.post(f"{own}/teach", json={"labels": [{"id": shown[1]["id"], "label": "bee"}]})

    found = labels_of(client, pool)
    assert [(each["id"], each["label"]) for each in found] == [(shown[1]["id"], "bee")]
    left = client.post(f"{own}/query", json={"n": 3}).json["items"]
    assert {shown[0]["id"], shown[2]["id"]} <= {each["id"] for each in left}


def test_labels_come_from_whoever_says_so_or_else_from_the_learner(client, backend, own, pool):
    client.post(f"{own}/teach", json={"labels": [{"id": "1", "label": "ant"}]})
    client.post(f"{own}/teach", json={"labels": [{"id": "2", "label": "ant"}], "source": "ada"})

    assert [each.source for each in backend.labels.labellings(pool.id, [1, 2])] == ["mara", "ada"]


def test_one_unknown_id_is_refused_and_nothing_is_stored_or_queued(
    client, backend, own, learner, pool
):
    take_turn(backend, learner, SCORES)
    taught = [{"id": "1", "label": "ant"}, {"id": "nobody", "label": "ant"}]

    answer = client.post(f"{own}/teach", json={"labels": taught})

    assert pointers(answer) == ["/labels/1/id"]
    assert labels_of(client, pool) == []
    assert not client.get(own).json["updating"]


def test_teaching_while_a_turn_waits_is_answered_with_its_job(client, own, learner):
    answer = client.post(f"{own}/teach", json={"labels": [{"id": "1", "label": "ant"}]})

    assert answer.status_code == 202
    assert answer.json["id"] == learner.job
    assert answer.json["links"]["learner"] == own
    assert client.post(f"{own}/teach", json={}).json["id"] == learner.job


def test_a_label_is_taken_away_by_teaching_null(client, own, pool):
    client.post(f"{own}/teach", json={"labels": [{"id": "1", "label": "ant"}]})
    client.post(f"{own}/teach", json={"labels": [{"id": "1", "label": None}]})

    assert labels_of(client, pool) == []


def test_before_there_is_a_model_there_are_no_predictions(client, backend, own, learner):
    first = client.get(f"{own}/predictions")
    take_turn(backend, learner, SCORES)
    second = client.get(f"{own}/predictions")

    assert learner.job in problem(first, 409, "conflict")["detail"]
    assert "two classes" in problem(second, 409, "conflict")["detail"]


def test_predictions_are_told_of_every_item_in_pool_order(client, backend, own, learner):
    probs = drawn()
    model = take_turn(backend, learner, SCORES, probs).turn.model

    found = client.get(f"{own}/predictions").json

    assert (found["model"], found["turn"], found["total"]) == (model, 1, ITEMS)
    assert found["classes"] == ["ant", "bee", "cat"]
    assert [each["id"] for each in found["items"]] == [str(row) for row in range(ITEMS)]
    for each, row in zip(found["items"], probs, strict=True):
        assert each["probabilities"] == row.tolist()
        assert each["probability"] == row.max()
        assert each["label"] == found["classes"][row.argmax()]
    assert found["next_page_token"] is None


def test_all_pages_are_of_the_turn_that_the_first_one_is_of(client, backend, own, learner):
    probs = drawn(1)
    take_turn(backend, learner, SCORES, probs)
    first = client.get(f"{own}/predictions?page_size=7").json
    take_turn(backend, learner, SCORES, drawn(2))

    rest = client.get(f"{own}/predictions?page_size=7&page_token={first['next_page_token']}").json

    assert (first["turn"], rest["turn"], rest["next_page_token"]) == (1, 1, None)
    read = [each["probabilities"] for each in first["items"] + rest["items"]]
    assert read == probs.tolist()
    take_turn(backend, learner, SCORES, drawn(3))
    gone = client.get(f"{own}/predictions?page_size=7&page_token={first['next_page_token']}")
    assert "turn 1" in problem(gone, 409, "conflict")["detail"]


@pytest.mark.parametrize("token", ["x", "WyJhIiwiMTpuIl0"])
def test_a_page_token_that_leads_nowhere_is_refused(client, backend, own, learner, token):
    take_turn(backend, learner, SCORES, drawn())
    answer = client.get(f"{own}/predictions?page_token={token}")
    assert pointers(answer) == ["?page_token"]


def test_some_predictions_are_told_by_id_in_the_order_asked(client, backend, own, learner):
    probs = drawn()
    take_turn(backend, learner, SCORES, probs)

    found = client.post(f"{own}/predictions/query", json={"ids": ["7", "nobody", "2"]}).json

    assert [each["id"] for each in found["items"]] == ["7", "2"]
    assert [each["probabilities"] for each in found["items"]] == probs[[7, 2]].tolist()
    assert found["unknown_ids"] == ["nobody"]


def test_the_history_tells_every_turn_and_whether_to_go_on(client, backend, own, learner):
    for number, kappa in enumerate([None, 0.992, 0.995, 0.998]):
        model = model_of(backend, learner.pool, drawn(number))
        ranking = ranking_of(backend, learner.pool, SCORES, model)
        said = {"number": number + 1, "labels": 10 * (number + 1), "agreement": kappa}
        turns.enter(backend, learner.id, turn_of(backend, learner, ranking, model, **said))

    found = client.get(f"{own}/history").json

    assert [turn["agreement"] for turn in found["turns"]] == [None, 0.992, 0.995, 0.998]
    assert found["turns"][0]["class_counts"] == [
        {"label": "ant", "count": 1},
        {"label": "bee", "count": 1},
    ]
    assert found["stopping"]["stop"]
    assert found["stopping"]["rule"] == "stabilising_predictions"
    assert "0.9950" in found["stopping"]["reason"]
    assert client.get(own).json["stopping"] == found["stopping"]


def test_a_deleted_learner_is_gone_and_its_labels_stay(client, backend, own, learner, pool):
    label(backend, pool, {1: "ant"})
    turn = take_turn(backend, learner, SCORES, drawn()).turn

    assert client.delete(own).status_code == 204
    assert client.get(own).status_code == 404
    assert client.get(f"/v1/rankings/{turn.ranking}").status_code == 404
    assert client.get(f"/v1/models/{turn.model}").status_code == 200
    assert len(labels_of(client, pool)) == 1


def test_deleting_a_pool_deletes_its_learners(client, own, learner, pool):
    assert client.delete(f"/v1/pools/{pool.id}").status_code == 204
    assert client.get(own).status_code == 404
