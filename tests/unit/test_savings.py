"""What a function saves against random, and how sure that is: against every draw there can be."""

from itertools import product
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traces import learning
from workers.simulation.budget_curve import BudgetCurve
from workers.simulation.savings import (
    COSTS,
    NAMED,
    OPEN,
    SAVES,
    Target,
    difference,
    saving,
    seeds_to_show,
    shares,
    targets_of,
)

TAILS = {3: 0.0, 6: 0.0024}
"""What is left out at either end with so many seeds, by Student's tables."""


def curve_of(scores, *, lower=False, budget=10):
    """A curve of scores (seeds, rounds)."""
    scores = np.array(scores, dtype=np.float64)
    return BudgetCurve(20 + budget * np.arange(scores.shape[1]), scores, lower)


def pair(speed, *, seeds=10, noise=0.003):
    """The curves of random, and of a function of another speed."""
    return [curve_of(each) for each in learning([1, speed], seeds=seeds, noise=noise)]


def end(random):
    """What random ends with, as a target."""
    return targets_of(random, ())[0]


def first(curve, mean, target):
    """The first number of labels with which a mean reaches a target."""
    reached = (count for count, score in zip(curve.labels, mean, strict=True) if score >= target)
    return int(next(reached))


def every_draw(random, other):
    """The labels saved and the difference of areas by every draw of seeds there is, ascending."""
    saved, apart = [], []
    for drawn in product(range(len(random.scores)), repeat=len(random.scores)):
        means = [
            [fmean(each) for each in zip(*curve.scores[list(drawn)].tolist(), strict=True)]
            for curve in (random, other)
        ]
        target = means[0][-1] - 1e-12
        saved.append(first(random, means[0], target) - first(other, means[1], target))
        apart.append(fmean(means[1]) - fmean(means[0]))
    return sorted(saved), sorted(apart)


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_intervals_are_those_of_every_draw_of_seeds(seeds):
    scores = learning([1, 1.3], seeds=seeds, rounds=14, noise=0.01)
    random, other = (curve_of(each) for each in scores)
    if seeds == 6:  # fewer rounds: there are 46,656 draws
        random, other = (curve_of(each[:, ::2], budget=20) for each in scores)
    labels, areas = every_draw(random, other)
    left_out = int(TAILS[seeds] * len(labels))

    found = saving(other, random, end(random), 1)
    apart, interval = difference(other, random)

    assert abs(found.labels_saved.low - labels[left_out]) <= 20
    assert abs(found.labels_saved.high - labels[-1 - left_out]) <= 20
    assert interval.low == pytest.approx(areas[left_out], abs=1e-3)
    assert interval.high == pytest.approx(areas[-1 - left_out], abs=1e-3)
    assert interval.low < apart < interval.high


def test_what_is_saved_is_random_s_labels_less_the_function_s():
    random = curve_of([[0.5, 0.6, 0.7, 0.8, 0.9]])
    found = saving(curve_of([[0.5, 0.7, 0.9, 0.9, 0.9]]), random, end(random), 1)

    assert (60, 40, 20) == (found.random, found.labels, found.saved)
    assert found.share == pytest.approx(1 / 3)


def test_one_seed_has_no_interval_and_shows_nothing():
    random = curve_of([[0.5, 0.6, 0.7]])
    other = curve_of([[0.5, 0.9, 0.9]])
    found = saving(other, random, end(random), 1)

    assert found.labels_saved is None
    assert found.share_saved is None
    assert found.shown == OPEN
    assert (pytest.approx(1 / 6), None) == difference(other, random)


@given(
    st.integers(2, 6).flatmap(
        lambda seeds: st.lists(
            st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=seeds, max_size=seeds
        )
    )
)
@settings(max_examples=40, deadline=None)
def test_what_is_equal_to_random_saves_nothing(scores):
    random = curve_of(scores)
    for target in targets_of(random, ()):
        found = saving(curve_of(scores), random, target, 1)
        assert (0.0, 0.0) == (found.labels_saved.low, found.labels_saved.high)
        assert found.saved in {0, None}
        assert found.shown == OPEN
    apart, interval = difference(curve_of(scores), random)
    assert (0.0, 0.0, 0.0) == (apart, interval.low, interval.high)


