"""A record: something remembered under a kind and an id, as a value that never changes."""

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

Document = dict[str, Any]


def new_id() -> str:
    """Return an id that nobody can guess."""
    return uuid.uuid4().hex


def now() -> str:
    """Return the time, in UTC, as it is written everywhere (RFC 3339)."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """Return a moment, which knows its offset, in UTC as it is written everywhere."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Something remembered under a kind and an id."""

    kind: ClassVar[str]
    is_versioned: ClassVar[bool] = False

    id: str
    created_at: str = field(default_factory=now)

    def document(self) -> Document:
        """Return the record as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the record that a document describes."""
        return cls(**document)

    def indexes(self) -> frozenset[str]:
        """Return the names of the indexes in which the record is found."""
        return frozenset()
