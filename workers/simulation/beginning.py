"""The first items of a run: those labelled before any model is."""

import numpy as np

from service.acquisition.evidence import Rows
from service.errors import InvalidRequest, TooFewLabels
from service.functions import Function
from service.simulation import GIVEN, RANDOM, STRATIFIED, Plan, Run
from workers.simulation.query import Query, best
from workers.simulation.split import Split, given_rows
from workers.simulation.supply import Shelf
from workers.sources import Nothing


def first_items(plan: Plan, run: Run, split: Split, shelf: Shelf) -> Rows:
    """Return the rows that are labelled at first, in the order in which they were chosen.

    The same seed draws the same. Evenly drawn items are
    `numpy.random.RandomState(seed).choice(items, size, replace=False)` of the items in the order in
    which they were split.
    """
    initial = plan.initial
    if initial.draw == GIVEN:
        return given_rows(initial, split.population)
    if initial.size > split.population.total:
        raise TooFewLabels(
            f"{initial.size} items are to be labelled at first, and there are"
            f" {split.population.total} to learn from"
        )
    if initial.draw == RANDOM:
        return split.drawn[evenly(split.population.total, initial.size, run.seed)]
    if initial.draw == STRATIFIED:
        return split.drawn[by_class(split.codes[split.drawn], initial.size, run.seed)]
    if initial.function is None:
        raise InvalidRequest("A function chooses the first items, and none is named")
    return chosen(initial.function, run, split, shelf, initial.size)


def evenly(total: int, size: int, seed: int) -> Rows:
    """Return places drawn without replacement, each as likely as any other."""
    return np.random.RandomState(seed).choice(total, size, replace=False)


def by_class(codes: Rows, size: int, seed: int) -> Rows:
    """Return places drawn from each class alike, one of each in turn; a class that has no more is
    passed over, and which classes have one more than others is left to chance."""
    shuffled = np.random.RandomState(seed).permutation(len(codes))
    ordered = np.argsort(codes[shuffled], kind="stable")
    _, starts = np.unique(codes[shuffled][ordered], return_index=True)
    turns = np.empty(len(codes), dtype=np.int64)
    lengths = np.diff(np.append(starts, len(codes)))
    turns[ordered] = np.arange(len(codes)) - np.repeat(starts, lengths)
    return shuffled[np.argsort(turns, kind="stable")][:size]


def chosen(function: Function, run: Run, split: Split, shelf: Shelf, size: int) -> Rows:
    """Return what a function chooses while nothing is labelled."""
    query = Query(function, run.seed, number=0, n=size)
    nothing = np.empty(0, dtype=np.int64)
    rows = best(query, split, Nothing(), nothing, shelf)
    if len(rows) < size:
        raise TooFewLabels(f"{function.name} chooses {len(rows)} first items, and not {size}")
    return rows
