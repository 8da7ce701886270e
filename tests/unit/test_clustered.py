"""Strategies that cluster: who stands for a cluster, in what order, and never twice."""

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.features import Features
from service.acquisition.functions import typical
from workers.clustering import k_means

CLUSTERED = ("k_means", "dmbal", "clue", "image_diversity", "typiclust")


def corners(sizes, seed=0, width=6, noise=1.0):
    """Groups of some sizes around far corners, shuffled, and the group of each item."""
    generator = np.random.default_rng(seed)
    own = generator.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = 50 * np.eye(len(sizes), width)[own]
    return (vectors + noise * generator.normal(size=vectors.shape)).astype(np.float32), own


def pick(name, vectors, n, *, base=None, labelled=None, **parameters):
    given = {
        "n": n,
        "features": vectors if isinstance(vectors, Features) else Features.of(vectors),
        "labelled_features": Features(()) if labelled is None else Features.of(labelled),
        "base": np.ones(len(vectors)) if base is None else np.asarray(base, float),
        "k_means": k_means,
    }
    return REGISTRY[name].pick(given, **parameters)


def distance_to_mean(vectors, own):
    """Return the distance of each item to the mean of its own group."""
    means = np.stack([vectors[own == group].mean(axis=0) for group in range(own.max() + 1)])
    return np.sqrt(((vectors - means[own]) ** 2).sum(axis=1))


@pytest.mark.parametrize("name", ["k_means", "clue", "dmbal"])
def test_each_cluster_is_stood_for_by_its_most_central_item_the_largest_first(name):
    vectors, own = corners([30, 10, 40, 20])
    far = distance_to_mean(vectors, own)
    central = [min(np.flatnonzero(own == group), key=far.__getitem__) for group in (2, 0, 3, 1)]

    picks = pick(name, vectors, 4, **({"beta": 100} if name == "dmbal" else {}))

    assert central == picks.rows.tolist()
    assert [40.0, 30.0, 20.0, 10.0] == pytest.approx(picks.scores.tolist())


@pytest.mark.parametrize("name", ["clue", "dmbal"])
def test_the_heaviest_cluster_goes_first(name):
    vectors, own = corners([30, 10])
    base = np.where(own == 1, 1.0, 0.1)

    picks = pick(name, vectors, 2, base=base, **({"beta": 100} if name == "dmbal" else {}))

    assert [1, 0] == own[picks.rows].tolist()
    assert [10.0, 3.0] == pytest.approx(picks.scores.tolist())


def test_the_uncertain_draw_the_centre_of_clue():
    line = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])

    assert [2] == pick("clue", line, 1).rows.tolist()
    assert [4] == pick("clue", line, 1, base=[0.1, 0.1, 0.1, 0.1, 9]).rows.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_dmbal_takes_only_of_the_best(seed):
    generator = np.random.default_rng(seed)
    vectors, base = generator.normal(size=(300, 4)), generator.random(300)
    best = set(np.argsort(-base)[:30].tolist())

    assert set(pick("dmbal", vectors, 10, base=base, beta=3).rows.tolist()) <= best
    assert set(pick("dmbal", vectors, 30, base=base, beta=1).rows.tolist()) == best


def test_image_diversity_goes_round_from_the_centres_outwards():
    vectors, own = corners([5, 3, 9])
    far = distance_to_mean(vectors, own)
    queues = [sorted(np.flatnonzero(own == group), key=far.__getitem__) for group in (2, 0, 1)]
    expected = [queue[turn] for turn in range(9) for queue in queues if turn < len(queue)]

    picks = pick("image_diversity", vectors, 99, clusters=3)

    assert expected == picks.rows.tolist()
    assert np.allclose(-far[expected], picks.scores, atol=1e-4)


def test_image_diversity_gives_the_first_of_more():
    vectors, _ = corners([30, 10, 40, 20])

    few, many = (pick("image_diversity", vectors, n).rows.tolist() for n in (7, 50))

    assert many[:7] == few


def test_typiclust_visits_the_largest_cluster_without_a_label():
    vectors, own = corners([30, 10, 40, 20])
    labelled, _ = corners([0, 0, 1, 0], seed=9)

    picks = pick("typiclust", vectors, 3, labelled=labelled)

    assert [0, 3, 1] == own[picks.rows].tolist()


def test_typiclust_takes_the_item_with_the_nearest_neighbours():
    vectors, own = corners([60, 30, 45])

    picks = pick("typiclust", vectors, 3, k=5)

    for row, score, group in zip(picks.rows, picks.scores, (0, 2, 1), strict=True):
        inside = vectors[own == group].astype(np.float64)
        far = np.sort(np.sqrt(((inside[:, None] - inside) ** 2).sum(axis=2)), axis=1)[:, 1:6]
        likely = 1 / (1 + far.mean(axis=1))
        assert np.flatnonzero(own == group)[likely.argmax()] == row
        assert likely.max() == pytest.approx(score, rel=1e-4)


