"""Names of files that may have no record for a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from service.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Unsettled(Record):
    """Files about to be published before their record is kept, or removed after it has gone.

    `pool` is the pool that they belong to, where their names do not say so.
    """

    kind = "unsettled"

    names: tuple[str, ...]
    pool: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "names": tuple(document["names"])})
