"""Learners: what ties a pool, an estimator and a function together, and the turns it has taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from service.records.record import Record, now


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a learner: what it was fitted on, and how it did.

    `model` is None for a turn taken before there was anything to fit on. `score` is the mean
    cross-validated accuracy, None until it is known or where there are too few labels.
    `mean_uncertainty` and `max_uncertainty` are one less the greatest probability, over the
    unlabelled items; `agreement` is Cohen's kappa of the predictions of this model and the one
    before it, over all items.
    """

    number: int
    job: str
    labels: int
    class_counts: Mapping[str, int]
    ranking: str
    model: str | None = None
    score: float | None = None
    score_deviation: float | None = None
    mean_uncertainty: float | None = None
    max_uncertainty: float | None = None
    agreement: float | None = None
    at: str = field(default_factory=now)


@dataclass(frozen=True, kw_only=True)
class Learner(Record):
    """A pool, an estimator, a function or batch strategy, and a batch size, tied together.

    `recipe`, `function` and `cold_start` are the documents of a Recipe and of two Functions. The
    last of its turns is the one that queries are answered from; `job` is the one that makes the
    next, the last that was submitted.
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
    turns: tuple[Turn, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "turns": tuple(Turn(**each) for each in document["turns"])})

    def indexes(self) -> frozenset[str]:
        """Learners are found by the pool that they learn."""
        return frozenset({f"pool:{self.pool}"})
