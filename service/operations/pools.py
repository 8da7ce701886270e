"""Pools: made, read, grown by parts, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from service.backend import Backend
from service.errors import (
    Conflict,
    PartNotFound,
    PoolNotFound,
    SubjectGone,
    TooLarge,
    UnsupportedFormat,
)
from service.files import ranking_name, simulation_name
from service.items import Items
from service.operations import jobs, models, usage
from service.operations.arrivals import Arrival, check_fit, check_ids, grown, part_ids
from service.records import (
    DELETED,
    Job,
    Learner,
    Part,
    Pool,
    Predictions,
    Ranking,
    Simulation,
    new_id,
)

MEDIA_TYPES = (
    "application/json",
    "application/x-ndjson",
    "text/csv",
    "application/x-npy",
    "application/x-npz",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "multipart/form-data",
)
"""What a pool takes; the readers of these formats are the workers'."""


def create(backend: Backend, name: str, id: str | None = None) -> Pool:
    """Make an empty pool, with a new id unless one is given; return it, or who has the id."""
    pool = Pool(id=id or new_id(), name=name)
    return pool if backend.storage.add(pool) else get(backend, pool.id)


def find(backend: Backend, id: str) -> Pool | None:
    """Return a pool, or None where there is none or it is being deleted."""
    pool = backend.storage.get(Pool, id)
    return None if pool is None or pool.deleted else pool


def get(backend: Backend, id: str) -> Pool:
    """Return a pool."""
    pool = find(backend, id)
    if pool is None:
        raise PoolNotFound(f"There is no pool {id}; GET /v1/pools lists them")
    return pool


def check_still_there(backend: Backend, pool: Pool) -> None:
    """Raise PoolNotFound, and take back what was written, for a pool deleted meanwhile."""
    if find(backend, pool.id) is None:
        forget_marks(backend, pool)
        raise PoolNotFound(f"The pool {pool.id} was deleted")


def forget_marks(backend: Backend, pool: Pool) -> None:
    """Forget the labels, exclusion sets and leases of a pool."""
    backend.labels.clear(pool.id)
    backend.leases.forget_pool(pool.id)
    backend.storage.forget_pool(pool.id)


def get_part(backend: Backend, id: str, part_id: str) -> Part:
    """Return a part of a pool."""
    for part in get(backend, id).parts:
        if part.id == part_id:
            return part
    raise PartNotFound(f"The pool {id} has no part {part_id}")


def page(backend: Backend, after: str | None, limit: int) -> tuple[list[Pool], str | None]:
    """Return pools, the newest first, and where to go on."""
    found, following = backend.storage.page(Pool, after, limit)
    return [pool for pool in found if not pool.deleted], following


def delete(backend: Backend, id: str) -> None:
    """Delete a pool with all that belongs to it, and cancel its jobs.

    It is marked first, and gone for every reader; what then follows may be done again.
    """
    while True:
        pool = get(backend, id)
        marked = replace(pool, deleted=True)
        if backend.storage.replace(pool, marked):
            return clear(backend, marked)


def clear(backend: Backend, pool: Pool) -> None:
    """Remove what a deleted pool leaves behind, and then the pool."""
    for job in jobs.cancel_all(backend, f"pool:{pool.id}"):
        for model in filter(None, (job.model, *job.committee)):
            models.forget_predictions(backend, model, pool)
    for learner in backend.storage.indexed(Learner, f"pool:{pool.id}"):
        for model in {turn.model for turn in learner.turns if turn.model}:
            models.forget_predictions(backend, model, pool)
        backend.storage.remove(learner)
    for ranking in backend.storage.indexed(Ranking, f"pool:{pool.id}"):
        backend.storage.remove(ranking)
        backend.files.remove(ranking_name(ranking.id))
    for simulation in backend.storage.indexed(Simulation, f"pool:{pool.id}"):
        backend.storage.remove(simulation)
        backend.files.remove(simulation_name(simulation.id))
    for given in backend.storage.indexed(Predictions, f"pool:{pool.id}"):
        backend.storage.remove(given)
    forget_marks(backend, pool)
    backend.files.remove(f"pools/{pool.id}")
    backend.storage.remove(pool)
    usage.count_again(backend)


def finish_deletions(backend: Backend) -> None:
    """Go on with deletions whose process died."""
    for pool in backend.storage.indexed(Pool, DELETED):
        clear(backend, pool)


def check_upload(backend: Backend, id: str, media_type: str) -> None:
    """Raise where no body of this type could enter the pool, before it is read."""
    pool = get(backend, id)
    check_type(media_type)
    limit = backend.settings.max_pool_parts
    if len(pool.parts) >= limit:
        raise TooLarge(f"The pool has {limit} parts already (max_pool_parts): use a new pool")


def check_type(media_type: str) -> None:
    """Raise UnsupportedFormat for a type of body that no reader knows."""
    if media_type not in MEDIA_TYPES:
        raise UnsupportedFormat(
            f"Content-Type {media_type or 'missing'}: send one of {', '.join(MEDIA_TYPES)}",
            headers={"Accept-Post": ", ".join(MEDIA_TYPES)},
        )


def items(
    backend: Backend, id: str, start: int, limit: int
) -> tuple[list[dict[str, Any]], int, int | None]:
    """Return items from a row on, how many the pool has, and the row to go on from."""
    pool = get(backend, id)
    rows = np.arange(start, min(start + limit, pool.total), dtype=np.int64)
    reader = Items(backend.files, pool)
    found = [
        {"row": row, "id": name, "metadata": metadata}
        for row, name, metadata in zip(
            rows.tolist(), reader.at(rows), reader.metadata(rows), strict=True
        )
    ]
    following = start + limit
    return found, pool.total, following if following < pool.total else None


@dataclass(frozen=True)
class Upload:
    """A request body that waits for a worker."""

    media_type: str
    bytes: int
    sha256: str
    options: Mapping[str, Any]


def start_ingest(backend: Backend, id: str, upload: Upload, *, job_id: str) -> Job:
    """Ask a worker to make a part of an upload that stands under the job's id."""
    request = {
        "pool": id,
        "media_type": upload.media_type,
        "bytes": upload.bytes,
        "sha256": upload.sha256,
        "options": dict(upload.options),
    }
    return jobs.submit(backend, Job(id=job_id, task="ingest", request=request, pool=id))


def append(backend: Backend, id: str, arrival: Arrival) -> Part:
    """Put a part into its pool; raise UploadRefused, and change nothing, where it does not fit.

    The check and the change see the same pool: where another part came in between, both are done
    again. A part whose files tell of a shorter pool raises Conflict. Return the part that the job
    put into the pool: another one, where another attempt at the job was first.
    """
    while True:
        pool = find(backend, id)
        if pool is None:
            raise SubjectGone(f"The pool {id} was deleted while its part was read")
        entered = [part for part in pool.parts if part.job == arrival.part.job]
        if entered:
            return entered[0]
        if arrival.follows not in (None, part_ids(pool)):
            raise Conflict("Another part came in while this one was written")
        check_fit(backend, pool, arrival)
        check_ids(backend, pool, arrival)
        if backend.storage.replace(pool, grown(pool, arrival)):
            return arrival.part
