"""What a learner's model says of the items of its pool, as of one of its turns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.backend import Backend
from service.errors import Conflict, Fault, InvalidRequest
from service.files import predictions_name
from service.ids import Rows
from service.items import Items
from service.operations import learners, models, pools, turns
from service.ranking import Scores
from service.records import Learner, Model, Pool, Turn

MOST_VALUES = 2**21
"""Probabilities of one answer, so many at most: pages are shorter where classes are many."""


@dataclass(frozen=True)
class Outputs:
    """What the model of a turn says of some items, by row: probabilities (items, classes)."""

    learner: Learner
    turn: Turn
    model: Model
    ids: tuple[str, ...]
    probs: Scores
    total: int
    unknown: tuple[str, ...] = ()
    following: int | None = None


def page(backend: Backend, id: str, *, number: int | None, start: int, limit: int) -> Outputs:
    """Return what a turn's model says of items from a row on, the last turn's unless numbered.

    Whoever reads page by page goes on with the turn that the first page was of.
    """
    learner = learners.get(backend, id)
    pool = pools.get(backend, learner.pool)
    turn = turn_of(backend, learner, number)
    model = model_of(backend, pool, turn)
    stop = min(turn.items, start + max(1, min(limit, MOST_VALUES // len(model.classes))))
    rows = np.arange(start, stop, dtype=np.int64)
    return Outputs(
        learner,
        turn,
        model,
        tuple(Items(backend.files, pool).at(rows)),
        probabilities(backend, pool, model, rows),
        total=turn.items,
        following=stop if stop < turn.items else None,
    )


def some(backend: Backend, id: str, wanted: Sequence[str]) -> Outputs:
    """Return what the last turn's model says of items by id, in the order in which they are named;
    ids that it knows nothing of are told apart."""
    learner = learners.get(backend, id)
    pool = pools.get(backend, learner.pool)
    turn = turn_of(backend, learner, None)
    model = model_of(backend, pool, turn)
    most = MOST_VALUES // len(model.classes)
    if len(wanted) > most:
        fault = Fault("/ids", f"{len(wanted)} are more than {most}")
        raise InvalidRequest("An answer has too many probabilities: ask for less", faults=[fault])
    rows = Items(backend.files, pool).find(wanted)
    known = (rows >= 0) & (rows < turn.items)
    return Outputs(
        learner,
        turn,
        model,
        tuple(id for id, is_known in zip(wanted, known, strict=True) if is_known),
        probabilities(backend, pool, model, rows[known]),
        total=turn.items,
        unknown=tuple(id for id, is_known in zip(wanted, known, strict=True) if not is_known),
    )


def turn_of(backend: Backend, learner: Learner, number: int | None) -> Turn:
    """Return the last turn of a learner, or the numbered one; raise where it has no model."""
    if number is not None:
        for turn in learner.turns:
            if turn.number == number and turn.model is not None:
                return turn
        raise gone(learner)
    if learner.turn is None:
        raise turns.not_ready(backend, learner)
    if learner.turn.model is None:
        job = turns.pending(backend, learner)
        raise Conflict(
            "There is no model yet, and so there are no predictions: teach labels of two classes",
            headers={} if job is None else {"Retry-After": "1"},
        )
    return learner.turn


def model_of(backend: Backend, pool: Pool, turn: Turn) -> Model:
    """Return the model of a turn, of which predictions are kept; raise Conflict where none are."""
    model = models.find(backend, turn.model or "")
    if model is None or not is_kept(backend, pool, model, turn):
        raise deleted(turn)
    return model


def deleted(turn: Turn) -> Conflict:
    """Return the error for a turn whose model cannot be asked any more."""
    return Conflict(
        f"The model of turn {turn.number}, or what it said, was deleted: teach to fit another"
    )


def gone(learner: Learner) -> InvalidRequest:
    """Return the error for a turn that cannot be read on."""
    fault = Fault("?page_token", f"The learner {learner.id} has forgotten the turn it is of")
    return InvalidRequest("The page token cannot be used: begin again", faults=[fault])


def is_kept(backend: Backend, pool: Pool, model: Model, turn: Turn) -> bool:
    """Return whether there are predictions of all items that there were at a turn."""
    start = 0
    for part in pool.parts:
        if start < turn.items and not backend.files.exists(predictions_name(model.id, part.id)):
            return False
        start += part.rows
    return True


def probabilities(backend: Backend, pool: Pool, model: Model, rows: Rows) -> Scores:
    """Return what a model says of some rows, in that order: float64 (rows, classes)."""
    answer = np.empty((len(rows), len(model.classes)))
    for start, part in Items(backend.files, pool).located():
        chosen = np.flatnonzero((rows >= start) & (rows < start + part.rows))
        if len(chosen):
            stored = backend.files.array(f"{predictions_name(model.id, part.id)}/probs.npy")
            answer[chosen] = np.clip(stored[rows[chosen] - start], 0.0, 1.0)
    return answer


def likeliest(model: Model, probs: Scores) -> list[tuple[Any, float]]:
    """Return the class that is likeliest to a model, the first of equals, and its probability."""
    best = probs.argmax(axis=1)
    values = probs[np.arange(len(probs)), best]
    return [
        (model.classes[place], value)
        for place, value in zip(best.tolist(), values.tolist(), strict=True)
    ]
