"""What the service remembers: pools, models, jobs and rankings, as values that never change.

A change is a new value that replaces the old one, if the old one is still what is stored.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

Document = dict[str, Any]

LABELLED = "labelled"
"""The exclusion set that a pool's labels keep."""

QUEUED, RUNNING, CANCELLING = "queued", "running", "cancelling"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"
STATES = (QUEUED, RUNNING, CANCELLING, SUCCEEDED, FAILED, CANCELLED)
FINAL = frozenset({SUCCEEDED, FAILED, CANCELLED})

DELETED = "deleted"
"""The index of the pools that are being deleted."""

ACTIVE = "active"
"""The index of the jobs that are not in a final state."""

FLOAT64_BYTES = 8

FEATURELESS = (0,)
"""The item shape of a pool whose items have no features."""


def new_id() -> str:
    """Return an id that nobody can guess."""
    return uuid.uuid4().hex


def now() -> str:
    """Return the time, in UTC, as it is written everywhere (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Something remembered under a kind and an id."""

    kind: ClassVar[str]

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
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Pool(Record):
    """The items that may be labelled. Shape, type and metadata are fixed by the first part."""

    kind = "pool"

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
        return sum(part.rows for part in self.parts)

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


@dataclass(frozen=True, kw_only=True)
class Model(Record):
    """An immutable artifact, named by the SHA-256 of its bytes.

    `members` is how many members it has where it is a committee by itself.
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


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """One request for work, and how far it has come."""

    kind = "job"

    task: str
    request: Mapping[str, Any]
    pool: str | None = None
    model: str | None = None
    committee: tuple[str, ...] = ()
    state: str = QUEUED
    attempts: int = 0
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

    def indexes(self) -> frozenset[str]:
        """Jobs are found by what they work on, and while they are not final."""
        found = set() if self.is_final else {ACTIVE}
        subjects = [("pool", self.pool), ("model", self.model)]
        subjects += [("model", each) for each in self.committee]
        return frozenset(found | {f"{kind}:{id}" for kind, id in subjects if id})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "committee": tuple(document.get("committee", ()))})


@dataclass(frozen=True, kw_only=True)
class Ranking(Record):
    """The immutable result of a scoring job: an order of items, their scores, and where from.

    The order of a score holds every item that has one; that of a batch the items selected.
    """

    kind = "ranking"

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


KINDS: dict[str, type[Record]] = {
    kind.kind: kind for kind in (Pool, Model, Job, Ranking, Predictions)
}
