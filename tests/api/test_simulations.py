"""What a simulation is refused for before anything starts, and how its results are read."""

import json
from dataclasses import replace

import numpy as np
import pytest

from service.api import tokens
from service.app import create_app
from service.files import simulation_name, work_name
from service.operations import jobs, pools, simulations
from service.records import Job, Simulation, new_id
from service.simulation import Plan
from tests.api.test_scorings import pointers, pool_of, problem
from tests.stored import label, stored_pool

LOGISTIC = {"name": "logistic_regression"}
FOREST = {"name": "random_forest", "parameters": {"n_estimators": 10}}
ROWS = 200


def labelled_pool(backend, rows=ROWS, classes=("ant", "bee", "cat"), **fields):
    pool = pool_of(backend, rows, **fields)
    return label(backend, pool, {row: classes[row % len(classes)] for row in range(rows)})


@pytest.fixture
def pool(backend):
    return labelled_pool(backend)


@pytest.fixture
def ask(client, pool):
    """Ask for a simulation that is right but for what is said."""

    def post(**body):
        asked = {
            "pool": pool.id,
            "estimators": [LOGISTIC],
            "functions": [{"name": "margin"}],
            "seeds": 2,
            "initial": {"size": 10},
            "budget": 5,
            "rounds": 4,
        }
        said = {name: each for name, each in (asked | body).items() if each is not ...}
        return client.post("/v1/simulations", json=said)

    return post


@pytest.mark.parametrize("name", ["estimators", "metrics", "targets"])
def test_a_list_is_counted_before_its_members_are_looked_at(ask, name):
    answer = ask(**{name: ["none of what may stand here"] * 21})

    assert [each["pointer"] for each in answer.json["errors"]] == [f"/{name}"]
    assert "Longer than maximum length" in answer.json["detail"]


def test_a_simulation_is_a_job_of_all_its_rounds(ask, backend, pool):
    answer = ask()

    assert answer.status_code == 202
    job = answer.json
    assert job["task"] == "simulate"
    assert job["progress"] == {"done": 0, "total": 2 * 2 * 5, "remaining_seconds": None}
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["links"]["pool"] == f"/v1/pools/{pool.id}"
    assert len(backend.queue) == 1


def test_random_is_always_beside_the_functions(ask):
    def names(*functions):
        asked = ask(functions=[{"name": each} for each in functions])
        return [each["name"] for each in asked.json["request"]["functions"]]

    assert names("margin") == ["margin", "random"]
    assert names("random", "margin") == ["random", "margin"]


def test_a_jobs_request_can_be_sent_again_as_it_is(ask, backend):
    forest = {"name": "bagging", "base": LOGISTIC, "scaling": "standard", "pca": 2}
    cold = {"size": 12, "draw": "strategy", "function": {"name": "typiclust"}}
    first = ask(estimators=[forest], seeds=[7, 3], initial=cold, metrics=["log_loss"]).json

    again = ask(**first["request"])

    assert again.json["request"] == first["request"]
    plan = simulations.plan_of(first["request"])
    assert isinstance(plan, Plan)
    assert simulations.request_of(plan) == first["request"]
    assert (plan.seeds, plan.test_share, plan.recipes[0].base.estimator) == (
        (7, 3),
        0.3,
        "logistic_regression",
    )


