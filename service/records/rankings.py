"""Rankings: what scoring jobs leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from service.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Ranking(Record):
    """The immutable result of a scoring job: an order of items, their scores, and where from.

    The order of a score holds every item that has one; that of a batch the items selected.
    """

    kind = "ranking"
    is_versioned = True

    job: str
    pool: str
    parts: tuple[str, ...]
    total: int
    ranked: int
    form: str
    purpose: str
    function: Mapping[str, Any]
    source: Mapping[str, Any]
    batch: Mapping[str, Any] | None = None
    raw_name: str
    raw_direction: str
    summary: Mapping[str, Any]
    versions: Mapping[str, str]
    submitted_at: str
    started_at: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "parts": tuple(document["parts"])})

    def indexes(self) -> frozenset[str]:
        """Rankings are found by the pool they rank."""
        return frozenset({f"pool:{self.pool}"})

    @property
    def acquisition(self) -> str:
        """The name of the function that made it."""
        return str(self.function["name"])
