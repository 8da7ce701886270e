"""Trainings: what can be known beforehand is checked here, then a worker fits a model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.backend import Backend
from service.classes import fault_of_classes
from service.errors import InvalidRequest, TooFewLabels, UnusableLabels
from service.estimators import Recipe
from service.operations import jobs, pools, recipes
from service.operations.scorings import refuse_too_soon
from service.records import Job, Pool, new_id

DEFAULT_FOLDS = 5
MOST_FOLDS = 20
FEWEST_FOLDS = 2
FEWEST_CLASSES = 2
SHOWN_KINDS = {str: "texts", int: "whole numbers", bool: "booleans", float: "fractions"}


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a client asks for: a recipe fitted on a pool's labels, and folds of cross-validation."""

    pool: str
    recipe: Recipe
    folds: int = DEFAULT_FOLDS
    seed: int = 0
    name: str = ""

    def document(self) -> dict[str, Any]:
        """Return the training as a job's record keeps it."""
        return {
            "pool": self.pool,
            "estimator": self.recipe.asked(),
            "folds": self.folds,
            "seed": self.seed,
            "name": self.name,
        }


def submit(backend: Backend, training: Training, id: str | None = None) -> Job:
    """Ask a worker to fit a model, by a job with a new id unless one is given; raise what keeps
    that from working, as far as it is known."""
    pool = validate(backend, training)
    job = Job(
        id=id or new_id(),
        task="train",
        request={**training.document(), "parts": [part.id for part in pool.parts]},
        pool=pool.id,
        total=steps(training.folds),
    )
    return jobs.submit(backend, job)


def steps(folds: int) -> int:
    """Return how often a training fits: once for each fold, and once on all labels."""
    return 1 + (folds if folds >= FEWEST_FOLDS else 0)


def validate(backend: Backend, training: Training) -> Pool:
    """Return the pool of a training; raise InvalidRequest, TooFewLabels or UnusableLabels where
    nothing can be fitted on it."""
    pool = pools.get(backend, training.pool)
    refuse_too_soon(backend, pool)
    faults = list(recipes.faults(training.recipe, pool))
    if faults:
        first = f"{faults[0].detail} (at {faults[0].pointer})"
        raise InvalidRequest(f"This cannot be fitted as asked: {first}", faults=faults)
    limit = backend.settings.max_classes
    found = backend.labels.classes(pool.id, limit + 1)
    check_classes([json.loads(text) for text, _ in found.counts], limit)
    return pool


def check_classes(classes: Sequence[Any], limit: int) -> None:
    """Raise TooFewLabels or UnusableLabels where distinct labels are no classes to tell apart."""
    if len(classes) < FEWEST_CLASSES:
        said = "its labels name one class only" if classes else "it has no labels"
        raise TooFewLabels(
            f"A model tells classes apart, and of this pool {said}: label items of at least"
            f" {FEWEST_CLASSES} classes"
        )
    kinds = {type(each) for each in classes}
    if len(kinds) > 1 or float in kinds:
        said = " and ".join(sorted(SHOWN_KINDS[kind] for kind in kinds))
        raise UnusableLabels(
            f"Classes are all texts, all whole numbers or all booleans, and the labels are {said}"
        )
    fault = fault_of_classes(classes, limit)
    if fault is not None:
        raise UnusableLabels(f"The labels cannot be classes: {fault}")