def test_a_request_with_a_key_makes_one_job(client, ask, pool):
    body = ask().json["request"]
    answers = [
        client.post("/v1/simulations", json=body, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]

    assert answers[0].json["id"] == answers[1].json["id"]
    assert answers[1].headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"estimators": []}, "/estimators"),
        ({"estimators": [{"name": "forest"}]}, "/estimators/0/name"),
        (
            {"estimators": [{**FOREST, "parameters": {"depth": 3}}]},
            "/estimators/0/parameters/depth",
        ),
        ({"estimators": [LOGISTIC, LOGISTIC]}, "/estimators/1"),
        ({"estimators": [{**LOGISTIC, "pca": 6}]}, "/estimators/0/pca"),
        ({"functions": []}, "/functions"),
        ({"functions": [{"name": "margins"}]}, "/functions/0/name"),
        ({"functions": [{"name": "margin"}] * 2}, "/functions/1"),
        ({"functions": [{"name": "margin"}] * 16}, "/functions"),
        ({"seeds": 0}, "/seeds"),
        ({"seeds": 1.0}, "/seeds"),
        ({"seeds": []}, "/seeds"),
        ({"seeds": [1, -1]}, "/seeds/1"),
        ({"seeds": [1, 1]}, "/seeds/1"),
        ({"seeds": [True]}, "/seeds/0"),
        ({"initial": ...}, "/initial"),
        ({"initial": {}}, "/initial/size"),
        ({"initial": {"size": 0}}, "/initial/size"),
        ({"initial": {"size": 10, "draw": "luck"}}, "/initial/draw"),
        ({"initial": {"size": 10, "draw": "strategy"}}, "/initial/function"),
        ({"initial": {"size": 10, "function": {"name": "k_means"}}}, "/initial/function"),
        ({"initial": {"draw": "given"}}, "/initial/ids"),
        ({"initial": {"size": 1, "ids": ["1"]}}, "/initial/ids"),
        ({"initial": {"draw": "given", "ids": ["1", "1"]}}, "/initial/ids"),
        ({"initial": {"size": 3, "draw": "given", "ids": ["1"]}}, "/initial/size"),
        ({"budget": ...}, "/budget"),
        ({"budget": 0}, "/budget"),
        ({"budget": 5.0}, "/budget"),
        ({"rounds": 0}, "/rounds"),
        ({"labels": 10}, "/labels"),
        ({"test_share": 1}, "/test_share"),
        ({"test_share": 0.5, "test_pool": "p"}, "/test_share"),
        ({"metrics": []}, "/metrics"),
        ({"metrics": ["precision"]}, "/metrics/0"),
        ({"metrics": ["accuracy", "accuracy"]}, "/metrics"),
        ({"targets": [1.5]}, "/targets"),
        ({"targets": [-1]}, "/targets/0"),
        ({"strategies": []}, "/strategies"),
    ],
)
def test_what_makes_no_sense_is_refused_in_its_place(ask, said, pointer):
    assert pointers(ask(**said)) == [pointer]


@pytest.mark.parametrize(
    ("function", "pointer", "words"),
    [
        ({"name": "bald"}, "/name", "needs a committee, and logistic_regression is one"),
        ({"name": "mnlp"}, "/name", "which no estimator gives"),
        ({"name": "std"}, "/name", "which no estimator gives"),
        ({"name": "mean_object_confidence"}, "/name", "which no estimator gives"),
        ({"name": "mistakenness"}, "/name", "which labels to look at again"),
        ({"name": "activelab"}, "/name", "which labels to look at again"),
        (
            {"name": "similarity", "parameters": {"items": ["1"]}},
            "/parameters/items",
            "No items can be named",
        ),
        (
            {"name": "gibbs", "of": [{"name": "vote_entropy"}]},
            "/of/0/name",
            "needs a committee",
        ),
        (
            {"name": "group_cap", "parameters": {"column": "village"}},
            "/parameters/column",
            "no such metadata column",
        ),
        ({"name": "expected_cost", "parameters": {"costs": [[0, 1], [1, 0]]}}, "/parameters", "3"),
        ({"name": "dmbal", "of": [{"name": "margin"}], "candidates": 2}, "/candidates", "5"),
    ],
)
def test_a_function_that_cannot_work_in_a_simulation_is_refused(ask, function, pointer, words):
    answer = ask(functions=[{"name": "margin"}, function])

    [fault] = problem(answer, 422, "invalid_request")["errors"]
    assert fault["pointer"] == f"/functions/1{pointer}"
    assert words in fault["detail"]


