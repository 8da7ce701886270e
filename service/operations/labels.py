"""Labels of a pool's items; an item that has one is left out of readings unless asked for."""

import json
from collections.abc import Mapping
from typing import Any

from service import ranking
from service.backend import Backend
from service.errors import Fault, InvalidRequest
from service.items import Items
from service.operations import exclusions, pools
from service.records import LABELLED

Label = str | int | float | bool
NAMED_FAULTS = 20


def put(backend: Backend, pool_id: str, labels: Mapping[str, Label | None]) -> int:
    """Set, or with None remove, labels by id; raise, and set none, where an id is unknown.

    Return how many items are labelled now.
    """
    pool = pools.get(backend, pool_id)
    ids = list(labels)
    rows, unknown = exclusions.known_rows(backend, pool, ids)
    if unknown:
        faults = [
            Fault(f"/labels/{ids.index(id)}/id", f"{id!r} is not in the pool")
            for id in unknown[:NAMED_FAULTS]
        ]
        raise InvalidRequest(
            f"The pool does not know {len(unknown)} of the ids; no label was set", faults=faults
        )
    texts = [None if label is None else json.dumps(label) for label in labels.values()]
    backend.labels.put(pool.id, dict(zip(rows.tolist(), texts, strict=True)))
    pools.check_still_there(backend, pool)
    return ranking.count(exclusions.bitmap(backend, pool, LABELLED))


def page(
    backend: Backend, pool_id: str, *, start: int, limit: int
) -> tuple[list[dict[str, Any]], int, int | None]:
    """Return labels in pool order from a row on, how many there are, and the row to go on from."""
    pool = pools.get(backend, pool_id)
    labelled = exclusions.bitmap(backend, pool, LABELLED)
    rows, total, following = ranking.some_rows_of(labelled, start, limit)
    texts = backend.labels.read(pool.id, rows.tolist())
    ids = Items(backend.files, pool).at(rows)
    found = [
        {"id": id, "label": json.loads(text)}
        for id, text in zip(ids, texts, strict=True)
        if text is not None
    ]
    return found, total, following


def delete(backend: Backend, pool_id: str) -> None:
    """Remove all labels of a pool."""
    backend.labels.clear(pools.get(backend, pool_id).id)
