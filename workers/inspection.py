"""How an artifact becomes a model: opened in the sandbox, described, published."""

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from service.errors import InvalidOutput, ModelRefused
from service.files import model_name, upload_name
from service.records import Job, Model
from workers.workbench import Workbench

LIBRARIES = {
    "skops": ("scikit-learn", "skops"),
    "joblib": ("scikit-learn", "joblib"),
    "onnx": ("onnxruntime",),
}


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
        artifact = desk.out / "artifact"
        os.link(body, artifact)
        files.publish(artifact, model_name(model.id))
    if not bench.backend.storage.add(model):
        model = bench.backend.storage.get(Model, model.id) or model
    return {"model": model.document()}


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
        versions={name: version(name) for name in LIBRARIES[job.request["format"]]},
    )
    if not all(isinstance(value, str | int | float | bool) for value in model.classes):
        raise InvalidOutput("The model's classes are not what the inspection said")
    if model.probabilities and len(model.classes) < 2:  # noqa: PLR2004 (one class leaves no doubt)
        raise ModelRefused(
            "The model knows one class only, so it is never unsure; fit it on two or more"
        )
    return model