def test_a_function_of_committees_is_refused_for_those_estimators_that_are_none(ask):
    assert ask(estimators=[FOREST], functions=[{"name": "bald"}]).status_code == 202
    answer = ask(estimators=[FOREST, LOGISTIC], functions=[{"name": "bald"}])

    assert pointers(answer) == ["/functions/0/name"]
    assert "logistic_regression is one model alone" in answer.json["detail"]


@pytest.mark.parametrize(
    ("function", "pointer"),
    [
        ({"name": "margin"}, "/name"),
        ({"name": "discriminative"}, "/name"),
        ({"name": "soft_rank", "of": [{"name": "entropy"}]}, "/of/0/name"),
    ],
)
def test_first_items_are_chosen_by_what_needs_no_labels(ask, function, pointer):
    answer = ask(initial={"size": 10, "draw": "strategy", "function": function})

    assert pointers(answer) == [f"/initial/function{pointer}"]


def test_first_items_that_are_given_are_known_and_labelled(ask, backend):
    features = np.zeros((ROWS, 5), dtype=np.float32)
    partly = stored_pool(backend, features, {row: row % 2 for row in range(100)})

    def given(*ids):
        return ask(pool=partly.id, initial={"draw": "given", "ids": ids}, rounds=...)

    answer = given("3", "120", "no", "7")
    assert pointers(answer) == ["/initial/ids/1", "/initial/ids/2"]
    assert "'120' has no label" in answer.json["detail"]
    # Of the 96 that are not given 29 are tested.
    assert given("3", "20", "6", "7").json["progress"]["total"] == 4 * 15


def test_more_than_there_is_is_refused(ask):
    assert pointers(ask(initial={"size": 141})) == ["/initial/size"]
    assert ask(initial={"size": 139}, budget=1, rounds=1).status_code == 202
    assert pointers(ask(budget=131)) == ["/budget"]
    assert pointers(ask(rounds=27)) == ["/rounds"]
    assert ask(rounds=26).json["progress"]["total"] == 4 * 27
    assert pointers(ask(labels=141)) == ["/labels"]
    assert ask(rounds=..., labels=23).json["progress"]["total"] == 4 * 4
    assert ask(rounds=...).json["progress"]["total"] == 4 * 27
    assert pointers(ask(test_share=0.001)) == ["/test_share"]
    assert pointers(ask(test_share=0.999)) == ["/test_share"]


def test_more_fits_than_are_allowed_are_refused_with_their_number(ask, backend):
    answer = ask(seeds=1000, rounds=..., functions=[{"name": "margin"}, {"name": "entropy"}])
    assert answer.status_code == 202

    answer = ask(seeds=1000, budget=1, rounds=...)
    assert pointers(answer) == ["/seeds"]
    assert "2000 runs of 131 models each are 262000" in answer.json["detail"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({}, "None of the pool's items is labelled"),
        ({0: "ant", 1: "ant"}, 'All labels are "ant"'),
        ({0: 1, 1: 1.0}, "All labels are 1"),
        ({0: 1, 1: True, 2: 1, 3: 1, 4: 1, 5: 1}, "one item alone"),
    ],
)
def test_a_pool_without_two_classes_is_refused(ask, backend, labels, words):
    bare = label(backend, pool_of(backend, ROWS), labels)

    answer = ask(pool=bare.id, initial={"size": 2}, budget=1, rounds=1)

    assert pointers(answer) == ["/pool"]
    assert words in answer.json["detail"]


def test_more_classes_than_a_model_may_have_are_refused(backend, pool):
    strict = replace(backend, settings=replace(backend.settings, max_classes=2))
    body = {
        "pool": pool.id,
        "estimators": [LOGISTIC],
        "functions": [{"name": "margin"}],
        "initial": {"size": 10},
        "budget": 5,
    }

    answer = create_app(backend=strict).test_client().post("/v1/simulations", json=body)

    assert (
        "3 classes, and at most 2 are allowed" in problem(answer, 422, "invalid_request")["detail"]
    )


