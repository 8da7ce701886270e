"""Annotations: what annotators say of the items that they hold, and the labels that come of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.backend import Backend
from service.classes import text_of
from service.errors import Fault, InvalidRequest
from service.items import Items
from service.operations import decisions, pools
from service.operations.labels import NAMED_FAULTS, Label
from service.operations.leases import check_none_refused, over, remembered, rows_of
from service.records import Annotation, Completion, Document, Lease, Spoken


def complete(
    backend: Backend,
    id: str,
    given: Mapping[str, Label | None] | None,
    items: Sequence[str] | None,
) -> tuple[Completion, int]:
    """Keep what the annotator of a lease says of its items, and put what that decides as labels.

    Without `items` those labelled are complete, and without both all. An item without a label, or
    labelled None, is completed without one. Return also how many were completed. All are, or none:
    a lease that has ended takes nothing, but what it was told before.
    """
    lease = remembered(backend, id)
    said = spoken_of(lease, given, items)
    outcome = backend.leases.complete(lease, said)
    if outcome is None:
        raise over(backend.leases.get(id) or lease)
    check_none_refused(lease, outcome)
    pool = pools.get(backend, lease.pool)
    decisions.settle(backend, pool, list(said))
    pools.check_still_there(backend, pool)
    return outcome, len(said)


def spoken_of(
    lease: Lease, given: Mapping[str, Label | None] | None, items: Sequence[str] | None
) -> dict[int, Spoken]:
    """Return what is said of each row that is to be completed."""
    if given is None and items is None:
        if lease.ended:
            raise over(lease)
        return {row: Spoken("", "") for row in lease.items}
    known = {**lease.completed, **lease.items}
    if lease.ended and not known:
        raise over(lease)
    given = given or {}
    places = rows_of(known, list(given), "/labels/{}/id")
    labelled = dict(zip(places, given.values(), strict=True))
    if items is None:
        return {row: spoken(label) for row, label in labelled.items()}
    rows = rows_of(known, items, "/items/{}")
    check_among(given, items)
    return {row: spoken(labelled.get(row)) for row in rows}


def spoken(label: Label | None) -> Spoken:
    """Return a label as it is kept; 1 and 1.0 are one class, and so of one kind."""
    text = "" if label is None else text_of(label)
    return Spoken(text, text)


def check_among(given: Mapping[str, Any], items: Sequence[str]) -> None:
    """Raise InvalidRequest for a label of an item that is not to be completed."""
    named = set(items)
    faults = [
        Fault(f"/labels/{place}/id", f"{id!r} is not among the items to complete")
        for place, id in enumerate(given)
        if id not in named
    ]
    if faults:
        raise InvalidRequest("Labels are of items to complete", faults=faults[:NAMED_FAULTS])


def page(
    backend: Backend, pool_id: str, *, start: int, limit: int
) -> tuple[list[Document], int, int | None]:
    """Return what annotators said, the oldest first, how much there is, and where to go on."""
    pool = pools.get(backend, pool_id)
    found, total = backend.leases.annotations(pool.id, start, limit)
    ids = Items(backend.files, pool).at(np.array([each.row for each in found], dtype=np.int64))
    following = start + limit
    told = [document_of(each, id) for each, id in zip(found, ids, strict=True)]
    return told, total, following if following < total else None


def document_of(annotation: Annotation, id: str) -> Document:
    """Return what an annotator said of an item; a label of None says that there was none."""
    return {
        "id": id,
        "annotator": annotation.annotator,
        "label": json.loads(annotation.text) if annotation.text else None,
        "lease": annotation.lease,
        "at": annotation.at,
    }
