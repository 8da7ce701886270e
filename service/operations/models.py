"""Models: taken in by a worker, named by their content, deleted."""

from service.backend import Backend
from service.errors import ModelNotFound, UnsupportedFormat
from service.files import members_name, model_name, predictions_name
from service.operations import jobs, unsettled, usage
from service.records import Job, Model, Pool, active

FORMATS = ("onnx", "skops", "joblib")
RUNNING_CODE = frozenset({"joblib"})
"""Those that run their sender's code when they are opened."""


TRAINED_FORMAT = "skops"
"""The format of models that are fitted here."""

HOW_TO_SEND_SKOPS = (
    "joblib runs its sender's code when it is opened, so this service does not take it. Send skops "
    "instead: `skops.io.dump(model, 'model.skops')`, then POST that file with ?format=skops"
)


def check_format(backend: Backend, format: str) -> None:
    """Raise UnsupportedFormat for a format that is not taken here."""
    if format not in FORMATS:
        raise UnsupportedFormat(f"{format} is no model format; send one of onnx, skops")
    if format == "joblib" and not backend.settings.allow_joblib:
        raise UnsupportedFormat(HOW_TO_SEND_SKOPS)


def start_inspection(
    backend: Backend, *, job_id: str, sha256: str, bytes: int, format: str, name: str
) -> Job:
    """Ask a worker to inspect an artifact that stands under the job's id."""
    request = {"sha256": sha256, "bytes": bytes, "format": format, "name": name}
    return jobs.submit(backend, Job(id=job_id, task="inspect", request=request, model=sha256))


def find(backend: Backend, id: str) -> Model | None:
    """Return a model, or None."""
    return backend.storage.get(Model, id)


def get(backend: Backend, id: str) -> Model:
    """Return a model."""
    model = find(backend, id)
    if model is None:
        raise ModelNotFound(f"There is no model {id}")
    return model


def page(backend: Backend, after: str | None, limit: int) -> tuple[list[Model], str | None]:
    """Return models, the newest first, and where to go on."""
    return backend.storage.page(Model, after, limit)


def delete(backend: Backend, id: str) -> None:
    """Delete a model and what it predicted, and cancel its jobs; its rankings stay."""
    found = get(backend, id)
    unsettled.note(backend, model_name(id))
    if not backend.storage.remove(found):
        raise ModelNotFound(f"There is no model {id}")
    jobs.cancel_all(backend, active(f"model:{id}"))
    unsettled.forget_model(backend, id)
    usage.count_again(backend)


def forget_predictions(backend: Backend, id: str, pool: Pool) -> None:
    """Remove what a model says of a pool's items; it can be computed again."""
    for part in pool.parts:
        backend.files.remove(predictions_name(id, part.id))
        backend.files.remove(members_name(id, part.id))
