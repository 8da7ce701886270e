"""Scores of items with objects or tokens in them, against plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.acquisition import REGISTRY
from service.acquisition.evidence import Ragged

SCORES = np.array([0.5, 0.1, 0.9, 0.2, 0.4, 0.4, 0.8])
ENDS = np.array([0, 3, 3, 4, 7, 7])
PROBS = np.random.default_rng(4).dirichlet(np.full(3, 0.4), 7)
PROBS[0] = [1, 0, 0]


def per_object(scores=SCORES, ends=ENDS, *, empty="unscored", **parameters):
    return REGISTRY["per_object"].score(
        {
            "object_scores": np.asarray(scores, np.float64),
            "object_ends": np.asarray(ends, np.int64),
        },
        empty=empty,
        **parameters,
    )


def objects(name, probs=PROBS, ends=ENDS, **parameters):
    kind = REGISTRY[name].needs[0]
    return REGISTRY[name].score({kind: Ragged(probs, ends)}, **parameters)


def plainly(aggregation, values, k=3):
    if aggregation == "top_k":
        return math.fsum(sorted(values)[-k:]) / min(k, len(values))
    reduce = {"mean": lambda x: math.fsum(x) / len(x), "sum": math.fsum, "max": max, "min": min}
    return reduce[aggregation](values)


@given(
    lengths=st.lists(st.integers(0, 6), max_size=12),
    aggregation=st.sampled_from(["mean", "sum", "max", "min", "top_k"]),
    k=st.integers(1, 8),
)
def test_aggregations_are_as_by_hand_wherever_items_are_without_objects(lengths, aggregation, k):
    scores = np.random.default_rng(len(lengths)).normal(size=sum(lengths))
    ends = np.cumsum(lengths, dtype=np.int64)

    found = per_object(scores, ends, aggregation=aggregation, k=k)

    for place, (end, length) in enumerate(zip(ends.tolist(), lengths, strict=True)):
        values = scores[end - length : end].tolist()
        if values:
            assert found[place] == pytest.approx(plainly(aggregation, values, k), abs=1e-14)
        else:
            assert np.isnan(found[place])


def test_the_highest_objects_are_the_top_k():
    assert np.allclose([0.7, 0.2, 0.6], per_object(aggregation="top_k", k=2)[[1, 3, 4]])


def test_items_without_objects_are_refused_until_someone_says_what_they_are_worth():
    with pytest.raises(ValueError, match="place 0 has no objects"):
        per_object(empty="refuse")
    with pytest.raises(ValueError, match="place 2 has no objects"):
        objects("mean_object_confidence", ends=np.array([1, 3, 3, 4, 7]))
    assert per_object(ends=[3, 7], empty="refuse").shape == (2,)


def test_items_without_objects_may_be_left_unscored():
    without = [True, False, True, False, False, True]

    assert np.isnan(per_object()).tolist() == without
    assert np.isnan(objects("mean_object_confidence", empty="unscored")).tolist() == without


def test_items_without_objects_may_have_a_score_of_their_own():
    found = per_object(empty="score", empty_score=7.5)

    assert found[[0, 2, 5]].tolist() == [7.5, 7.5, 7.5]
    assert not np.signbit(per_object(empty="score", empty_score=-0.0)).any()


def test_no_item_with_any_object_is_as_good_as_none():
    for ends in ([], [0], [0, 0, 0]):
        assert np.isnan(per_object([], ends)).all()
        assert per_object([], ends, empty="score").tolist() == [0.0] * len(ends)
        assert per_object([], ends, empty="score", aggregation="top_k").shape == (len(ends),)


def test_a_mean_object_confidence_is_that_of_the_likeliest_classes():
    confidences = PROBS.max(axis=1)

    found = objects("mean_object_confidence", empty="score")

    assert np.allclose([0, 0, 0], found[[0, 2, 5]])
    assert np.allclose(
        [-confidences[:3].mean(), -confidences[3], -confidences[4:].mean()],
        found[[1, 3, 4]],
        rtol=0,
        atol=1e-15,
    )
    assert REGISTRY["mean_object_confidence"].raw(found[3]) == confidences[3]


def test_mnlp_is_the_mean_log_probability_of_the_likeliest_tags():
    likely = np.log(PROBS.max(axis=1))

    found = objects("mnlp")

    assert np.isnan(found[[0, 2, 5]]).all()
    assert np.allclose(
        [-likely[:3].mean(), -likely[3], -likely[4:].mean()], found[[1, 3, 4]], rtol=0, atol=1e-15
    )
    assert REGISTRY["mnlp"].raw(found[3]) == likely[3]


def test_a_text_of_certain_tokens_has_no_entropy_and_is_labelled_last():
    certain = np.eye(3)[[0, 1, 2]]

    for name in ("mnlp", "token_entropy"):
        found = objects(name, certain, np.array([3]))
        assert found.tolist() == [0.0]
        assert not np.signbit(found).any()


@pytest.mark.parametrize("aggregation", ["mean", "sum", "max"])
def test_token_entropies_are_aggregated(aggregation):
    each = [-math.fsum(p * math.log(p) for p in row if p > 0) for row in PROBS.tolist()]
    by_hand = [plainly(aggregation, each[start:stop]) for start, stop in ((0, 3), (3, 4), (4, 7))]

    found = objects("token_entropy", aggregation=aggregation)

    assert np.allclose(by_hand, found[[1, 3, 4]], rtol=0, atol=1e-14)
    assert np.isnan(found[[0, 2, 5]]).all()


def test_a_longer_text_is_not_preferred_for_its_length():
    once, twice = PROBS[1:4], np.concatenate([PROBS[1:4], PROBS[1:4]])
    both = Ragged(np.concatenate([once, twice]), np.array([3, 9]))

    for name in ("mnlp", "token_entropy"):
        found = REGISTRY[name].score({"tokens": both})
        assert found[0] == pytest.approx(found[1], abs=1e-15)
