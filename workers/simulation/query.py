"""What is labelled next: a function, asked of the items that a run learns from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from service.acquisition.evidence import EVIDENCE, PREDICTIONS, Rows
from service.acquisition.registry import BATCH, RELABELLING, SEED, Size
from service.errors import InvalidRequest
from service.functions import Function
from service.ranking import descending
from workers.evaluation import Evaluation, evaluate
from workers.labels import Labels
from workers.neighbours import silent
from workers.selection import select
from workers.simulation.split import Split, rows_of_ids
from workers.simulation.supply import RoundSupply, Shelf
from workers.sources import Source

KNOWN = frozenset({"probs", "member_probs", "votes"})
"""What a model says of an item, a committee's members too."""


@dataclass(frozen=True)
class Query:
    """A function asked for `n` items after round `number` - 1 of a run with a seed."""

    function: Function
    seed: int
    number: int
    n: int

    @property
    def drawing(self) -> Function:
        """The function with seeds of its own for this run and round, as are those it builds on."""
        return seeded(self.function, self.seed, self.number)


def seeded(function: Function, *entropy: int) -> Function:
    """Return a function whose seeds, and those of what it builds on, come of more than its own."""
    parameters = dict(function.parameters)
    if any(each.name == SEED.name for each in function.entry.parameters):
        own = parameters.get(SEED.name, SEED.default)
        state = np.random.SeedSequence((own, *entropy)).generate_state(1)
        parameters[SEED.name] = int(state[0])
    of = tuple(seeded(each, *entropy) for each in function.of)
    return replace(function, parameters=parameters, of=of)


def best(query: Query, split: Split, source: Source, labelled: Rows, shelf: Shelf) -> Rows:
    """Return the rows to be labelled next, the first one first, none of those labelled already.

    They are fewer than were asked for where fewer are left, where a batch strategy chooses fewer,
    or where a function has no score for the rest.
    """
    function, population = query.drawing, split.population
    labels = labels_of(split, source, labelled)
    supply = RoundSupply(population, source, lambda: labels, shelf)
    evaluation = Evaluation(supply, None, population.total)
    evaluate(evaluation, (function,), silent)
    free = np.ones(population.total, dtype=np.bool_)
    free[labelled] = False
    if function.entry.kind == BATCH:
        return select(evaluation, function, free, query.n).rows
    scores = evaluation.array(function)
    rows = np.flatnonzero(free & ~np.isnan(scores))
    return rows[descending(scores[rows])[: query.n]]


def labels_of(split: Split, source: Source, labelled: Rows) -> Labels:
    """Return the labels that were revealed so far."""
    values = tuple(source.classes[code] for code in split.codes[labelled].tolist())
    return Labels(split.population, labelled, values)


def refuse(function: Function, split: Split, classes: int, *, cold: bool = False) -> None:
    """Raise where a function cannot say what to label next in a simulation; `cold` where it is to
    choose while nothing is labelled and no model is there."""
    for each in function.walk():
        for reason in reasons(each, classes, cold=cold):
            raise InvalidRequest(f"{each.name} cannot be simulated: {reason}")
        for name in ("items", "targets"):
            rows_of_ids(split.population, each.parameters.get(name, ()), f"that {each.name} names")


def reasons(function: Function, classes: int, *, cold: bool) -> Iterator[str]:
    """Yield why a function can choose nothing here, each the end of a sentence."""
    entry = function.entry
    said = [need for need in entry.needs if EVIDENCE[need].source == PREDICTIONS]
    if entry.purpose == RELABELLING or "annotations" in entry.needs:
        yield "it says which labels to look at again, and not what to label next"
    if not KNOWN.issuperset(said):
        yield f"it needs {said[0]}, and a classifier gives class probabilities"
    if cold and entry.needs_predictions:
        yield "it needs a model, and there is none before the first items are labelled"
    if cold and entry.requires_labels:
        yield "it needs labels, and there are none before the first items are labelled"
    size = Size(
        items=0, candidates=0, labelled=0, n=0, width=0, classes=classes, members=0,
        functions=len(function.of), parameters=function.parameters,
    )  # fmt: skip
    problem = entry.fits(function.parameters, size) if entry.fits is not None else None
    if problem:
        yield problem
