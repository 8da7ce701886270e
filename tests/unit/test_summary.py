"""The summary of a simulation, against plain computations."""

import json
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces import learning, plan_of, traces_of
from workers.simulation.summary import summarise

SCORES = st.floats(0, 1, allow_nan=False)
EVEN = learning([1, 1.6, 0.8], seeds=5, rounds=12)


def summary_of(scores, *, functions=("random", "margin", "entropy"), labels=None, **more):
    """The summary of scores of (functions, seeds, rounds)."""
    plan = plan_of(functions, seeds=len(scores[0]), **more)
    return summarise(plan, traces_of(plan, scores, labels))


def combination(summary, function):
    """What is said of one function."""
    [found] = [each for each in summary["combinations"] if each["function"] == function]
    return found


def area(summary, function, metric="accuracy"):
    """The area under one function's curve."""
    return combination(summary, function)["metrics"][metric]["area"]


def test_the_mean_curve_and_its_deviation_are_those_over_the_seeds():
    told = combination(summary_of(EVEN), "margin")["metrics"]["accuracy"]

    rounds = list(zip(*EVEN[1].tolist(), strict=True))
    assert told["mean"] == pytest.approx([statistics.fmean(each) for each in rounds])
    assert told["deviation"] == pytest.approx([statistics.stdev(each) for each in rounds])


def test_with_even_steps_the_area_is_the_plain_mean_of_all_rounds():
    told = area(summary_of(EVEN), "margin")

    seeds = [statistics.fmean(each) for each in EVEN[1].tolist()]
    assert told["seeds"] == pytest.approx(seeds)
    assert told["mean"] == pytest.approx(statistics.fmean(seeds))
    assert told["deviation"] == pytest.approx(statistics.stdev(seeds))


def test_a_last_round_of_half_the_labels_counts_less():
    told = area(
        summary_of([[[0.5, 0.6, 0.7, 0.9]]], functions=["random"], labels=[20, 30, 40, 45]),
        "random",
    )

    by_hand = (10 * 0.5 + 10 * 0.6 + 7.5 * 0.7 + 5 * 0.9) / 32.5
    assert told["mean"] == pytest.approx(by_hand)


def test_one_round_is_its_own_area():
    told = area(summary_of([[[0.5]], [[0.7]]], functions=["random", "margin"]), "margin")

    assert told["mean"] == 0.7
    assert told["deviation"] is None


