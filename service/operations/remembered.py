"""What readings ask for again and again: kept in the process, and known by its version to be so
still.

Whoever reads asks the storage first for the versions of all that is needed, in one round trip. What
was written before the question is therefore in the answer, whichever process wrote it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from service import ranking
from service.backend import Backend
from service.errors import ExclusionSetNotFound, PoolNotFound, RankingNotFound
from service.ranking import Bitmap
from service.records import LABELLED, LEASED, Pool, Ranking, Record
from service.storage import Place, Versioned, set_place

R = TypeVar("R", bound=Record)

KINDS: dict[str, type[Record]] = {Pool.kind: Pool, Ranking.kind: Ranking}
NO_BITS = ranking.empty_bitmap(0)
GROWTH = 8
"""How many bytes a record takes for each of its text."""
SMALL = 512
"""Bytes that keeping anything takes."""


@dataclass(frozen=True)
class Kept:
    """A value, None for nothing, and the version of what it was made of."""

    version: str | None
    value: Any


@dataclass(frozen=True)
class Marks:
    """The rows of what is told by its place, how many they are, and the version of that."""

    place: Place
    version: object
    bitmap: Bitmap
    size: int


@dataclass(frozen=True)
class Subject:
    """A ranking, its pool, and exclusion sets of that."""

    ranking: Ranking
    pool: Pool
    sets: Sequence[Marks]


def subject(backend: Backend, id: str, names: Sequence[str]) -> Subject:
    """Return a ranking with its pool and some exclusion sets of that; raise for what is not there.

    What a process remembers of a ranking is enough to know its pool: no ranking ever changes that.
    """
    place = (Ranking.kind, id)
    before = backend.cache.get(place) or fetched(backend, place)
    if before.value is None:
        raise missing(id)
    owner = before.value.pool
    places = [place, (Pool.kind, owner), *(set_place(owner, name) for name in names)]
    sweep(backend, owner, names)
    found, pool, *marks = current(backend, places)
    if found.value is None:
        raise missing(id)
    if pool.value is None or pool.value.deleted:
        raise PoolNotFound(f"The pool {owner} was deleted")
    return Subject(found.value, pool.value, checked(backend, owner, names, marks))


def missing(id: str) -> RankingNotFound:
    """Return the error for a ranking that is not there."""
    return RankingNotFound(f"There is no ranking {id}")


def sets(backend: Backend, pool: str, names: Sequence[str]) -> list[Marks]:
    """Return exclusion sets of a pool; raise ExclusionSetNotFound for one that is not there."""
    sweep(backend, pool, names)
    found = current(backend, [set_place(pool, name) for name in names])
    return checked(backend, pool, names, found)


def sweep(backend: Backend, pool: str, names: Sequence[str]) -> None:
    """Free what leases that ran out held, where it is asked what is held."""
    if LEASED in names:
        backend.leases.sweep(pool)


def checked(
    backend: Backend, pool: str, names: Sequence[str], found: Sequence[Kept]
) -> list[Marks]:
    """Return the sets that were found; `labelled` and `leased` are always there."""
    missing = [
        name
        for name, kept in zip(names, found, strict=True)
        if kept.version == "" and name not in (LABELLED, LEASED)
    ]
    stored = backend.storage.bit_names(pool) if missing else ()
    for name in missing:
        if name not in stored:
            raise ExclusionSetNotFound(f"The pool {pool} has no exclusion set {name}")
    return [kept.value for kept in found]


def current(backend: Backend, places: Sequence[Place]) -> list[Kept]:
    """Return what stands in some places now, read only where it is not known already."""
    if not places:
        return []
    return [
        known(backend, place, version)
        for place, version in zip(places, backend.storage.versions(places), strict=True)
    ]


def known(backend: Backend, place: Place, version: str | None) -> Kept:
    """Return what has a version, or what stands in its place by now."""
    kept: Kept | None = backend.cache.get(place)
    if kept is not None and version is not None and kept.version == version:
        return kept
    if version == "":
        return parsed(place, Versioned(None, ""))
    return fetched(backend, place)


def fetched(backend: Backend, place: Place) -> Kept:
    """Read what stands in a place, and keep it."""
    found = backend.storage.versioned(place)
    kept = parsed(place, found)
    if found.version:
        backend.cache.put(place, kept, size_of(kept, found.content or b""))
    return kept


def parsed(place: Place, found: Versioned) -> Kept:
    """Return what was read as a value."""
    if place[0] in KINDS:
        text = found.content
        record = None if text is None else KINDS[place[0]].from_document(json.loads(text))
        return Kept(found.version, record)
    if not found.content and found.version is not None:
        return Kept(found.version, Marks(place, found.version, NO_BITS, 0))
    bitmap = np.frombuffer(found.content or b"", dtype=np.uint8)
    version = found.version if found.version is not None else object()
    return Kept(found.version, Marks(place, version, bitmap, ranking.count(bitmap)))


def size_of(kept: Kept, content: bytes) -> int:
    """Return about how many bytes a value takes in memory."""
    return SMALL + len(content) * (1 if isinstance(kept.value, Marks) else GROWTH)
