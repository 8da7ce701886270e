"""Recipes against what there is: what can be known of a model before it is fitted."""

from collections.abc import Iterator, Sequence
from typing import Any

from service.errors import Fault
from service.estimators import ESTIMATORS, Recipe, parameter
from service.operations.models import TRAINED_FORMAT
from service.records import Model, Pool


def expected_model(recipe: Recipe, classes: Sequence[Any], pool: Pool) -> Model:
    """Return a record, which nobody keeps, of the model that a recipe will make of a pool."""
    return Model(
        id="",
        format=TRAINED_FORMAT,
        bytes=0,
        estimator=recipe.estimator,
        classes=tuple(classes),
        item_values=pool.item_values,
        probabilities=True,
        members=members_of(recipe),
    )


def members_of(recipe: Recipe) -> int | None:
    """Return how many members a recipe's model will have, None where it is one alone."""
    if not ESTIMATORS[recipe.estimator].is_committee:
        return None
    members = int(parameter(recipe, "n_estimators"))
    return members if members > 1 else None


def faults(recipe: Recipe, pool: Pool, pointer: str = "/estimator") -> Iterator[Fault]:
    """Yield what keeps a recipe from being fitted on the items of a pool."""
    width = pool.item_values
    if width is None:
        return
    if width == 0:
        yield Fault(pointer, "A model is fitted on features, and the items have none")
        return
    if isinstance(recipe.pca, int) and recipe.pca > width:
        detail = f"Items of {width} features have at most {width} principal components"
        yield Fault(f"{pointer}/pca", detail)
    if recipe.base is not None:
        yield from faults(recipe.base, pool, f"{pointer}/base")
