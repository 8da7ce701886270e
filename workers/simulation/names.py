"""Names that people read: of recipes and of functions, each one's own within a plan."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from service.errors import Cancelled, ServiceError
from service.estimators import Recipe
from service.functions import Function
from service.simulation import Plan, Run
from workers.simulation.trace import Round

Details = dict[str, Any]


def estimator_names(plan: Plan) -> tuple[str, ...]:
    """Return a name for each recipe of a plan, in its order."""
    recipes = plan.recipes
    return distinct([plain_recipe(each) for each in recipes], [more_of(each) for each in recipes])


def function_names(plan: Plan) -> tuple[str, ...]:
    """Return a name for each function of a plan, in its order."""
    every = plan.functions
    return distinct([plain_function(each) for each in every], [tuned(each) for each in every])


@contextmanager
def named(plan: Plan, run: Run, tick: Callable[[Round], None]) -> Iterator[Callable[[Round], None]]:
    """Give what is to be told of each round that ends, and passes it on; name the run and its round
    in whatever goes wrong meanwhile."""
    rounds = 0

    def told(ended: Round) -> None:
        nonlocal rounds
        rounds = ended.number + 1
        tick(ended)

    try:
        yield told
    except Cancelled:
        raise
    except ServiceError as error:
        estimator, function = estimator_names(plan)[run.recipe], function_names(plan)[run.function]
        name = f"{estimator} with {function}, seed {run.seed}, round {rounds}"
        raise type(error)(f"{name}: {error.detail}", faults=error.faults) from error


def plain_recipe(recipe: Recipe) -> str:
    """Return the estimator's name, and what it is an ensemble of."""
    return f"{recipe.estimator} of {plain_recipe(recipe.base)}" if recipe.base else recipe.estimator


def plain_function(function: Function) -> str:
    """Return the function's name, and those that it builds on."""
    of = ", ".join(plain_function(each) for each in function.of)
    return f"{function.name} of {of}" if of else function.name


def more_of(recipe: Recipe) -> Details:
    """Return what else there is to say of a recipe, by name."""
    inner = more_of(recipe.base) if recipe.base else {}
    told = {f"base {name}": value for name, value in inner.items()}
    told |= {"scaling": recipe.scaling, "pca": recipe.pca}
    said = {name: value for name, value in told.items() if value is not None}
    return {**said, **recipe.parameters}


def tuned(function: Function) -> Details:
    """Return what else there is to say of a function, by name."""
    told = {
        f"{each.name} {name}": value for each in function.of for name, value in tuned(each).items()
    }
    most = {} if function.candidates is None else {"candidates": function.candidates}
    return {**told, **most, **function.parameters}


def distinct(names: Sequence[str], details: Sequence[Details]) -> tuple[str, ...]:
    """Return the names; to those that are shared is added in what they differ, or a number."""
    shared = Counter(names)
    told = [
        f"{name}{differing(more, alike(name, names, details))}" if shared[name] > 1 else name
        for name, more in zip(names, details, strict=True)
    ]
    return numbered(told)


def alike(name: str, names: Sequence[str], details: Sequence[Details]) -> list[Details]:
    """Return the details of all that have a name."""
    return [more for each, more in zip(names, details, strict=True) if each == name]


def differing(more: Details, others: Iterable[Details]) -> str:
    """Return those details that are not the same in all others, in brackets."""
    others = list(others)
    told = (
        f"{name}={value}"
        for name, value in more.items()
        if any(name not in other or other[name] != value for other in others)
    )
    said = ", ".join(told)
    return f" ({said})" if said else ""


def numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, a number added to every one but the first that was there before."""
    taken: set[str] = set()
    found = []
    for name in names:
        number, own = 1, name
        while own in taken:
            number += 1
            own = f"{name} {number}"
        taken.add(own)
        found.append(own)
    return tuple(found)
