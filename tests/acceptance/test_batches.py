"""Batches, partial predictions, committees and copies, as a platform meets them over HTTP."""

import io
import json
from urllib.parse import quote

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from service.acquisition import REGISTRY
from tests.conftest import until
from tests.models import saved
from tests.uploads import npy

ITEMS, WIDTH = 120, 4


@pytest.fixture(scope="module")
def features():
    """A cloud of points, ten of them copies of the first."""
    points = np.random.default_rng(5).normal(size=(ITEMS, WIDTH)).astype(np.float32)
    points[50:60] = points[0]
    return points


@pytest.fixture(scope="module")
def probs():
    return np.random.default_rng(6).dirichlet([0.5] * 3, size=ITEMS)


@pytest.fixture
def pool(live, features):
    items = [
        {"id": f"p{row}", "features": point, "metadata": {"site": "north" if row % 2 else "south"}}
        for row, point in enumerate(features.astype(float).tolist())
    ]
    return live.pool({"items": items}, "application/json")


@pytest.fixture
def predictions(live, pool, probs):
    return upload(live, pool, npz(probs=probs))


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def upload(live, pool, body, kind="probs"):
    classes = quote('["a","b","c"]')
    named = {"votes": "&axes=items,members", "members": "&axes=items,members,classes"}
    axes = named.get(kind, "")
    path = f"/v1/pools/{pool}/predictions?kind={kind}&classes={classes}{axes}"
    return live.finish(path, body, "application/x-npz")["result"]["predictions"]


def score(live, pool, *functions, **body):
    asked = [{"name": each} if isinstance(each, str) else each for each in functions]
    job = live.finish("/v1/scorings", {"pool": pool, "acquisitions": asked, **body})
    return [each["id"] for each in job["result"]["rankings"]]


def read(live, ranking, query=""):
    return live.get(f"/v1/rankings/{ranking}/items?n=1000{query}").json


def ids(answer):
    return [row["id"] for row in answer["items"]]


def test_a_batch_leaves_out_what_was_excluded_when_it_began(live, pool):
    live.put(f"/v1/pools/{pool}/labels", {"labels": [{"id": "p1", "label": "x"}]})
    live.put(f"/v1/pools/{pool}/exclusions/blurred", {"ids": ["p3", "p5"]})
    batch = {
        "n": 200,
        "exclude": ["p7", "p9"],
        "exclude_sets": ["blurred"],
        "where": {"site": {"eq": "north"}},
    }

    [ranking] = score(live, pool, "k_center", batch=batch)

    north = {f"p{row}" for row in range(1, ITEMS, 2)}
    answer = read(live, ranking)
    assert set(ids(answer)) == north - {"p1", "p3", "p5", "p7", "p9"}
    assert answer["ranked"] == answer["returned"] == len(north) - 5
    assert answer["total"] == ITEMS
    assert live.get(f"/v1/rankings/{ranking}").json["batch"] | {"exclude": 2} == {
        "n": 200,
        "exclude": 2,
        "exclude_sets": ["blurred"],
        "include_labelled": False,
        "where": [{"column": "site", "among": ["north"], "minimum": None, "maximum": None}],
    }


def test_a_batch_may_be_read_with_more_left_out_and_from_its_end(live, pool):
    [ranking] = score(live, pool, "k_center", batch={"n": 6})
    picks = ids(read(live, ranking))

    fewer = read(live, ranking, f"&exclude={picks[1]}&exclude=p117")
    assert ids(fewer) == [picks[0], *picks[2:]]
    assert (fewer["eligible"], fewer["ranked"]) == (5, 6)
    assert fewer["excluded"] == 1 if "p117" not in picks else 2
    backwards = read(live, ranking, "&order=asc")
    assert ids(backwards) == picks[::-1]
    forwards = {row["id"]: row["score"] for row in read(live, ranking)["items"]}
    assert {row["id"]: row["score"] for row in backwards["items"]} == forwards


