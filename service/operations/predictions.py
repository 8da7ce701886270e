"""Predictions that clients give: taken in by a worker, listed, deleted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.backend import Backend
from service.classes import fault_of_classes
from service.errors import (
    Fault,
    InvalidRequest,
    PredictionsNotFound,
    SubjectGone,
    TooLarge,
    UnsupportedFormat,
)
from service.files import given_name
from service.given import ARRAYS, FORMS, ONE_ARRAY, TABLES, Form
from service.operations import jobs, pools, unsettled, usage
from service.operations.pools import Upload
from service.records import Job, Predictions

ID_COLUMN = "id"
LONGEST_CLASSES = 32 * 1024
"""Bytes of all classes' names: they travel in the address of a request, and in one message."""


def check_upload(
    backend: Backend, pool_id: str, media_type: str, options: Mapping[str, Any]
) -> None:
    """Raise where no body of this type could be read so, before it is read."""
    pools.get(backend, pool_id)
    pools.check_type(media_type)
    if media_type == ONE_ARRAY and not FORMS[options["kind"]].axes:
        raise UnsupportedFormat(
            f"{media_type} holds one array, and {options['kind']} take more: send application/x-npz"
        )
    faults = list(faults_of(backend, media_type, options))
    if faults:
        first = f"{faults[0].detail} (at {faults[0].pointer})"
        raise InvalidRequest(f"Predictions cannot be read like this: {first}", faults=faults)
    check_room(backend, pool_id)


def faults_of(backend: Backend, media_type: str, options: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with how a body is to be read."""
    if options["id_column"] != ID_COLUMN and media_type not in TABLES:
        yield Fault("?id_column", f"{media_type} has no columns: this is for {', '.join(TABLES)}")
    form = FORMS[options["kind"]]
    axes = form.axes_in(media_type)
    if options["axes"] and not axes:
        yield Fault("?axes", f"{media_type} has no axes: they are for {', '.join(ARRAYS)}")
    if axes and not options["axes"]:
        first = ",".join(["members", *(name for name in axes if name != "members")])
        yield Fault(
            "?axes",
            f"Say which axis counts what, in the order of the array: {', '.join(axes)}. Where the"
            f" members come first, that is ?axes={first}",
        )
    for name in ("classes", "class"):
        said = options[name]
        fault = None if said is None else misnamed(said, form, backend.settings.max_classes)
        if fault and name == "class" and len(said) == 1:
            fault += ": each has a class= of its own, as in ?class=bus&class=tram"
        if fault:
            yield Fault(f"?{name}", fault)


def misnamed(classes: int | Sequence[Any], form: Form, limit: int) -> str | None:
    """Return why classes, or their number, cannot be those of a kind of predictions, or None."""
    count = classes if isinstance(classes, int) else len(classes)
    if not form.least <= count <= limit:
        return f"There must be {form.least} to {limit} classes (max_classes), not {count}"
    if isinstance(classes, int):
        return None
    if len(json.dumps(classes)) > LONGEST_CLASSES:
        return f"The names take more than {LONGEST_CLASSES} bytes: say how many there are"
    return fault_of_classes(classes, limit)


def check_room(backend: Backend, pool_id: str) -> None:
    """Raise TooLarge where a pool has as many predictions as it may keep."""
    limit = backend.settings.max_predictions
    if len(backend.storage.indexed(Predictions, f"pool:{pool_id}")) >= limit:
        raise TooLarge(
            f"The pool has {limit} uploads of predictions already (max_predictions): delete some"
        )


def start_reception(
    backend: Backend, pool_id: str, upload: Upload, *, job_id: str, name: str
) -> Job:
    """Ask a worker to take in the predictions that stand under the job's id.

    They are of the items that the pool has now, whatever comes into it before they are read.
    """
    pool = pools.get(backend, pool_id)
    request = {
        "pool": pool.id,
        "parts": [part.id for part in pool.parts],
        "name": name,
        "media_type": upload.media_type,
        "bytes": upload.bytes,
        "sha256": upload.sha256,
        "options": dict(upload.options),
    }
    return jobs.submit(backend, Job(id=job_id, task="receive", request=request, pool=pool.id))


def enter(backend: Backend, predictions: Predictions) -> None:
    """Remember predictions whose files stand; raise, and leave nothing, where they have no place.

    That is so where the pool has gone, or got too many others meanwhile.
    """
    try:
        check_room(backend, predictions.pool)
    except TooLarge:
        backend.files.remove(given_name(predictions.pool, predictions.id))
        raise
    backend.storage.add(predictions)
    if pools.find(backend, predictions.pool) is None:
        backend.storage.remove(predictions)
        backend.files.remove(f"pools/{predictions.pool}")
        raise SubjectGone(f"The pool {predictions.pool} was deleted")


def find(backend: Backend, pool_id: str, id: str) -> Predictions | None:
    """Return predictions of a pool, or None."""
    found = backend.storage.get(Predictions, id)
    return found if found is not None and found.pool == pool_id else None


def get(backend: Backend, pool_id: str, id: str) -> Predictions:
    """Return predictions of a pool."""
    pool = pools.get(backend, pool_id)
    found = find(backend, pool.id, id)
    if found is None:
        raise PredictionsNotFound(f"The pool {pool.id} has no predictions {id}")
    return found


def page(
    backend: Backend, pool_id: str, after: str | None, limit: int
) -> tuple[list[Predictions], str | None]:
    """Return a pool's predictions, the newest first, and where to go on."""
    pool = pools.get(backend, pool_id)
    return backend.storage.page(Predictions, after, limit, f"pool:{pool.id}")


def delete(backend: Backend, pool_id: str, id: str) -> None:
    """Delete predictions; a job that still needs them fails, rankings made with them stay."""
    found = get(backend, pool_id, id)
    unsettled.note(backend, given_name(pool_id, id))
    if not backend.storage.remove(found):
        raise PredictionsNotFound(f"The pool {pool_id} has no predictions {id}")
    backend.files.remove(given_name(pool_id, id))
    usage.count_again(backend)
