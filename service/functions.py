"""What is asked of the catalogue: functions by name, with parameters, and what they build on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from service.acquisition import REGISTRY, Acquisition
from service.acquisition.registry import AGGREGATION, BATCH


@dataclass(frozen=True)
class Function:
    """An acquisition function as a client asks for it, every parameter filled in.

    `of` are the functions whose scores it builds on. `candidates` is how many of the best by those
    scores a batch strategy may choose among; None leaves it all that are eligible.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    of: tuple["Function", ...] = ()
    candidates: int | None = None

    @property
    def entry(self) -> Acquisition:
        """What the registry knows of the function."""
        return REGISTRY[self.name]

    @cached_property
    def key(self) -> str:
        """A text that two functions share only if they are the same in every respect."""
        return json.dumps(self.document(), sort_keys=True)

    def least(self, classes: int) -> float | None:
        """Return the least score there can be with so many classes, or None."""
        least = self.entry.least
        if not callable(least):
            return least
        inner = self.of[0].least(classes) if self.of else None
        return least(self.parameters, classes, inner)

    def document(self) -> dict[str, Any]:
        """Return the function as plain values, what is not said left out."""
        said: dict[str, Any] = {"name": self.name, "parameters": dict(self.parameters)}
        if self.of:
            said["of"] = [each.document() for each in self.of]
        if self.candidates is not None:
            said["candidates"] = self.candidates
        return said

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the function that a document describes."""
        return cls(
            name=document["name"],
            parameters=document["parameters"],
            of=tuple(cls.from_document(each) for each in document.get("of", ())),
            candidates=document.get("candidates"),
        )

    def scored(self) -> Iterator["Function"]:
        """Yield the functions whose scores of all items it needs, and it, unless it is a batch."""
        if self.entry.kind != AGGREGATION:  # which scores the objects itself
            for each in self.of:
                yield from each.scored()
        if self.entry.kind != BATCH:
            yield self

    def walk(self) -> Iterator["Function"]:
        """Yield the functions that this one builds on, each before what builds on it, and it."""
        for each in self.of:
            yield from each.walk()
        yield self
