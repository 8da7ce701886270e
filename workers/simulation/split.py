"""What a run learns from, and what its models are tested on: one never sees the other."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split

from service.acquisition.evidence import Rows
from service.errors import TooFewLabels, UnusableItems
from service.simulation import GIVEN, Initial, Plan, Run
from workers.population import HeldPopulation
from workers.simulation.data import Data

FEWEST_OF_A_CLASS = 2


@dataclass(frozen=True)
class Split:
    """The items of one run: a population to learn from, in pool order, and a test set.

    `codes` are int64 (items,), `test_vectors` (tested, width), `test_codes` int64 (tested,).
    `drawn` are the population's rows in the order in which the split drew them, which is pool
    order where the test set is a pool of its own.
    """

    population: HeldPopulation
    codes: Rows
    drawn: Rows
    test_vectors: npt.NDArray[Any]
    test_codes: Rows


def split_of(plan: Plan, run: Run, data: Data) -> Split:
    """Return the items of one run.

    All labelled items are learnt from where the data have a test set. Else a share of them is the
    test set, drawn with the run's seed from each class alike, exactly as scikit-learn's
    `train_test_split(rows, test_size=share, random_state=seed, stratify=codes)` draws it. First
    items that are given are left out of the draw: they are learnt from in every run.
    """
    if data.test_vectors is not None and data.test_codes is not None:
        every = np.arange(data.population.total, dtype=np.int64)
        return Split(data.population, data.codes, every, data.test_vectors, data.test_codes)
    kept = given_rows(plan.initial, data.population)
    learnt, tested = drawn_rows(plan.test_share or 0, run.seed, data, kept)
    rows = np.sort(learnt)
    return Split(
        population=data.population.take(rows),
        codes=data.codes[rows],
        drawn=np.searchsorted(rows, learnt),
        test_vectors=data.population.features[tested],
        test_codes=data.codes[tested],
    )


def given_rows(initial: Initial, population: HeldPopulation) -> Rows:
    """Return the rows of the first items that are given by id; raise where one is not there."""
    if initial.draw != GIVEN:
        return np.empty(0, dtype=np.int64)
    return rows_of_ids(population, initial.ids, "to be labelled at first")


def rows_of_ids(population: HeldPopulation, ids: Sequence[str], what: str) -> Rows:
    """Return the rows of ids; raise UnusableItems where one is not there, and say what it was."""
    rows = population.find(ids)
    if (rows < 0).any():
        unknown = ids[int(np.flatnonzero(rows < 0)[0])]
        raise UnusableItems(
            f"The item {unknown!r}, {what}, is not among the labelled items that are learnt from"
        )
    return rows


def drawn_rows(share: float, seed: int, data: Data, kept: Rows) -> tuple[Rows, Rows]:
    """Return the rows to learn from and the rows to test on, in the order of the draw."""
    rows = np.setdiff1d(np.arange(data.population.total, dtype=np.int64), kept)
    refuse_small(share, data, rows)
    learnt, tested = train_test_split(
        rows, test_size=share, random_state=seed, stratify=data.codes[rows]
    )
    return np.concatenate([kept, learnt]), tested


def refuse_small(share: float, data: Data, rows: Rows) -> None:
    """Raise TooFewLabels where a class, or the share, is too small to have every class on both
    sides."""
    counts = Counter(data.codes[rows].tolist())
    for code, count in sorted(counts.items()):
        if count < FEWEST_OF_A_CLASS:
            raise TooFewLabels(
                f"Only {count} item is labelled {data.classes[code]!r}: label another, leave it"
                " out, or test on a pool of its own"
            )
    tested = math.ceil(share * len(rows))
    for side, size in (("tested on", tested), ("learnt from", len(rows) - tested)):
        if size < max(1, len(counts)):
            raise TooFewLabels(
                f"With a test share of {share:g}, {size} of {len(rows)} items are {side}: too few"
                f" to have one of each of the {len(counts)} classes"
            )
