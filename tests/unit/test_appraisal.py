"""How a turn went: uncertainty, agreement and score, against the plain way to compute them."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from service.estimators import Recipe
from tests.models import digits
from workers import appraisal
from workers.appraisal import Opinion, agreement, score, uncertainty
from workers.compute import HERE
from workers.fitting import Task
from workers.sources import Stack
from workers.watch import nothing

NAIVE = Recipe(estimator="naive_bayes", parameters={})


def opinion(probs, classes, cut=3):
    """What a model says of a pool of two parts."""
    return Opinion(Stack((probs[:cut], probs[cut:])), tuple(classes), len(probs))


def drawn(rows, classes, seed):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


@pytest.fixture(params=[7, 65_536])
def block(request, monkeypatch):
    """Blocks that cut the pool, and one that holds it."""
    monkeypatch.setattr(appraisal, "BLOCK_ROWS", request.param)


def test_uncertainty_is_over_the_unlabelled_items_alone(block):
    probs = drawn(100, 4, seed=0)
    labelled = np.array([0, 5, 99])
    doubts = np.delete(1 - probs.max(axis=1), labelled)
    mean, greatest = uncertainty(opinion(probs, "abcd"), labelled, nothing)
    assert mean == pytest.approx(doubts.mean(), rel=1e-12)
    assert greatest == doubts.max()


def test_where_every_item_is_labelled_there_is_no_uncertainty_to_tell():
    probs = drawn(5, 2, seed=0)
    assert uncertainty(opinion(probs, "ab"), np.arange(5), nothing) is None


def test_agreement_is_cohens_kappa_of_what_is_likeliest(block):
    now, before = drawn(200, 3, seed=1), drawn(200, 3, seed=2)
    now[:120] = before[:120]
    expected = cohen_kappa_score(now.argmax(axis=1), before.argmax(axis=1))
    found = agreement(opinion(now, "abc"), opinion(before, "abc"), nothing)
    assert found == pytest.approx(expected, abs=1e-12)


def test_classes_are_matched_by_identity_whatever_their_order_and_number(block):
    now, before = drawn(150, 4, seed=3), drawn(150, 2, seed=4)
    ours, theirs = ["cat", "ant", "bee", "dog"], ["ant", "cat"]
    expected = cohen_kappa_score(
        [ours[place] for place in now.argmax(axis=1)],
        [theirs[place] for place in before.argmax(axis=1)],
    )
    found = agreement(opinion(now, ours), opinion(before, theirs), nothing)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_boolean_is_no_number():
    sure = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert agreement(opinion(sure, [1, 2]), opinion(sure, [True, False]), nothing) == 0.0
    assert agreement(opinion(sure, [1, 2]), opinion(sure, [1.0, 2.0]), nothing) == 1.0


def test_items_that_came_after_the_turn_before_are_not_compared():
    now, before = drawn(60, 3, seed=5), drawn(40, 3, seed=6)
    now[:40] = before
    assert agreement(opinion(now, "abc"), opinion(before, "abc"), nothing) == 1.0


def test_two_models_that_say_one_class_only_agree_no_better_than_chance():
    sure = np.tile([0.9, 0.1], (10, 1))
    assert agreement(opinion(sure, "ab"), opinion(sure, "ab"), nothing) is None
    assert agreement(opinion(sure, "ab"), opinion(sure[:, ::-1], "ab"), nothing) == 0.0


def test_without_items_in_common_there_is_no_agreement_to_tell():
    none = Opinion(Stack(()), ("a", "b"), 0)
    assert agreement(opinion(drawn(5, 2, seed=0), "ab"), none, nothing) is None


def test_the_score_is_the_mean_of_the_folds_with_its_standard_error():
    data = digits()
    found = score(Task(NAIVE, data.items[:300], data.labels[:300], 0), 5, HERE, nothing)
    assert 0.6 < found.mean < 1
    assert 0 < found.error < 0.1
    plain = appraisal.summary([0.8, 0.9, 1.0])
    assert plain.mean == pytest.approx(0.9)
    assert plain.error == pytest.approx(0.1 / np.sqrt(3))


@pytest.mark.parametrize("folds", [0, 1])
def test_without_folds_there_is_no_score(folds):
    data = digits()
    items, labels = data.items[:50], data.labels[:50]
    assert score(Task(NAIVE, items, labels, 0), folds, HERE, nothing) is None


def test_a_class_with_one_label_leaves_no_folds():
    data = digits()
    labels = np.where(np.arange(50) == 7, 1, 0)
    assert score(Task(NAIVE, data.items[:50], labels, 0), 3, HERE, nothing) is None
