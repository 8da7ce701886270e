"""A scoring as it was asked, with all that it names looked up: what there is to answer it from."""

from dataclasses import dataclass
from typing import Any

from service.acquisition import REGISTRY, Acquisition
from service.acquisition.evidence import EVIDENCE, PREDICTIONS
from service.classes import identity
from service.functions import Function
from service.records import Model, Pool, Predictions

GIVES = {
    "probs": {"probs"},
    "members": {"probs", "member_probs", "target_member_probs", "votes"},
    "votes": {"votes"},
    "objects": {"objects", "object_scores", "object_ends"},
    "tokens": {"tokens"},
    "multilabel": {"label_probs"},
    "regression": {"mean", "std"},
    "regression_members": {"member_values", "mean", "std"},
}
"""The evidence that each kind of predictions gives."""


def forms_for(entry: Acquisition) -> list[str]:
    """Return the kinds of predictions of which any one gives all that a function needs of them.

    A function that builds on another needs, where a client names none, what that other needs.
    """
    needs = set(entry.needs) | set(REGISTRY[entry.builds_on].needs if entry.builds_on else ())
    predicted = {need for need in needs if EVIDENCE[need].source == PREDICTIONS}
    if "labelled_probs" in needs:
        predicted.add("probs")
    return [form for form, given in GIVES.items() if predicted <= given] if predicted else []


MEMBERS = frozenset({"member_probs", "target_member_probs", "votes"})
"""The evidence that only the members of a committee give."""

KINDS_FOR = {
    need: [kind for kind, given in GIVES.items() if need in given]
    for need, kind in EVIDENCE.items()
    if kind.source == PREDICTIONS
}


@dataclass(frozen=True)
class Source:
    """Where the predictions of a scoring come from: one model, several, an upload, or nowhere."""

    models: tuple[Model, ...] = ()
    predictions: Predictions | None = None

    @property
    def gives(self) -> frozenset[str]:
        """The evidence that there is."""
        if self.predictions is not None:
            return frozenset(GIVES[self.predictions.form])
        if self.silent is not None:
            return frozenset()
        if len(self.models) > 1 or any(model.members for model in self.models):
            return frozenset(GIVES["members"])
        return frozenset(GIVES["probs"] if self.models else ())

    @property
    def silent(self) -> Model | None:
        """A model that gives no probabilities, if there is one."""
        return next((model for model in self.models if not model.probabilities), None)

    @property
    def classes(self) -> int:
        """The number of classes, of several models those that any knows."""
        return len(self.known_classes)

    @property
    def known_classes(self) -> frozenset[Any]:
        """What tells each class from the others."""
        if self.predictions is not None:
            return frozenset(map(identity, self.predictions.classes))
        return frozenset(identity(each) for model in self.models for each in model.classes)

    @property
    def members(self) -> int:
        """The number of committee members."""
        if self.predictions is not None:
            return self.predictions.members or 1
        return len(self.models) if len(self.models) > 1 else (self.models[0].members or 1)


@dataclass(frozen=True)
class Question:
    """A scoring as it was asked, with all that it names looked up.

    `labelled` is how many labels there will be, where that is not how many there are now.
    """

    pool: Pool
    source: Source
    functions: tuple[Function, ...]
    n: int | None
    annotations: Predictions | None = None
    labelled: int | None = None
