"""Scorings: everything that can be known beforehand is checked here, then a worker is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from service.acquisition import REGISTRY
from service.backend import Backend
from service.errors import Conflict, Fault, InvalidRequest
from service.operations import jobs, models, pools
from service.records import Job, Model, Pool, new_id


@dataclass(frozen=True)
class Function:
    """An acquisition function as a client asks for it, every parameter filled in."""

    name: str
    parameters: Mapping[str, Any]


def submit(
    backend: Backend, *, pool_id: str, model_id: str | None, functions: Sequence[Function]
) -> Job:
    """Ask a worker to score a pool; raise InvalidRequest for a pairing that cannot work."""
    pool = pools.get(backend, pool_id)
    refuse_too_soon(backend, pool)
    model = models.get(backend, model_id) if model_id else None
    if model is not None:
        models.check_format(backend, model.format)
    limit = backend.settings.max_functions
    if len(functions) > limit:
        raise InvalidRequest(f"A job computes at most {limit} functions (max_functions)")
    faults = [*missing_evidence(functions, model), *(misfits(pool, model) if model else ())]
    if faults:
        raise InvalidRequest("This cannot be scored as asked", faults=faults)
    request = {
        "pool": pool.id,
        "parts": [part.id for part in pool.parts],
        "model": model_id,
        "acquisitions": [
            {"name": each.name, "parameters": dict(each.parameters)} for each in functions
        ],
    }
    job = Job(
        id=new_id(),
        task="score",
        request=request,
        pool=pool.id,
        model=model_id,
        total=pool.total,
    )
    return jobs.submit(backend, job)


def refuse_too_soon(backend: Backend, pool: Pool) -> None:
    """Raise Conflict for a pool that is empty only because its uploads are still being read."""
    if pool.parts:
        return
    uploads = [
        job
        for job in backend.storage.indexed(Job, f"pool:{pool.id}")
        if job.task == "ingest" and not job.is_final
    ]
    if uploads:
        raise Conflict(
            f"The pool is still empty: {len(uploads)} of its uploads are being read. Wait for "
            f"/v1/jobs/{uploads[-1].id}, then score",
            headers={"Retry-After": "1"},
        )


def missing_evidence(functions: Sequence[Function], model: Model | None) -> list[Fault]:
    """Return a fault for each function whose evidence nothing in the request can give."""
    faults = []
    for place, function in enumerate(functions):
        if not REGISTRY[function.name].needs_predictions:
            continue
        pointer = f"/acquisitions/{place}/name"
        if model is None:
            faults.append(Fault(pointer, f"{function.name} needs a model: name one in `model`"))
        elif not model.probabilities:
            detail = f"{function.name} needs probabilities, and {model.estimator} gives none"
            faults.append(Fault(pointer, detail))
    return faults


def folds(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Return whether items can be given a model's shape without guessing what an axis means."""
    if len(shape) <= 1:
        return prod(shape) == prod(wanted)
    return [length for length in shape if length != 1] == [each for each in wanted if each != 1]


def misfits(pool: Pool, model: Model) -> list[Fault]:
    """Return what keeps a model from predicting the items of a pool."""
    if pool.item_values is None:
        return []
    shape = list(pool.item_shape or ())
    if model.item_shape is not None and not folds(shape, model.item_shape):
        takes = list(model.item_shape)
        return [Fault("/model", f"The model takes items of shape {takes}, the pool's have {shape}")]
    if model.item_values not in (None, pool.item_values):
        detail = (
            f"The model takes {model.item_values} features, the pool's items have"
            f" {pool.item_values} (shape {shape})"
        )
        return [Fault("/model", detail)]
    return []
