"""Leases: items handed to one annotator for a while, and what annotators said of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.records.record import Document, now

LEASED = "leased"
"""The exclusion set of the items that somebody holds now."""

MOST_OVERLAP = 10
"""How many annotators may be asked for one item."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """Items of a pool that one annotator holds, by row, each as a reading of the ranking gave it.

    `expires_at` is None before it is taken; `ended` says how it came to an end, if it did.
    """

    id: str
    pool: str
    ranking: str
    annotator: str
    overlap: int
    created_at: str = field(default_factory=now)
    expires_at: str | None = None
    items: Mapping[int, Document] = field(default_factory=dict)
    completed: Mapping[int, Document] = field(default_factory=dict)
    ended: str | None = None


@dataclass(frozen=True)
class LeaseSummary:
    """A lease, and how many items it holds still."""

    lease: Lease
    held: int


@dataclass(frozen=True)
class Standing:
    """What may be had of a pool by one annotator with one overlap, as bitmaps of rows.

    `held`: somebody holds it. `closed`: as many hold it as may. `full`: as many as the overlap have
    it or have completed it. `own`: the annotator has it or has completed it. `decided`: what was
    said of it has become its label, and binds nobody once that label is taken away.
    """

    held: bytes
    closed: bytes
    full: bytes
    own: bytes
    decided: bytes


@dataclass(frozen=True)
class Spoken:
    """What an annotator said of an item: the label as JSON, empty for none, and what it is like.

    Equal kinds are one vote: 1 and 1.0 are one class.
    """

    text: str
    kind: str


@dataclass(frozen=True)
class Completion:
    """What completing some items of a lease did.

    `refused` are rows that another call had completed, or given back, and then nothing was done.
    `labelled` counts the items that what was said gave a label; `held` those that the lease still
    holds, until `expires_at`.
    """

    labelled: int = 0
    held: int = 0
    expires_at: str | None = None
    refused: tuple[int, ...] = ()


@dataclass(frozen=True)
class Release:
    """What giving back some items of a lease did; `refused`, `held` and `expires_at` are as in a
    Completion."""

    released: int = 0
    held: int = 0
    expires_at: str | None = None
    refused: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The label, as JSON, that the annotators of an item gave it, those who said it first."""

    label: str
    annotators: tuple[str, ...]


@dataclass(frozen=True)
class Annotation:
    """What an annotator said of one row, as JSON, empty for nothing, with which lease, and when."""

    row: int
    annotator: str
    text: str
    lease: str
    at: str
