"""When to stop: each rule at its edge, and the advice that comes of them."""

import pytest

from service.operations.stopping import (
    AGREEMENT,
    EXACT,
    UNCERTAINTY,
    advise,
    flat_score,
    informative,
    low_uncertainty,
    stabilising_predictions,
)
from service.records import Turn


def turn(number, **said):
    given = {"labels": 10 * number, "model": "m", **said}
    return Turn(number=number, job="j", items=100, classes=2, class_counts=(), ranking="r", **given)


def turns(name, values, **said):
    return [turn(number + 1, **{name: value}, **said) for number, value in enumerate(values)]


def scored(*scores, error=0.01):
    return turns("score", scores, score_error=error)


@pytest.mark.parametrize(
    ("kappas", "stop"),
    [
        ([0.991, 0.99, 0.99], True),
        ([0.2, 0.985, 0.99, 1.0], True),
        ([0.99, 0.99, 0.98], False),
        ([1.0, 1.0], False),
        ([None, 1.0, 1.0], False),
        ([1.0, 1.0, 1.0, 0.5], False),
        ([], False),
    ],
)
def test_predictions_are_stable_where_the_mean_kappa_of_three_turns_is_099(kappas, stop):
    finding = stabilising_predictions(turns("agreement", kappas))
    assert finding.stop is stop


def test_what_is_said_of_stable_predictions_holds_the_mean_and_the_threshold():
    finding = stabilising_predictions(turns("agreement", [0.99, 0.992, 1.0]))
    assert "0.9940" in finding.reason
    assert str(AGREEMENT) in finding.reason


@pytest.mark.parametrize(
    ("scores", "error", "stop"),
    [
        ([0.90, 0.91, 0.92, 0.905], 0.01, True),
        ([0.90, 0.91, 0.92, 0.89], 0.01, True),
        ([0.90, 0.91, 0.92, 0.93], 0.01, False),
        ([0.5, 0.5625, 0.5625, 0.515625], 0.015625, False),  # a rise by just the error
        ([0.9, 0.9, 0.9], 0.01, False),
        ([0.5, 0.90, 0.90, 0.90, 0.90], 0.01, True),
        ([0.9, 0.9, 0.9, 0.9], 0.0, False),
        ([0.9, 0.9, 0.9, 0.9], EXACT + 0.001, False),
    ],
)
def test_a_score_is_flat_where_it_rose_by_less_than_its_error_over_three_turns(scores, error, stop):
    assert flat_score(scored(*scores, error=error)).stop is stop


def test_turns_without_a_score_are_passed_over():
    some = scored(0.9, 0.9, 0.9, 0.9)
    gap = turn(9, score=None, score_error=None)
    assert flat_score([*some[:2], gap, *some[2:]]).stop
    assert not flat_score([*some[:2], gap, some[2]]).stop


def test_what_is_said_of_a_flat_score_holds_both_scores_and_the_error():
    reason = flat_score(scored(0.9, 0.9, 0.9, 0.903)).reason
    assert all(number in reason for number in ("0.9000", "0.9030", "0.0100"))


@pytest.mark.parametrize(
    ("greatest", "stop"), [(UNCERTAINTY, True), (0.0, True), (0.0501, False), (None, False)]
)
def test_a_model_is_sure_where_its_greatest_uncertainty_is_small(greatest, stop):
    assert low_uncertainty([turn(1, max_uncertainty=greatest)]).stop is stop


def test_only_the_last_turn_tells_whether_the_model_is_sure():
    assert not low_uncertainty(turns("max_uncertainty", [0.01, 0.4])).stop


def test_a_turn_without_new_labels_proves_nothing():
    same = [turn(number, labels=30, agreement=1.0) for number in (3, 4, 5, 6)]
    before = turns("agreement", [None, 0.7])
    assert [each.number for each in informative([*before, *same])] == [1, 2, 3]
    assert not advise([*before, *same]).stop


def test_a_cold_start_is_not_looked_at():
    cold = turn(1, model=None, labels=0)
    assert [each.number for each in informative([cold, turn(2)])] == [2]


def test_the_advice_names_the_rule_and_gives_its_numbers():
    advice = advise(turns("agreement", [0.995] * 4))
    assert (advice.stop, advice.rule) == (True, "stabilising_predictions")
    assert "0.9950" in advice.reason
    assert advise(scored(0.9, 0.9, 0.9, 0.9)).rule == "flat_score"
    assert advise(turns("max_uncertainty", [0.01])).rule == "low_uncertainty"


def test_without_a_reason_to_stop_the_advice_says_what_each_rule_lacks():
    advice = advise([])
    assert (advice.stop, advice.rule) == (False, None)
    assert advice.reason.startswith("Go on: ")
    assert advice.reason.count(";") == 2
