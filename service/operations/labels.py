"""Labels of a pool's items; an item that has one is left out of readings unless asked for."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from service import ranking
from service.backend import Backend
from service.classes import text_of
from service.errors import Fault, InvalidRequest
from service.ids import Rows
from service.items import Items
from service.operations import exclusions, pools
from service.ranking import Bitmap
from service.records import LABELLED, ClassCounts, Document, Labelling, Pool, now

Label = str | int | float | bool
NAMED_FAULTS = 20


class Entry(NamedTuple):
    """A label to set, or None to remove; source and time are the request's where they are None."""

    label: Label | None
    source: str | None = None
    time: str | None = None


def in_list(place: int) -> str:
    """Return the pointer to the id of an entry, in a JSON body."""
    return f"/labels/{place}/id"


def put(
    backend: Backend, pool_id: str, labels: Mapping[str, Label | None], *, source: str = ""
) -> int:
    """Set, or with None remove, labels by id, all said by one source; as `put_entries`."""
    entries = {id: Entry(label) for id, label in labels.items()}
    return put_entries(backend, pool_id, entries, source=source)


def put_entries(
    backend: Backend,
    pool_id: str,
    entries: Mapping[str, Entry],
    *,
    source: str = "",
    at: Callable[[int], str] = in_list,
) -> int:
    """Set, or with None remove, labels by id; raise, and set none, where an id is unknown.

    A label that stands already, of the same source, keeps its time. `at` says where the id of an
    entry stands, by its place. Return how many items are labelled now.
    """
    pool = pools.get(backend, pool_id)
    ids = list(entries)
    rows, unknown = exclusions.known_rows(backend, pool, ids)
    if unknown:
        raise unknown_ids(ids, unknown, at)
    time = now()
    given = labellings_of(entries.values(), source, time)
    labelled = backend.labels.put(pool.id, dict(zip(rows.tolist(), given, strict=True)))
    pools.check_still_there(backend, pool)
    return labelled


def labellings_of(entries: Iterable[Entry], source: str, time: str) -> Iterator[Labelling | None]:
    """Return entries as they are kept; what is said of many items is made once."""
    made: dict[tuple[type, Entry], Labelling | None] = {}
    for entry in entries:
        key = type(entry.label), entry  # true is another label than 1, which equals it
        if key not in made:
            made[key] = labelling_of(entry, source, time)
        yield made[key]


def labelling_of(entry: Entry, source: str, time: str) -> Labelling | None:
    """Return an entry as it is kept, None for one that removes a label."""
    if entry.label is None:
        return None
    said_by = source if entry.source is None else entry.source
    return Labelling(text_of(entry.label), said_by, entry.time or time)


def unknown_ids(
    ids: Sequence[str], unknown: Sequence[str], at: Callable[[int], str]
) -> InvalidRequest:
    """Return the error for ids that a pool does not know."""
    faults = [
        Fault(at(ids.index(id)), f"{id!r} is not in the pool") for id in unknown[:NAMED_FAULTS]
    ]
    return InvalidRequest(
        f"The pool does not know {len(unknown)} of the ids; no label was set", faults=faults
    )


def page(
    backend: Backend, pool_id: str, *, start: int, limit: int
) -> tuple[list[Document], int, int | None]:
    """Return labels in pool order from a row on, how many there are, and the row to go on from."""
    pool = pools.get(backend, pool_id)
    rows = np.empty(0, dtype=np.int64)
    for group in ranking.walk_rows(bitmap_of(backend, pool), start):
        rows = np.concatenate([rows, group])
        if len(rows) > limit:
            break
    following = int(rows[limit]) if len(rows) > limit else None
    return documents(backend, pool, rows[:limit]), backend.labels.count(pool.id), following


def every(backend: Backend, pool_id: str) -> Iterator[list[Document]]:
    """Return all labels in pool order, some at a time, read as they are asked for."""
    pool = pools.get(backend, pool_id)
    groups = ranking.walk_rows(bitmap_of(backend, pool))
    return (documents(backend, pool, rows) for rows in groups)


def bitmap_of(backend: Backend, pool: Pool) -> Bitmap:
    """Return the bitmap of a pool's labelled rows."""
    return exclusions.bitmap(backend, pool, LABELLED)


def documents(backend: Backend, pool: Pool, rows: Rows) -> list[Document]:
    """Return the labels of some rows; what was removed meanwhile is left out."""
    found = backend.labels.labellings(pool.id, rows.tolist())
    ids = Items(backend.files, pool).at(rows)
    return [
        {"id": id, "label": json.loads(said.label), "source": said.source, "time": said.time}
        for id, said in zip(ids, found, strict=True)
        if said is not None
    ]


def classes(backend: Backend, pool_id: str) -> ClassCounts:
    """Return a pool's distinct labels and how many items have each, the most frequent first."""
    pool = pools.get(backend, pool_id)
    return backend.labels.classes(pool.id, backend.settings.max_classes)


def listed(counts: ClassCounts) -> list[dict[str, Any]]:
    """Return classes and their counts as plain values."""
    return [{"label": json.loads(label), "count": count} for label, count in counts.counts]


def delete(backend: Backend, pool_id: str) -> None:
    """Remove all labels of a pool."""
    backend.labels.clear(pools.get(backend, pool_id).id)