@given(st.integers(1, 40), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
@settings(max_examples=20, deadline=None)
def test_labels_saved_scale_with_the_labels_and_not_with_the_scores(factor, stretch):
    scores = learning([1, 1.5], seeds=4, rounds=10)
    random, other = (curve_of(each) for each in scores)
    wide, wider = (
        BudgetCurve(factor * each.labels, stretch * each.scores, lower=False)
        for each in (random, other)
    )

    plain, found = saving(other, random, end(random), 1), saving(wider, wide, end(wide), 1)

    assert found.saved == factor * plain.saved
    assert found.share == pytest.approx(plain.share)
    assert found.labels_saved.low == factor * plain.labels_saved.low
    assert found.labels_saved.high == factor * plain.labels_saved.high


def test_where_less_is_better_the_savings_are_those_of_the_mirror_image():
    random, other = pair(1.5)
    found = saving(other, random, end(random), 1)
    mirrored = [curve_of(1 - each.scores, lower=True) for each in (random, other)]
    other_way = saving(mirrored[1], mirrored[0], end(mirrored[0]), 1)

    assert (found.saved, found.labels_saved) == (other_way.saved, other_way.labels_saved)
    assert found.shown == other_way.shown == SAVES


def test_a_faster_function_is_shown_to_save_and_a_slower_one_to_cost():
    random, other = pair(2)

    assert saving(other, random, end(random), 1).shown == SAVES
    assert saving(random, other, Target(NAMED, 0.9), 1).shown == COSTS


def test_what_never_reaches_the_target_saves_less_than_anything():
    random = curve_of([[0.5, 0.7, 0.9]] * 6)
    other = curve_of([[0.5, 0.6, 0.7]] * 6)
    found = saving(other, random, end(random), 1)

    assert (None, 40, None) == (found.labels, found.random, found.saved)
    assert (-np.inf, -np.inf) == (found.labels_saved.low, found.labels_saved.high)
    assert found.shown == COSTS


def test_what_neither_reaches_is_no_difference():
    random, other = pair(2)
    found = saving(other, random, Target(NAMED, 0.99), 1)

    assert (None, None, None) == (found.labels, found.random, found.saved)
    assert (0.0, 0.0) == (found.labels_saved.low, found.labels_saved.high)
    assert found.shown == OPEN


def test_areas_are_compared_where_both_have_labels():
    random = BudgetCurve(np.array([20, 30, 40]), np.array([[0.5, 0.6, 0.9]]), lower=False)
    other = BudgetCurve(np.array([20, 30]), np.array([[0.5, 0.8]]), lower=False)

    assert (pytest.approx(0.1), None) == difference(other, random)


def test_the_seeds_are_always_drawn_alike():
    found = shares(4)

    assert np.array_equal(found, shares.__wrapped__(4))
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(found.mean(axis=0), 0.25, atol=0.01)


@pytest.mark.parametrize(("compared", "seeds"), [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (20, 10)])
def test_the_more_are_compared_the_more_seeds_it_takes(compared, seeds):
    assert seeds_to_show(compared) == seeds
    assert 2 * compared * 0.5**seeds <= 0.05 < 2 * compared * 0.5 ** (seeds - 1)


def test_where_there_is_no_difference_one_is_seldom_claimed():
    drawn, claims = np.random.default_rng(5), 0
    for _ in range(200):
        noise = drawn.normal(0, 0.01, (2, 10, 12)) + drawn.normal(0, 0.02, (2, 10, 1))
        scores = 0.9 - 0.3 * np.exp(-np.arange(12) / 4) + noise
        random, other = (curve_of(each) for each in scores)
        claims += saving(other, random, end(random), 1).shown != OPEN

    assert claims <= 0.08 * 200
