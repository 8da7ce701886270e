"""Feature vectors, whatever arrays, rows and types they lie in, against plain numpy."""

import numpy as np
import pytest

from service.acquisition import features as module
from service.acquisition.features import Features

GENERATOR = np.random.default_rng(5)
WHOLE = GENERATOR.integers(0, 200, (300, 7))
SELECTIONS = {
    "all rows": None,
    "a few missing": np.delete(np.arange(300), [0, 17, 120, 121, 299]),
    "a few": np.array([3, 4, 5, 119, 120, 250]),
    "none": np.empty(0, dtype=np.int64),
}


@pytest.fixture(params=SELECTIONS)
def rows(request):
    return SELECTIONS[request.param]


@pytest.fixture(params=[np.uint8, np.float16, np.float32, np.float64])
def kind(request):
    return request.param


@pytest.fixture(params=[1, 40, 2**18])
def block_values(request, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_VALUES", request.param)


def parts(kind, rows):
    """The vectors in three arrays, and as one matrix to compare with."""
    typed = WHOLE.astype(kind)
    whole = typed.astype(np.float64)
    features = Features(Features.of(typed[:120], typed[120:121], typed[121:]).arrays, rows)
    return features, whole if rows is None else whole[rows]


@pytest.mark.usefixtures("block_values")
def test_blocks_are_the_wanted_rows_in_order(kind, rows):
    features, wanted = parts(kind, rows)

    found = list(features.blocks())

    assert len(features) == len(wanted)
    assert list(range(len(wanted))) == [i for place, _ in found for i in range(*place.indices(300))]
    assert all(np.array_equal(wanted[place], block) for place, block in found)
    assert all(block.dtype == features.dtype for _, block in found)


@pytest.mark.usefixtures("block_values")
def test_sums_products_and_distances_are_those_of_the_matrix(kind, rows):
    features, wanted = parts(kind, rows)
    points = WHOLE[:5] + 0.5

    squared = ((wanted[:, None] - points[None]) ** 2).sum(axis=2)
    mean = wanted.mean(axis=0) if len(wanted) else np.zeros(7)
    assert np.allclose(mean, features.mean)
    assert np.allclose((wanted**2).sum(axis=1), features.squared_norms)
    assert np.allclose(wanted @ points.T, features.products(points), rtol=1e-6)
    assert np.allclose(squared, features.squared_distances(points), rtol=1e-5, atol=0.1)
    assert np.allclose(((wanted - mean) ** 2).sum(axis=1), features.spread, rtol=1e-5)


def test_rows_are_taken_in_any_order_and_taken_from_again(kind, rows):
    features, wanted = parts(kind, rows)
    some = np.arange(0, len(wanted), 2)

    assert np.array_equal(wanted[some[::-1]], features.at(some[::-1]))
    assert np.array_equal(wanted[some], features.exactly(some))
    assert np.array_equal(
        wanted[some][1::2],
        features.take(some).take(np.arange(len(some))[1::2]).at(np.arange(len(some) // 2)),
    )


@pytest.mark.usefixtures("block_values")
def test_normalised_vectors_have_length_one_and_the_same_directions(kind, rows):
    features, wanted = parts(kind, rows)
    unit = features.normalised()

    expected = wanted / np.linalg.norm(wanted, axis=1)[:, None]
    found = unit.at(np.arange(len(wanted)))
    assert unit.width == features.width + 1 == found.shape[1]
    assert np.allclose(expected, found[:, :-1], rtol=1e-6)
    assert np.allclose(1, unit.squared_norms, rtol=1e-6)
    assert all(np.allclose(found[place], block, rtol=1e-6) for place, block in unit.blocks())


def test_a_vector_of_zeros_has_a_direction_that_no_other_has():
    vectors = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])

    unit = Features.of(vectors).normalised()

    assert [[0, 0, 1], [0.6, 0.8, 0], [0, 0, 1]] == unit.at([0, 1, 2]).tolist()
    assert [[2.0], [0.0], [2.0]] == np.round(unit.squared_distances(unit.at([1])), 12).tolist()


def test_very_long_and_very_short_vectors_have_directions_too():
    vectors = np.array([[3e38, 0], [1e-40, 1e-40], [0, 1]], dtype=np.float32)

    found = Features.of(vectors).normalised().at([0, 1, 2])

    assert np.allclose([1, 1, 1], np.linalg.norm(found, axis=1), rtol=1e-3)


def test_vectors_close_together_and_far_from_zero_keep_their_distances():
    near = GENERATOR.normal(size=(50, 16)).astype(np.float32)
    moved = (near + np.float32(4096)).astype(np.float32)
    exact = ((moved[:, None].astype(np.float64) - moved[None, :3]) ** 2).sum(axis=2)

    assert np.allclose(exact, Features.of(moved).squared_distances(moved[:3]), rtol=1e-4, atol=1e-3)


def test_no_vectors_and_no_values_are_no_trouble():
    nothing = Features.of(np.empty((0, 4), dtype=np.float32))
    widthless = Features.of(np.empty((3, 0), dtype=np.float32))

    assert [0, 0, 0, 0] == nothing.mean.tolist()
    assert (0, 2) == nothing.squared_distances(np.ones((2, 4))).shape
    assert (0, 1) == nothing.products(np.ones((1, 4))).shape
    assert [[0.0], [0.0], [0.0]] == widthless.squared_distances(np.empty((1, 0))).tolist()
    assert 0 == len(Features(())) == Features(()).width


def test_images_are_read_as_vectors():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)

    assert np.array_equal(images.reshape(2, 12), Features.of(images).at([0, 1]))


def test_rows_that_follow_one_another_are_not_copied():
    whole = np.zeros((10, 2), dtype=np.float32)

    blocks = Features.of(whole).take(np.arange(2, 7)).blocks()

    assert all(np.shares_memory(whole, block) for _, block in blocks)


def test_an_empty_part_fixes_nothing():
    full = np.ones((5, 4), dtype=np.float32)
    features = Features.of(np.empty((0,)), full, np.empty((0, 9)))

    assert (len(features), features.width, features.dtype) == (5, 4, np.float32)
    assert np.array_equal(features.at([4, 0]), full[:2])
