"""Scores made from other functions' scores: products, sums, costs, and seeded draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.acquisition import REGISTRY
from service.acquisition.functions.compositions import LEAST_NOISE, MOST_NOISE, gumbel, ranks
from service.acquisition.registry import Size
from service.ids import hash_ids, pack

KEYS = hash_ids(pack([f"item {n}" for n in range(1000)]))
BASES = np.array([[0.0, 1.0, 2.0, 2.0], [9.0, 5.0, 7.0, 1.0]])
WEIGHTED = ("weighted_product", "weighted_sum")
DRAWS = ("power", "gibbs", "soft_rank")
SEEDS = 4000


def weighted(name, bases=BASES, **parameters):
    return REGISTRY[name].score({"bases": np.asarray(bases, np.float64)}, **parameters)


def draw(name, scores, keys=None, **parameters):
    keys = KEYS[: len(scores)] if keys is None else keys
    bases = np.asarray([scores], np.float64)
    return REGISTRY[name].score({"bases": bases, "keys": keys}, **parameters)


def firsts(name, scores, **parameters):
    """How often each item comes first, over many seeds."""
    found = [int(draw(name, scores, seed=seed, **parameters).argmax()) for seed in range(SEEDS)]
    return np.bincount(found, minlength=len(scores))


def assert_drawn(chances, counts):
    """Counts are those of draws with these chances, by a chi-squared test at one in a million."""
    expected = SEEDS * np.asarray(chances) / np.sum(chances)

    assert ((counts - expected) ** 2 / expected).sum() < 32


def test_a_rank_is_the_share_of_items_below_and_half_of_those_level():
    assert ranks(np.array([0.0, 1, 2, 2])).tolist() == [1, 2, 3.5, 3.5]
    assert weighted("weighted_sum", BASES[:1]).tolist() == [0.125, 0.375, 0.75, 0.75]


def test_products_and_sums_are_of_ranks_unless_asked_otherwise():
    first, second = [0.125, 0.375, 0.75, 0.75], [0.875, 0.375, 0.625, 0.125]
    product = [a * b for a, b in zip(first, second, strict=True)]
    total = [a + b for a, b in zip(first, second, strict=True)]

    assert weighted("weighted_product").tolist() == product
    assert weighted("weighted_sum").tolist() == total


def test_a_range_goes_from_the_lowest_to_the_highest():
    assert weighted("weighted_sum", BASES[:1], scale="range").tolist() == [0, 0.5, 1, 1]
    assert weighted("weighted_product", scale="range").tolist() == [0, 0.25, 0.75, 0]


def test_scores_may_be_taken_as_they_are():
    assert weighted("weighted_product", scale="none").tolist() == [0, 5, 14, 2]
    assert weighted("weighted_sum", scale="none").tolist() == [9, 6, 9, 3]


def test_strengths_are_powers_of_a_product_and_factors_of_a_sum():
    asked = {"strengths": (2.0, 0.5), "scale": "none"}

    assert np.allclose([0, 5**0.5, 4 * 7**0.5, 4], weighted("weighted_product", **asked))
    assert weighted("weighted_sum", **asked).tolist() == [4.5, 4.5, 7.5, 4.5]


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_function_without_strength_counts_for_nothing(name):
    asked = {"strengths": (1.0, 0.0)}

    assert np.array_equal(weighted(name, **asked), weighted(name, BASES[:1]))


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("scale", ["rank", "range"])
@given(factor=st.floats(1e-9, 1e9))
def test_the_unit_of_a_function_changes_nothing(name, scale, factor):
    other = BASES * np.array([[factor], [1.0]])

    assert np.allclose(weighted(name, scale=scale), weighted(name, other, scale=scale), rtol=1e-12)


@pytest.mark.parametrize("scale", ["rank", "range"])
def test_a_function_that_says_the_same_of_all_decides_nothing(scale):
    same = np.full((1, 4), 3.25)

    assert weighted("weighted_sum", same, scale=scale).tolist() == [0.5] * 4
    assert weighted("weighted_sum", same[:, :1], scale=scale).tolist() == [0.5]
    both = weighted("weighted_product", np.concatenate([BASES[:1], same]), scale=scale)
    alone = weighted("weighted_product", BASES[:1], scale=scale)
    assert np.array_equal(alone / 2, both)


@pytest.mark.parametrize("name", WEIGHTED)
def test_strengths_of_another_number_of_functions_are_refused(name):
    def size(functions):
        return Size(
            items=4,
            candidates=4,
            labelled=0,
            n=0,
            width=0,
            classes=0,
            members=0,
            parameters={},
            functions=functions,
        )

    entry = REGISTRY[name]
    assert entry.fits({"strengths": ()}, size(3)) is None
    assert entry.fits({"strengths": (1.0, 2.0)}, size(2)) is None
    assert entry.fits({"strengths": (1.0, 2.0)}, size(3)) == (
        "strengths has 2 numbers for 3 functions"
    )
    with pytest.raises(ValueError, match="3 strengths do not fit 2 functions"):
        weighted(name, strengths=(1.0, 2.0, 3.0))


def test_a_score_is_divided_by_what_the_label_costs():
    found = {"bases": np.array([[1.0, 0.0, 3.0]]), "amounts": np.array([2.0, 5.0, 0.5])}

    assert REGISTRY["per_cost"].score(found, column="minutes").tolist() == [0.5, 0.0, 6.0]


@pytest.mark.parametrize("cost", [0.0, -1.0, math.nan, math.inf])
def test_a_cost_that_is_none_is_refused_with_its_place(cost):
    found = {"bases": np.ones((1, 3)), "amounts": np.array([2.0, cost, 0.0])}

    with pytest.raises(ValueError, match="place 1 costs"):
        REGISTRY["per_cost"].score(found, column="minutes")


def test_power_draws_the_first_item_in_proportion_to_a_power_of_its_score():
    scores = np.array([1.0, 2.0, 3.0, 0.5, 0.0])

    counts = firsts("power", scores)
    assert counts[4] == 0
    assert_drawn(scores[:4], counts[:4])
    assert_drawn(scores[:4] ** 2, firsts("power", scores[:4], beta=2.0))


def test_gibbs_draws_the_first_item_by_the_softmax_of_the_scores():
    scores = np.array([1.0, 2.0, 0.0, 0.5])

    assert_drawn(np.exp(scores), firsts("gibbs", scores))
    assert_drawn(np.exp(0.25 * scores), firsts("gibbs", scores, beta=0.25))


def test_soft_rank_draws_the_first_item_by_its_place():
    scores = np.array([5.0, 80.0, 6.0, 7.0])

    assert_drawn([1 / 4, 1, 1 / 3, 1 / 2], firsts("soft_rank", scores))
    assert_drawn([1 / 16, 1, 1 / 9, 1 / 4], firsts("soft_rank", scores, beta=2.0))


def test_the_second_item_is_drawn_from_those_that_are_left():
    scores = np.array([1.0, 2.0, 3.0])
    orders = [tuple(np.argsort(-draw("power", scores, seed=seed))) for seed in range(SEEDS)]
    expected = {
        (i, j): scores[i] / 6 * scores[j] / (6 - scores[i])
        for i in range(3)
        for j in range(3)
        if i != j
    }

    counts = np.array([sum(order[:2] == pair for order in orders) for pair in expected])

    assert_drawn(list(expected.values()), counts)


@pytest.mark.parametrize("name", DRAWS)
def test_an_items_luck_is_its_own_in_any_pool(name):
    scores = np.full(1000, 0.7)
    whole = draw(name, scores, KEYS, seed=3)

    alone = draw(name, scores[:1], KEYS[500:501], seed=3)
    same_rank = 0.0 if name != "soft_rank" else math.log(500.5)

    assert alone[0] == pytest.approx(whole[500] + same_rank, abs=1e-12)
    assert not np.array_equal(whole, draw(name, scores, KEYS, seed=4))


@pytest.mark.parametrize("name", DRAWS)
def test_a_large_beta_keeps_to_the_scores(name):
    scores = np.array([0.5, 0.25, 0.0, 1.0])

    found = draw(name, scores, beta=1e6)

    assert np.argsort(-found).tolist() == [3, 0, 1, 2]


@pytest.mark.parametrize("beta", [1e-300, 1e-6, 1.0, 50.0])
def test_items_that_score_nothing_come_behind_all_others(beta):
    scores = np.where(np.arange(1000) % 2, 5e-324, 0.0)

    found = draw("power", scores, KEYS, beta=beta)

    assert np.isfinite(found).all()
    assert found[1::2].min() > found[::2].max()
    assert len(np.unique(found[::2])) > 400, "they are in a drawn order of their own"


def test_the_noise_is_gumbels_and_within_its_bounds(monkeypatch):
    noise = gumbel(hash_ids(pack([str(n) for n in range(50_000)])), 1)

    uniform = np.exp(-np.exp(-noise))
    counts, _ = np.histogram(uniform, bins=50, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 110
    assert noise.mean() == pytest.approx(0.5772156649, abs=0.02)
    assert LEAST_NOISE <= noise.min() < noise.max() <= MOST_NOISE
    drawn = np.array([0.0, 1 - 2.0**-53])
    monkeypatch.setattr("service.acquisition.functions.compositions.random", lambda *_, **__: drawn)
    least_and_most = gumbel(KEYS[:2], 0)
    assert np.isfinite(least_and_most).all()
    assert LEAST_NOISE <= least_and_most[1] < least_and_most[0] <= MOST_NOISE
