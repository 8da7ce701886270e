"""Scores of where an item stands among the others, with neighbours that the workers find."""

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.evidence import Neighbours, Originals
from service.acquisition.features import Features
from service.acquisition.registry import Size
from workers.clustering import k_means
from workers.neighbours import Neighbourhood, clusters_of, originals

METRICS = ("euclidean", "cosine")


def crowd():
    """A crowd around (1, 1, …), with one item on the other side and two that are the same."""
    vectors = np.random.default_rng(1).normal(size=(60, 32)) + 1
    vectors[10] = vectors[20]
    vectors[30] = -5 - vectors[30]
    return vectors


def score(name, vectors, **parameters):
    entry = REGISTRY[name]
    said = {each.name: each.default for each in entry.parameters} | parameters
    near = Neighbourhood(Features.of(vectors), None, said["k"], said["metric"])
    return entry.score({"neighbours": near.of(np.arange(len(vectors)))}, **said)


def singularity(vectors, threshold=0.01):
    entry = REGISTRY["singularity"]
    found = originals(Features.of(vectors), threshold, "cosine")
    parameters = {"threshold": threshold, "metric": "cosine"}
    return entry.call({"originals": found}, parameters)


def similarity(vectors, given, **parameters):
    evidence = {"features": Features.of(vectors), "given_features": np.asarray(given, dtype=float)}
    return REGISTRY["similarity"].score(evidence, items=("x",), **parameters)


@pytest.mark.parametrize("metric", METRICS)
def test_density_is_the_mean_similarity_to_the_nearest(metric):
    vectors = crowd()
    found = score("density", vectors, k=5, metric=metric)
    if metric == "euclidean":
        far = np.sqrt(((vectors[:, None] - vectors[None]) ** 2).sum(axis=2))
        near = np.sort(far, axis=1)[:, 1:6]
        assert np.allclose(found, (1 / (1 + near)).mean(axis=1), rtol=1e-12)

    assert found.argmin() == 30


@pytest.mark.parametrize("metric", METRICS)
def test_the_odd_one_is_the_most_unique_and_two_copies_are_far_below_the_median(metric):
    found = score("uniqueness", crowd(), metric=metric)

    assert found.argmax() == 30
    assert found[[10, 20]].max() < 0.6 * np.median(found)


def test_uniqueness_weighs_the_nearest_first_and_all_alike_without_weights():
    near = {"neighbours": Neighbours(np.zeros((1, 3), dtype=int), np.array([[1.0, 2, 4]]))}
    score = REGISTRY["uniqueness"].score

    assert score(near).item() == pytest.approx(0.6 + 0.6 + 0.4)
    assert score(near, weights=()).item() == pytest.approx(7 / 3)
    assert score(near, weights=(0.0, 0.0, 5.0)).item() == 4


def test_a_pool_smaller_than_k_uses_the_weights_of_the_neighbours_there_are():
    near = {"neighbours": Neighbours(np.zeros((1, 2), dtype=int), np.array([[1.0, 4.0]]))}

    assert REGISTRY["uniqueness"].score(near).item() == pytest.approx(1.8 / 0.9)
    assert REGISTRY["uniqueness"].score(near, weights=(0.0, 0.0, 1.0)).tolist() == [0.0]


def test_weights_must_be_as_many_as_neighbours_and_not_all_nothing():
    size = Size(9, 9, 0, 0, 2, 0, 0, {})
    fits = REGISTRY["uniqueness"].fits

    assert fits({"k": 3, "weights": (0.6, 0.3, 0.1)}, size) is None
    assert fits({"k": 5, "weights": ()}, size) is None
    assert "give 5" in fits({"k": 5, "weights": (0.6, 0.3, 0.1)}, size)
    assert "All weights are 0" in fits({"k": 2, "weights": (0.0, 0.0)}, size)


@pytest.mark.parametrize("metric", METRICS)
def test_identical_items_are_dense_and_not_unique_and_one_alone_is_neither(metric):
    same = np.full((40, 3), 0.1)

    assert score("density", same, metric=metric).tolist() == [1.0] * 40
    assert score("uniqueness", same, metric=metric).tolist() == [0.0] * 40
    assert score("density", same[:1], metric=metric).tolist() == [0.0]
    assert score("uniqueness", same[:1], metric=metric).tolist() == [0.0]


