"""Strategies that cover the pool, against what others computed and against plain numpy."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition import features as module
from service.acquisition.features import Features
from service.acquisition.targets import pure_radius
from tests.evidence import k_means

ORACLES = Path(__file__).resolve().parents[2].parent / "shared/oracles/oracles.json"
NOTHING = Features.of(np.empty((0, 0)))
EVERY = ["k_center", "mutually_unique", "max_herding", "facility_location", "prob_cover"]


def pick(name, vectors, labelled=NOTHING, n=10, **parameters):
    """What a strategy picks of some vectors."""
    given = [
        each if isinstance(each, Features) else Features.of(each) for each in (vectors, labelled)
    ]
    made = {"n": n, "features": given[0], "labelled_features": given[1], "k_means": k_means}
    return REGISTRY[name].pick(made, **parameters)


def vectors(items=200, width=5, seed=0, kind=np.float32):
    """Some clusters of vectors."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(4, width)) * 2
    return (
        centres[generator.integers(0, 4, items)] + generator.normal(size=(items, width))
    ).astype(kind)


def apart(left, right):
    """The distance of every vector to every other, from differences."""
    return np.sqrt(((left[:, None].astype(np.float64) - right[None]) ** 2).sum(axis=2))


def directions(array):
    """The vectors at length one, as float64."""
    wide = array.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1)[:, None]


def farthest_by_hand(array, labelled, n):
    """Farthest first, comparing everything with everything."""
    rows = [] if len(labelled) else [int(apart(array, array.mean(axis=0)[None]).argmin())]
    scores = [np.nan] * len(rows)
    while len(rows) < n:
        near = apart(array, np.concatenate([labelled, array[rows]])).min(axis=1)
        near[rows] = -1
        rows.append(int(near.argmax()))
        scores.append(near.max())
    return rows, [scores[1] if np.isnan(score) else score for score in scores]


def cover_by_hand(likeness, covered, n):
    """The greatest gain first; `likeness` is (candidates, targets)."""
    rows, scores = [], []
    for _ in range(n):
        gains = np.maximum(likeness - covered, 0).sum(axis=1)
        gains[rows] = -1
        rows.append(int(np.argmax(gains >= gains.max() - 1e-9)))
        scores.append(gains[rows[-1]])
        covered = np.maximum(covered, likeness[rows[-1]])
    return rows, scores


@pytest.fixture(params=[0, 7])
def labelled(request):
    return vectors(request.param, seed=1)


@pytest.fixture(scope="module")
def oracles():
    if not ORACLES.exists():
        pytest.skip("the golden values are not beside this repository")
    return json.loads(ORACLES.read_text())


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "order"), [("k_center", "coreset_order"), ("max_herding", "maxherding_order")]
)
def test_picks_are_those_of_scikit_activeml(oracles, name, order, kind):
    whole = Features.of(np.array(oracles["X"], dtype=kind))
    rest = np.setdiff1d(np.arange(len(whole)), oracles["lab"])

    labelled = whole.take(np.array(oracles["lab"]))
    # The peer's kernel falls off as slowly as scikit-learn's default: one over the width.
    wide = {"gamma": 1 / whole.width} if name == "max_herding" else {}

    picks = pick(name, whole.take(rest), labelled, len(oracles[order]), **wide)

    assert oracles[order] == rest[picks.rows].tolist()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("block_values", [20, 2**18])
