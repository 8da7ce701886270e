"""Where predictions come from: one model, a committee of them, an upload, or nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Ragged, Rows
from service.files import Files, members_name, predictions_name
from service.given import FORMS, PredictionFiles
from service.records import Model, Part
from workers import memory
from workers.assignment import Assignment
from workers.committee import Committee
from workers.numbers import fractions, ordered, votes_of, window


class Source(Protocol):
    """What says something of each item."""

    @property
    def classes(self) -> Sequence[Any]:
        """The classes that its probabilities are of, in order."""

    @property
    def values(self) -> int:
        """How many numbers it says of one item, about."""

    def known(self, rows: Rows) -> Rows:
        """Return those of which it says something; the rows themselves where that is all."""

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of rows that it says something of."""

    def let_go(self) -> None:
        """Give back the memory that what was read of files takes."""


@dataclass(frozen=True)
class Stack:
    """Arrays of a pool's parts, one after another, as if they were one."""

    arrays: tuple[npt.NDArray[Any], ...]

    @property
    def values(self) -> int:
        """The number of values of one row."""
        return prod(self.arrays[0].shape[1:]) if self.arrays else 0

    def at(self, rows: Rows) -> npt.NDArray[Any]:
        """Return some rows, ascending."""
        found, start = [], 0
        for array in self.arrays:
            low, high = np.searchsorted(rows, (start, start + len(array)))
            if low < high:
                found.append(array[window(rows[low:high] - start)])
            start += len(array)
        if not found:
            shape = self.arrays[0].shape[1:] if self.arrays else ()
            return np.empty((0, *shape))
        return found[0] if len(found) == 1 else np.concatenate(found)

    def let_go(self) -> None:
        """Give back the memory that what was read of it takes."""
        for array in self.arrays:
            memory.let_go(array)


@dataclass(frozen=True)
class Nothing:
    """No predictions at all."""

    classes: tuple[Any, ...] = ()
    values: int = 1

    def known(self, rows: Rows) -> Rows:
        """Return those of which there are predictions: none."""
        return rows[:0]

    def give(self, need: str, rows: Rows) -> Any:
        """Raise: whoever submitted the job made sure that nothing is asked."""
        raise LookupError(f"There are no predictions to take {need} of {len(rows)} items from")

    def let_go(self) -> None:
        """Do nothing: there are no files."""


@dataclass(frozen=True)
class OneModel:
    """A model's own predictions of every item; a forest's trees are its members."""

    classes: tuple[Any, ...]
    probs: Stack
    members: Stack | None

    @property
    def values(self) -> int:
        """How many numbers it says of one item."""
        return (self.members or self.probs).values

    def known(self, rows: Rows) -> Rows:
        """Return those of which there are predictions: all."""
        return rows

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of some rows."""
        if need == "probs":
            return fractions(self.probs.at(rows))
        if self.members is None:
            raise LookupError(f"The model has no members to take {need} from")
        probs = fractions(self.members.at(rows)).transpose(1, 0, 2)
        return votes_of(probs) if need == "votes" else probs

    def let_go(self) -> None:
        """Give back the memory that what was read of files takes."""
        for each in (self.probs, self.members):
            if each is not None:
                each.let_go()


@dataclass(frozen=True)
class Models:
    """Several models, each a member of a committee."""

    committee: Committee
    probs: tuple[Stack, ...]

    @property
    def classes(self) -> Sequence[Any]:
        """The classes that any of the models knows, in the order in which they are met."""
        return self.committee.classes

    @property
    def values(self) -> int:
        """How many numbers they say of one item."""
        return len(self.probs) * len(self.classes)

    def known(self, rows: Rows) -> Rows:
        """Return those of which there are predictions: all."""
        return rows

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of some rows."""
        probs = self.committee.member_probs([fractions(each.at(rows)) for each in self.probs])
        if need == "probs":
            return probs.mean(axis=0)
        return votes_of(probs) if need == "votes" else probs

    def let_go(self) -> None:
        """Give back the memory that what was read of files takes."""
        for each in self.probs:
            each.let_go()