def test_a_pool_without_features_is_refused(ask, backend):
    bare = labelled_pool(backend, shape=(0,))

    assert pointers(ask(pool=bare.id)) == ["/pool"]


def test_a_pool_that_is_not_there_or_still_being_read_is_told(ask, backend):
    problem(ask(pool="none"), 404, "pool_not_found")
    problem(ask(test_pool="none"), 404, "pool_not_found")
    empty = pools.create(backend, "")
    jobs.submit(backend, Job(id=new_id(), task="ingest", request={}, pool=empty.id))

    problem(ask(pool=empty.id), 409, "conflict")


def test_only_labelled_items_take_part(ask, backend):
    partly = label(backend, pool_of(backend, 10_000), {row: row % 2 for row in range(900, 1000)})

    assert ask(pool=partly.id, rounds=...).json["progress"]["total"] == 4 * 13


def test_a_test_pool_has_items_alike_labels_and_no_class_of_its_own(ask, backend, pool):
    def told(other):
        answer = ask(test_pool=other.id)
        assert pointers(answer) == ["/test_pool"]
        return answer.json["detail"]

    assert "the pool itself" in told(pool)
    assert "shape [4]" in told(labelled_pool(backend, shape=(4,)))
    assert "None of its items is labelled" in told(pool_of(backend))
    assert '"dog"' in told(labelled_pool(backend, classes=("ant", "dog")))
    answer = ask(test_pool=labelled_pool(backend).id, rounds=...)
    assert answer.json["progress"]["total"] == 4 * 39
    assert answer.json["request"]["test_share"] is None


def kept(backend, pool, **fields):
    """A simulation as a worker leaves it, with three rounds."""
    simulation = Simulation(
        id=new_id(), pool=pool.id, name="kept", request={}, summary={"advice": "!"}, versions={}
    )
    simulation = replace(simulation, **fields)
    with backend.files.staging("test") as root:
        staged = root / "simulation"
        staged.mkdir()
        lines = "".join(json.dumps({"round": each}) + "\n" for each in range(3))
        (staged / "rounds.ndjson").write_text(lines)
        for name in ("rounds.csv", "rounds.arrow", "curves.svg", "curves.png"):
            (staged / name).write_text(name)
        backend.files.publish(staged, simulation_name(simulation.id))
    backend.storage.add(simulation)
    return simulation.id


def test_a_simulation_is_read_and_listed(client, backend, pool):
    mine, other = kept(backend, pool), kept(backend, pool_of(backend))

    found = client.get(f"/v1/simulations/{mine}").json
    assert (found["id"], found["pool"], found["summary"]) == (mine, pool.id, {"advice": "!"})
    told = {name: client.get(link, buffered=True) for name, link in found["links"].items()}
    assert told.pop("job").status_code == 404, "it was never submitted"
    assert {each.status_code for each in told.values()} == {200}
    every = client.get("/v1/simulations").json["simulations"]
    assert [each["id"] for each in every] == [other, mine]
    page = client.get(f"/v1/simulations?pool={pool.id}&page_size=1").json
    assert [each["id"] for each in page["simulations"]] == [mine]
    assert "summary" not in page["simulations"][0]
    problem(client.get("/v1/simulations/none"), 404, "simulation_not_found")
    problem(client.get("/v1/simulations/none/rounds"), 404, "simulation_not_found")


def test_rounds_come_in_pages(client, backend, pool):
    path = f"/v1/simulations/{kept(backend, pool)}/rounds"

    first = client.get(f"{path}?page_size=2").json
    assert [each["round"] for each in first["rounds"]] == [0, 1]
    last = client.get(f"{path}?page_size=2&page_token={first['next_page_token']}").json
    assert last == {"rounds": [{"round": 2}], "next_page_token": None}
    other = f"/v1/simulations/{kept(backend, pool)}/rounds"
    answer = client.get(f"{other}?page_token={first['next_page_token']}")
    problem(answer, 422, "invalid_request")