@given(
    st.lists(st.lists(SCORES, min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.integers(1, 500), min_size=6, max_size=6),
)
def test_an_area_lies_between_the_least_and_the_greatest_score(seeds, gaps):
    told = area(
        summary_of([seeds], functions=["random"], labels=np.cumsum(gaps).tolist()), "random"
    )

    for found, scores in zip(told["seeds"], seeds, strict=True):
        assert min(scores) - 1e-12 <= found <= max(scores) + 1e-12


@given(st.lists(SCORES, min_size=2, max_size=9), st.sampled_from([0.25, 0.5, 2, 8]))
def test_areas_scale_as_the_scores_do_and_not_with_the_labels(scores, factor):
    steps = [20 + 10 * each for each in range(len(scores))]
    plain = area(summary_of([[scores]], functions=["random"], labels=steps), "random")
    scaled = [[[factor * each for each in scores]]]
    wider = [7 * each for each in steps]
    other = area(summary_of(scaled, functions=["random"], labels=wider), "random")

    assert other["mean"] == pytest.approx(factor * plain["mean"], rel=1e-12)


def first(labels, scores, target, *, lower=False):
    """The first number of labels with which a curve reaches a target, by looking at each."""
    for count, score in zip(labels, scores, strict=True):
        if (score <= target) if lower else (score >= target):
            return count
    return None


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_labels_needed_are_where_the_mean_first_reaches_the_target(metric):
    lower = metric == "log_loss"
    scores = 1 - EVEN if lower else EVEN
    targets = tuple(1 - each if lower else each for each in (0.7, 0.8, 0.9, 0.99))
    told = summary_of(scores, metrics=(metric,), targets=targets)

    for place, function in enumerate(["random", "margin", "entropy"]):
        found = combination(told, function)
        mean = [statistics.fmean(each) for each in zip(*scores[place].tolist(), strict=True)]
        needed = [first(found["labels"], mean, target, lower=lower) for target in targets]
        assert needed == [each["labels"] for each in found["labels_needed"][1:]]
        assert needed[-1] is None
    assert told["better"] == ("lower" if lower else "higher")


def test_a_target_that_a_mean_misses_by_rounding_is_reached():
    told = summary_of([[[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]], functions=["random"], targets=(0.2,))

    assert sum([0.1, 0.2, 0.3]) / 3 != 0.2
    assert {"target": 0.2, "labels": 20} in combination(told, "random")["labels_needed"]


def test_without_named_targets_there_are_what_random_ends_with_and_parts_of_its_way_there():
    told = summary_of([[[0.5, 0.7, 0.9]], [[0.5, 0.8, 0.9]]], functions=["random", "margin"])

    targets = told["recipes"][0]["targets"]
    assert ["end", "level", "level", "level"] == [each["kind"] for each in targets]
    assert [0.9, 0.7, 0.8, 0.86] == [pytest.approx(each["score"]) for each in targets]
    assert [1.0, 0.5, 0.75, 0.9] == [each["part"] for each in targets]


def test_named_targets_stand_behind_what_random_ends_with():
    told = summary_of(EVEN, targets=(0.9, 0.8))

    targets = told["recipes"][0]["targets"]
    assert ["end", "named", "named"] == [each["kind"] for each in targets]
    assert [0.9, 0.8] == [each["score"] for each in targets[1:]]
    assert targets[0]["score"] == pytest.approx(EVEN[0, :, -1].mean())


def test_nothing_is_told_from_some_of_the_seeds_alone():
    scores = np.array([[[0.4, 0.6, 0.8], [0.4, 0.6, 0.8]], [[0.4, np.nan, 0.8], [0.4, 0.9, 0.8]]])
    told = combination(summary_of(scores, functions=["random", "margin"], targets=(0.6,)), "margin")

    accuracy = told["metrics"]["accuracy"]
    assert [pytest.approx(0.4), None, pytest.approx(0.8)] == accuracy["mean"]
    assert accuracy["area"]["mean"] is None
    assert accuracy["area"]["seeds"] == [None, pytest.approx(0.7)]
    assert {"difference": None, "interval": None} == accuracy["area"]["against_random"]
    assert {"target": 0.6, "labels": 40} in told["labels_needed"]


def test_the_curve_has_the_numbers_of_labels_that_all_seeds_came_by():
    plan = plan_of(["random"], seeds=2)
    long, short = traces_of(plan, [[[0.5, 0.6, 0.7], [0.7, 0.8, 0.9]]])
    short = type(short)(short.run, short.rounds[:2], 0.0)

    told = combination(summarise(plan, [long, short]), "random")

    assert [20, 30] == told["labels"]
    assert told["metrics"]["accuracy"]["mean"] == pytest.approx([0.6, 0.7])


def test_the_order_of_the_traces_does_not_matter():
    plan = plan_of(["random", "margin", "entropy"], seeds=5)
    traces = traces_of(plan, EVEN)

    assert summarise(plan, traces) == summarise(plan, iter(traces[::-1]))


def test_the_summary_is_plain_json():
    scores = EVEN.copy()
    scores[1, 0, 0] = np.nan
    told = summary_of(scores, metrics=("accuracy", "auroc"))

    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_each_recipe_is_told_with_each_function_in_the_order_of_the_plan():
    forest = type(plan_of(["random"]).recipes[0])(estimator="random_forest", parameters={})
    recipes = (*plan_of(["random"]).recipes, forest)
    told = summary_of(EVEN, recipes=recipes)

    named = [(each["estimator"], each["function"]) for each in told["combinations"]]
    assert named == [
        (estimator, function)
        for estimator in ("logistic_regression", "random_forest")
        for function in ("random", "margin", "entropy")
    ]
    assert ["logistic_regression", "random_forest"] == [
        each["estimator"] for each in told["recipes"]
    ]