@dataclass(frozen=True)
class Upload:
    """Predictions that a client gave, for all items or for some."""

    files: PredictionFiles

    @property
    def classes(self) -> Sequence[Any]:
        """The classes of its probabilities or votes."""
        return self.files.predictions.classes

    @property
    def values(self) -> int:
        """How many numbers it says of one item, about."""
        said = self.files.predictions
        rows = len(self.files.array("values")) if said.form in ("objects", "tokens") else 0
        each = max(1, -(-rows // max(1, said.items)))
        return (said.members or 1) * max(1, len(said.classes)) * each

    def places(self, rows: Rows) -> Rows:
        """Return the place among the predicted items of some rows, ascending, -1 for none; the
        rows themselves where each stands at its own."""
        if not len(rows):
            return rows
        start, stop = int(rows[0]), int(rows[-1]) + 1
        places = self.files.places(start, stop)
        return rows if places is None else places[rows - start]

    def known(self, rows: Rows) -> Rows:
        """Return those of which there are predictions; the rows themselves where that is all."""
        places = self.places(rows)
        return rows if places is rows or (places >= 0).all() else rows[places >= 0]

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of some rows."""
        places = self.places(rows)
        if need in ("objects", "tokens"):
            return self.ragged(places)
        # A run of them copies nothing.
        index = window(places) if places is rows or ordered(places) else places
        if need == "label_probs":
            return fractions(self.at("label_probs", index))
        if self.files.predictions.form in ("regression", "regression_members"):
            return self.regression(need, index)
        return self.classification(need, index)

    def at(self, name: str, index: Any) -> npt.NDArray[Any]:
        """Return some rows of an array."""
        return np.asarray(self.files.array(name))[index]

    def classification(self, need: str, index: Any) -> Any:
        """Return probabilities, a committee's or one model's, or votes."""
        kind = self.files.predictions.form
        if kind == "votes":
            return self.at("votes", index).T.astype(np.int64)
        if kind == "probs":
            return fractions(self.at("probs", index))
        probs = fractions(self.at("member_probs", index)).transpose(1, 0, 2)
        if need == "probs":
            return probs.mean(axis=0)
        return votes_of(probs) if need == "votes" else probs

    def regression(self, need: str, index: Any) -> Array:
        """Return predicted values; those of a committee have a mean and a deviation."""
        if self.files.predictions.form == "regression":
            return self.at(need, index).astype(np.float64)
        values = self.at("member_values", index).astype(np.float64).T
        if need == "member_values":
            return values
        return values.mean(axis=0) if need == "mean" else values.std(axis=0)

    def ragged(self, places: Rows) -> Ragged:
        """Return the probabilities of the objects or tokens of some items."""
        ends = self.files.array("ends")
        stops = ends[places]
        starts = np.where(places > 0, ends[np.maximum(places - 1, 0)], 0)
        lengths = stops - starts
        own = np.cumsum(lengths)
        within = np.arange(own[-1] if len(own) else 0) - np.repeat(own - lengths, lengths)
        rows = np.repeat(starts, lengths) + within
        values = self.files.array("values")
        picked = values[window(rows) if ordered(rows) else rows]
        return Ragged(fractions(picked), own.astype(np.int64))

    def let_go(self) -> None:
        """Give back the memory that what was read of files takes."""
        for name in FORMS[self.files.predictions.form].arrays:
            memory.let_go(self.files.array(name))


@dataclass(frozen=True)
class From:
    """A source whose rows count from one of its own rows on."""

    source: Source
    start: int

    @property
    def classes(self) -> Sequence[Any]:
        """The classes of its probabilities or votes."""
        return self.source.classes

    @property
    def values(self) -> int:
        """How many numbers it says of one item, about."""
        return self.source.values

    def known(self, rows: Rows) -> Rows:
        """Return those of which there are predictions; the rows themselves where that is all."""
        moved = rows + self.start
        known = self.source.known(moved)
        return rows if known is moved else known - self.start

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of some rows."""
        return self.source.give(need, rows + self.start)

    def let_go(self) -> None:
        """Give back the memory that what was read of files takes."""
        self.source.let_go()


def source_of(files: Files, assignment: Assignment) -> Source:
    """Return where the predictions of a job come from."""
    if assignment.predictions is not None:
        upload = Upload(PredictionFiles(files, assignment.predictions))
        return From(upload, assignment.start) if assignment.start else upload
    if not assignment.of_models:
        return Nothing()
    stacks = tuple(stack(files, model, assignment.parts, "probs") for model in assignment.models)
    if len(stacks) > 1:
        return Models(Committee.of([model.classes for model in assignment.models]), stacks)
    model = assignment.models[0]
    members = None
    if assignment.asks_members:
        members = stack(files, model, assignment.parts, "member_probs")
    return OneModel(model.classes, stacks[0], members)


def stack(files: Files, model: Model, parts: Sequence[Part], name: str) -> Stack:
    """Return what a model says of the parts of a pool."""
    place = predictions_name if name == "probs" else members_name
    return Stack(tuple(files.array(f"{place(model.id, part.id)}/{name}.npy") for part in parts))
