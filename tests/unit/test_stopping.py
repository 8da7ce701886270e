"""When to stop: each rule at its edge, and the advice that comes of them."""

import pytest

from service.operations.stopping import (
    AGREEMENT,
    EXACT,
    STEP,
    UNCERTAINTY,
    advise,
    flat_score,
    informative,
    low_uncertainty,
    stabilising_predictions,
    steps_of,
)
from service.records import Turn


def turn(number, **said):
    given = {"labels": 100 * number, "model": "m", "class_counts": (), **said}
    return Turn(number=number, job="j", items=10_000, classes=2, ranking="r", **given)


def turns(name, values, **said):
    return [turn(number + 1, **{name: value}, **said) for number, value in enumerate(values)]


def sure(*values, **said):
    """Turns of a model that is right, by its greatest uncertainty."""
    given = {"agreement": 1.0, "score": 0.99, "score_error": 0.001, **said}
    return turns("max_uncertainty", values, **given)


def scored(*scores, error=0.01, **said):
    return turns("score", scores, score_error=error, **said)


def steady(count, labels, **said):
    """Turns that bring so many labels each to 500, by models that all say the same."""
    given = {"agreement": 1.0, "score": 0.98, "score_error": 0.001, "max_uncertainty": 0.0, **said}
    first = turn(1, labels=500, **{**given, "agreement": None})
    return [first, *(turn(2 + at, labels=500 + labels * (at + 1), **given) for at in range(count))]


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
        ([0.890625, 0.9, 0.9, 0.90625], 0.015625, False),  # a rise by just the error
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
    assert low_uncertainty(sure(greatest)).stop is stop


def test_only_the_last_turn_tells_whether_the_model_is_sure():
    assert not low_uncertainty(sure(0.01, 0.4)).stop


@pytest.mark.parametrize(("kappa", "stop"), [(0.99, True), (0.989, False), (None, False)])
def test_a_model_that_is_sure_of_something_else_in_each_turn_is_only_overconfident(kappa, stop):
    finding = low_uncertainty([*sure(0.0), *sure(0.0, 0.0, agreement=kappa)[1:]])
    assert finding.stop is stop


@pytest.mark.parametrize(
    ("score", "error", "stop"),
    [(0.96, 0.001, True), (0.94, 0.02, True), (0.8, 0.01, False), (None, None, False)],
)
def test_a_model_that_is_sure_is_believed_where_its_score_does_not_belie_it(score, error, stop):
    assert low_uncertainty(sure(0.0, score=score, score_error=error)).stop is stop


def test_of_a_model_that_is_sure_it_is_said_how_often_it_is_wrong():
    finding = low_uncertainty(sure(0.0, score=0.8))
    assert "0.2000 of the labels told wrongly" in finding.reason


@pytest.mark.parametrize("rule", [stabilising_predictions, flat_score, low_uncertainty])
def test_single_labels_count_together_until_they_are_enough_to_change_something(rule):
    assert not rule(steady(9, 1)).stop
    assert rule(steady(3, STEP)).stop
    assert rule(steady(30, 1)).stop


def test_what_changes_little_by_little_is_added_up():
    found = steps_of(steady(30, 1, agreement=0.99))
    assert [step.turn.labels for step in found] == [500, 510, 520, 530]
    assert [step.agreement for step in found] == [None, *[pytest.approx(0.9)] * 3]


def test_few_labels_tell_no_score_however_far_the_folds_agree():
    few = [
        turn(number, labels=20 * number, score=0.85, score_error=0.001) for number in range(1, 6)
    ]
    finding = flat_score(few)
    assert not finding.stop
    assert "100 labels tell it to 0.0357" in finding.reason


def test_a_score_that_naming_one_class_would_have_is_flat_because_nothing_is_learnt():
    counts = {"class_counts": (("ant", 380), ("bee", 20))}
    finding = flat_score(scored(0.95, 0.95, 0.95, 0.95, error=0.001, **counts))
    assert not finding.stop
    assert "0.9500 of the labels are of one class" in finding.reason
    assert flat_score(scored(0.97, 0.97, 0.97, 0.97, error=0.001, **counts)).stop


def test_a_tree_that_was_told_two_labels_is_sure_and_yet_to_be_taught_more():
    assert not advise([turn(1, labels=2, max_uncertainty=0.0, score=1.0, score_error=0.0)]).stop


def test_a_turn_without_new_labels_proves_nothing():
    same = [turn(number, labels=300, agreement=1.0) for number in (3, 4, 5, 6)]
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
    assert advise(sure(0.01)).rule == "low_uncertainty"


def test_without_a_reason_to_stop_the_advice_says_what_each_rule_lacks():
    advice = advise([])
    assert (advice.stop, advice.rule) == (False, None)
    assert advice.reason.startswith("Go on: ")
    assert advice.reason.count(";") == 2
