"""One run: label, fit, measure, choose, over and over."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.acquisition.evidence import Rows
from service.simulation import STRATEGY, Plan, Run
from workers.simulation.beginning import first_items
from workers.simulation.data import Data
from workers.simulation.metrics import Answers, measure
from workers.simulation.model import FittedModel, learn
from workers.simulation.query import Query, best, refuse
from workers.simulation.split import Split, split_of
from workers.simulation.supply import Shelf
from workers.simulation.trace import Round, Trace


@dataclass(frozen=True)
class Stage:
    """Where a run is played: its plan, its items, and what is kept from round to round."""

    plan: Plan
    run: Run
    classes: tuple[Any, ...]
    split: Split
    shelf: Shelf


def replay(plan: Plan, run: Run, data: Data, tick: Callable[[Round], None]) -> Trace:
    """Return all rounds of one run; `tick` is told each as it ends, and may raise to stop.

    The same plan, run and data give the same rounds everywhere. A round labels items, fits the
    recipe on all that are labelled, in pool order, and measures the model on the test set; the
    next one labels what the function then finds best. Where the labels are all of one class, the
    model is certain of it, and nothing is fitted. The run ends with the plan's rounds or labels,
    or with a round for which nothing is found.
    """
    began = time.perf_counter()
    stage = Stage(plan, run, data.classes, split_of(plan, run, data), {})
    check(stage)
    queried = first_items(plan, run, stage.split, stage.shelf)
    labelled, rounds = queried[:0], list[Round]()
    while len(queried):
        labelled = np.union1d(labelled, queried)
        model = model_of(stage, labelled)
        rounds.append(round_of(stage, len(rounds), labelled, queried, model))
        tick(rounds[-1])
        queried = next_items(stage, len(rounds), labelled, model)
    return Trace(run.number, tuple(rounds), time.perf_counter() - began)


def check(stage: Stage) -> None:
    """Raise where a function of the run cannot work in it."""
    plan, classes = stage.plan, len(stage.classes)
    refuse(plan.functions[stage.run.function], stage.split, classes)
    if plan.initial.draw == STRATEGY and plan.initial.function is not None:
        refuse(plan.initial.function, stage.split, classes, cold=True)


def model_of(stage: Stage, labelled: Rows) -> FittedModel:
    """Return the model fitted on the labelled rows, ascending."""
    split, run = stage.split, stage.run
    vectors = split.population.features
    recipe = stage.plan.recipes[run.recipe]
    classifier = learn(recipe, vectors[labelled], split.codes[labelled], run.seed)
    return FittedModel(classifier, vectors, stage.classes)


def round_of(stage: Stage, number: int, labelled: Rows, queried: Rows, model: FittedModel) -> Round:
    """Return what one round comes to."""
    split = stage.split
    answers = Answers(model.classifier, split.test_vectors, split.test_codes, len(stage.classes))
    names = tuple(split.population.names(queried))
    return Round(number, len(labelled), names, measure(stage.plan.metrics, answers))


def next_items(stage: Stage, number: int, labelled: Rows, model: FittedModel) -> Rows:
    """Return the rows that round `number` labels: none where the run is over."""
    plan, run = stage.plan, stage.run
    left = stage.split.population.total - len(labelled)
    if plan.labels is not None:
        left = min(left, plan.labels - len(labelled))
    over = plan.rounds is not None and number > plan.rounds
    n = 0 if over else min(plan.budget, left)
    if n < 1:
        return labelled[:0]
    query = Query(plan.functions[run.function], run.seed, number, n)
    return best(query, stage.split, model, labelled, stage.shelf)
