"""What a simulation is asked to replay, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from service.estimators import Recipe
from service.functions import Function

RANDOM, STRATIFIED, STRATEGY, GIVEN = "random", "stratified", "strategy", "given"
DRAWS = (RANDOM, STRATIFIED, STRATEGY, GIVEN)
"""How the first items are drawn: evenly, by class, by a function that needs no labels, by id."""

LOWER, HIGHER = "lower", "higher"
METRICS = {
    "accuracy": HIGHER,
    "balanced_accuracy": HIGHER,
    "f1_macro": HIGHER,
    "f1_weighted": HIGHER,
    "log_loss": LOWER,
    "auroc": HIGHER,
}
"""What may be measured after each round, and which way is better."""


@dataclass(frozen=True, kw_only=True)
class Initial:
    """The items that are labelled before the first round."""

    size: int
    draw: str = RANDOM
    function: Function | None = None
    ids: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the value as plain values."""
        function = self.function and self.function.document()
        return {"size": self.size, "draw": self.draw, "function": function, "ids": list(self.ids)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the value that a document describes."""
        function = document["function"]
        return cls(
            size=document["size"],
            draw=document["draw"],
            function=None if function is None else Function.from_document(function),
            ids=tuple(document["ids"]),
        )


@dataclass(frozen=True)
class Run:
    """One replay: a recipe and a function, by their places in the plan, and a seed."""

    number: int
    recipe: int
    function: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A simulation: every recipe with every function and every seed.

    `budget` items are labelled a round, until there are `labels` of them, `rounds` rounds are over,
    or nothing is left. The test set is a `test_share` of the pool, stratified, or all labelled
    items of `test_pool`. The first of the `metrics` is the one that labels needed and savings are
    told by; `targets` are scores of it.
    """

    pool: str
    name: str = ""
    recipes: tuple[Recipe, ...]
    functions: tuple[Function, ...]
    seeds: tuple[int, ...]
    initial: Initial
    budget: int
    rounds: int | None = None
    labels: int | None = None
    test_share: float | None = 0.3
    test_pool: str | None = None
    metrics: tuple[str, ...] = ("accuracy",)
    targets: tuple[float, ...] = ()

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, in the order of recipes, then functions, then seeds."""
        places = product(range(len(self.recipes)), range(len(self.functions)), self.seeds)
        return tuple(Run(number, *each) for number, each in enumerate(places))

    def document(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "pool": self.pool,
            "name": self.name,
            "recipes": [each.document() for each in self.recipes],
            "functions": [each.document() for each in self.functions],
            "seeds": list(self.seeds),
            "initial": self.initial.document(),
            "budget": self.budget,
            "rounds": self.rounds,
            "labels": self.labels,
            "test_share": self.test_share,
            "test_pool": self.test_pool,
            "metrics": list(self.metrics),
            "targets": list(self.targets),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the plan that a document describes."""
        return cls(
            **{
                **document,
                "recipes": tuple(Recipe.from_document(each) for each in document["recipes"]),
                "functions": tuple(Function.from_document(each) for each in document["functions"]),
                "seeds": tuple(document["seeds"]),
                "initial": Initial.from_document(document["initial"]),
                "metrics": tuple(document["metrics"]),
                "targets": tuple(document["targets"]),
            }
        )
