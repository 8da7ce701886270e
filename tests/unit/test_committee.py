"""Several models side by side: their classes as one list, and their probabilities over it."""

import numpy as np
import pytest

from workers.committee import Committee, aligned

LIKE_ONE = [1, True, 1.0, "1"]


def test_the_classes_of_several_models_stand_in_the_order_in_which_they_appear():
    union, places = aligned([["cat", "dog"], ["dog", "eel"], ["ant"]])
    assert union == ("cat", "dog", "eel", "ant")
    assert [each.tolist() for each in places] == [[0, 1], [1, 2], [3]]


def test_the_same_classes_in_another_order_are_the_same_classes():
    union, places = aligned([["a", "b", "c"], ["c", "a", "b"]])
    assert union == ("a", "b", "c")
    assert places[1].tolist() == [2, 0, 1]


def test_numbers_that_are_equal_are_one_class_and_what_only_looks_like_them_is_another():
    union, places = aligned([[each, "other"] for each in LIKE_ONE])
    assert [(type(each), each) for each in union] == [
        (int, 1),
        (str, "other"),
        (bool, True),
        (str, "1"),
    ]
    assert [each.tolist() for each in places] == [[0, 1], [2, 1], [0, 1], [3, 1]]


def test_of_no_models_there_are_no_classes():
    assert aligned([]) == ((), ())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_class_that_a_model_does_not_know_has_probability_zero(dtype):
    committee = Committee.of([["cat", "dog"], ["dog", "eel"]])
    probs = [np.array([[0.25, 0.75]], dtype), np.array([[0.5, 0.5]], dtype)]
    found = committee.member_probs(probs)
    assert found.dtype == np.float64
    assert found.tolist() == [[[0.25, 0.75, 0.0]], [[0.0, 0.5, 0.5]]]


def test_probabilities_are_placed_by_class_and_left_as_they_were():
    committee = Committee.of([["a", "b", "c"], ["c", "a", "b"]])
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 40)
    probs.flags.writeable = False
    first, second = committee.member_probs([probs, probs])
    assert (first == probs).all()
    assert (second == probs[:, [1, 2, 0]]).all()


def test_blocks_give_what_the_whole_gives():
    committee = Committee.of([[0, 1], [1, 2], [2, 0]])
    generator = np.random.default_rng(0)
    probs = [generator.dirichlet(np.ones(2), 30) for _ in range(3)]
    whole = committee.member_probs(probs)
    for start, stop in ((0, 0), (0, 7), (7, 30)):
        block = committee.member_probs([each[start:stop] for each in probs])
        assert (block == whole[:, start:stop]).all()
