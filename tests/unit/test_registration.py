"""What makes a function an acquisition function, and what keeps it from becoming one."""

import inspect

import pytest

from service.acquisition import ALIASES, REGISTRY
from service.acquisition.registry import acquisition, describe
from service.acquisition.signature import UnusableFunction


def unusable():
    """Functions that could not be offered, each with the reason."""

    def untold(probs):
        return probs

    def needy(luck):
        """Text."""
        return luck

    def undecided(probs, *, k: int):
        """Text."""
        return probs * k

    def unbounded(probs, *, k: int = 1):
        """Text."""
        return probs * k

    def unsourced(probs):
        """Text.

        Use: x
        Avoid: y
        Formula: z
        """
        return probs

    def unsteered(neighbours):
        """Text."""
        return neighbours.distances.sum(axis=1)

    return [
        (untold, "docstring"),
        (needy, "not evidence"),
        (undecided, "no default"),
        (unbounded, "Annotated"),
        (unsourced, "Reference"),
        (unsteered, "needs neighbours"),
    ]


@pytest.mark.parametrize(("function", "reason"), unusable())
def test_a_function_that_could_not_be_offered_is_refused_at_import(function, reason):
    with pytest.raises(UnusableFunction, match=reason):
        describe(function)


@pytest.mark.parametrize("name", ["entropy", "hardness"])
def test_a_name_is_given_once(name):
    def another(probs):
        """Another.

        Use: x
        Avoid: y
        Formula: z
        Reference: w
        """
        return probs

    before = dict(REGISTRY), dict(ALIASES)
    another.__name__ = name

    with pytest.raises(UnusableFunction, match="two acquisition functions"):
        acquisition()(another)
    assert before == (REGISTRY, ALIASES)
    assert inspect.getmodule(REGISTRY["entropy"].function).__name__.endswith("probabilities")


def test_another_name_that_is_taken_leaves_nothing_registered():
    def newcomer(probs):
        """Another.

        Use: x
        Avoid: y
        Formula: z
        Reference: w
        """
        return probs

    with pytest.raises(UnusableFunction, match="two acquisition functions"):
        acquisition(aliases=("mean_kl",))(newcomer)
    assert "newcomer" not in REGISTRY
