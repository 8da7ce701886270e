"""Greedy sampling for regression, against its formulas computed from scratch for every pick."""

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.features import Features

GENERATOR = np.random.default_rng(6)
ARRAY = GENERATOR.normal(size=(120, 3)).astype(np.float32)
MEAN = np.sin(ARRAY[:, 0] * 2) + ARRAY[:, 1]


def pick(name, labelled, values, *, n=30, array=ARRAY, mean=MEAN):
    """What a strategy picks."""
    made = {"features": Features.of(array), "labelled_features": Features.of(labelled)}
    return REGISTRY[name].pick({"n": n, "mean": mean, "labelled_values": values, **made})


def by_hand(between, first, labelled, n):
    """The greatest least distance first; `between` is (candidates, labelled and candidates)."""
    rows = [] if labelled else [first]
    scores = [None] * len(rows)
    while len(rows) < n:
        least = between[:, [*range(labelled), *(labelled + row for row in rows)]].min(axis=1)
        least[rows] = -1
        rows.append(int(least.argmax()))
        scores.append(least.max())
    return rows, [scores[1] if score is None else score for score in scores]


@pytest.fixture(params=[0, 1, 12])
def known(request):
    generator = np.random.default_rng(7)
    size = request.param
    return generator.normal(size=(size, 3)).astype(np.float32), generator.normal(size=size)


def gaps(values):
    """How far each prediction is from each known or predicted value."""
    return np.abs(np.subtract.outer(MEAN, np.concatenate([values, MEAN])))


def test_greedy_y_is_farthest_in_the_predicted_value(known):
    vectors, values = known

    picks = pick("greedy_y", vectors, values)

    first = int(np.abs(MEAN - MEAN.mean()).argmin())
    rows, scores = by_hand(gaps(values), first, len(values), 30)
    assert rows == picks.rows.tolist()
    assert np.allclose(scores, picks.scores, rtol=1e-12)


def test_igs_has_the_greatest_least_product_of_both_distances(known):
    vectors, values = known

    picks = pick("igs", vectors, values)

    both = np.concatenate([vectors, ARRAY]).astype(np.float64)
    apart = np.sqrt(((ARRAY[:, None] - both[None]) ** 2).sum(axis=2))
    first = int(((ARRAY - ARRAY.mean(axis=0)) ** 2).sum(axis=1).argmin())
    rows, scores = by_hand(apart * gaps(values), first, len(values), 30)
    assert rows == picks.rows.tolist()
    assert np.allclose(scores, picks.scores, rtol=1e-12)


def test_the_least_product_is_not_the_product_of_the_least():
    known = np.array([[0.0], [10.0]])
    near_in_both, near_in_one_each = (2.5, 2.5), (1.0, 9.0)

    picks = pick(
        "igs",
        known,
        known[:, 0],
        n=2,
        array=np.array([near_in_both[:1], near_in_one_each[:1]]),
        mean=np.array([near_in_both[1], near_in_one_each[1]]),
    )

    assert [1, 0] == picks.rows.tolist()
    assert [9.0, 6.25] == picks.scores.tolist()
