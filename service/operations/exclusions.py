"""Named exclusion sets: which items a reading of a ranking leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service import ranking
from service.backend import Backend
from service.errors import Conflict, ExclusionSetNotFound, TooLarge
from service.ids import Rows
from service.items import Items
from service.operations import pools, remembered
from service.ranking import Bitmap
from service.records import LABELLED, LEASED, Pool


@dataclass(frozen=True)
class ExclusionSet:
    """A named set of a pool's items."""

    name: str
    size: int


@dataclass(frozen=True)
class Change:
    """What a write did: the size it left, and the ids that the pool does not know."""

    name: str
    size: int
    unknown_ids: tuple[str, ...]


def known_rows(backend: Backend, pool: Pool, ids: Sequence[str]) -> tuple[Rows, tuple[str, ...]]:
    """Return the rows of the ids that the pool knows, and the ids that it does not."""
    limit = backend.settings.max_ids
    if len(ids) > limit:
        raise TooLarge(f"A request names at most {limit} ids (max_ids); send several")
    rows = Items(backend.files, pool).find(ids)
    unknown = tuple(ids[place] for place in np.flatnonzero(rows < 0).tolist())
    return rows[rows >= 0], unknown


def put(backend: Backend, pool_id: str, name: str, ids: Sequence[str]) -> Change:
    """Make or replace an exclusion set. Ids that the pool does not know are told, not kept."""
    pool = pools.get(backend, pool_id)
    check_name(backend, pool, name)
    rows, unknown = known_rows(backend, pool, ids)
    bitmap = ranking.bitmap_of(rows, pool.total)
    backend.storage.put_bits(pool.id, name, bitmap.tobytes())
    pools.check_still_there(backend, pool)
    return Change(name, ranking.count(bitmap), unknown)


def change(
    backend: Backend, pool_id: str, name: str, *, add: Sequence[str], remove: Sequence[str]
) -> Change:
    """Add ids to an exclusion set, made if it is new, and remove ids from it."""
    pool = pools.get(backend, pool_id)
    check_name(backend, pool, name)
    added, unknown_added = known_rows(backend, pool, add)
    removed, unknown_removed = known_rows(backend, pool, remove)
    backend.storage.merge_bits(
        pool.id,
        name,
        ranking.bitmap_of(added, pool.total).tobytes(),
        ranking.bitmap_of(removed, pool.total).tobytes(),
    )
    pools.check_still_there(backend, pool)
    size = ranking.count(bitmap(backend, pool, name))
    return Change(name, size, unknown_added + unknown_removed)


def check_name(backend: Backend, pool: Pool, name: str) -> None:
    """Raise where an exclusion set cannot have this name, or is one too many."""
    check_not_reserved(name)
    names = backend.storage.bit_names(pool.id)
    if name not in names and len(names) >= backend.settings.max_exclusion_sets:
        raise TooLarge(f"The pool has {len(names)} exclusion sets already (max_exclusion_sets)")


def check_not_reserved(name: str) -> None:
    """Raise Conflict for the sets that nobody writes by hand."""
    if name == LABELLED:
        raise Conflict(f"The set `{LABELLED}` is kept by the pool's labels: PUT those instead")
    if name == LEASED:
        raise Conflict(f"The set `{LEASED}` is kept by the pool's leases: it is what they hold")


def bitmap(backend: Backend, pool: Pool, name: str) -> Bitmap:
    """Return an exclusion set of a pool; `labelled` and `leased` are always there.

    Others read the same bitmap: it is not to be changed.
    """
    [marks] = remembered.sets(backend, pool.id, [name])
    return ranking.cut(marks.bitmap, pool.total)


def listing(backend: Backend, pool_id: str) -> list[ExclusionSet]:
    """Return a pool's exclusion sets, `labelled` and `leased` first."""
    pool = pools.get(backend, pool_id)
    names = [LABELLED, LEASED, *backend.storage.bit_names(pool.id)]
    found = remembered.sets(backend, pool.id, names)
    return [ExclusionSet(name, marks.size) for name, marks in zip(names, found, strict=True)]


def members(
    backend: Backend, pool_id: str, name: str, *, start: int, limit: int
) -> tuple[list[str], int, int | None]:
    """Return the ids of a set from a row on, the set's size, and the row to go on from."""
    pool = pools.get(backend, pool_id)
    rows, size, following = ranking.some_rows_of(bitmap(backend, pool, name), start, limit)
    return Items(backend.files, pool).at(rows), size, following


def delete(backend: Backend, pool_id: str, name: str) -> None:
    """Forget an exclusion set."""
    pool = pools.get(backend, pool_id)
    check_not_reserved(name)
    if not backend.storage.remove_bits(pool.id, name):
        raise ExclusionSetNotFound(f"The pool {pool.id} has no exclusion set {name}")
