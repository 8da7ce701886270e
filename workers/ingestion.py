"""How an upload becomes a part: read in the sandbox, checked here, published, put into its pool."""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import Conflict, DuplicateItem, Fault, InvalidOutput, ServiceError
from service.files import MANIFEST, part_name, upload_name
from service.ids import IdIndex, PackedIds, build_index, first_duplicate, hash_ids, numbered
from service.operations import jobs, pools, unsettled, usage
from service.operations.arrivals import Arrival, part_ids, write_part_manifest
from service.records import FEATURELESS, Job, Part, Pool
from workers.workbench import EXPANSION, Desk, Workbench, load

LIMITS = ("max_item_values", "max_id_bytes", "max_metadata_columns", "max_metadata_bytes")
DTYPES = ("uint8", "float16", "float32", "float64")
METADATA_TYPES = {"number": np.float64, "boolean": np.int8, "string": np.int32}
BODY = "body"


@dataclass(frozen=True)
class Summary:
    """What the reader says of an upload."""

    rows: int
    item_shape: tuple[int, ...] | None
    dtype: str
    numbered: bool
    features: str
    metadata: Mapping[str, str]


def ingest(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Make a part of the upload that stands under the job's id; return what it is."""
    body = bench.backend.files.path(upload_name(job.id))
    with bench.desk(job) as desk:
        summary = summary_of(
            bench.open(
                job,
                "read_upload",
                arguments=reader_arguments(bench, job),
                inputs={BODY: body},
                scratch=desk.scratch,
                room=EXPANSION * job.request["bytes"],
            )
        )
        take_features(desk, body, summary)
        take_metadata(desk, summary)
        jobs.advance(bench.backend, job, summary.rows, summary.rows)
        part = enter(bench, job, desk, summary).document()
    return {
        "part": part,
        "rows": summary.rows,
        "item_shape": None if summary.item_shape is None else list(summary.item_shape),
        "dtype": summary.dtype,
    }


def reader_arguments(bench: Workbench, job: Job) -> dict[str, Any]:
    """Return what the reader must know of an upload."""
    settings = bench.backend.settings
    pool = pools.get(bench.backend, job.request["pool"])
    limits = {name: getattr(settings, name) for name in LIMITS}
    return {
        "media_type": job.request["media_type"],
        "options": job.request["options"],
        "limits": {**limits, "max_items": settings.max_pool_items - pool.total},
    }


def summary_of(said: Mapping[str, Any]) -> Summary:
    """Return what the reader said, as far as it can be true."""
    try:
        summary = described(said)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidOutput("The upload was not described as it must be") from error
    unknown = summary.rows > 0 and summary.item_shape is None
    hollow = 0 in (summary.item_shape or ()) and summary.item_shape != FEATURELESS
    if summary.rows < 0 or unknown or hollow or summary.dtype not in DTYPES:
        raise InvalidOutput("The reader gave an impossible summary of the upload")
    return summary


def described(said: Mapping[str, Any]) -> Summary:
    """Return what the reader said as a summary."""
    shape = said["item_shape"]
    return Summary(
        rows=int(said["rows"]),
        item_shape=None if shape is None else tuple(int(length) for length in shape),
        dtype=str(said["dtype"]),
        numbered=bool(said["numbered"]),
        features=str(said["features"]),
        metadata={str(column["name"]): str(column["type"]) for column in said["metadata"]},
    )


def take_features(desk: Desk, body: Path, summary: Summary) -> None:
    """Put the features where they are published from; the body itself where it is in that form."""
    target = desk.out / "features.npy"
    if summary.features == BODY:
        os.link(body, target)
    else:
        desk.take("features.npy", target)
    features = load(target)
    expected = (summary.rows, *(summary.item_shape or ()))
    if features.shape != expected or features.dtype.name != summary.dtype:
        raise InvalidOutput("The features are not what the reader said")
    if features.ndim > 1 and not features.flags.c_contiguous:
        raise InvalidOutput("The features are not in the order that is kept")


def take_metadata(desk: Desk, summary: Summary) -> None:
    """Put the metadata columns where they are published from."""
    for number, kind in enumerate(summary.metadata.values()):
        path = desk.take(f"metadata_{number}.npy", desk.out / f"metadata_{number}.npy")
        column = load(path)
        if column.shape != (summary.rows,) or column.dtype != METADATA_TYPES.get(kind):
            raise InvalidOutput("A metadata column is not what the reader said")
        if kind == "string":
            texts = desk.take(f"metadata_{number}.json", desk.out / f"metadata_{number}.json")
            if column.max(initial=-1) >= len(json.loads(texts.read_bytes())):
                raise InvalidOutput("A metadata column names a text that is not there")


def enter(bench: Workbench, job: Job, desk: Desk, summary: Summary) -> Part:
    """Publish the part and put it into its pool; number its items again where the pool grew."""
    pool_id = job.request["pool"]
    unsettled.note(bench.backend, part_name(pool_id, part_id(job, job.attempts)))
    arrival = None
    while True:
        pool = pools.get(bench.backend, pool_id)
        if arrival is None or summary.numbered:
            start = pool.total if summary.numbered else None
            arrival = arrive(desk, part_of(job, summary), summary, start)
        arrival = replace(arrival, follows=part_ids(pool))
        write_part_manifest(desk.out / MANIFEST, pool, arrival)
        name = part_name(pool_id, arrival.part.id)
        # The name is this attempt's own: what stands there was made for a shorter pool.
        bench.backend.files.remove(name)
        publish(bench, job, desk, name)
        try:
            entered = pools.append(bench.backend, pool_id, arrival)
        except Conflict:
            continue
        except ServiceError:
            bench.backend.files.remove(name)
            raise
        if entered.id != arrival.part.id:
            bench.backend.files.remove(name)
        forget_earlier_attempts(bench, job, pools.get(bench.backend, pool_id))
        return entered


def part_id(job: Job, attempt: int) -> str:
    """Return the id of the part that an attempt at a job makes."""
    return uuid.uuid5(uuid.UUID(job.id), str(attempt)).hex


def forget_earlier_attempts(bench: Workbench, job: Job, pool: Pool) -> None:
    """Remove the parts that attempts which died published and did not put into the pool."""
    entered = {part.id for part in pool.parts}
    for attempt in range(1, job.attempts):
        if part_id(job, attempt) not in entered:
            bench.backend.files.remove(part_name(pool.id, part_id(job, attempt)))


def part_of(job: Job, summary: Summary) -> Part:
    """Return the part that this attempt at a job makes, under an id of its own."""
    return Part(
        id=part_id(job, job.attempts),
        job=job.id,
        rows=summary.rows,
        bytes=job.request["bytes"],
        sha256=job.request["sha256"],
        metadata=tuple(summary.metadata),
        created_at=job.created_at,
    )


def publish(bench: Workbench, job: Job, desk: Desk, name: str) -> None:
    """Publish a copy of the part by hard links, so that it can be made again."""
    with bench.backend.files.staging(jobs.staging_token(job)) as staged:
        for path in desk.out.iterdir():
            os.link(path, staged / path.name)
        usage.claim_for(bench.backend, staged, instead_of=job.request["bytes"])
        bench.backend.files.publish(staged, name)


def arrive(desk: Desk, part: Part, summary: Summary, start: int | None) -> Arrival:
    """Write a part's ids and their index, and return the part as it asks to enter the pool."""
    stop = part.rows + (start or 0)
    packed = desk.take_ids(summary.rows) if start is None else numbered(start, stop)
    index = build_index(hash_ids(packed))
    refuse_duplicate(packed, index)
    arrays: dict[str, npt.NDArray[Any]] = {
        "ids": packed.blob,
        "id_ends": packed.ends,
        "id_hashes": index.hashes,
        "id_rows": index.rows,
    }
    for name, array in arrays.items():
        path = desk.out / f"{name}.npy"
        path.unlink(missing_ok=True)
        np.save(path, array, allow_pickle=False)
    return Arrival(
        part=part,
        # A part without items fixes nothing: what it says of them may be a mere default.
        dtype=summary.dtype if summary.rows else None,
        item_shape=summary.item_shape if summary.rows else None,
        metadata=summary.metadata,
        ids=packed,
        index=index,
        numbered_from=start,
    )


def refuse_duplicate(packed: PackedIds, index: IdIndex) -> None:
    """Raise DuplicateItem where an id stands twice in a part."""
    twice = first_duplicate(packed, index)
    if twice is not None:
        name = packed.at(np.array(twice[:1]))[0]
        raise DuplicateItem(
            f"The id {name!r} stands twice in the part; nothing of it was taken",
            faults=[Fault(f"/items/{twice[1]}/id", f"{name!r} is also item {twice[0]}")],
        )
