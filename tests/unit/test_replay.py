"""Runs of simulations: every function that can choose does, and sees only what it may."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs

from service.acquisition import REGISTRY
from service.errors import Cancelled, InvalidRequest, UnusableItems
from service.estimators import Recipe
from service.functions import Function
from service.schemas.functions import DEEPEST, function_of
from service.simulation import GIVEN, METRICS, STRATEGY, Initial, Plan
from tests.replays import data_of, no_tick
from workers.simulation.query import seeded
from workers.simulation.replay import replay

VECTORS, LABELS = make_blobs(60, centers=3, cluster_std=3.0, random_state=1)
COLUMNS = {"price": [1.0 + row % 5 for row in range(60)], "place": list("abcdef" * 10)}

BAYES = Recipe(estimator="naive_bayes", parameters={})
FOREST = Recipe(estimator="random_forest", parameters={"n_estimators": 5})

ASKED = {
    "expected_cost": {"parameters": {"costs": [[0, 1, 2], [1, 0, 1], [2, 1, 0]]}},
    "cost_margin": {"parameters": {"costs": [[0, 1, 2], [1, 0, 1], [2, 1, 0]]}},
    "per_cost": {"parameters": {"column": "price"}, "of": [{"name": "margin"}]},
    "group_cap": {"parameters": {"column": "place", "most": 2}},
    **{
        name: {"of": [{"name": "margin"}, {"name": "density"}]}
        for name in ("weighted_product", "weighted_sum")
    },
    **{name: {"of": [{"name": "margin"}]} for name in ("power", "gibbs", "soft_rank")},
    **{
        name: {"parameters": {"cardinality": 1}}
        for name in ("adaptive", "label_cardinality_inconsistency")
    },
    "per_object": {"of": [{"name": "entropy"}]},
}
"""How functions are asked for that cannot do with their names."""

NEVER = {
    "activelab",
    "adaptive",
    "binary_uncertainty",
    "committee_variance",
    "expected_improvement",
    "greedy_y",
    "igs",
    "label_cardinality_inconsistency",
    "mean_object_confidence",
    "mistakenness",
    "mnlp",
    "per_object",
    "probability_of_improvement",
    "std",
    "token_entropy",
    "upper_confidence_bound",
}
"""What wants labels looked at again, or asks what no classifier says."""

ALWAYS = sorted(REGISTRY.keys() - NEVER - {"similarity"})
COLD = ["density", "k_center", "k_means", "max_herding", "random", "typiclust", "uniqueness"]


def function(name):
    return function_of({"name": name, **ASKED.get(name, {})}, DEEPEST)


def items():
    data = data_of(VECTORS, LABELS)
    return replace(data, population=replace(data.population, columns=COLUMNS))


def plan_of(name="margin", **changes):
    asked = name if isinstance(name, Function) else function(name)
    return Plan(
        **{
            "pool": "any",
            "recipes": (BAYES,),
            "functions": (asked,),
            "seeds": (3,),
            "initial": Initial(size=6),
            "budget": 4,
            "rounds": 4,
            **changes,
        }
    )


def play(plan, data=None, run=0):
    return replay(plan, plan.runs[run], data or items(), no_tick)


def needs_members(asked):
    return any({"member_probs", "votes"} & set(each.entry.needs) for each in asked.walk())


@pytest.mark.parametrize("name", ALWAYS)
def test_every_function_that_can_choose_does_and_chooses_the_same_again(name):
    recipe = FOREST if needs_members(function(name)) else BAYES
    plan = plan_of(name, recipes=(recipe,), metrics=tuple(METRICS))

    trace = play(plan)

    labelled = [id for each in trace.rounds for id in each.queried]
    assert len(labelled) == len(set(labelled)) == trace.rounds[-1].labels
    # One that takes only what is unlike all that is labelled may find no more.
    assert len(trace.rounds) == 5 or name == "mutually_unique"
    assert all(len(each.queried) <= 4 for each in trace.rounds[1:])
    assert play(plan).rounds == trace.rounds


@pytest.mark.parametrize("name", sorted(NEVER))
def test_what_cannot_choose_in_a_simulation_says_why(name):
    with pytest.raises(InvalidRequest, match=" cannot be simulated: it "):
        play(plan_of(name))


def test_a_function_of_members_says_so_to_an_estimator_that_has_none():
    with pytest.raises(InvalidRequest, match="the estimator is one alone"):
        play(plan_of("bald"))


@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.1, 0.8),
    size=st.integers(1, 10),
    budget=st.integers(1, 30),
    name=st.sampled_from(["margin", "random", "k_center", "badge"]),
)
@settings(deadline=None, max_examples=40)
def test_nothing_that_is_tested_is_ever_queried_and_nothing_twice(seed, share, size, budget, name):
    plan = plan_of(
        name,
        seeds=(seed,),
        test_share=share,
        initial=Initial(size=size),
        budget=budget,
        rounds=None,
    )
    data = items()

    trace = play(plan, data)

    queried = [int(id) for each in trace.rounds for id in each.queried]
    assert len(queried) == len(set(queried)) == 60 - np.ceil(share * 60)
    assert [each.labels for each in trace.rounds] == np.cumsum(
        [len(each.queried) for each in trace.rounds]
    ).tolist()
    assert all(len(each.queried) == budget for each in trace.rounds[1:-1])


def test_a_run_ends_with_its_labels_and_the_last_round_takes_only_what_is_left():
    trace = play(plan_of(rounds=None, labels=15))

    assert [each.labels for each in trace.rounds] == [6, 10, 14, 15]


def test_a_run_ends_with_its_rounds():
    assert [each.labels for each in play(plan_of(rounds=2)).rounds] == [6, 10, 14]


def test_every_round_is_told_as_it_ends_and_the_teller_may_stop_the_run():
    told = []

    def tick(ended):
        told.append(ended)
        if ended.number == 2:
            raise Cancelled("enough")

    plan = plan_of()
    with pytest.raises(Cancelled):
        replay(plan, plan.runs[0], items(), tick)

    assert tuple(told) == play(plan).rounds[:3]


def test_one_class_alone_among_the_first_makes_a_model_that_is_certain_of_it():
    rows = np.flatnonzero(LABELS == 1)[:4]
    initial = Initial(size=4, draw=GIVEN, ids=tuple(map(str, rows)))

    for recipe in (BAYES, FOREST):
        plan = plan_of(
            "bald" if recipe is FOREST else "margin", recipes=(recipe,), initial=initial,
            metrics=("accuracy", "log_loss"),
        )  # fmt: skip
        first, *others = play(plan).rounds

        assert first.scores["accuracy"] == pytest.approx(1 / 3, abs=0.1)
        # With every item as certain as any other, those first in the pool come next.
        assert others[-1].scores["accuracy"] > 0.4


def test_each_round_and_each_run_draws_anew():
    plan = plan_of("random", seeds=(1, 2), rounds=3)
    drawn = function("random")

    own = {seeded(drawn, seed, number).parameters["seed"] for seed in (1, 2) for number in (1, 2)}
    assert len(own) == 4
    first, second = play(plan), play(plan, run=1)
    assert first.rounds[1:] != second.rounds[1:]
    power = function("power")
    assert seeded(power, 1, 1) == seeded(power, 1, 1) != power


def test_a_seed_of_its_own_makes_a_function_draw_otherwise():
    one, other = (
        play(plan_of(function_of({"name": "random", "parameters": {"seed": seed}}, DEEPEST)))
        for seed in (0, 1)
    )

    assert one.rounds[0] == other.rounds[0]
    assert one.rounds[1].queried != other.rounds[1].queried


@pytest.mark.parametrize("name", COLD)
def test_a_function_that_looks_at_items_alone_chooses_the_first(name):
    initial = Initial(size=6, draw=STRATEGY, function=function(name))

    trace = play(plan_of(initial=initial))

    assert len(set(trace.rounds[0].queried)) == 6


@pytest.mark.parametrize("name", ["margin", "distance_to_labelled"])
def test_a_function_that_needs_a_model_or_labels_chooses_no_first_items(name):
    initial = Initial(size=6, draw=STRATEGY, function=function(name))

    with pytest.raises(InvalidRequest, match=f"{name} cannot be simulated: it needs"):
        play(plan_of(initial=initial))


def test_items_that_are_named_must_be_learnt_from():
    similar = function_of({"name": "similarity", "parameters": {"items": ["0", "1"]}}, DEEPEST)
    data = data_of(VECTORS, LABELS, VECTORS, LABELS)

    assert len(play(plan_of(similar), data).rounds) == 5
    tested = {str(row) for row in range(60)} - {
        id for each in play(plan_of(rounds=None)).rounds for id in each.queried
    }
    similar = function_of({"name": "similarity", "parameters": {"items": sorted(tested)}}, DEEPEST)
    with pytest.raises(UnusableItems, match="that similarity names"):
        play(plan_of(similar))


def test_density_is_that_of_the_items_that_are_learnt_from_alone():
    plan = plan_of("density", rounds=1, budget=60)
    data = items()
    trace = play(plan, data)

    kept = sorted(int(id) for each in trace.rounds for id in each.queried)
    moved = data.population.features.copy()
    tested = np.setdiff1d(np.arange(60), kept)
    moved[tested] += 1_000
    again = play(plan, replace(data, population=replace(data.population, features=moved)))

    assert [each.queried for each in again.rounds] == [each.queried for each in trace.rounds]


def test_members_of_a_forest_that_has_not_met_a_class_say_nothing_of_it():
    rows = [*np.flatnonzero(LABELS == 0)[:3], *np.flatnonzero(LABELS == 2)[:3]]
    initial = Initial(size=6, draw=GIVEN, ids=tuple(map(str, rows)))

    trace = play(plan_of("bald", recipes=(FOREST,), initial=initial, rounds=None))

    assert trace.rounds[-1].labels == 60 - np.ceil(0.3 * 54)