@pytest.mark.parametrize("n", [0, 1, ITEMS + 1])
def test_a_batch_of_any_size_holds_distinct_items(live, pool, predictions, n):
    asked = [name for name, entry in REGISTRY.items() if entry.kind == "batch"]
    usable = [name for name in asked if {"base", "probs", "features"} & set(REGISTRY[name].needs)]
    plain = [name for name in usable if not {"mean", "groups"} & set(REGISTRY[name].needs)]
    for start in range(0, len(plain), 6):
        names = plain[start : start + 6]
        rankings = score(live, pool, *names, predictions=predictions, batch={"n": n})
        for name, ranking in zip(names, rankings, strict=True):
            found = ids(read(live, ranking))
            assert len(found) == len(set(found)) <= n, name
            if name != "mutually_unique":
                assert len(found) == min(n, ITEMS), name


def test_a_strategy_may_choose_among_the_best_of_a_function(live, pool, predictions, probs):
    function = {"name": "k_center", "of": [{"name": "margin"}], "candidates": 12}

    [ranking] = score(live, pool, function, predictions=predictions, batch={"n": 5})

    ordered = np.sort(probs, axis=1)
    best = np.argsort(ordered[:, -1] - ordered[:, -2], kind="stable")[:12]
    assert set(ids(read(live, ranking))) <= {f"p{row}" for row in best}


def test_strategies_of_one_job_choose_each_among_its_own_candidates(live, pool):
    # The candidates of both begin and end with the same items, and are as many.
    sharp = np.tile([1.0, 0.0, 0.0], (ITEMS, 1))
    sharp[[0, 119]] = 1 / 3
    sharp[7], sharp[9] = [0.5, 0.5, 0.0], [0.4, 0.3, 0.3]
    given = upload(live, pool, npz(probs=sharp))
    functions = [
        {"name": "k_center", "of": [{"name": name}], "candidates": 3}
        for name in ("margin", "entropy")
    ]

    together = score(live, pool, *functions, predictions=given, batch={"n": 3})

    by_margin, by_entropy = (set(ids(read(live, ranking))) for ranking in together)
    assert by_margin == {"p0", "p7", "p119"}
    assert by_entropy == {"p0", "p9", "p119"}
    for function, ranking in zip(functions, together, strict=True):
        [alone] = score(live, pool, function, predictions=given, batch={"n": 3})
        assert read(live, alone)["items"] == read(live, ranking)["items"]


def test_the_same_scoring_gives_the_same_ranking(live, pool, predictions):
    names = [{"name": "badge", "parameters": {"seed": 3}}, {"name": "typiclust"}, "clue"]

    first = score(live, pool, *names, predictions=predictions, batch={"n": 10})
    second = score(live, pool, *names, predictions=predictions, batch={"n": 10})

    for one, other in zip(first, second, strict=True):
        assert read(live, one)["items"] == read(live, other)["items"]


def test_items_without_predictions_are_in_no_ranking(live, pool, probs):
    rows = [4, 2, 99]
    body = npz(probs=probs[rows], ids=np.array([f"p{row}" for row in rows]))
    some = upload(live, pool, body)

    margin, chance, batch = score(
        live, pool, "margin", "random", "falcun", predictions=some, batch={"n": 9}
    )

    answer = read(live, margin)
    assert sorted(ids(answer)) == ["p2", "p4", "p99"]
    assert (answer["total"], answer["ranked"], answer["eligible"]) == (ITEMS, 3, 3)
    two = np.sort(probs[rows], axis=1)
    wanted = dict(zip([f"p{row}" for row in rows], two[:, -2] - two[:, -1], strict=True))
    assert {row["id"]: row["score"] for row in answer["items"]} == pytest.approx(wanted, abs=1e-15)
    assert read(live, margin, "&exclude=p2&exclude=p3")["excluded"] == 1
    assert read(live, chance)["ranked"] == ITEMS
    assert set(ids(read(live, batch))) == {"p2", "p4", "p99"}
    assert len(live.get(f"/v1/rankings/{margin}").json["summary"]["histogram"]["counts"]) == 20


def test_items_that_came_after_the_predictions_are_in_no_ranking(live, pool, predictions):
    more = {"items": [{"id": "late", "features": [9.0] * WIDTH}]}
    live.finish(f"/v1/pools/{pool}/items", more)

    margin, far = score(live, pool, "margin", "k_center", predictions=predictions, batch={"n": 3})

    assert read(live, margin)["ranked"] == ITEMS
    assert read(live, margin)["total"] == ITEMS + 1
    assert "late" in ids(read(live, far))