def test_typiclust_goes_round_where_clusters_are_capped():
    vectors, own = corners([30, 10, 40, 20])

    picks = pick("typiclust", vectors, 9, most_clusters=4)

    assert [2, 0, 3, 1, 2, 0, 3, 1, 2] == own[picks.rows].tolist()


def test_clusters_of_labelled_items_alone_are_passed_over():
    vectors, own = corners([0, 8, 9])
    labelled, _ = corners([1, 2, 2], seed=9)

    picks = pick("typiclust", vectors, 2, labelled=labelled, most_clusters=3)

    assert [2, 1] == own[picks.rows].tolist()
    assert (picks.scores > 0).all()


def test_in_a_crowd_only_the_items_near_the_centre_are_compared(monkeypatch):
    vectors, own = corners([50, 5])
    monkeypatch.setattr(typical, "CROWD", 10)
    nearest = np.argsort(distance_to_mean(vectors, own)[own == 0])[:10]

    picks = pick("typiclust", vectors, 2)

    assert picks.rows[0] in np.flatnonzero(own == 0)[nearest]


def test_labelled_items_lie_behind_the_candidates_in_the_parts_they_share():
    parts = np.arange(20, dtype=np.float32).reshape(10, 2), np.ones((3, 2), np.float32)
    pool = Features.of(*parts)
    first, second = pool.take(np.array([0, 4, 11])), pool.take(np.array([2, 12]))

    for a, b in ((first, second), (pool, second), (first, pool), (pool, pool)):
        together = typical.joined(a, b)
        expected = np.concatenate([each.at(range(len(each))) for each in (a, b)])
        found = np.concatenate([block for _, block in together.blocks()])

        assert np.array_equal(expected, found)
        assert np.array_equal(expected, together.at(range(len(together))))
    assert typical.joined(first, Features(())) is first
    assert typical.joined(first.normalised(), second.normalised()).unit


@pytest.mark.parametrize("name", CLUSTERED)
def test_equal_vectors_are_picked_in_their_order(name):
    vectors = np.full((40, 3), 0.1, dtype=np.float32)

    assert list(range(10)) == pick(name, vectors, 10).rows.tolist()


@pytest.mark.parametrize("name", CLUSTERED)
@pytest.mark.parametrize("seed", range(8))
def test_items_are_distinct_where_vectors_are_not(name, seed):
    points = np.random.default_rng(seed).integers(0, 3, size=(12, 1)).astype(np.float32)

    rows = pick(name, points, 6, seed=seed, labelled=points[:2]).rows.tolist()

    assert 6 == len(set(rows))
    # With three vectors and six picks, each vector is picked before one is picked again.
    if name != "typiclust":
        assert len(set(points.ravel().tolist())) == len(set(points[rows].ravel().tolist()))


@pytest.mark.parametrize("name", CLUSTERED)
@pytest.mark.parametrize("base", [0.0, 1e-12, 1.0])
def test_weights_that_are_all_alike_change_nothing(name, base):
    vectors, _ = corners([8, 5, 7])

    rows = pick(name, vectors, 7, base=np.full(20, base)).rows.tolist()

    assert pick(name, vectors, 7).rows.tolist() == rows


@pytest.mark.parametrize("name", CLUSTERED)
@pytest.mark.parametrize(("items", "n"), [(0, 5), (5, 0), (1, 1), (1, 9), (5, 9), (5, 5)])
def test_any_number_of_items_can_be_asked_for(name, items, n):
    vectors = np.random.default_rng(0).normal(size=(items, 4))

    picks = pick(name, vectors, n, labelled=np.empty((0, 4)))

    assert min(items, n) == len(picks.rows) == len(picks.scores)
    assert np.int64 == picks.rows.dtype
    assert np.float64 == picks.scores.dtype


def test_outliers_wait_until_what_is_typical_is_used_up():
    draw = np.random.default_rng(3)
    blob = draw.normal(size=(200, 4))
    outliers = 40 + 30 * np.arange(25)[:, None] * np.eye(25, 4)[:, :1] + draw.normal(size=(25, 4))
    features = Features.of(np.concatenate([blob, outliers * 10]).astype(np.float32))
    nothing = Features.of(np.empty((0, 4), dtype=np.float32))

    picks = REGISTRY["typiclust"].pick(
        {"n": 30, "features": features, "labelled_features": nothing, "k_means": k_means}
    )

    assert (picks.rows < 200).all()
