"""BADGE and FALCUN: the gradients against explicit ones, and the draws against their chances."""

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.features import Features
from service.acquisition.functions import gradients
from service.acquisition.functions.gradients import Gradients, errors, far_apart


def made(items=40, classes=5, width=7, seed=0):
    generator = np.random.default_rng(seed)
    probs = generator.dirichlet(np.full(classes, 0.5), size=items)
    return probs, generator.normal(size=(items, width))


def explicit(probs, vectors):
    """Return the whole gradients, one row of classes by width values for each item."""
    outer = errors(probs)[:, :, None] * vectors[:, None, :]
    return outer.reshape(len(probs), -1)


def badge(probs, vectors, n, seed=0):
    given = {"n": n, "probs": probs, "features": Features.of(vectors)}
    return REGISTRY["badge"].pick(given, seed=seed)


def falcun(probs, n, **parameters):
    return REGISTRY["falcun"].pick({"n": n, "probs": probs}, **parameters)


def test_the_factorised_distances_are_those_of_the_whole_gradients():
    probs, vectors = made()
    whole = explicit(probs, vectors)
    factorised = Gradients(errors(probs), Features.of(vectors))
    expected = ((whole[:, None] - whole[None]) ** 2).sum(axis=2)

    found = factorised.squared_distances(list(range(40)))

    assert np.allclose((whole**2).sum(axis=1), factorised.squared_lengths, rtol=1e-12, atol=0)
    assert np.allclose(expected, found, rtol=1e-10, atol=1e-12)
    assert factorised.nearest(3, [7, 1, 30]) == pytest.approx(expected[3, [7, 1, 30]].min())
    assert factorised.nearest(3, []) == np.inf


def test_the_first_gradient_is_the_longest_and_the_score_is_the_distance_to_those_before():
    probs, vectors = made()
    whole = explicit(probs, vectors)

    picks = badge(probs, vectors, 40)

    assert np.sqrt((whole**2).sum(axis=1)).argmax() == picks.rows[0]
    assert np.sqrt((whole**2).sum(axis=1)).max() == pytest.approx(picks.scores[0])
    for step in range(1, 40):
        apart = whole[picks.rows[:step]] - whole[picks.rows[step]]
        nearest = np.sqrt((apart**2).sum(axis=1)).min()
        assert nearest == pytest.approx(picks.scores[step], abs=1e-6)


@pytest.mark.parametrize("exponent", [2.0, 4.0, 0.5])
@pytest.mark.parametrize("sweep", [1, 16])
def test_picks_are_drawn_by_a_power_of_the_distance_however_often_all_are_compared(
    monkeypatch, sweep, exponent
):
    monkeypatch.setattr(gradients, "SWEEP", sweep)
    probs, vectors = made(items=6)
    whole = explicit(probs, vectors)
    weights = ((whole[:, None] - whole[None]) ** 2).sum(axis=2) ** (exponent / 2)
    first = int((whole**2).sum(axis=1).argmax())
    chances = np.zeros((6, 6))
    for second in range(6):
        if second != first:
            then = np.minimum(weights[first], weights[second])
            chances[second] = weights[first, second] / weights[first].sum() * then / then.sum()
    generator, counts = np.random.default_rng(1), np.zeros((6, 6))

    for _ in range(2500):
        rows, _ = far_apart(3, Gradients(errors(probs), Features.of(vectors)), exponent, generator)
        counts[rows[1], rows[2]] += 1

    assert np.abs(counts / 2500 - chances).max() < 0.035


@pytest.mark.parametrize("seed", range(8))
def test_repeated_points_make_no_repeated_items(seed):
    probs, vectors = made(items=3, seed=seed)

    picks = badge(np.tile(probs, (4, 1)), np.tile(vectors, (4, 1)), 12, seed=seed)

    assert 12 == len(set(picks.rows.tolist()))
    assert {0, 1, 2} == set((picks.rows[:3] % 3).tolist())


