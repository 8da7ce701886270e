"""What a run leaves: every round's labels, scores and queried items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Round:
    """One round: the items labelled in it, how many are labelled after it, and how the model
    fitted then scores. Round 0 labels the first items. A metric that is not defined is None."""

    number: int
    labels: int
    queried: tuple[str, ...]
    scores: Mapping[str, float | None]


@dataclass(frozen=True)
class Trace:
    """All rounds of one run, by its number in the plan."""

    run: int
    rounds: tuple[Round, ...]
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return the trace as plain values."""
        rounds = [
            {**vars(each), "queried": list(each.queried), "scores": dict(each.scores)}
            for each in self.rounds
        ]
        return {"run": self.run, "rounds": rounds, "seconds": self.seconds}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the trace that a document describes."""
        rounds = tuple(
            Round(**{**each, "queried": tuple(each["queried"])}) for each in document["rounds"]
        )
        return cls(document["run"], rounds, document["seconds"])
