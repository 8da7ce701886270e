"""What a scoring is refused for before anything starts, and what the catalogue tells of it."""

from dataclasses import replace

import pytest

from service.acquisition import ALIASES, REGISTRY
from service.records import Job, Model, Part, Pool, Predictions, new_id
from service.schemas.functions import function_of

PROBLEM = "application/problem+json"


def problem(answer, status, code):
    assert (status, PROBLEM) == (answer.status_code, answer.content_type), answer.data
    assert code == answer.json["code"]
    return answer.json


def pool_of(backend, rows=1_000, shape=(5,)):
    part = Part(id=new_id(), job=new_id(), rows=rows, bytes=1, sha256="0")
    pool = Pool(
        id=new_id(),
        parts=(part,),
        item_shape=shape,
        dtype="float32",
        metadata={"cost": "number", "city": "string"},
    )
    backend.storage.add(pool)
    return pool


@pytest.fixture
def pool(backend):
    return pool_of(backend)


def given(backend, pool, form, **fields):
    """Remember predictions as if a worker had taken them in; return their id."""
    record = Predictions(
        id=new_id(),
        job=new_id(),
        pool=pool.id,
        form=form,
        parts=tuple(part.id for part in pool.parts),
        total=pool.total,
        items=pool.total,
        whole=True,
        classes=("ant", "bee", "cat"),
        members=None,
        dtype="float64",
        empty=0,
        bytes=1,
        sha256="0",
    )
    record = replace(record, **fields)
    backend.storage.add(record)
    return record.id


def model_of(backend, **fields):
    model = Model(
        id=new_id(),
        format="skops",
        bytes=1,
        estimator="LogisticRegression",
        classes=(0, 1),
        item_values=5,
        probabilities=True,
    )
    backend.storage.add(replace(model, **fields))
    return model.id


@pytest.fixture
def ask(client, pool):
    """Ask for functions; whatever else is named goes into the body."""

    def post(*functions, query="", **body):
        asked = [{"name": each} if isinstance(each, str) else each for each in functions]
        body = {"pool": pool.id, "acquisitions": asked, **body}
        return client.post(f"/v1/scorings{query}", json=body)

    return post


def pointers(answer):
    return [each["pointer"] for each in problem(answer, 422, "invalid_request")["errors"]]


def test_predictions_that_do_not_tell_what_a_function_needs_are_refused(ask, backend, pool):
    probs = given(backend, pool, "probs")

    answer = ask("margin", "bald", "mnlp", predictions=probs)

    found = problem(answer, 422, "invalid_request")["errors"]
    assert [each["pointer"] for each in found] == ["/acquisitions/1/name", "/acquisitions/2/name"]
    assert "upload `members`" in found[0]["detail"]
    assert "upload `tokens`" in found[1]["detail"]


def test_one_model_is_no_committee_and_a_forest_is(ask, backend):
    alone, forest = model_of(backend), model_of(backend, members=10)

    assert pointers(ask("bald", model=alone)) == ["/acquisitions/0/name"]
    assert ask("bald", model=forest).status_code == 202
    assert ask("bald", committee=[alone, forest]).status_code == 202


def test_a_committee_has_two_members_at_least(ask, backend):
    assert pointers(ask("bald", committee=[model_of(backend)])) == ["/committee"]


def test_predictions_come_from_one_source(ask, backend, pool):
    answer = ask("margin", model=model_of(backend), predictions=given(backend, pool, "probs"))

    assert pointers(answer) == ["/predictions"]


def test_a_model_that_takes_other_items_is_refused(ask, backend):
    wide = model_of(backend, item_values=6)

    assert pointers(ask("margin", model=wide)) == ["/model"]


def test_no_model_takes_items_without_features(client, backend):
    bare, model = pool_of(backend, shape=(0,)), model_of(backend, item_values=None)
    body = {"pool": bare.id, "model": model, "acquisitions": [{"name": "margin"}]}

    assert pointers(client.post("/v1/scorings", json=body)) == ["/model"]


