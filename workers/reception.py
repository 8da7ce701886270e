"""How an upload becomes predictions: read in the sandbox, checked here, published, remembered."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from service.errors import DuplicateItem, Fault, InvalidOutput, SubjectGone, UploadRefused
from service.files import MANIFEST, given_name, upload_name, write_manifest
from service.given import ARRAYS, PLACES, TABLES
from service.ids import PackedIds, Rows
from service.items import Items
from service.operations import jobs, pools, predictions, unsettled, usage
from service.records import Job, Pool, Predictions
from workers.verification import Array, Summary, first_wrong, summary_of, take_arrays
from workers.workbench import EXPANSION, Desk, Workbench

LIMITS = (
    "max_item_values",
    "max_id_bytes",
    "max_metadata_columns",
    "max_metadata_bytes",
    "max_classes",
    "max_members",
)

BLOCK_IDS = 2**18
LINES, CSV = "application/x-ndjson", "text/csv"


@dataclass(frozen=True)
class Named:
    """The items of an upload, by the names under which errors tell of them."""

    pool: Items
    given: PackedIds | None

    def at(self, places: Rows) -> list[str]:
        """Return the ids of some items."""
        return self.pool.at(places) if self.given is None else self.given.at(places)


def receive(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Take in the predictions that stand under the job's id; return what they are."""
    forget_earlier_attempt(bench, job)
    pool = pool_then(bench, job)
    body = bench.backend.files.path(upload_name(job.id))
    with bench.desk(job) as desk:
        said = bench.open(
            job,
            "read_predictions",
            arguments=reader_arguments(bench, job),
            inputs={"body": body},
            scratch=desk.scratch,
            room=EXPANSION * job.request["bytes"],
        )
        summary = summary_of(said, job.request["options"]["kind"], bench.backend.settings)
        named = take_ids(bench, desk, pool, summary)
        places = place(bench, job, named, summary)
        arrays = take_arrays(desk, summary)
        refuse_values(arrays, summary, named)
        if places is not None:
            np.save(desk.out / f"{PLACES}.npy", places, allow_pickle=False)
        record = record_of(job, pool, summary, arrays, whole=places is None)
        jobs.advance(bench.backend, job, summary.items, summary.items)
        write_manifest(desk.out / MANIFEST, record.kind, record.document())
        usage.claim_for(bench.backend, desk.out, instead_of=job.request["bytes"])
        unsettled.note(bench.backend, given_name(pool.id, record.id))
        bench.backend.files.publish(desk.out, given_name(pool.id, record.id))
    predictions.enter(bench.backend, record)
    return {
        "predictions": record.id,
        "kind": record.form,
        "items": record.items,
        "classes": list(record.classes),
        "members": record.members,
    }


def predictions_id(job: Job) -> str:
    """Return the id of the predictions that a job makes, the same at every attempt."""
    return uuid.uuid5(uuid.UUID(job.id), "predictions").hex


def forget_earlier_attempt(bench: Workbench, job: Job) -> None:
    """Remove what an attempt that died published and did not get remembered."""
    if bench.backend.storage.get(Predictions, predictions_id(job)) is None:
        bench.backend.files.remove(given_name(job.request["pool"], predictions_id(job)))


def pool_then(bench: Workbench, job: Job) -> Pool:
    """Return the pool as it was when the predictions were sent."""
    pool = pools.find(bench.backend, job.request["pool"])
    if pool is None:
        raise SubjectGone(f"The pool {job.request['pool']} was deleted")
    parts = frozenset(job.request["parts"])
    return replace(pool, parts=tuple(part for part in pool.parts if part.id in parts))


def reader_arguments(bench: Workbench, job: Job) -> dict[str, Any]:
    """Return what the reader must know of an upload."""
    settings = bench.backend.settings
    return {
        "media_type": job.request["media_type"],
        "options": job.request["options"],
        "limits": {name: getattr(settings, name) for name in LIMITS}
        | {"max_items": settings.max_pool_items},
    }


