"""A part that arrives: what its files tell, and whether it fits its pool."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from service.backend import Backend
from service.errors import Conflict, DuplicateItem, Fault, TooLarge, UploadRefused
from service.files import write_manifest
from service.ids import IdIndex, PackedIds, first_common
from service.items import Items
from service.records import FEATURELESS, Part, Pool, now


@dataclass(frozen=True)
class Arrival:
    """A part that stands in the files and wants to enter its pool.

    `follows` are the parts before it, where its files say which these are.
    """

    part: Part
    dtype: str | None
    item_shape: tuple[int, ...] | None
    metadata: Mapping[str, str]
    ids: PackedIds
    index: IdIndex
    numbered_from: int | None
    follows: tuple[str, ...] | None = None


def part_ids(pool: Pool) -> tuple[str, ...]:
    """Return the ids of a pool's parts, in order."""
    return tuple(part.id for part in pool.parts)


def grown(pool: Pool, arrival: Arrival) -> Pool:
    """Return a pool with a part that fits it."""
    return replace(
        pool,
        dtype=arrival.dtype or pool.dtype,
        item_shape=pool.item_shape if arrival.item_shape is None else arrival.item_shape,
        metadata={**pool.metadata, **arrival.metadata},
        parts=(*pool.parts, arrival.part),
    )


def write_part_manifest(path: Path, pool: Pool, arrival: Arrival) -> None:
    """Write what a part says of itself, of the part before it, and of the pool as it is with it."""
    told = grown(pool, arrival).document()
    del told["parts"]
    previous = pool.parts[-1].id if pool.parts else None
    more = {"pool": told, "previous": previous, "written_at": now()}
    write_manifest(path, "part", arrival.part.document(), **more)


def check_fit(backend: Backend, pool: Pool, arrival: Arrival) -> None:
    """Raise UploadRefused where a part's shape, type, metadata or size is not the pool's."""
    limits = backend.settings
    shape = list(arrival.item_shape or ())
    check_featureless(pool, arrival)
    if arrival.item_shape is not None and pool.item_shape not in (None, arrival.item_shape):
        raise UploadRefused(
            f"Items of shape {shape} do not fit a pool of {list(pool.item_shape or ())}"
        )
    if arrival.dtype is not None and pool.dtype not in (None, arrival.dtype):
        raise UploadRefused(
            f"Features of type {arrival.dtype} do not fit a pool of {pool.dtype}: convert them"
        )
    if len(pool.parts) >= limits.max_pool_parts:
        raise TooLarge(f"The pool has {len(pool.parts)} parts already (max_pool_parts)")
    if pool.total + arrival.part.rows > limits.max_pool_items:
        raise TooLarge(f"The pool would pass {limits.max_pool_items} items (max_pool_items)")
    for name, kind in arrival.metadata.items():
        before = pool.metadata.get(name, kind)
        if before != kind:
            raise UploadRefused(
                f"The metadata column {name} holds a {kind} here and a {before} before",
                faults=[Fault(f"/metadata/{name}", f"must be a {before}")],
            )
    if len({**pool.metadata, **arrival.metadata}) > limits.max_metadata_columns:
        raise UploadRefused(
            f"A pool has at most {limits.max_metadata_columns} metadata columns"
            " (max_metadata_columns)"
        )


def check_featureless(pool: Pool, arrival: Arrival) -> None:
    """Raise UploadRefused where one has features and the other has none."""
    here, there = arrival.item_shape, pool.item_shape
    if None in (here, there) or (here == FEATURELESS) == (there == FEATURELESS):
        return
    if here == FEATURELESS:
        raise UploadRefused(
            f"These items have no features, and those of the pool have, of shape"
            f" {list(there or ())}: add them, or send these items to a new pool"
        )
    raise UploadRefused(
        f"These items have features, of shape {list(here or ())}, and those of the pool have none:"
        " leave them out, or send these items to a new pool"
    )


def check_ids(backend: Backend, pool: Pool, arrival: Arrival) -> None:
    """Raise DuplicateItem where an id of the part is in the pool already."""
    if arrival.numbered_from not in (None, pool.total):
        raise Conflict("Another part came in while this one was numbered")
    items = Items(backend.files, pool)
    for start, part in items.located():
        twice = first_common(arrival.ids, arrival.index, items.packed(part), items.index(part))
        if twice:
            here, there = twice[0], start + twice[1]
            name = arrival.ids.at(np.array([here]))[0]
            raise DuplicateItem(
                f"The id {name!r} is in the pool already; nothing of the part was taken",
                faults=[Fault(f"/items/{here}/id", f"{name!r} is row {there} of the pool")],
            )