def test_k_center_is_farthest_first(labelled, kind, block_values, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_VALUES", block_values)
    array = vectors(kind=kind)

    picks = pick("k_center", array, labelled, n=60)

    rows, scores = farthest_by_hand(array, labelled, 60)
    assert rows == picks.rows.tolist()
    assert np.allclose(scores, picks.scores, rtol=1e-12)
    assert (np.diff(picks.scores) <= 0).all()


def test_k_center_does_not_mind_how_the_pool_lies_in_memory(labelled):
    array = vectors()
    rows = np.delete(np.arange(200), [0, 5, 111])
    whole = pick("k_center", array[rows], labelled)

    in_parts = Features(Features.of(array[:50], array[50:]).arrays, rows)

    assert whole.rows.tolist() == pick("k_center", in_parts, labelled).rows.tolist()


def test_a_copy_of_a_labelled_item_scores_exactly_nothing():
    array = vectors(8) + np.float32(1000)

    picks = pick("k_center", array[[0, 1, 2, 0, 1, 2]], array[2:3], n=6)

    assert 2 == np.count_nonzero(picks.scores)
    assert 0.0 == picks.scores[2:].max()
    assert [0, 1, 2, 3, 4, 5] == sorted(picks.rows.tolist())


def test_copies_are_picked_last_and_in_pool_order():
    array = np.repeat(vectors(5), 4, axis=0)

    picks = pick("k_center", array, n=20)

    assert 5 == len({row // 4 for row in picks.rows[:5].tolist()})
    assert all(row % 4 == 0 for row in picks.rows[:5].tolist())
    assert sorted(picks.rows[5:].tolist()) == picks.rows[5:].tolist()


def test_vectors_far_from_zero_are_told_apart():
    array = vectors(100, seed=4) + np.float32(20_000)

    rows, _ = farthest_by_hand(array, array[:0], 20)

    assert rows == pick("k_center", array, n=20).rows.tolist()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_no_two_mutually_unique_items_are_near(metric, labelled):
    array = vectors()
    some = np.concatenate([labelled, array])
    threshold = {"cosine": 0.1, "euclidean": 2.0}[metric]

    picks = pick("mutually_unique", array, labelled, n=200, metric=metric, threshold=threshold)

    between = apart(some, some)
    if metric == "cosine":
        between = apart(directions(some), directions(some)) ** 2 / 2
    kept = [*range(len(labelled)), *(picks.rows + len(labelled))]
    pairs = between[np.ix_(picks.rows + len(labelled), kept)]
    assert 0 < len(picks.rows) < 200
    assert np.count_nonzero(pairs < threshold) == len(picks.rows), "each is near itself alone"
    assert between[:, kept].min(axis=1).max() < threshold, "whatever is left is near one of them"
    assert (picks.scores >= threshold).all()


def test_one_of_a_pair_of_twins_among_a_crowd_is_picked():
    crowd = np.random.default_rng(2).normal(size=(1000, 8)) * 0.01 + np.eye(8)[0]
    twins = np.tile(np.eye(8)[1], (2, 1))

    picks = pick("mutually_unique", np.concatenate([crowd, twins]), n=5)

    assert 2 == len(picks.rows)
    assert 1 == np.count_nonzero(picks.rows >= 1000)


def test_a_threshold_of_nothing_stops_nowhere():
    same = np.ones((40, 3))

    assert 40 == len(pick("mutually_unique", same, n=50, threshold=0.0).rows)
    assert [0] == pick("mutually_unique", same, n=50).rows.tolist()
    assert [] == pick("mutually_unique", same, same[:1], n=50).rows.tolist()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("block_values", [100, 2**18])
def test_max_herding_raises_the_mean_likeness_most(labelled, kind, block_values, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_VALUES", block_values)
    array = vectors(kind=kind)
    unit = directions(array)

    picks = pick("max_herding", array, labelled, n=30, gamma=0.7)

    covered = np.zeros(200)
    if len(labelled):
        covered = np.exp(-0.7 * apart(directions(labelled), unit) ** 2).max(axis=0)
    rows, scores = cover_by_hand(np.exp(-0.7 * apart(unit, unit) ** 2), covered, 30)
    assert rows == picks.rows.tolist()
    assert np.allclose(np.array(scores) / 200, picks.scores, rtol=1e-4)


def test_facility_location_raises_the_mean_similarity_most(labelled):
    array = vectors()
    unit = directions(array)

    picks = pick("facility_location", array, labelled, n=30)

    covered = np.zeros(200)
    if len(labelled):
        covered = ((1 + directions(labelled) @ unit.T) / 2).max(axis=0)
    rows, scores = cover_by_hand((1 + unit @ unit.T) / 2, covered, 30)
    assert rows == picks.rows.tolist()
    assert np.allclose(np.array(scores) / 200, picks.scores, rtol=1e-4)


def test_prob_cover_covers_most_with_every_ball(labelled):
    array = vectors()
    unit = directions(array)

    picks = pick("prob_cover", array, labelled, n=12, delta=0.4)

    covered = np.zeros(200)
    if len(labelled):
        covered = (apart(directions(labelled), unit) <= 0.4).max(axis=0).astype(float)
    rows, scores = cover_by_hand((apart(unit, unit) <= 0.4).astype(float), covered, 12)
    assert rows == picks.rows.tolist()
    assert scores == picks.scores.tolist()


def test_when_all_is_covered_prob_cover_begins_again():
    two = np.repeat(np.eye(2), [6, 4], axis=0)

    picks = pick("prob_cover", two, n=10, delta=0.5)

    assert [0, 6, 1, 7, 2, 8, 3, 9, 4, 5] == picks.rows.tolist()
    assert [6, 4, 6, 4, 6, 4, 6, 4, 6, 6] == picks.scores.tolist()


def test_the_radius_is_the_largest_at_which_nearly_all_balls_are_pure():
    array = np.random.default_rng(9).normal(size=(100, 3)) + np.repeat(
        [[0, 0, 4], [4, 0, 0]], 50, 0
    )
    halves = np.repeat([0, 1], 50)
    between = apart(directions(array), directions(array))

    radius = pure_radius(Features.of(array).normalised(), 1000, lambda some: halves[: len(some)])

    def purity(within):
        return ((between <= within) & (halves[:, None] != halves)).any(axis=1).mean()

    assert purity(radius) <= 0.05 < purity(radius * 1.01)


def test_a_radius_of_nothing_is_found():
    array = vectors(100)
    labels, _ = k_means(Features.of(array).normalised(), 3, None, 0)
    radius = pure_radius(Features.of(array).normalised(), 1000, lambda _: labels)

    found = pick("prob_cover", array, classes=3)

    assert found.rows.tolist() == pick("prob_cover", array, delta=radius).rows.tolist()


@pytest.mark.parametrize("name", ["max_herding", "facility_location", "prob_cover"])
def test_a_sample_of_everything_is_everything(name):
    some, most = (pick(name, vectors(100), sample=sample) for sample in (100, 10_000))

    assert some.rows.tolist() == most.rows.tolist()


@pytest.mark.parametrize("name", ["max_herding", "facility_location", "prob_cover"])
def test_any_candidate_can_stand_for_the_sample(name):
    array = vectors(100)

    picks = pick(name, array, n=100, sample=7)

    assert list(range(100)) == sorted(picks.rows.tolist())
    assert any(row % 14 for row in picks.rows[:5].tolist())


@pytest.mark.parametrize("name", EVERY)
def test_no_item_is_first_covered_by_what_is_labelled(name):
    array = np.eye(6, dtype=np.float32)

    picks = pick(name, array, array[:3], n=3)

    assert [3, 4, 5] == sorted(picks.rows.tolist())


@pytest.mark.parametrize("name", EVERY)
def test_vectors_of_zeros_are_picked_like_any_other(name):
    array = np.zeros((6, 3), dtype=np.float32)
    array[1:3] = np.eye(3)[:2]

    picks = pick(name, array, n=6, **({"threshold": 0.0} if name == "mutually_unique" else {}))

    assert [0, 1, 2, 3, 4, 5] == sorted(picks.rows.tolist())
    assert np.isfinite(picks.scores).all()
