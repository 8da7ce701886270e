"""Nearest neighbours, near duplicates and centres, against every pair looked at one by one."""

import numpy as np
import pytest

from service.acquisition.distances import distances, points
from service.acquisition.features import Features
from workers import comparison
from workers.clustering import k_means
from workers.discriminator import unlabelled_probs
from workers.neighbours import Neighbourhood, clusters_of, copies, originals

METRICS = ("euclidean", "cosine")


def pools():
    """Pools that are hard in one way each."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(400, 9))
    crowds = np.repeat(generator.normal(size=(8, 16)), 50, axis=0)
    return {
        "float32": normal.astype(np.float32),
        "float64": normal,
        "float16": normal.astype(np.float16),
        "uint8": generator.integers(0, 255, (400, 30)).astype(np.uint8),
        "ties": generator.integers(0, 3, (400, 3)).astype(np.float32),
        "all at one distance": np.eye(120, dtype=np.float32),
        "constant": np.ones((300, 4), dtype=np.float32),
        "half zeros": np.concatenate([np.zeros((150, 20)), generator.normal(size=(150, 20))]),
        "near copies": (crowds + 1e-5 * generator.normal(size=crowds.shape)).astype(np.float32),
        "far from the origin": (normal + 1e4).astype(np.float32),
        "huge": (normal[:200] * 1e30).astype(np.float32),
        "tiny": (normal[:200] * 1e-30).astype(np.float32),
        "outliers": generator.standard_cauchy((400, 6)).astype(np.float32),
        "one": normal[:1],
        "two": normal[:2],
    }


@pytest.fixture(params=pools())
def vectors(request):
    return pools()[request.param]


@pytest.fixture(params=METRICS)
def metric(request):
    return request.param


def every_distance(vectors, others, metric):
    one, two = points(Features.of(vectors).at(range(len(vectors))), metric), None
    two = points(Features.of(others).at(range(len(others))), metric)
    return np.stack([distances(np.broadcast_to(row, two.shape), two, metric) for row in one])


def least(far, k):
    rows = np.argsort(far, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(far, rows, axis=1)


@pytest.mark.parametrize("k", [1, 7, 1000])
def test_neighbours_are_those_that_looking_at_every_pair_finds(vectors, metric, k):
    far = every_distance(vectors, vectors, metric)
    np.fill_diagonal(far, np.inf)
    rows, found = least(far, min(k, len(vectors) - 1))

    near = Neighbourhood(Features.of(vectors), None, k, metric).of(np.arange(len(vectors)))

    assert near.rows.tolist() == rows.tolist()
    assert near.distances.tobytes() == found.tobytes()


def test_neighbours_among_references_may_be_the_item_itself(vectors, metric):
    pool = Features.of(vectors)
    labelled = np.arange(0, len(vectors), 3)
    rows, found = least(every_distance(vectors, vectors[labelled], metric), 5)

    near = Neighbourhood(pool, pool.take(labelled), 5, metric).of(np.arange(len(vectors)))

    assert near.rows.tolist() == rows.tolist()
    assert near.distances.tobytes() == found.tobytes()
    assert not near.distances[labelled, 0].any()


@pytest.mark.parametrize(("queries", "columns"), [(1, 3), (7, 64), (1000, 1000)])
def test_neither_parts_nor_blocks_nor_tiles_change_a_bit(
    vectors, metric, queries, columns, monkeypatch
):
    vectors = vectors[:: 4 if queries == 1 else 1]  # one by one takes long
    whole = Neighbourhood(Features.of(vectors), None, 5, metric).of(np.arange(len(vectors)))
    same = originals(Features.of(vectors), 0.01, metric)
    monkeypatch.setattr(comparison, "QUERIES", queries)
    monkeypatch.setattr(comparison, "COLUMNS", columns)
    monkeypatch.setattr(comparison, "PAIR_VALUES", 50)
    cut = len(vectors) // 3
    parts = Features.of(vectors[:cut], vectors[cut : cut + 1], vectors[cut + 1 :])
    some = np.arange(len(vectors))[::3]

    near = Neighbourhood(parts, None, 5, metric).of(some)
    again = originals(parts, 0.01, metric)

    assert near.rows.tolist() == whole.rows[some].tolist()
    assert near.distances.tobytes() == whole.distances[some].tobytes()
    assert again.rows.tolist() == same.rows.tolist()
    assert again.distances.tobytes() == same.distances.tobytes()


def test_parts_of_several_types_are_one_pool():
    values = np.random.default_rng(1).integers(0, 9, (90, 5))
    mixed = Features.of(
        values[:30].astype(np.uint8), values[30:60].astype(np.float16), values[60:].astype(float)
    )
    rows = np.arange(90)

    near = Neighbourhood(mixed, None, 4, "euclidean").of(rows)

    assert (
        near.rows.tolist()
        == Neighbourhood(Features.of(values), None, 4, "euclidean").of(rows).rows.tolist()
    )


def test_forty_identical_vectors_have_the_others_as_neighbours_at_exactly_nothing(metric):
    pool = Features.of(np.full((40, 3), 0.1, dtype=np.float16))

    near = Neighbourhood(pool, None, 3, metric).of(np.arange(40))

    assert not near.distances.any()
    assert near.rows[:5].tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [0, 1, 2]]


def test_an_item_alone_has_no_neighbours_and_nothing_labelled_gives_none(metric):
    pool = Features.of(np.ones((3, 2)))
    nothing = Features.of(np.empty((0, 2)))
    alone = Neighbourhood(pool.take(np.array([0])), None, 5, metric).of(np.array([0]))

    assert alone.rows.shape == alone.distances.shape == (1, 0)
    assert Neighbourhood(pool, nothing, 5, metric).of(np.arange(3)).rows.shape == (3, 0)
    assert Neighbourhood(nothing, None, 5, metric).of(np.arange(0)).rows.shape == (0, 0)
    assert Neighbourhood(pool, None, 5, metric).of(np.arange(0)).rows.shape == (0, 2)
    assert Neighbourhood(pool, Features(()), 5, metric).of(np.arange(3)).rows.shape == (3, 0)


def test_a_vector_of_zeros_is_at_one_from_all_but_its_like():
    pool = Features.of(np.array([[0, 0], [3, 4], [0, 0], [-3, -4]]))

    near = Neighbourhood(pool, None, 3, "cosine").of(np.arange(4))

    assert near.rows.tolist() == [[2, 1, 3], [0, 2, 3], [0, 1, 3], [0, 2, 1]]
    assert near.distances.tolist() == [[0, 1, 1], [1, 1, 2], [0, 1, 1], [1, 1, 2]]


def test_progress_is_told_after_every_tile(monkeypatch):
    monkeypatch.setattr(comparison, "QUERIES", 4)
    pool = Features.of(np.arange(10.0)[:, None])
    told, same = [], []

    Neighbourhood(pool, None, 1, "euclidean").of(np.arange(10), told.append)
    originals(pool, 0.5, "euclidean", same.append)

    assert told == [4, 8, 10]
    assert same[-1] == 10


@pytest.mark.parametrize("threshold", [0.0, 1e-6, 0.01, 1.0])
def test_originals_are_those_that_looking_at_every_pair_finds(vectors, metric, threshold):
    far = every_distance(vectors, vectors, metric)
    first = (far <= threshold).argmax(axis=1)
    own = np.arange(len(vectors))

    found = originals(Features.of(vectors), threshold, metric)

    assert found.rows.tolist() == np.where(first == own, -1, first).tolist()
    beyond = np.where(far > threshold, far, np.inf).min(axis=1)
    assert found.distances.tobytes() == beyond.tobytes()


def test_an_empty_pool_has_no_originals(metric):
    assert originals(Features.of(np.empty((0, 3))), 0.1, metric).rows.shape == (0,)


def test_copies_are_told_apart_by_their_values_whatever_zero_is_called():
    pool = Features.of(np.array([[1.0, 0.0], [2, 0], [1, -0.0], [1, 0], [2, 1]]))

    first, before = copies(pool)

    assert first.tolist() == [0, 1, 0, 0, 4]
    assert before.tolist() == [0, 0, 1, 2, 0]


def test_distances_to_centres_are_exact_in_any_parts():
    vectors = np.random.default_rng(3).normal(size=(80, 5)).astype(np.float32)
    labels, centres = k_means(Features.of(vectors), 6, None, 0)

    found = clusters_of(Features.of(vectors[:13], vectors[13:]), labels, centres)

    far = np.linalg.norm(vectors.astype(np.float64) - centres[labels], axis=1)
    assert np.allclose(found.distances, far, rtol=1e-14)
    assert found.nearest.tolist() == [found.distances[labels == each].min() for each in range(6)]
    assert found.labels.tolist() == labels.tolist()


def test_a_discriminator_finds_the_region_without_labels():
    generator = np.random.default_rng(4)
    vectors = generator.normal(size=(300, 4)).astype(np.float32)
    vectors[150:] += 4
    labelled = np.arange(0, 150, 5)

    found = unlabelled_probs(Features.of(vectors[:70], vectors[70:]), labelled, 0)

    assert found.dtype == np.float64
    assert found[150:].min() > found[:150].max()
    assert ((found > 0) & (found <= 1)).all()
    assert found.tolist() == unlabelled_probs(Features.of(vectors), labelled, 0).tolist()


def test_a_discriminator_of_a_sample_is_fixed_by_its_seed(monkeypatch):
    monkeypatch.setattr("workers.discriminator.LEARNT_FROM", 20)
    pool = Features.of(np.random.default_rng(5).normal(size=(200, 3)) * [1e9, 1, 0] + [1e9, 0, 5])
    labelled = np.arange(50)

    first, again, other = (unlabelled_probs(pool, labelled, seed) for seed in (0, 0, 1))

    assert first.tolist() == again.tolist() != other.tolist()
    assert np.isfinite(first).all()


@pytest.mark.parametrize("labelled", [[], [0, 1, 2]])
def test_with_one_kind_of_item_a_discriminator_has_nothing_to_tell(labelled):
    pool = Features.of(np.eye(3))

    assert unlabelled_probs(pool, np.array(labelled, dtype=np.int64), 0).tolist() == [0.5] * 3