def test_a_near_duplicate_scores_nothing_and_names_the_first_that_it_repeats():
    vectors = np.array([[1, 0], [0, 1], [2, 0], [1, 1], [1, 1e-6], [0, 0]])
    scores, rows = singularity(vectors)

    assert rows.tolist() == [-1, -1, 0, -1, 0, -1]
    assert scores[[2, 4]].tolist() == [0, 0]
    assert np.allclose(scores[[0, 1, 3]], 1 - np.sqrt(0.5))
    assert scores[5] == 1
    assert (
        REGISTRY["singularity"]
        .score({"originals": originals(Features.of(vectors), 0.01, "cosine")})
        .tolist()
        == scores.tolist()
    )


def test_of_forty_identical_items_one_keeps_the_largest_score_there_is():
    scores, rows = singularity(np.full((40, 3), 0.1), threshold=0.0)

    assert scores.tolist() == [2.0] + [0.0] * 39
    assert rows.tolist() == [-1] + [0] * 39


def test_an_item_alone_is_as_singular_as_can_be():
    alone = Originals(np.array([-1]), np.array([np.inf]))

    assert REGISTRY["singularity"].score({"originals": alone}).tolist() == [2.0]


def test_similarity_is_the_cosine_or_falls_with_the_distance():
    vectors = [[1, 0], [0, 2], [-1, 0], [0, 0], [3, 4]]

    assert np.allclose(similarity(vectors, [[5, 0]]), [1, 0, -1, 0, 0.6])
    assert np.allclose(
        similarity(vectors, [[1, 0]], metric="euclidean"),
        [1, 1 / (1 + 5**0.5), 1 / 3, 1 / 2, 1 / (1 + 20**0.5)],
    )


def test_similarity_to_several_is_the_most_or_the_mean():
    vectors, given = [[1, 0], [0, 2], [1, 1]], [[1, 0], [0, 1]]

    assert np.allclose(similarity(vectors, given), [1, 1, 0.5**0.5])
    assert np.allclose(similarity(vectors, given, aggregation="mean"), [0.5, 0.5, 0.5**0.5])


def test_similarity_is_the_same_in_any_blocks():
    vectors = np.random.default_rng(2).normal(size=(50, 7)).astype(np.float32)
    whole = similarity(vectors, vectors[:3])
    pool = Features.of(vectors)
    parts = [pool.take(np.arange(50)[cut]) for cut in (slice(0, 1), slice(1, 33), slice(33, 50))]
    given = vectors[:3].astype(float)

    found = [
        REGISTRY["similarity"].score({"features": part, "given_features": given}) for part in parts
    ]

    assert np.concatenate(found).tobytes() == whole.tobytes()


def test_the_middle_of_a_cluster_is_representative_and_its_rim_is_not():
    vectors = crowd()
    found = clusters_of(Features.of(vectors), *k_means(Features.of(vectors), 4, None, 0))

    scores = REGISTRY["representativeness"].score({"clustering": found})

    assert ((scores > 0) & (scores <= 1)).all()
    for cluster in range(len(found.nearest)):
        inside = np.flatnonzero(found.labels == cluster)
        assert scores[inside].argmax() == found.distances[inside].argmin()
        assert scores[inside].argmin() == found.distances[inside].argmax()
        assert scores[inside].max() == 1


def test_identical_items_are_all_as_representative():
    found = clusters_of(Features.of(np.ones((40, 3))), np.zeros(40, dtype=int), np.ones((1, 3)))

    assert REGISTRY["representativeness"].score({"clustering": found}).tolist() == [1.0] * 40


def test_each_tells_what_comparing_costs():
    size = Size(1000, 1000, 10, 5, 8, 3, 0, {"items": ("a", "b")})

    assert REGISTRY["density"].work(size) == REGISTRY["uniqueness"].work(size) == 8e6
    assert REGISTRY["singularity"].work(size) == 8e6
    assert REGISTRY["similarity"].work(size) == 16_000
    assert REGISTRY["distance_to_labelled"].work(size) == 80_000
    assert REGISTRY["contrastive"].work(size) == 80_000
    assert REGISTRY["discriminative"].work(size) > 8e6
