"""Quotas: a function's order, and no kind of item that takes all of it."""

import numpy as np
import pytest

from service.acquisition import REGISTRY


def balance(base, predicted, counts, n):
    probs = np.eye(len(counts))[predicted]
    given = {"n": n, "base": np.array(base, float), "probs": probs, "label_counts": counts}
    return REGISTRY["class_balance"].pick(given).rows.tolist()


def cap(base, groups, n, most=1):
    given = {"n": n, "base": np.array(base, float), "groups": np.array(groups)}
    return REGISTRY["group_cap"].pick(given, column="patient", most=most)


def step_by_step(base, predicted, counts, n):
    """Fill the class that has the fewest, as one would with pen and paper."""
    counts, left, picked = list(counts), set(range(len(base))), []
    while left and len(picked) < n:
        best = min(left, key=lambda item: (counts[predicted[item]], -base[item], item))
        counts[predicted[best]] += 1
        left.discard(best)
        picked.append(best)
    return picked


def test_the_class_with_the_fewest_labels_is_filled_first():
    base, predicted = [0.9, 0.8, 0.7, 0.6, 0.5], np.array([0, 0, 1, 1, 1])

    assert [2, 3, 0, 4, 1] == balance(base, predicted, np.array([4, 2]), 5)
    assert [0, 2, 1, 3, 4] == balance(base, predicted, np.array([0, 0]), 5)


@pytest.mark.parametrize("seed", range(20))
def test_balancing_goes_step_by_step(seed):
    generator = np.random.default_rng(seed)
    base = generator.integers(0, 5, 40) / 4
    predicted, counts = generator.integers(0, 5, 40), generator.integers(0, 8, 6)

    assert step_by_step(base, predicted, counts, 30) == balance(base, predicted, counts, 30)


def test_no_more_than_the_cap_are_of_one_group():
    picks = cap([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [3, 3, 3, 1, 1, 7], 10, most=2)

    assert [0, 1, 3, 4, 5] == picks.rows.tolist()
    assert [0.9, 0.8, 0.6, 0.5, 0.4] == picks.scores.tolist()


def test_items_without_a_group_are_not_capped():
    assert [0, 1, 2, 3] == cap([0.9, 0.8, 0.7, 0.6, 0.5], [-1, -1, -1, 0, 0], 5).rows.tolist()


def test_of_equal_items_of_a_group_the_first_stays():
    assert [0, 2] == cap([0.5, 0.5, 0.5], [0, 0, 1], 5).rows.tolist()


def test_fewer_wanted_are_the_first_of_more():
    generator = np.random.default_rng(0)
    base, groups = generator.random(50), generator.integers(-1, 9, 50)
    predicted, counts = generator.integers(0, 4, 50), generator.integers(0, 9, 4)

    assert cap(base, groups, 30).rows[:4].tolist() == cap(base, groups, 4).rows.tolist()
    assert balance(base, predicted, counts, 30)[:4] == balance(base, predicted, counts, 4)
