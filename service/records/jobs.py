"""Jobs: one request for work each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from service.records.record import Record, new_id, now

QUEUED, RUNNING, CANCELLING = "queued", "running", "cancelling"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
STATES = (QUEUED, RUNNING, CANCELLING, SUCCEEDED, FAILED, CANCELLED)
FINAL = frozenset({SUCCEEDED, FAILED, CANCELLED})

ACTIVE = "active"
"""The index of the jobs that are not in a final state."""


def active(index: str) -> str:
    """Return the index of those jobs of another that are not in a final state."""
    return f"{ACTIVE}:{index}"


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """One request for work, and how far it has come.

    What several workers do together is in `pieces`: for each the first of its parts of the pool,
    and the first that is none of its own. `handed_back` counts the attempts that ended because the
    worker was told to stop.
    """

    kind = "job"

    task: str
    request: Mapping[str, Any]
    pool: str | None = None
    model: str | None = None
    committee: tuple[str, ...] = ()
    pieces: tuple[tuple[int, int], ...] = ()
    state: str = QUEUED
    attempts: int = 0
    handed_back: int = 0
    ticket: str = field(default_factory=new_id)
    holder: str = ""
    total: int | None = None
    queued_at: str = field(default_factory=now)
    started_at: str | None = None
    finished_at: str | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL

    @property
    def piece_tickets(self) -> tuple[str, ...]:
        """The tickets of its pieces, which are numbered from 1."""
        return tuple(f"{self.ticket}-{number}" for number in range(1, len(self.pieces) + 1))

    def indexes(self) -> frozenset[str]:
        """Jobs are found by what they work on; while they are not final, apart from the others."""
        subjects = [("pool", self.pool), ("model", self.model)]
        subjects += [("model", each) for each in self.committee]
        about = frozenset(f"{kind}:{id}" for kind, id in subjects if id)
        return about if self.is_final else about | {ACTIVE} | {active(each) for each in about}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        pieces = tuple((first, last) for first, last in document.get("pieces", ()))
        committee = tuple(document.get("committee", ()))
        return cls(**{**document, "committee": committee, "pieces": pieces})
