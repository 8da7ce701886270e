"""Learners: what ties a pool, an estimator and a function together, and the turns it has taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from service.records.record import Record, now


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a learner: what it was fitted on, and how it did.

    `items` and `labels` are those of the pool when it was taken, the labels of `classes` classes;
    `class_counts` are those of the most frequent, each as (class, labels). `model` is None for a
    turn taken before there was anything to fit on, `ranking` for one whose ranking has been
    forgotten since. `score` is the mean accuracy over cross-validation's folds and `score_error`
    the standard error of that mean, None until they are known or where there are too few labels.
    `mean_uncertainty` and `max_uncertainty` are one less the greatest probability, over the
    unlabelled items; `agreement` is Cohen's kappa of the predictions of this model and the one
    before it, over all items.
    """

    number: int
    job: str
    items: int
    labels: int
    classes: int
    class_counts: tuple[tuple[Any, int], ...]
    ranking: str | None
    model: str | None = None
    score: float | None = None
    score_error: float | None = None
    mean_uncertainty: float | None = None
    max_uncertainty: float | None = None
    agreement: float | None = None
    at: str = field(default_factory=now)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the turn that a document describes."""
        counts = tuple((label, count) for label, count in document["class_counts"])
        return cls(**{**document, "class_counts": counts})


@dataclass(frozen=True, kw_only=True)
class Learner(Record):
    """A pool, an estimator, a function or batch strategy, and a batch size, tied together.

    `recipe`, `function` and `cold_start` are the documents of a Recipe and of two Functions. The
    last of its turns is the one that queries are answered from; `job` is the one that makes the
    next, the last that was submitted, and `asked` is how many were: turns are numbered by it.
    """

    kind = "learner"

    pool: str
    name: str = ""
    recipe: Mapping[str, Any]
    function: Mapping[str, Any]
    cold_start: Mapping[str, Any]
    batch: int
    folds: int
    seed: int
    job: str | None = None
    asked: int = 0
    turns: tuple[Turn, ...] = ()

    @property
    def turn(self) -> Turn | None:
        """The turn that queries are answered from, if one has been taken."""
        return self.turns[-1] if self.turns else None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        turns = tuple(Turn.from_document(each) for each in document["turns"])
        return cls(**{**document, "turns": turns})

    def indexes(self) -> frozenset[str]:
        """Learners are found by the pool that they learn."""
        return frozenset({f"pool:{self.pool}"})