def test_copies_name_the_item_that_they_repeat(live, pool):
    [ranking] = score(live, pool, "singularity")

    rows = {row["id"]: row for row in read(live, ranking)["items"]}
    assert len(rows) == ITEMS
    assert {id for id, row in rows.items() if row.get("original") == "p0"} == {
        f"p{row}" for row in range(50, 60)
    }
    assert all(rows[f"p{row}"]["score"] == 0 for row in range(50, 60))
    assert "original" not in rows["p0"]
    assert rows["p0"]["score"] > 0


def test_a_forest_is_a_committee_by_itself(live, pool, features):
    labels = np.random.default_rng(7).choice(["x", "y", "z"], ITEMS)
    forest = RandomForestClassifier(8, random_state=0, max_depth=4).fit(features, labels)
    model = live.model(saved(forest, "skops"))

    [bald, margin] = score(live, pool, "bald", "margin", model=model)

    members = np.stack([tree.predict_proba(features) for tree in forest.estimators_])
    wanted = REGISTRY["bald"].score({"member_probs": members})
    found = {row["id"]: row["score"] for row in read(live, bald)["items"]}
    assert found == pytest.approx({f"p{row}": wanted[row] for row in range(ITEMS)}, abs=1e-12)
    own = REGISTRY["margin"].score({"probs": forest.predict_proba(features)})
    found = {row["id"]: row["score"] for row in read(live, margin)["items"]}
    assert found == {f"p{row}": own[row] for row in range(ITEMS)}
    assert live.get(f"/v1/models/{model}").json["members"] == 8


def test_several_models_are_a_committee_of_all_their_classes(live, pool, features):
    draw = np.random.default_rng(8)
    fitted = [
        LogisticRegression().fit(features[:40], draw.choice(classes, 40))
        for classes in (["x", "y"], ["y", "z"])
    ]
    models = [live.model(saved(each, "skops")) for each in fitted]

    [ranking] = score(live, pool, "bald", committee=models)

    members = np.zeros((2, ITEMS, 3))
    members[0][:, :2] = fitted[0].predict_proba(features)
    members[1][:, 1:] = fitted[1].predict_proba(features)
    wanted = REGISTRY["bald"].score({"member_probs": members})
    found = {row["id"]: row["score"] for row in read(live, ranking)["items"]}
    assert found == pytest.approx({f"p{row}": wanted[row] for row in range(ITEMS)}, abs=1e-7)
    told = live.get(f"/v1/rankings/{ranking}").json
    assert told["source"] == {"committee": models}


def test_a_label_that_is_no_class_fails_the_job_and_names_the_item(live, pool, predictions):
    live.put(f"/v1/pools/{pool}/labels", {"labels": [{"id": "p8", "label": "zebra"}]})
    body = {"pool": pool, "predictions": predictions, "acquisitions": [{"name": "mistakenness"}]}

    job = live.ended(live.post("/v1/scorings", body).json["id"])

    assert (job["state"], job["reason"]) == ("failed", "unusable_labels")
    assert "'p8'" in job["error"]["detail"]
    assert '"zebra"' in job["error"]["detail"]


def test_deleted_predictions_end_the_job_that_waits_for_them(live, pool, predictions):
    live.send("DELETE", f"/v1/pools/{pool}/predictions/{predictions}")

    answer = live.post(
        "/v1/scorings",
        {"pool": pool, "predictions": predictions, "acquisitions": [{"name": "margin"}]},
    )

    assert (answer.status, answer.json["code"]) == (404, "predictions_not_found")


def test_annotators_votes_decide_what_is_labelled_again(live, pool, predictions, probs):
    votes = np.full((ITEMS, 3), -1, dtype=np.int32)
    votes[:30] = np.random.default_rng(9).integers(0, 3, (30, 3))
    given = upload(live, pool, npz(votes=votes), kind="votes")

    [ranking] = score(live, pool, "activelab", predictions=predictions, annotations=given)

    wanted = REGISTRY["activelab"].score({"probs": probs, "annotations": votes.T.astype(np.int64)})
    found = {row["id"]: row["score"] for row in read(live, ranking)["items"]}
    assert found == pytest.approx({f"p{row}": wanted[row] for row in range(ITEMS)}, abs=1e-9)


