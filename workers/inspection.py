"""How an artifact becomes a model: opened in the sandbox, described, published."""

import math
import os
from collections.abc import Mapping
from typing import Any

from service.errors import ModelRefused
from service.files import model_name, upload_name
from service.operations import jobs
from service.records import Job, Model
from workers.versions import versions_of
from workers.workbench import Workbench

LARGEST_EXACT = 2**53


def inspect(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Take in the artifact that stands under the job's id; return what was found in it."""
    files, request = bench.backend.files, job.request
    body = files.path(upload_name(job.id))
    with bench.desk(job) as desk:
        said = bench.open(
            job,
            "inspect_model",
            arguments={
                "format": request["format"],
                "limits": {"max_classes": bench.backend.settings.max_classes},
            },
            inputs={"model": body},
            scratch=desk.scratch,
        )
        model = model_of(job, said)
    publish(bench, job, model)
    if not bench.backend.storage.add(model):
        model = bench.backend.storage.get(Model, model.id) or model
    if not files.exists(model_name(model.id)):
        publish(bench, job, model)  # what was just deleted had the same bytes
    return {"model": model.document()}


def publish(bench: Workbench, job: Job, model: Model) -> None:
    """Publish the artifact; its upload stays until the job has ended."""
    files = bench.backend.files
    with files.staging(jobs.staging_token(job)) as staged:
        artifact = staged / "artifact"
        os.link(files.path(upload_name(job.id)), artifact)
        files.publish(artifact, model_name(model.id))


def is_scalar(value: Any) -> bool:
    """Return whether a class can be told to any client as it is."""
    if isinstance(value, str):
        return value.isprintable() or not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, int):
        return abs(value) <= LARGEST_EXACT
    return isinstance(value, float) and math.isfinite(value)


def model_of(job: Job, said: Mapping[str, Any]) -> Model:
    """Return the model that the sandbox described; raise where it cannot be used."""
    shape = said["item_shape"]
    model = Model(
        id=job.request["sha256"],
        format=job.request["format"],
        bytes=job.request["bytes"],
        name=job.request["name"],
        estimator=str(said["estimator"])[:500],
        classes=tuple(said["classes"]),
        item_values=None if said["item_values"] is None else int(said["item_values"]),
        item_shape=None if shape is None else tuple(int(length) for length in shape),
        probabilities=bool(said["probabilities"]),
        warnings=tuple(str(warning)[:500] for warning in said["warnings"]),
        versions=versions_of(job.request["format"]),
    )
    for value in model.classes:
        if not is_scalar(value):
            raise ModelRefused(
                "A class of the model is no finite number, boolean or text that JSON can hold"
            )
    if model.probabilities and len(model.classes) < 2:  # noqa: PLR2004 (one class leaves no doubt)
        raise ModelRefused(
            "The model knows one class only, so it is never unsure; fit it on two or more"
        )
    return model
