"""Advice: one sentence, by what was seen, that claims no more."""

import re

import numpy as np
import pytest

from service.estimators import Recipe
from tests.traces import LOGISTIC, learning, plan_of, traces_of
from workers.simulation.summary import summarise

THREE = ("random", "margin", "entropy")


def advice_of(scores, *, functions=THREE, **more):
    """The advice for scores of (functions, seeds, rounds)."""
    plan = plan_of(functions, seeds=len(scores[0]), **more)
    return summarise(plan, traces_of(plan, scores))["advice"]


def test_what_is_shown_to_save_labels_is_to_be_used():
    scores = learning([1, 2, 1])
    said = advice_of(scores)

    end = scores[0, :, -1].mean()
    means = [each.mean(axis=0) >= end for each in scores]
    random, margin = (20 + 10 * int(each.argmax()) for each in means[:2])
    fewer = round(100 * (random - margin) / random)
    assert re.fullmatch(
        f"Use margin with logistic_regression: it reaches the {end:.3f} that random needs {random}"
        rf" labels for with {margin} \({fewer} % fewer, 95 % interval \d+ to \d+ %, 10 seeds\)\.",
        said,
    )


def test_what_seems_to_save_labels_by_few_seeds_is_called_chance():
    said = advice_of(learning([1, 2, 1], seeds=4))

    assert said.startswith("margin with logistic_regression looks better than random, reaching 0.9")
    assert said.endswith("but that may be chance with so few seeds (4): simulate 7 seeds or more.")


@pytest.mark.parametrize(("seeds", "named"), [(2, False), (4, False), (5, True)])
def test_an_interval_of_few_seeds_is_too_narrow_to_be_named(seeds, named):
    said = advice_of(learning([1, 2, 1], seeds=seeds))

    assert ("95 % interval" in said) is named
    assert named or f"% fewer, {seeds} seeds, too few for an interval)" in said


def test_where_the_interval_holds_zero_nothing_is_shown():
    scores = learning([1, 1, 1], noise=0.02)
    said = advice_of(scores)

    assert said.startswith("No function is shown to need fewer labels than random with logistic")
    assert said.endswith("simulate 20 seeds or more, or fewer than 10 labels a round.")


def test_one_label_a_round_is_not_told_to_be_fewer():
    said = advice_of(learning([1, 1, 1], noise=0.02), budget=1)

    assert said.endswith("simulate 20 seeds or more.")


def test_one_seed_shows_nothing_however_well_it_went():
    said = advice_of(learning([1, 3, 1], seeds=1))

    assert said.startswith("No function is shown to need fewer labels than random with logistic")
    assert "one seed, no interval); simulate 7 seeds or more" in said


def test_where_random_wins_it_is_kept():
    said = advice_of(learning([1, 0.8, 0.86]))

    assert said.startswith("Keep random with logistic_regression: ")


def test_where_others_need_more_labels_it_is_said_how_many():
    scores = learning([1, 1, 1], noise=0)
    scores[1:, :, 5:-2] -= 0.01
    scores[:, :, -10:] = 0.95
    scores[1:, :, -10:-4] = 0.9
    said = advice_of(scores)

    assert said == (
        "Keep random with logistic_regression: every other function needs more labels for the 0.950"
        " that it ends with, the best of them, margin, 290 instead of 230 (26 % more, 95 % interval"
        " 26 to 26 %, 10 seeds)."
    )


def test_where_no_other_function_reaches_what_random_does_that_is_said():
    scores = learning([1, 1, 1], noise=0)
    scores[1:, :, 5:] -= 0.1

    assert advice_of(scores) == (
        "Keep random with logistic_regression: no other function reaches the 0.950 that it ends"
        " with."
    ).replace("0.950", f"{scores[0, 0, -1]:.3f}")


def test_a_flat_curve_of_random_asks_for_another_beginning():
    said = advice_of(np.full((3, 8, 5), 0.9))

    assert said == (
        "No saving can be seen with logistic_regression: with its first 20 labels random is where"
        " it ends, at 0.900; simulate with fewer first labels, or a harder test."
    )


@pytest.mark.parametrize("functions", [("margin", "entropy"), ("random",)])
def test_without_two_to_compare_there_is_nothing_to_say(functions):
    said = advice_of(learning([1, 2][: len(functions)]), functions=functions)

    assert said == ("There is nothing to compare: simulate random and at least one other function.")


def test_a_metric_that_is_not_defined_is_no_reason_for_advice():
    scores = learning([1, 2, 1])
    scores[:, 0, -1] = np.nan
    said = advice_of(scores, metrics=("auroc",))

    assert said.startswith("Nothing can be said of auroc, which is not defined in the first or")


def test_of_several_estimators_the_best_is_advised_and_each_has_advice_of_its_own():
    forest = Recipe(estimator="random_forest", parameters={})
    plan = plan_of(THREE, seeds=10, recipes=(LOGISTIC, forest))
    better, worse = learning([1, 2, 1]), learning([1, 1, 1]) - 0.2
    of_first = [traces_of(plan, each) for each in (worse, better)]
    traces = [pair[run.recipe] for run, *pair in zip(plan.runs, *of_first, strict=True)]

    told = summarise(plan, traces)

    area = better[1].mean()
    advised = told["recipes"][1]["advice"].removesuffix(".")
    assert advised.startswith("Use margin with random_forest: ")
    assert told["advice"] == (
        f"{advised}; of the 2 estimators random_forest has the best mean accuracy over all rounds,"
        f" {area:.3f}."
    )
    assert told["recipes"][0]["advice"].startswith("No function is shown")


def test_every_estimator_is_compared_when_it_is_asked_what_chance_would_do():
    recipes = [
        Recipe(estimator="logistic_regression", parameters={"C": float(each)}) for each in range(20)
    ]
    said = advice_of(learning([1, 2, 1]), recipes=recipes)

    assert "looks better" in said
    assert "simulate 11 seeds or more" in said


def test_less_loss_is_better():
    said = advice_of(1 - learning([1, 2, 1]), metrics=("log_loss",))

    assert said.startswith("Use margin with logistic_regression: it reaches the 0.0")