def test_without_any_gradient_items_are_distinct_still():
    certain, vectors = np.eye(3)[np.zeros(9, int)], np.ones((9, 2))

    few, many = (badge(certain, vectors, n, seed=4) for n in (4, 9))

    assert sorted(many.rows.tolist()) == list(range(9))
    assert many.rows[:4].tolist() == few.rows.tolist()
    assert [0.0] * 9 == many.scores.tolist()


def test_fewer_wanted_are_the_first_of_more():
    probs, vectors = made(items=200)

    assert badge(probs, vectors, 60).rows[:21].tolist() == badge(probs, vectors, 21).rows.tolist()
    assert falcun(probs, 60).rows[:21].tolist() == falcun(probs, 21).rows.tolist()


def test_another_seed_draws_others():
    probs, vectors = made(items=200)

    assert (
        badge(probs, vectors, 20, seed=1).rows.tolist() != badge(probs, vectors, 20).rows.tolist()
    )
    assert falcun(probs, 20, seed=1).rows.tolist() != falcun(probs, 20).rows.tolist()


def falcun_chances(probs, picked, gamma):
    """Return each item's chance after some picks, and its relevance, as the paper has them."""
    two = np.sort(probs, axis=1)[:, -2:]
    unsure = 1 - (two[:, 1] - two[:, 0])
    away = unsure.copy()
    for row in picked:
        away = np.minimum(away, np.abs(probs - probs[row]).sum(axis=1))
    free = [item for item in range(len(probs)) if item not in picked]
    low, high = away[free].min(), away[free].max()
    relevance = unsure + (away - low) / (high - low)
    weights = np.zeros(len(probs))
    weights[free] = relevance[free] ** gamma
    return weights / weights.sum(), relevance


@pytest.mark.parametrize("gamma", [0.0, 1.0, 10.0])
def test_falcun_draws_by_uncertainty_and_distance(gamma):
    probs, _ = made(items=6)
    counts, given = np.zeros((6, 6)), []
    for seed in range(3000):
        picks = falcun(probs, 2, gamma=gamma, seed=seed)
        counts[tuple(picks.rows)] += 1
        given.append(picks)
    first, _ = falcun_chances(probs, [], gamma)
    expected = np.stack([first[row] * falcun_chances(probs, [row], gamma)[0] for row in range(6)])

    assert np.abs(counts / 3000 - expected).max() < 0.03
    for picks in given[:20]:
        _, relevance = falcun_chances(probs, [picks.rows[0]], gamma)
        assert relevance[picks.rows[1]] == pytest.approx(picks.scores[1], abs=1e-12)


def test_a_greedy_falcun_begins_with_an_uncertain_item():
    probs, _ = made(items=300)
    two = np.sort(probs, axis=1)[:, -2:]
    sure = two[:, 1] - two[:, 0]

    picks = falcun(probs, 5, gamma=100.0)

    assert sure[picks.rows[0]] <= np.quantile(sure, 0.2)
    assert np.isfinite(picks.scores).all()


@pytest.mark.parametrize("value", [1.0, 0.25])
def test_falcun_takes_distinct_items_where_all_are_alike(value):
    probs = np.tile([value, *[(1 - value) / 3] * 3], (40, 1))

    picks = falcun(probs, 40, gamma=100.0)

    assert sorted(picks.rows.tolist()) == list(range(40))


def test_many_classes_are_compared_block_by_block(monkeypatch):
    probs, _ = made(items=50)
    whole = falcun(probs, 20).rows.tolist()
    monkeypatch.setattr(gradients, "BLOCK_VALUES", 35)

    assert falcun(probs, 20).rows.tolist() == whole


@pytest.mark.parametrize(("items", "n"), [(0, 5), (5, 0), (1, 1), (1, 9), (5, 9)])
def test_any_number_of_items_can_be_asked_for(items, n):
    probs, vectors = made(items=items)

    for picks in (badge(probs, vectors, n), falcun(probs, n)):
        assert min(items, n) == len(set(picks.rows.tolist())) == len(picks.scores)
        assert np.int64 == picks.rows.dtype
        assert np.float64 == picks.scores.dtype
