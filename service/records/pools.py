"""Pools and their parts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any, Self

from service.records.record import Document, Record, now

LABELLED = "labelled"
"""The exclusion set that a pool's labels keep."""

DELETED = "deleted"
"""The index of the pools that are being deleted."""

FEATURELESS = (0,)
"""The item shape of a pool whose items have no features."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One immutable upload of items into a pool."""

    id: str
    job: str
    rows: int
    bytes: int
    sha256: str
    metadata: tuple[str, ...] = ()
    created_at: str = field(default_factory=now)

    def document(self) -> Document:
        """Return the part as plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Pool(Record):
    """The items that may be labelled. Shape, type and metadata are fixed by the first part."""

    kind = "pool"
    is_versioned = True

    name: str = ""
    deleted: bool = False
    item_shape: tuple[int, ...] | None = None
    dtype: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    def indexes(self) -> frozenset[str]:
        """Pools are found while what they leave behind is being removed."""
        return frozenset({DELETED} if self.deleted else ())

    @property
    def total(self) -> int:
        """The number of items."""
        return self.ends[-1] if self.ends else 0

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The row behind the last of each part."""
        return tuple(accumulate(part.rows for part in self.parts))

    @property
    def item_values(self) -> int | None:
        """The number of feature values of one item, 0 where items have no features, or None before
        the first part."""
        if self.item_shape is None:
            return None
        values = 1
        for length in self.item_shape:
            values *= length
        return values

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        shape = document["item_shape"]
        parts = [
            Part(**{**part, "metadata": tuple(part["metadata"])}) for part in document["parts"]
        ]
        return cls(
            **{
                **document,
                "parts": tuple(parts),
                "item_shape": None if shape is None else tuple(shape),
            }
        )
