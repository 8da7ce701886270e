"""What the model of a round says of the items that a run learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Rows
from service.errors import InvalidRequest
from service.estimators import Recipe
from workers.fitting import fit, probabilities
from workers.numbers import votes_of, window
from workers.untrusted.artifacts.committees import Committee, committee_of

BLOCK = 16_384

Vectors = npt.NDArray[Any]


@dataclass(frozen=True)
class Certain:
    """A classifier that was told of one class alone: it is certain of it, whatever it sees."""

    code: int

    @property
    def classes_(self) -> Rows:
        """The one class."""
        return np.array([self.code], dtype=np.int64)

    def predict(self, vectors: Vectors) -> Rows:
        """Return the class for each of some vectors."""
        return np.full(len(vectors), self.code, dtype=np.int64)

    def predict_proba(self, vectors: Vectors) -> Array:
        """Return a probability of 1 for each of some vectors."""
        return np.ones((len(vectors), 1))


def learn(recipe: Recipe, vectors: Vectors, codes: Rows, seed: int) -> Any:
    """Return a classifier of labelled vectors; where all have one class, one certain of it."""
    if len(np.unique(codes)) == 1:
        return Certain(int(codes[0]))
    return fit(recipe, vectors, codes, seed)


@dataclass(frozen=True)
class FittedModel:
    """A classifier of codes as a source of predictions of some vectors (items, width)."""

    classifier: Any
    vectors: Vectors
    classes: Sequence[Any]

    @cached_property
    def committee(self) -> Committee | None:
        """The committee that the classifier is, if it is one."""
        if isinstance(self.classifier, Certain):
            return Committee(1, 1, lambda items: iter([self.classifier.predict_proba(items)]))
        return committee_of(self.classifier)

    @property
    def values(self) -> int:
        """How many numbers it says of one item."""
        return len(self.classes) * (self.committee.size if self.committee else 1)

    @cached_property
    def probs(self) -> Array:
        """The class probabilities of all vectors, float64 (items, classes)."""
        found = np.empty((len(self.vectors), len(self.classes)))
        for start in range(0, len(found), BLOCK):
            block = self.vectors[start : start + BLOCK]
            found[start : start + BLOCK] = probabilities(self.classifier, block, len(self.classes))
        return found

    def known(self, rows: Rows) -> Rows:
        """Return those of which there are predictions: all."""
        return rows

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of some rows."""
        if need == "probs":
            return self.probs[window(rows)].view()
        probs = self.member_probs(rows)
        return votes_of(probs) if need == "votes" else probs

    def let_go(self) -> None:
        """Do nothing: there are no files."""

    def member_probs(self, rows: Rows) -> Array:
        """Return what each member says of some rows, float64 (members, items, classes); 0 for a
        class that it was not fitted on."""
        if self.committee is None:
            raise InvalidRequest(
                "The function needs a committee's members, and the estimator is one alone: take a"
                " forest or bagging"
            )
        said = self.committee.predict(self.vectors[window(rows)])
        if said.shape[2] == len(self.classes):
            return said
        found = np.zeros((*said.shape[:2], len(self.classes)))
        found[:, :, self.classifier.classes_] = said
        return found
