"""The formulas of predicted numbers, against plain Python and against many draws."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.acquisition import REGISTRY

MEAN = np.array([1.0, 2.0, 3.0, 2.0, 2.5, -4.0])
STD = np.array([0.5, 1.0, 0.0, 0.0, 0.0, 0.1])
LABELLED = np.array([-1.0, 2.0, 0.5])
IMPROVEMENTS = ("expected_improvement", "probability_of_improvement")


def score(name, mean=MEAN, std=STD, labelled=LABELLED, **parameters):
    found = {"mean": mean, "std": std, "labelled_values": labelled, "member_values": mean}
    return REGISTRY[name].score(found, **parameters)


def test_std_is_what_was_predicted():
    assert np.array_equal(STD, score("std"))


def test_committee_variance_is_that_of_the_members():
    members = np.random.default_rng(0).normal(size=(7, 20))

    assert np.allclose(members.var(axis=0), score("committee_variance", members), rtol=1e-14)
    assert not score("committee_variance", np.full((3, 4), 0.1)).any()


def test_a_certain_value_improves_by_what_it_exceeds_the_best():
    assert score("expected_improvement")[2:5].tolist() == [1.0, 0.0, 0.5]
    assert score("expected_improvement", xi=0.75)[2:5].tolist() == [0.25, 0.0, 0.0]
    assert score("expected_improvement", maximise=False)[2:5].tolist() == [0.0, 0.0, 0.0]


def test_a_certain_value_improves_or_does_not():
    assert score("probability_of_improvement")[2:5].tolist() == [1.0, 0.0, 1.0]
    assert score("probability_of_improvement", xi=1.0)[2:5].tolist() == [0.0, 0.0, 0.0]


def test_improvements_are_those_of_many_draws():
    draws = NormalDist().samples(200_000, seed=1)

    for place in (0, 1):
        gains = MEAN[place] + STD[place] * np.array(draws) - LABELLED.max() - 0.25
        assert score("expected_improvement", xi=0.25)[place] == pytest.approx(
            gains.clip(0).mean(), abs=3e-3
        )
        assert score("probability_of_improvement", xi=0.25)[place] == pytest.approx(
            (gains > 0).mean(), abs=3e-3
        )


def test_a_low_value_is_looked_for_as_a_high_one_is_with_all_signs_changed():
    for name in (*IMPROVEMENTS, "upper_confidence_bound"):
        turned = score(name, -MEAN, STD, -LABELLED, maximise=False)

        assert np.array_equal(score(name), turned)


@given(gap=st.floats(-30, 30), std=st.floats(1e-6, 1e6))
def test_improvements_are_never_negative_and_the_tails_are_exact(gap, std):
    mean, sure = np.array([2.0 + gap * std]), np.array([std])
    z = (mean[0] - 2.0) / std

    [probability] = score("probability_of_improvement", mean, sure)
    [gain] = score("expected_improvement", mean, sure)

    assert probability == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)), rel=1e-15, abs=0)
    assert gain >= max(0.0, mean[0] - 2.0) * (1 - 1e-15)


def test_a_bound_is_some_standard_deviations_above_the_mean():
    assert score("upper_confidence_bound", beta=2.0).tolist() == [2, 4, 3, 2, 2.5, -3.8]
    assert score("upper_confidence_bound", maximise=False, beta=2.0)[:2].tolist() == [0, 0]


@pytest.mark.parametrize("name", IMPROVEMENTS)
def test_nothing_can_be_improved_on_without_labelled_values(name):
    assert REGISTRY[name].requires_labels
    with pytest.raises(ValueError, match="no labelled value"):
        score(name, labelled=np.empty(0))
