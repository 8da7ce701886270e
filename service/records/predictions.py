"""Predictions that clients gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from service.records.record import Record


@dataclass(frozen=True, kw_only=True)
class Predictions(Record):
    """What a client's own model says of a pool's items, of those that it said anything of.

    `form` is one of FORMS, which the API calls the predictions' kind: a record's `kind` is another
    thing. `total` is how many items the pool had in `parts`, `items` how many of them were
    predicted, `empty` how many of these without any object or token. They are `whole` where that is
    every item, in pool order.
    """

    kind = "predictions"

    job: str
    pool: str
    form: str
    name: str = ""
    parts: tuple[str, ...]
    total: int
    items: int
    whole: bool
    classes: tuple[Any, ...]
    members: int | None
    dtype: str
    empty: int
    bytes: int
    sha256: str

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        lists = {name: tuple(document[name]) for name in ("parts", "classes")}
        return cls(**{**document, **lists})

    def indexes(self) -> frozenset[str]:
        """Predictions are found by the pool that they are of."""
        return frozenset({f"pool:{self.pool}"})
