"""The loop on a real installation: digits that are queried, corrected, and learnt."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.conftest import installation, until
from tests.models import digits
from tests.uploads import as_multipart

ROWS = 600
TRUTH = {f"d{row}": int(label) for row, label in enumerate(digits().labels[:ROWS])}
FOREST = {"name": "random_forest", "parameters": {"n_estimators": 20}}
WAIT = "wait=20"


def uploaded(client):
    media_type, body = as_multipart(list(TRUTH), digits().items[:ROWS], {})
    return client.pool(body, media_type)


@pytest.fixture
def pool(live):
    return uploaded(live)


def create(client, pool, **said):
    """Make a learner; return its path once its first turn is in."""
    body = {"pool": pool, "estimator": FOREST, "acquisition": {"name": "margin"}, "n": 20, **said}
    answer = client.post("/v1/learners", body, Prefer=WAIT)
    assert answer.status == 201, answer.body
    assert answer.json["ready"]
    return answer.headers["Location"]


def query(client, learner, **said):
    answer = client.post(f"{learner}/query", said, Prefer=WAIT)
    assert answer.status == 200, answer.body
    return answer.json


def teach(client, learner, ids, **headers):
    """Teach what some items are; return the job of the turn, once it has succeeded."""
    labels = [{"id": id, "label": TRUTH[id]} for id in ids]
    answer = client.post(f"{learner}/teach", {"labels": labels}, **headers)
    assert answer.status in (201, 202), answer.body
    job = client.ended(answer.json["id"])
    assert job["state"] == "succeeded", job
    return job


def ids_of(answer):
    return [each["id"] for each in answer["items"]]


def predicted(client, learner):
    """What the learner says of every item, page by page."""
    found, token = {}, ""
    while token is not None:
        query = f"&page_token={token}" if token else ""
        page = client.get(f"{learner}/predictions?page_size=250{query}").json
        found |= {each["id"]: each for each in page["items"]}
        token = page["next_page_token"]
    return found


def accuracy(client, learner):
    said = predicted(client, learner)
    assert said.keys() == TRUTH.keys()
    return np.mean([said[id]["label"] == label for id, label in TRUTH.items()])


def test_the_five_steps_of_an_annotation_tool_make_a_model_better_and_better(live, pool):
    learner = create(live, pool, name="five steps")
    scores = []
    for _ in range(5):
        shown = query(live, learner)
        assert len(shown["items"]) == 20
        job = teach(live, learner, ids_of(shown))
        assert job["result"]["labels"] == 20 * (len(scores) + 1)
        scores.append(accuracy(live, learner))

    assert scores[-1] > 0.85
    assert scores[-1] > scores[0] + 0.2
    history = live.get(f"{learner}/history").json
    assert [turn["labels"] for turn in history["turns"]] == [0, 20, 40, 60, 80, 100]
    first, *rest = history["turns"]
    assert (first["model"], first["agreement"], first["score"]) == (None, None, None)
    assert all(0 < turn["mean_uncertainty"] <= turn["max_uncertainty"] < 1 for turn in rest)
    assert all(0 < turn["agreement"] < 1 for turn in rest[1:])
    assert rest[-1]["score"] > 0.5
    assert rest[-1]["score_error"] > 0
    assert history["stopping"]["stop"] is False


def test_only_what_was_taught_is_learnt_and_the_rest_of_what_was_shown_comes_again(live, pool):
    learner = create(live, pool)
    shown = ids_of(query(live, learner, n=20))

    job = teach(live, learner, shown[:12])

    assert job["result"]["labels"] == 12
    labelled = live.get(f"/v1/pools/{pool}/labels?page_size=1000").json["labels"]
    assert {each["id"] for each in labelled} == set(shown[:12])
    again = query(live, learner, n=ROWS)
    assert set(shown[12:]) < set(ids_of(again))
    assert len(again["items"]) == ROWS - 12


def test_a_turn_ranks_as_a_scoring_of_its_model_does_and_predicts_as_it_ranks(live, pool):
    learner = create(live, pool)
    teach(live, learner, ids_of(query(live, learner)))

    found = query(live, learner, n=ROWS, include_labelled=True)

    ranking = live.rankings(pool, found["model"], "margin")["margin"]
    rows = live.get(f"/v1/rankings/{ranking}/items?n={ROWS}&include_labelled=true").json["items"]
    told = [{key: each[key] for key in rows[0]} for each in found["items"]]
    assert told == rows
    said = predicted(live, learner)
    for each in found["items"]:
        best, second = sorted(said[each["id"]]["probabilities"])[:-3:-1]
        assert each["probability"] == best
        assert each["label"] == said[each["id"]]["label"]
        assert each["score"] == pytest.approx(second - best, abs=1e-12)
    some = live.post(f"{learner}/predictions/query", {"ids": ["d7", "d3"]}).json["items"]
    assert some == [said["d7"], said["d3"]]


def test_a_model_says_what_it_learnt_and_the_same_lesson_is_learnt_alike(live, pool):
    first = create(live, pool)
    shown = ids_of(query(live, first))
    model = teach(live, first, shown)["result"]["model"]

    second = create(live, pool)

    assert predicted(live, second) == predicted(live, first)
    said = live.get(f"/v1/models/{model}").json
    assert said["training"]["labels"] == 20
    assert said["classes"] == sorted({TRUTH[id] for id in shown})


def test_with_labels_of_one_class_a_turn_ranks_by_the_cold_start(live, pool):
    learner = create(live, pool, cold_start={"name": "random"})
    zeros = [id for id, label in TRUTH.items() if label == 0]

    job = teach(live, learner, zeros[:3])

    assert job["result"]["model"] is None
    found = query(live, learner, n=5)
    assert not set(zeros[:3]) & set(ids_of(found))
    assert live.get(f"/v1/rankings/{found['ranking']}").json["acquisition"] == "random"


def test_a_batch_strategy_prepares_a_batch_and_selects_another_when_asked_for_more(live, pool):
    learner = create(live, pool, acquisition={"name": "badge"}, n=10)
    seen = ids_of(query(live, learner, n=10))
    teach(live, learner, seen)

    prepared = query(live, learner)
    more = query(live, learner, n=25, exclude=ids_of(prepared)[:2])
    again = query(live, learner, n=25, exclude=ids_of(prepared)[:2])

    assert len(prepared["items"]) == 10
    assert len(more["items"]) == 25
    assert not set(ids_of(more)) & {*seen, *ids_of(prepared)[:2]}
    assert more["turn"] == prepared["turn"]
    assert (again["ranking"], ids_of(again)) == (more["ranking"], ids_of(more))
    unasked = live.post(f"{learner}/query", {"n": 30})
    assert unasked.status == 202
    assert live.ended(unasked.json["id"])["state"] == "succeeded"
    assert len(query(live, learner, n=30)["items"]) == 30


def test_of_lessons_that_come_at_once_all_labels_are_learnt_by_few_turns(live, pool):
    learner = create(live, pool)
    ids = list(TRUTH)[:48]

    def lesson(start):
        labels = [{"id": id, "label": TRUTH[id]} for id in ids[start : start + 4]]
        return live.post(f"{learner}/teach", {"labels": labels}).json["id"]

    with ThreadPoolExecutor(12) as threads:
        made = set(threads.map(lesson, range(0, len(ids), 4)))

    assert all(live.ended(each)["state"] == "succeeded" for each in made)
    current = live.get(learner).json
    assert current["turn"]["labels"] == 48
    assert not current["updating"]
    assert len(made) <= 12


def test_a_turn_that_fails_leaves_the_one_before_and_the_next_lesson_helps(live, pool):
    learner = create(live, pool, estimator={"name": "linear_svm"}, folds=0)
    ids = [next(id for id, label in TRUTH.items() if label == wanted) for wanted in (0, 1)]
    labels = [{"id": id, "label": TRUTH[id]} for id in ids]

    answer = live.post(f"{learner}/teach", {"labels": labels}, Prefer=WAIT)

    assert (answer.status, answer.json["code"]) == (422, "too_few_labels")
    current = live.get(learner).json
    assert current["problem"]["code"] == "too_few_labels"
    assert current["turn"]["model"] is None
    assert len(query(live, learner, n=5)["items"]) == 5
    more = [id for id, label in TRUTH.items() if label in (0, 1) and id not in ids][:10]
    assert teach(live, learner, more)["result"]["model"]
    assert live.get(learner).json["problem"] is None


def test_costs_that_do_not_fit_the_labels_fail_the_turn_in_so_many_words(live, pool):
    costs = {"name": "expected_cost", "parameters": {"costs": [[0, 1, 2], [1, 0, 2], [1, 2, 0]]}}
    learner = create(live, pool, acquisition=costs)
    labels = [{"id": "d0", "label": "ant"}, {"id": "d1", "label": "bee"}]

    answer = live.post(f"{learner}/teach", {"labels": labels}, Prefer=WAIT)

    assert (answer.status, answer.json["code"]) == (422, "unusable_labels")
    assert "2" in answer.json["detail"]


def test_where_its_model_is_deleted_a_learner_goes_on_and_learns_anew(live, pool):
    learner = create(live, pool)
    model = teach(live, learner, ids_of(query(live, learner)))["result"]["model"]
    assert live.send("DELETE", f"/v1/models/{model}").status == 204

    found = query(live, learner, n=3)

    assert (found["model"], found["items"][0]["label"]) == (None, None)
    assert live.get(f"{learner}/predictions").status == 409
    job = teach(live, learner, ids_of(found))
    assert query(live, learner, n=3)["model"] == job["result"]["model"]
    assert live.get(f"{learner}/predictions").status == 200


def test_a_deleted_learner_takes_its_running_turn_along(live, pool):
    learner = create(live, pool, estimator=FOREST | {"parameters": {"n_estimators": 1_000}})
    labels = [{"id": id, "label": label} for id, label in TRUTH.items()]
    job = live.post(f"{learner}/teach", {"labels": labels}).json["id"]
    until(lambda: live.get(f"/v1/jobs/{job}").json["state"] == "running")

    assert live.send("DELETE", learner).status == 204

    assert live.ended(job)["state"] in ("cancelled", "failed")
    assert live.get(learner).status == 404


def test_many_learners_survive_a_restart(tmp_path):
    with installation(tmp_path, workers=1) as (client, _):
        pool = uploaded(client)
        made = {
            name: create(client, pool, acquisition={"name": name}, n=8)
            for name in ("margin", "entropy", "badge")
        }
        shown = ids_of(query(client, made["margin"], n=8))
        for learner in made.values():
            teach(client, learner, shown)
        before = {name: (query(client, each), client.get(each).json) for name, each in made.items()}
        history = client.get(f"{made['margin']}/history").json
    with installation(tmp_path, workers=1) as (client, _):
        for name, learner in made.items():
            assert (query(client, learner), client.get(learner).json) == before[name]
        assert client.get(f"{made['margin']}/history").json == history
        job = teach(client, made["entropy"], ids_of(query(client, made["entropy"])))
        assert job["result"]["labels"] == 16
        assert query(client, made["entropy"])["turn"] == 3
