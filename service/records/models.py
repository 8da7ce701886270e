"""Models: what predicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from service.records.record import Record

FLOAT64_BYTES = 8


@dataclass(frozen=True, kw_only=True)
class Model(Record):
    """An immutable artifact, named by the SHA-256 of its bytes.

    `members` is how many members it has where it is a committee by itself; `training` says what it
    was fitted on where that was done here.
    """

    kind = "model"

    format: str
    bytes: int
    name: str = ""
    estimator: str = ""
    classes: tuple[Any, ...] = ()
    item_values: int | None = None
    item_shape: tuple[int, ...] | None = None
    probabilities: bool = False
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    members: int | None = None
    training: Mapping[str, Any] | None = None

    def member_bytes(self, rows: int) -> int:
        """Return how many bytes the members' probabilities of some items take, at most."""
        return rows * (self.members or 0) * len(self.classes) * FLOAT64_BYTES

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        shape = document["item_shape"]
        return cls(
            **{
                **document,
                "classes": tuple(document["classes"]),
                "warnings": tuple(document["warnings"]),
                "item_shape": None if shape is None else tuple(shape),
            }
        )
