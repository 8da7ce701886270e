"""Files without a record: noted before there may be any, and removed where a process died then.

Only what was noted is ever removed: a service that has lost its records keeps all its files.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from service.backend import Backend
from service.files import model_manifest_name, model_name
from service.records import (
    Model,
    Pool,
    Predictions,
    Ranking,
    Record,
    Simulation,
    Unsettled,
    new_id,
    written,
)

AT_ONCE = 1_000
KINDS: dict[str, type[Record]] = {"rankings": Ranking, "simulations": Simulation, "models": Model}
"""The records that say of files by themselves that they are there."""


def note(backend: Backend, *names: str, pool: str | None = None) -> None:
    """Note names under which files are about to stand without a record."""
    if names:
        backend.storage.add(Unsettled(id=new_id(), names=names, pool=pool))


def settle(backend: Backend, older_than: float) -> None:
    """Remove the files whose record has not come, or has gone, so many seconds after their note."""
    moment = written(datetime.now(UTC) - timedelta(seconds=older_than))
    noted = list(all_notes(backend))
    lately = {name for each in noted if each.created_at > moment for name in each.names}
    for each in noted:
        if each.created_at > moment:
            continue
        for name in each.names:
            if name not in lately and not has_record(backend, name, each.pool):
                remove(backend, name)
        backend.storage.remove(each)


def all_notes(backend: Backend) -> Iterator[Unsettled]:
    """Yield all notes, the newest first."""
    after = None
    while True:
        found, after = backend.storage.page(Unsettled, after, AT_ONCE)
        yield from found
        if after is None:
            return


def has_record(backend: Backend, name: str, pool_id: str | None) -> bool:
    """Return whether a record says that there are files under a name."""
    area, id, *rest = name.split("/")
    storage = backend.storage
    if area in KINDS:
        return storage.get(KINDS[area], id) is not None
    pool = storage.get(Pool, id if area == "pools" else pool_id or "")
    if pool is None:
        return False
    if area == "predictions":
        return storage.get(Model, id) is not None
    if rest[0] == "predictions":
        return storage.get(Predictions, rest[1]) is not None
    return any(part.id == rest[0] for part in pool.parts)


def remove(backend: Backend, name: str) -> None:
    """Remove files without a record; of a model, and of a pool that has gone, all there are."""
    area, id, *_ = name.split("/")
    if area == "models":
        forget_model(backend, id)
    elif area == "pools" and backend.storage.get(Pool, id) is None:
        backend.files.remove(f"pools/{id}")
    else:
        backend.files.remove(name)


def forget_model(backend: Backend, id: str) -> None:
    """Remove the files of a model, and what it said."""
    for name in (model_manifest_name(id), model_name(id), f"forms/{id}", f"predictions/{id}"):
        backend.files.remove(name)