def test_a_model_that_gives_no_probabilities_is_told_apart(ask, backend):
    silent = model_of(backend, probabilities=False, estimator="LinearSVC")

    answer = ask("margin", "random", model=silent)

    found = problem(answer, 422, "invalid_request")["errors"]
    assert [each["pointer"] for each in found] == ["/acquisitions/0/name"]
    assert "LinearSVC gives none" in found[0]["detail"]


@pytest.mark.parametrize(
    ("function", "pointer"),
    [
        ({"name": "weighted_sum", "of": [{"name": "margin"}]}, "/acquisitions/0/of"),
        ({"name": "power"}, "/acquisitions/0/of"),
        ({"name": "power", "of": [{"name": "k_center"}]}, "/acquisitions/0/of/0/name"),
        ({"name": "margin", "of": [{"name": "entropy"}]}, "/acquisitions/0/of"),
        ({"name": "margin", "candidates": 5}, "/acquisitions/0/candidates"),
        ({"name": "k_center", "candidates": 5}, "/acquisitions/0/of"),
        ({"name": "k_center", "candidates": 0}, "/acquisitions/0/candidates"),
        ({"name": "power", "of": [{"name": "nope"}]}, "/acquisitions/0/of/0/name"),
        ({"name": "power", "of": "margin"}, "/acquisitions/0/of"),
        ({"name": "per_cost", "of": [{"name": "margin"}]}, "/acquisitions/0/parameters/column"),
        (
            {"name": "per_cost", "of": [{"name": "margin"}], "parameters": {"column": "nope"}},
            "/acquisitions/0/parameters/column",
        ),
        (
            {"name": "per_cost", "of": [{"name": "margin"}], "parameters": {"column": "city"}},
            "/acquisitions/0/parameters/column",
        ),
        (
            {"name": "expected_cost", "parameters": {"costs": [[0, 1], [1, 0]]}},
            "/acquisitions/0/parameters",
        ),
        (
            {"name": "expected_cost", "parameters": {"costs": [[0, "1"]]}},
            "/acquisitions/0/parameters/costs/0/1",
        ),
        (
            {"name": "density", "parameters": {"metric": "chess"}},
            "/acquisitions/0/parameters/metric",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_pointer(ask, backend, pool, function, pointer):
    answer = ask(function, predictions=given(backend, pool, "probs"), batch={"n": 5})

    assert pointer in pointers(answer)


def test_functions_stand_one_inside_another_only_so_deep(ask, backend, pool):
    function = {"name": "margin"}
    for _ in range(4):
        function = {"name": "power", "of": [function]}

    answer = ask(function, predictions=given(backend, pool, "probs"))

    assert pointers(answer) == ["/acquisitions/0/of/0/of/0/of/0/of"]


def test_a_batch_strategy_is_told_how_many(ask):
    assert pointers(ask("k_center")) == ["/batch"]
    assert ask("k_center", batch={"n": 0}).status_code == 202
    assert ask("k_center", batch={"n": 5000}).status_code == 202
    assert pointers(ask("k_center", batch={"n": -1})) == ["/batch/n"]


def test_nothing_of_a_batch_is_passed_over_in_silence(ask, backend, pool):
    probs = given(backend, pool, "probs")
    unused = {"name": "k_center", "of": [{"name": "margin"}]}

    assert pointers(ask(unused, predictions=probs, batch={"n": 5})) == ["/acquisitions/0/of"]
    few = {**unused, "candidates": 3}
    assert pointers(ask(few, predictions=probs, batch={"n": 5})) == ["/acquisitions/0/candidates"]
    assert ask({**unused, "candidates": 5}, predictions=probs, batch={"n": 5}).status_code == 202
    assert pointers(ask("margin", predictions=probs, batch={"n": 5})) == ["/batch"]


def test_a_function_of_labels_alone_wants_some(ask, backend, pool):
    given_values = given(backend, pool, "regression", classes=())

    answer = ask("expected_improvement", "distance_to_labelled", predictions=given_values)

    assert pointers(answer) == ["/acquisitions/0/name", "/acquisitions/1/name"]
    assert "PUT" in answer.json["errors"][0]["detail"]
    assert answer.json["errors"][0]["detail"] in answer.json["detail"]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ({"name": "BADGE"}, "badge is one"),
        ({"name": "core-set"}, "core_set is one"),
        ({"name": "entropy", "parameters": {"normalized": True}}, "Known are: base, normalised"),
        ({"name": "entropy", "parameters": {"base": 2}}, "one of: e, 2, 10"),
        ({"name": "entropy", "base": "2"}, "Known are: candidates"),
        ({"name": "power"}, "`of` names 0"),
    ],
)
def test_a_slip_is_told_what_would_be_right(ask, backend, pool, function, says):
    answer = ask(function, predictions=given(backend, pool, "probs"))

    assert says in problem(answer, 422, "invalid_request")["errors"][0]["detail"]


def test_the_catalogue_says_which_predictions_will_do(client):
    def kinds(name):
        return client.get(f"/v1/acquisitions/{name}").json["prediction_kinds"]

    assert kinds("margin") == kinds("dmbal") == ["probs", "members"]
    assert kinds("bald") == ["members"]
    assert kinds("std") == ["regression", "regression_members"]
    assert kinds("per_object") == ["objects"]
    assert kinds("k_center") == kinds("density") == kinds("weighted_sum") == []


def test_the_catalogue_says_which_texts_are_ids_or_columns(client):
    def parameter(name, key):
        return client.get(f"/v1/acquisitions/{name}").json["parameters"]["properties"][key]

    assert parameter("per_cost", "column")["format"] == "metadata-column"
    assert parameter("group_cap", "column")["format"] == "metadata-column"
    assert parameter("similarity", "items")["items"]["format"] == "item-id"
    assert parameter("epig", "targets")["items"]["format"] == "item-id"


def test_a_batch_leaves_out_only_sets_that_there_are(ask):
    answer = ask("k_center", batch={"exclude_sets": ["nope"]})

    problem(answer, 404, "exclusion_set_not_found")
    answer = ask("k_center", batch={"where": {"nope": {"eq": 1}}})
    assert pointers(answer) == ["/batch/where/nope"]


def test_items_without_objects_need_a_policy(ask, backend, pool):
    bare = given(backend, pool, "objects", empty=37)
    function = {"name": "per_object", "of": [{"name": "margin"}]}

    answer = ask(function, predictions=bare)

    found = problem(answer, 422, "invalid_request")["errors"]
    assert [each["pointer"] for each in found] == ["/acquisitions/0/parameters/empty"]
    assert "37 items" in found[0]["detail"]
    function["parameters"] = {"empty": "unscored"}
    assert ask(function, predictions=bare).status_code == 202


def test_only_functions_of_probabilities_are_taken_per_object(ask, backend, pool):
    objects = given(backend, pool, "objects")
    function = {"name": "per_object", "of": [{"name": "density"}]}

    assert pointers(ask(function, predictions=objects)) == ["/acquisitions/0/of/0/name"]
    assert pointers(ask("margin", predictions=objects)) == ["/acquisitions/0/name"]


def test_annotations_are_votes(ask, backend, pool):
    probs, votes = given(backend, pool, "probs"), given(backend, pool, "votes", members=3)

    assert pointers(ask("activelab", predictions=probs, annotations=probs)) == ["/annotations"]
    assert ask("activelab", predictions=probs, annotations=votes).status_code == 202
    other = given(backend, pool, "votes", members=3, classes=("ant", "dog"))
    assert pointers(ask("activelab", predictions=probs, annotations=other)) == ["/annotations"]


def test_more_work_than_is_allowed_is_refused_with_the_estimate_and_the_limit(client, backend):
    large = pool_of(backend, rows=20_000_000, shape=(512,))

    answer = client.post(
        "/v1/scorings", json={"pool": large.id, "acquisitions": [{"name": "uniqueness"}]}
    )

    found = problem(answer, 422, "invalid_request")["errors"]
    assert [each["pointer"] for each in found] == ["/acquisitions/0/name"]
    assert "max_scoring_work" in found[0]["detail"]
    assert "2.0e+13" in found[0]["detail"]


def test_validating_says_what_is_wrong_and_starts_nothing(ask, backend, pool):
    probs = given(backend, pool, "probs")

    answer = ask("mean_kl", query="?validate_only=true", predictions=probs)
    assert pointers(answer) == ["/acquisitions/0/name"]
    answer = ask("margin", "dmbal", query="?validate_only=true", predictions=probs, batch={})

    assert answer.status_code == 200
    assert answer.json["valid"] is True
    assert answer.json["total"] == 1_000
    assert [each["name"] for each in answer.json["acquisitions"]] == ["margin", "dmbal"]
    assert answer.json["acquisitions"][1]["of"] == [{"name": "margin", "parameters": {}}]
    assert not backend.storage.indexed(Job, f"pool:{pool.id}")


def test_an_alias_is_the_function_itself(client):
    for alias, name in ALIASES.items():
        assert function_of({"name": alias}, 1).name == name
        assert client.get(f"/v1/acquisitions/{alias}").json["name"] == name


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_catalogue_tells_enough_to_build_a_form(client, name):
    told = client.get(f"/v1/acquisitions/{name}").json

    assert told["kind"] in ("score", "aggregation", "composition", "batch")
    for text in ("summary", "description", "use", "avoid", "formula", "reference"):
        assert told[text]
    assert told["needs"] or told["of"]["minimum"]
    assert told["labels"] in ("required", "used", "unused")
    assert (told["prefix_consistent"] is not None) == (told["kind"] == "batch")
    schema = told["parameters"]
    for parameter in schema["properties"].values():
        assert parameter["description"]
        assert ("default" in parameter) or schema["required"]


def test_too_many_functions_are_counted_before_they_are_read(ask):
    assert pointers(ask(*["random"] * 200_000)) == ["/acquisitions"]
    inner = {"name": "weighted_sum", "of": [{"name": "random"}] * 100_000}
    assert pointers(ask(inner)) == ["/acquisitions"]


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"costs": [[0.0] * 101] * 101}, "/costs"),
        ({"costs": [[0, 1e16], [1, 0]]}, "/costs/0/1"),
        ({"costs": [[0, True], [1, 0]]}, "/costs/0/1"),
        ({"costs": [[0, 1], 7]}, "/costs/1"),
        ({"costs": {}}, "/costs"),
        ({}, "/costs"),
    ],
)
def test_numbers_that_are_none_too_many_or_too_large_are_refused_in_their_place(
    ask, parameters, pointer
):
    answer = ask({"name": "expected_cost", "parameters": parameters})

    assert pointers(answer) == [f"/acquisitions/0/parameters{pointer}"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("epig", {}), ("batch_bald", {"samples": 10_000})],
)
def test_what_would_take_too_much_memory_is_refused(ask, backend, pool, name, parameters):
    many = given(backend, pool, "members", members=2, classes=tuple(range(3_000)))
    function = {"name": name, "parameters": parameters}

    answer = ask(function, predictions=many, batch={"n": 3} if name == "batch_bald" else None)

    assert pointers(answer) == ["/acquisitions/0/parameters"]