def test_a_page_of_rounds_is_no_larger_than_it_may_be_and_none_is_lost(
    client, backend, pool, monkeypatch
):
    monkeypatch.setattr(simulations, "PAGE_BYTES", 1)
    path = f"/v1/simulations/{kept(backend, pool)}/rounds"
    found, token = [], ""
    while token is not None:
        page = client.get(f"{path}?page_size=2{token and f'&page_token={token}'}").json
        assert len(page["rounds"]) == 1
        found += [each["round"] for each in page["rounds"]]
        token = page["next_page_token"]
    assert found == [0, 1, 2]


def test_a_page_of_rounds_begins_where_a_round_does(client, backend, pool):
    id = kept(backend, pool)
    forged = tokens.issue(3, ["rounds", id])

    answer = client.get(f"/v1/simulations/{id}/rounds?page_token={forged}")

    problem(answer, 422, "invalid_request")


SVG = ("image/svg+xml; charset=utf-8", "curves.svg")
PNG = ("image/png", "curves.png")
CSV = ("text/csv; charset=utf-8", "rounds.csv")
ARROW = ("application/vnd.apache.arrow.stream", "rounds.arrow")


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("rounds", None, ("application/json", None)),
        ("rounds", "*/*", ("application/json", None)),
        ("rounds", "text/csv", CSV),
        ("rounds", "application/json;q=0.5, text/*", CSV),
        ("rounds", "application/x-ndjson", ("application/x-ndjson", None)),
        ("rounds", ARROW[0], ARROW),
        ("curves", None, SVG),
        ("curves", "image/png", PNG),
        ("curves", "image/*", SVG),
        ("curves.svg", "image/png", SVG),
        ("curves.png", None, PNG),
    ],
)
def test_results_come_in_the_form_that_is_asked_for(client, backend, path, accept, expected):
    simulation, (type, body) = kept(backend, pool_of(backend)), expected

    def read(**headers):
        said = {**headers, **({} if accept is None else {"Accept": accept})}
        return client.get(f"/v1/simulations/{simulation}/{path}", headers=said, buffered=True)

    answer = read()

    assert (answer.status_code, answer.content_type) == (200, type)
    assert "Accept" in answer.headers["Vary"]
    if body is not None:
        assert answer.text == body
        assert answer.headers["ETag"] == f'"{simulation}.{body}"'
    assert read(**{"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", ["rounds", "curves"])
def test_a_form_that_there_is_not_is_told(client, backend, pool, path):
    answer = client.get(
        f"/v1/simulations/{kept(backend, pool)}/{path}", headers={"Accept": "text/html"}
    )

    problem(answer, 406, "not_acceptable")


def test_a_deleted_simulation_leaves_nothing(client, backend, pool):
    simulation = kept(backend, pool)

    assert client.delete(f"/v1/simulations/{simulation}").status_code == 204

    assert not backend.files.exists(simulation_name(simulation))
    problem(client.get(f"/v1/simulations/{simulation}"), 404, "simulation_not_found")
    problem(client.delete(f"/v1/simulations/{simulation}"), 404, "simulation_not_found")


def test_a_pool_takes_its_simulations_along(client, ask, backend, pool):
    simulation, job = kept(backend, pool), ask().json["id"]
    backend.files.path(work_name(job)).mkdir()

    assert client.delete(f"/v1/pools/{pool.id}").status_code == 204

    problem(client.get(f"/v1/simulations/{simulation}"), 404, "simulation_not_found")
    assert not backend.files.exists(simulation_name(simulation))
    assert jobs.get(backend, job).state == "cancelled"
    assert not backend.files.exists(work_name(job))
