"""Which files belong to which records."""

from collections.abc import Iterator
from typing import Any, TypeVar

from service.backend import Backend
from service.files import (
    given_name,
    model_manifest_name,
    model_name,
    part_name,
    ranking_name,
    simulation_name,
    upload_name,
)
from service.records import ACTIVE, Job, Model, Pool, Predictions, Ranking, Record, Simulation

R = TypeVar("R", bound=Record)

KINDS: tuple[type[Record], ...] = (Pool, Predictions, Model, Ranking, Simulation)
"""The records that have files; those of a pool come after it."""

READERS = frozenset({"ingest", "receive", "inspect"})
"""The tasks that read an upload."""

PAGE = 1_000


def every(backend: Backend, kind: type[R]) -> Iterator[R]:
    """Yield all records of a kind, the newest first."""
    after = None
    while True:
        found, after = backend.storage.page(kind, after, PAGE)
        yield from found
        if after is None:
            return


def names_of(record: Any) -> list[str]:
    """Return the names of the publications without which a record is worth nothing."""
    match record:
        case Pool():
            return [part_name(record.id, part.id) for part in record.parts]
        case Predictions():
            return [given_name(record.pool, record.id)]
        case Model():
            return [model_name(record.id)]
        case Ranking():
            return [ranking_name(record.id)]
        case _:
            return [simulation_name(record.id)]


def is_there(backend: Backend, record: Record) -> bool:
    """Return whether a record still stands, and nobody is deleting it."""
    found = backend.storage.get(type(record), record.id)
    return found is not None and not (isinstance(found, Pool) and found.deleted)


def said_by(backend: Backend, model: Model) -> list[str]:
    """Return what can be made again of a model, or did not always stand beside it."""
    parts = sorted(backend.files.names(f"predictions/{model.id}"))
    said = [f"predictions/{model.id}/{name}" for name in parts]
    return [model_manifest_name(model.id), *said]


def uploads(backend: Backend) -> dict[str, Job]:
    """Return the jobs that have not ended by the names under which their bodies stand."""
    return {upload_name(job.id): job for job in backend.storage.indexed(Job, ACTIVE)}


def needs_upload(job: Job) -> bool:
    """Return whether a job cannot be done without what was sent with it."""
    return job.task in READERS or bool((job.request.get("batch") or {}).get("exclude"))