@pytest.mark.parametrize("name", ["per_cost", "power"])
def test_quotients_of_scores_without_a_least_are_refused(ask, backend, pool, name):
    parameters = {"column": "cost"} if name == "per_cost" else {}
    noisy = {"name": "gibbs", "of": [{"name": "margin"}]}
    probs = given(backend, pool, "probs")

    answer = ask({"name": name, "parameters": parameters, "of": [noisy]}, predictions=probs)

    assert pointers(answer) == ["/acquisitions/0/of/0/name"]
    other = {"name": name, "parameters": parameters, "of": [{"name": "variance_probs"}]}
    assert ask(other, predictions=probs).status_code == 202


def test_a_committee_has_each_class_once(ask, backend):
    models = [model_of(backend, classes=classes) for classes in ((0, 1), (1.0, 2), (0, 1))]

    def costs(count):
        parameters = {"costs": [[0.0] * count] * count}
        return ask({"name": "expected_cost", "parameters": parameters}, committee=models)

    assert costs(3).status_code == 202
    assert pointers(costs(6)) == ["/acquisitions/0/parameters"]


def test_annotations_tell_true_from_one(ask, backend, pool):
    probs = given(backend, pool, "probs", classes=(0, 1))
    votes = given(backend, pool, "votes", members=2, classes=(0, True))

    assert pointers(ask("activelab", predictions=probs, annotations=votes)) == ["/annotations"]
