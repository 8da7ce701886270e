"""Ranked batch, against the formula computed from scratch for every pick."""

import math

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.features import Features

GENERATOR = np.random.default_rng(3)
ARRAY = (GENERATOR.normal(size=(150, 4)) * [3, 1, 1, 0.5]).astype(np.float32)
BASE = GENERATOR.random(150)


def pick(array=ARRAY, labelled=ARRAY[:0], base=BASE, n=40):
    """What ranked batch picks."""
    made = {"features": Features.of(array), "labelled_features": Features.of(labelled)}
    return REGISTRY["ranked_batch"].pick({"n": n, "base": base, **made})


def by_hand(array, labelled, base, n):
    """The same by the formula: each candidate left against each labelled or picked item."""
    rows, scores = [], []
    known = [vector.astype(np.float64) for vector in labelled]
    if not known:
        rows.append(int(((array - array.mean(axis=0)) ** 2).sum(axis=1).argmin()))
        scores.append(1.0)
        known.append(array[rows[0]].astype(np.float64))
    while len(rows) < n:
        left = [row for row in range(len(array)) if row not in rows]
        alpha = len(left) / (len(left) + len(known))
        found = {}
        for row in left:
            distance = min(math.dist(array[row], each) for each in known)
            found[row] = alpha * (1 - 1 / (1 + distance)) + (1 - alpha) * base[row]
        rows.append(max(found, key=found.get))
        scores.append(found[rows[-1]])
        known.append(array[rows[-1]].astype(np.float64))
    return rows, scores


@pytest.mark.parametrize("labelled", [0, 1, 30, 400])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_pick_is_the_best_by_the_formula(labelled, kind):
    known = np.random.default_rng(8).normal(size=(labelled, 4)).astype(kind)

    picks = pick(ARRAY.astype(kind), known)

    rows, scores = by_hand(ARRAY.astype(kind), known, BASE, 40)
    assert rows == picks.rows.tolist()
    assert np.allclose(scores, picks.scores, rtol=1e-12)


def test_with_many_labels_and_few_candidates_the_score_decides():
    known = np.zeros((10_000, 4), dtype=np.float32)

    picks = pick(ARRAY[:5], known, np.array([0.1, 0.9, 0.3, 0.7, 0.5]), n=5)

    assert [1, 3, 4, 2, 0] == picks.rows.tolist()


def test_ten_copies_of_twenty_points_give_twenty_points():
    copies = np.repeat(ARRAY[:20], 10, axis=0)

    picks = pick(copies, base=np.repeat(BASE[:20], 10), n=20)

    assert 20 == len({row // 10 for row in picks.rows.tolist()})


def test_among_copies_the_one_of_the_higher_score_is_picked_and_then_the_earlier():
    same = np.ones((5, 4), dtype=np.float32)

    picks = pick(same, same[:1], np.array([0.1, 0.5, 0.2, 0.5, 0.1]), n=5)

    assert [1, 3, 2, 0, 4] == picks.rows.tolist()
    assert picks.scores[0] == pytest.approx(0.5 / 6)