def test_one_item_and_an_empty_pool_are_scored_and_selected_from(live):
    for body in (npy(np.ones((1, 3), dtype=np.float32)), npy(np.ones((0, 3), dtype=np.float32))):
        pool = live.pool(body, "application/x-npy")
        rankings = score(
            live,
            pool,
            "k_center",
            "density",
            "uniqueness",
            "singularity",
            "k_means",
            batch={"n": 4},
        )
        for ranking in rankings:
            answer = read(live, ranking)
            assert answer["returned"] == answer["total"] == answer["ranked"]


def test_what_a_scoring_says_is_kept_word_for_word(live, pool, predictions):
    function = {
        "name": "weighted_sum",
        "parameters": {"strengths": [2, 1]},
        "of": [{"name": "margin"}, {"name": "density", "parameters": {"k": 5}}],
    }

    [ranking] = score(live, pool, function, predictions=predictions)

    told = live.get(f"/v1/rankings/{ranking}").json
    assert told["acquisition"] == "weighted_sum"
    assert told["function"]["of"][1] == {
        "name": "density",
        "parameters": {"k": 5, "metric": "euclidean"},
    }
    assert json.dumps(told["function"]["parameters"]["strengths"]) == "[2.0, 1.0]"


LONG = [
    ({"name": "k_center"}, 50_000),
    ({"name": "k_means"}, 8_000),  # one call of a library, which looks at nothing else
]


@pytest.mark.parametrize(("function", "n"), LONG, ids=["heeding", "deaf"])
def test_a_long_selection_stops_soon_after_it_is_cancelled(live, function, n):
    points = np.random.default_rng(10).normal(size=(60_000, 64)).astype(np.float32)
    pool = live.pool(npy(points), "application/x-npy")
    body = {"pool": pool, "acquisitions": [function], "batch": {"n": n}}

    job = live.post("/v1/scorings", body).json["id"]
    until(lambda: live.get(f"/v1/jobs/{job}").json["state"] == "running")
    seen = live.get(f"/v1/jobs/{job}").json["progress"]
    live.post(f"/v1/jobs/{job}/cancel")

    assert live.ended(job)["state"] == "cancelled"
    assert seen["done"] < seen["total"] == 120_000


@pytest.mark.parametrize("name", ["k_center", "typiclust", "uniqueness", "singularity", "k_means"])
def test_features_too_large_to_compute_with_are_named(live, name):
    points = np.random.default_rng(11).normal(size=(30, 3)).astype(np.float32)
    points[17, 1] = 1e30
    pool = live.pool(npy(points), "application/x-npy")
    body = {"pool": pool, "acquisitions": [{"name": name}]}
    if REGISTRY[name].kind == "batch":
        body["batch"] = {"n": 5}

    job = live.ended(live.post("/v1/scorings", body).json["id"])

    assert (job["state"], job["reason"]) == ("failed", "unusable_items")
    assert "'17'" in job["error"]["detail"]


def test_a_target_named_twice_counts_once(live, pool):
    members = np.random.default_rng(12).dirichlet([1.0] * 3, size=(ITEMS, 4))
    given = upload(live, pool, npz(members=members), kind="members")

    def epig(targets):
        function = {"name": "epig", "parameters": {"targets": targets}}
        [ranking] = score(live, pool, function, predictions=given)
        return read(live, ranking)["items"]

    assert epig(["p5", "p3", "p3"]) == epig(["p3", "p5"]) != epig(["p3", "p4", "p5"])


def test_huge_scores_are_summed_up_and_no_file_is_left_of_what_fails(live, pool):
    values = {"mean": np.full(ITEMS, 1e15), "std": np.full(ITEMS, 9e14)}
    path = f"/v1/pools/{pool}/predictions?kind=regression"
    given = live.finish(path, npz(**values), "application/x-npz")["result"]["predictions"]
    bound = {"name": "upper_confidence_bound", "parameters": {"beta": 1e15}}

    [ranking] = score(live, pool, bound, predictions=given)

    summary = live.get(f"/v1/rankings/{ranking}").json["summary"]
    assert summary["mean"] == pytest.approx(summary["maximum"])
    assert sum(summary["histogram"]["counts"]) == ITEMS
