"""What runs learn from and are tested on, and their first items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from service.errors import TooFewLabels, UnusableItems
from service.estimators import Recipe
from service.functions import Function
from service.schemas.functions import DEEPEST, function_of
from service.simulation import GIVEN, RANDOM, STRATEGY, STRATIFIED, Initial, Plan, Run
from tests.replays import data_of
from workers.simulation.beginning import by_class, first_items
from workers.simulation.split import split_of

LABELS = np.repeat([0, 1, 2], (30, 20, 10))
VECTORS = np.random.default_rng(0).normal(size=(60, 2))


def plan_of(**changes):
    return Plan(
        **{
            "pool": "any",
            "recipes": (Recipe(estimator="naive_bayes", parameters={}),),
            "functions": (Function("margin"),),
            "seeds": (7,),
            "initial": Initial(size=6),
            "budget": 3,
            **changes,
        }
    )


def split(**changes):
    plan = plan_of(**changes)
    return split_of(plan, plan.runs[0], data_of(VECTORS, LABELS))


def first(found, initial, seed=7):
    plan = plan_of(initial=initial)
    rows = first_items(plan, Run(0, 0, 0, seed), found, {})
    return rows.tolist()


def test_the_test_set_is_exactly_scikit_learns():
    learnt, tested = train_test_split(np.arange(60), test_size=0.3, random_state=7, stratify=LABELS)

    found = split(test_share=0.3)

    assert np.array_equal(found.test_vectors, VECTORS[tested])
    assert np.array_equal(found.test_codes, LABELS[tested])
    assert np.array_equal(found.population.features[found.drawn], VECTORS[learnt])


def test_the_items_to_learn_from_are_a_population_of_their_own_in_pool_order():
    found = split(test_share=0.3)

    rows = np.array(list(map(int, found.population.ids)))
    assert (np.diff(rows) > 0).all()
    assert np.array_equal(found.population.features, VECTORS[rows])
    assert np.array_equal(found.codes, LABELS[rows])
    assert found.population.total == 42


def test_with_a_test_set_of_its_own_all_items_are_learnt_from_and_none_is_copied():
    data = data_of(VECTORS, LABELS, VECTORS[:5], LABELS[:5])
    plan = plan_of(test_share=None, test_pool="another")

    found = split_of(plan, plan.runs[0], data)

    assert found.population is data.population
    assert found.test_vectors is data.test_vectors


def test_first_items_that_are_given_are_learnt_from_in_every_run():
    ids = ("3", "55", "40")
    for seed in range(20):
        found = split(seeds=(seed,), initial=Initial(size=3, draw=GIVEN, ids=ids))
        rows = first(found, Initial(size=3, draw=GIVEN, ids=ids))

        assert tuple(found.population.ids[row] for row in rows) == ids


def test_a_given_item_that_is_not_there_is_named():
    with pytest.raises(UnusableItems, match="'99', to be labelled at first"):
        split(initial=Initial(size=1, draw=GIVEN, ids=("99",)))


def test_a_class_that_cannot_be_on_both_sides_is_named():
    labels = LABELS.copy()
    labels[0] = 3
    plan = plan_of()

    with pytest.raises(TooFewLabels, match="Only 1 item is labelled 3"):
        split_of(plan, plan.runs[0], data_of(VECTORS, labels))


@pytest.mark.parametrize(("share", "side"), [(0.02, "tested on"), (0.99, "learnt from")])
def test_a_share_that_cannot_have_every_class_is_told(share, side):
    with pytest.raises(TooFewLabels, match=f"items are {side}: too few"):
        split(test_share=share)


def test_evenly_drawn_items_are_those_that_numpy_draws_from_the_split():
    found = split()
    drawn = np.random.RandomState(7).choice(42, 6, replace=False)

    assert first(found, Initial(size=6, draw=RANDOM)) == found.drawn[drawn].tolist()


def test_items_drawn_by_class_are_as_many_of_each():
    found = split()

    rows = first(found, Initial(size=9, draw=STRATIFIED))

    assert np.bincount(found.codes[rows]).tolist() == [3, 3, 3]
    assert rows != first(found, Initial(size=9, draw=STRATIFIED), seed=8)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_a_draw_by_class_takes_no_second_before_every_class_has_given_a_first(codes, data, seed):
    codes = np.array(codes)
    size = data.draw(st.integers(1, len(codes)))

    rows = by_class(codes, size, seed)

    assert len(set(rows.tolist())) == len(rows) == size
    taken, there = np.bincount(codes[rows], minlength=5), np.bincount(codes, minlength=5)
    assert all(taken[one] >= min(taken.max() - 1, there[one]) for one in range(5)), (
        "only a class that has no more has given fewer"
    )


def test_a_function_chooses_the_first_items_while_nothing_is_labelled():
    found = split()
    function = function_of({"name": "k_center"}, DEEPEST)

    rows = first(found, Initial(size=6, draw=STRATEGY, function=function))

    assert len(set(rows)) == 6


def test_more_first_items_than_there_are_is_an_error():
    with pytest.raises(TooFewLabels, match="50 items are to be labelled at first"):
        first(split(), Initial(size=50))
