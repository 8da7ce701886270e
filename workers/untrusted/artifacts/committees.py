"""Committees: ensembles whose members each give probabilities, and are asked one by one.

Forests, bagging and voting are committees, by themselves, at the end of a pipeline, or as what a
search found best. What boosts, stacks or calibrates is none: its parts mean nothing alone. A
committee inside a committee is one member. Weights of voters are left out: each member speaks for
itself, so the mean of the members is what the model gives only where it weighs them the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.ensemble._forest import ForestClassifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import validate_data

from workers.untrusted.artifacts.classifier import Array
from workers.untrusted.artifacts.forests import Walk, can_walk, transformed

FEWEST = 2
AS_BAGGING_TAKES_THEM = {
    "accept_sparse": ["csr", "csc"],
    "dtype": None,
    "ensure_all_finite": False,
}


@dataclass(frozen=True)
class Committee:
    """How many members and classes there are, and how to ask: each gives (items, classes)."""

    size: int
    classes: int
    ask: Callable[[Array], Iterator[Array]]

    def predict(self, items: Array) -> Array:
        """Return what every member gives for some items: float64 (members, items, classes).

        In memory the items come first, as they do where it is kept.
        """
        found = np.empty((len(items), self.size, self.classes))
        for place, probs in enumerate(self.ask(items)):
            found[:, place] = probs
        return found.swapaxes(0, 1)


def committee_of(model: Any) -> Committee | None:
    """Return the committee that a fitted classifier is, or None: one alone is no committee."""
    for kind, found in KINDS.items():
        if isinstance(model, kind):
            committee = found(model)
            return committee if committee is not None and committee.size >= FEWEST else None
    return None


def of_pipeline(pipeline: Pipeline) -> Committee | None:
    inner = committee_of(pipeline.steps[-1][1])
    if inner is None:
        return None

    return Committee(
        inner.size, inner.classes, lambda items: inner.ask(transformed(pipeline, items))
    )


def of_search(search: BaseSearchCV) -> Committee | None:
    return committee_of(getattr(search, "best_estimator_", None))


def of_forest(forest: ForestClassifier) -> Committee:
    walk = cache(lambda: Walk.of(forest))

    def ask(items: Array) -> Iterator[Array]:
        # Converted once for all trees, as the forest itself does.
        converted = forest._validate_X_predict(items)  # noqa: SLF001 - there is no public way
        if isinstance(converted, np.ndarray) and can_walk(forest):
            yield from walk().members(converted)
            return
        for tree in forest.estimators_:
            yield tree.predict_proba(converted, check_input=False)

    return Committee(len(forest.estimators_), len(forest.classes_), ask)


def of_bagging(bagging: BaggingClassifier) -> Committee:
    """Members were shown some columns and some classes, which they know by their positions."""
    classes = len(bagging.classes_)

    def ask(items: Array) -> Iterator[Array]:
        checked = validate_data(bagging, items, reset=False, **AS_BAGGING_TAKES_THEM)
        for member, columns in zip(bagging.estimators_, bagging.estimators_features_, strict=True):
            seen = checked[:, columns]
            # Bagging lets a member without probabilities vote, and so does this.
            yield probs_of(member, seen, classes) if gives(member) else votes(member, seen, classes)

    return Committee(len(bagging.estimators_), classes, ask)


def of_voting(voting: VotingClassifier) -> Committee | None:
    """Members of a hard vote vote, also where they could give probabilities."""
    classes = len(voting.classes_)
    tell = votes if voting.voting == "hard" else probs_of
    if tell is probs_of and not all(map(gives, voting.estimators_)):
        return None

    def ask(items: Array) -> Iterator[Array]:
        for member in voting.estimators_:
            yield tell(member, items, classes)

    return Committee(len(voting.estimators_), classes, ask)


def gives(member: Any) -> bool:
    return hasattr(member, "predict_proba")


def probs_of(member: Any, items: Array, classes: int) -> Array:
    """Return a member's probabilities of the committee's classes, 0 for those it does not know."""
    probs = np.asarray(member.predict_proba(items))
    if probs.shape[1:] == (classes,):
        return probs
    placed = np.zeros((len(probs), classes), probs.dtype)
    placed[:, member.classes_] = probs
    return placed


def votes(member: Any, items: Array, classes: int) -> Array:
    """Return 1 for the class that a member chooses, and 0 for all others."""
    chosen = np.asarray(member.predict(items))
    named: Array = chosen[:, np.newaxis] == np.arange(classes)
    return named.astype(np.float64)


KINDS: dict[type, Callable[[Any], Committee | None]] = {
    Pipeline: of_pipeline,
    BaseSearchCV: of_search,
    ForestClassifier: of_forest,
    BaggingClassifier: of_bagging,
    VotingClassifier: of_voting,
}