def take_ids(bench: Workbench, desk: Desk, pool: Pool, summary: Summary) -> Named:
    """Return how the items are named; raise UploadRefused where it is unclear which they are."""
    items = Items(bench.backend.files, pool)
    if not summary.numbered:
        return Named(items, desk.take_ids(summary.items))
    if summary.items != pool.total:
        detail = f"There are predictions of {summary.items} items, and the pool has {pool.total}"
        remedy = "name those that are predicted by ids (.npz or multipart)"
        if summary.members == pool.total:
            remedy = f"if the axis of {pool.total}, said to count members, counts items, mend axes"
        raise UploadRefused(f"{detail}: {remedy}", faults=[Fault("/ids", detail)])
    return Named(items, None)


def place(bench: Workbench, job: Job, named: Named, summary: Summary) -> Rows | None:
    """Return the place of each row of the pool; None where all are predicted, in pool order."""
    if named.given is None:
        return None
    rows = np.empty(summary.items, dtype=np.int64)
    for start in range(0, summary.items, BLOCK_IDS):
        block = np.arange(start, min(start + BLOCK_IDS, summary.items))
        rows[block] = found_rows(job, named, block)
        jobs.advance(bench.backend, job, start + len(block), summary.items)
    order = np.arange(summary.items)
    places = np.full(named.pool.pool.total, -1, dtype=np.int64)
    places[rows[::-1]] = order[::-1]  # of an id that stands twice, the first place stays
    again = np.flatnonzero(places[rows] != order)
    if len(again):
        first, second = int(places[rows[again[0]]]), int(again[0])
        name = named.at(again[:1])[0]
        detail = f"{name!r} stands also at {id_place(job, first)}"
        raise DuplicateItem(
            f"The item {name!r} is predicted twice; nothing was taken",
            faults=[Fault(id_place(job, second), detail)],
        )
    return None if np.array_equal(places, order) else places


def found_rows(job: Job, named: Named, block: Rows) -> Rows:
    """Return the rows of the pool in which some items stand; raise UploadRefused for a stranger."""
    try:
        names = named.at(block)
    except UnicodeDecodeError as error:
        raise InvalidOutput("The ids are not what the reader said") from error
    rows = named.pool.find(names)
    unknown = np.flatnonzero(rows < 0)
    if len(unknown):
        name, item = names[unknown[0]], int(block[unknown[0]])
        raise UploadRefused(
            f"The pool has no item {name!r}; nothing was taken",
            faults=[Fault(id_place(job, item), f"{name!r} is not in the pool")],
        )
    return rows


def id_place(job: Job, item: int) -> str:
    """Return where an item's id stands in an upload, in the words of its format."""
    media_type = job.request["media_type"].partition(";")[0].strip().lower()
    column = f'column "{job.request["options"]["id_column"]}"'
    if media_type == LINES:
        return f"line {item + 1}, /id"
    if media_type == CSV:  # in which an item may have several rows
        return f"item {item}, counted from 0, {column}"
    if media_type in TABLES:
        return f"row {item + 1}, {column}"
    return f"/ids/{item}" if media_type in ARRAYS else f"/items/{item}/id"


def refuse_values(arrays: Mapping[str, Array], summary: Summary, named: Named) -> None:
    """Raise UploadRefused, naming the item, for numbers that cannot be what they are said to be."""
    wrong = first_wrong(arrays, summary)
    if wrong is not None:
        name = named.at(np.array([wrong.item]))[0]
        raise UploadRefused(
            f"What is given for the item {name!r} cannot be: {wrong.detail}",
            faults=[Fault(f"/items/{wrong.item}/{wrong.array}", wrong.detail)],
        )


def record_of(
    job: Job, pool: Pool, summary: Summary, arrays: Mapping[str, Array], *, whole: bool
) -> Predictions:
    """Return the record of predictions, the same at every attempt at a job."""
    lengths = np.diff(arrays["ends"], prepend=0) if "ends" in arrays else np.ones(1)
    return Predictions(
        id=predictions_id(job),
        job=job.id,
        pool=pool.id,
        form=summary.kind,
        name=job.request["name"],
        parts=tuple(part.id for part in pool.parts),
        total=pool.total,
        items=summary.items,
        whole=whole,
        classes=summary.classes,
        members=summary.members,
        dtype=summary.dtype,
        empty=int((lengths == 0).sum()),
        bytes=job.request["bytes"],
        sha256=job.request["sha256"],
        created_at=job.created_at,
    )
