"""k-means as the workers make it: tight, complete, the same for the same seed."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from service.acquisition import clusters
from service.acquisition.features import Features
from workers import clustering
from workers.clustering import k_means


def blobs(items=600, groups=6, width=8, seed=0, offset=0.0):
    """Vectors around far corners, and the corner of each."""
    generator = np.random.default_rng(seed)
    own = generator.integers(groups, size=items)
    corners = 20 * np.eye(groups, width) + offset
    return (corners[own] + generator.normal(size=(items, width))).astype(np.float32), own


def in_batches(monkeypatch, size=64):
    """Let few items be many already."""
    monkeypatch.setattr(clusters, "WHOLE_VALUES", 0)
    monkeypatch.setattr(clusters, "BATCH", size)


def inertia(vectors, labels, centres):
    return float(((vectors - centres[labels]) ** 2).sum())


def assert_clusters(vectors, labels, centres):
    """Labels are of the nearest centres, and no cluster is empty."""
    far = ((vectors[:, None].astype(np.float64) - centres[None]) ** 2).sum(axis=2)

    assert np.int64 == labels.dtype
    assert np.float64 == centres.dtype
    assert sorted(set(labels.tolist())) == list(range(len(centres)))
    assert np.allclose(far.min(axis=1), far[np.arange(len(vectors)), labels], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("many", [False, True])
def test_each_group_is_a_cluster(monkeypatch, many):
    vectors, own = blobs()
    if many:
        in_batches(monkeypatch, size=300)

    labels, centres = k_means(Features.of(vectors), 12, None, 0)

    assert_clusters(vectors, labels, centres)
    # More clusters than groups: no cluster has items of two groups.
    assert 6 == len(
        {(a, b) for a, b in zip(own.tolist(), own[first(labels)].tolist(), strict=True)}
    )


def first(labels):
    """Return the first item of each item's cluster."""
    return np.unique(labels, return_index=True)[1][labels]


def test_few_items_are_clustered_as_tightly_as_by_scikit_learn_itself():
    vectors = np.random.default_rng(1).normal(size=(300, 6)).astype(np.float32)
    theirs = [KMeans(20, n_init=1, random_state=seed).fit(vectors).inertia_ for seed in range(5)]

    ours = [inertia(vectors, *k_means(Features.of(vectors), 20, None, seed)) for seed in range(5)]

    assert np.mean(ours) < 1.03 * np.mean(theirs)


def test_batches_are_nearly_as_tight_as_all_at_once(monkeypatch):
    vectors = np.random.default_rng(1).normal(size=(4000, 6)).astype(np.float32)
    whole = inertia(vectors, *k_means(Features.of(vectors), 20, None, 0))
    in_batches(monkeypatch, size=500)

    batched = inertia(vectors, *k_means(Features.of(vectors), 20, None, 0))

    assert whole < batched < 1.1 * whole


@pytest.mark.parametrize("many", [False, True])
def test_the_seed_and_not_the_parts_decides(monkeypatch, many):
    vectors, _ = blobs(items=300)
    if many:
        in_batches(monkeypatch)
    once = k_means(Features.of(vectors), 9, None, 5)
    parts = k_means(Features.of(vectors[:123], vectors[123:124], vectors[124:]), 9, None, 5)
    other = k_means(Features.of(vectors), 9, None, 2**53)

    assert np.array_equal(once[0], parts[0])
    assert np.array_equal(once[1], parts[1])
    assert not np.array_equal(once[1], other[1])


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("distinct", [1, 3])
def test_there_are_no_more_clusters_than_distinct_vectors(monkeypatch, distinct, many):
    vectors = np.tile(np.arange(distinct, dtype=np.float32)[:, None] + 0.1, (40, 5))
    if many:
        in_batches(monkeypatch, size=10)

    labels, centres = k_means(Features.of(vectors), 10, None, 0)

    assert distinct == len(centres)
    assert_clusters(vectors, labels, centres)
    assert np.array_equal(first(labels), np.arange(len(vectors)) % distinct)


@pytest.mark.parametrize("many", [False, True])
def test_items_without_weight_move_no_centre(monkeypatch, many):
    vectors, own = blobs()
    weights = (own == 2).astype(np.float64)
    if many:
        in_batches(monkeypatch, size=30)

    labels, centres = k_means(Features.of(vectors), 3, weights, 0)

    assert_clusters(vectors, labels, centres)
    assert np.allclose(vectors[own == 2].mean(axis=0), centres.mean(axis=0), atol=1.0)


def test_a_heavy_item_draws_its_centre():
    vectors = np.array([[0.0], [1.0], [10.0], [11.0]])

    _, centres = k_means(Features.of(vectors), 2, np.array([3.0, 1.0, 1.0, 1.0]), 0)

    assert np.allclose([0.25, 10.5], np.sort(centres[:, 0]))


@pytest.mark.parametrize("weight", [0.0, 1e-300, 1.0, 1e300])
def test_equal_weights_are_no_weights(weight):
    vectors, _ = blobs(items=100)
    plain = k_means(Features.of(vectors), 5, None, 3)

    weighted = k_means(Features.of(vectors), 5, np.full(100, weight), 3)

    assert np.array_equal(plain[0], weighted[0])
    assert np.allclose(plain[1], weighted[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("many", [False, True])
def test_groups_far_from_the_origin_are_still_told_apart(monkeypatch, many):
    vectors, own = blobs(offset=30_000.0)
    if many:
        in_batches(monkeypatch, size=300)

    labels, _ = k_means(Features.of(vectors), 12, None, 0)

    assert np.array_equal(own, own[first(labels)])


def test_batches_are_distinct_full_and_few():
    drawn = clustering.draws(1000, 300, 0)
    many = clustering.draws(10**6, 10, 0)

    assert [300, 300, 300] == [len(batch) for batch in drawn]
    assert 900 == len(set(np.concatenate(drawn).tolist()))
    assert clustering.BATCHES == len(many)
    assert [5] == [len(batch) for batch in clustering.draws(5, 300, 0)]


@pytest.mark.parametrize(("items", "clusters"), [(0, 3), (0, 0), (1, 1), (1, 5), (2, 5), (5, 1)])
def test_few_items_and_few_clusters_will_do(items, clusters):
    vectors = np.arange(items * 3, dtype=np.float64).reshape(items, 3)

    labels, centres = k_means(Features.of(vectors), clusters, None, 0)

    assert (items,) == labels.shape
    assert (min(items, clusters), 3) == centres.shape


def test_no_parts_at_all_have_no_clusters():
    labels, centres = k_means(Features(()), 3, None, 0)

    assert (0,) == labels.shape
    assert (0, 0) == centres.shape
