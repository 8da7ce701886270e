"""How an artifact becomes a model: opened in the sandbox, described, published."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.classes import fault_of_classes
from service.errors import InvalidOutput, ModelRefused, readable
from service.files import model_name, upload_name
from service.operations import jobs
from service.records import Job, Model
from service.settings import Settings
from workers.versions import versions_of
from workers.workbench import Workbench

LARGEST_EXACT = 2**53
LONGEST_CLASS = 1_024
LONGEST_NAME = 500
FEWEST = 2
"""Classes that leave a doubt, and members that can disagree."""


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
            room=0,
        )
        model = model_of(job, said, bench.backend.settings)
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


def model_of(job: Job, said: Mapping[str, Any], limits: Settings) -> Model:
    """Return the model that the sandbox described; raise where it cannot be used."""
    try:
        model = described(job, said)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidOutput("The model was not described as it must be") from error
    check(model, limits)
    return within(model, limits.max_members)


def check(model: Model, limits: Settings) -> None:
    """Raise ModelRefused where what a model is could not be told to clients, or used."""
    sizes = [*(model.item_shape or ()), 1 if model.item_values is None else model.item_values]
    if not all(0 < size <= limits.max_item_values for size in sizes):
        raise ModelRefused(f"The model takes items of more than {limits.max_item_values} values")
    fault = fault_of_classes(model.classes, limits.max_classes)
    if fault is not None:
        raise ModelRefused(f"The model's classes cannot be used: {fault}")
    if model.members is not None and model.members < FEWEST:
        raise InvalidOutput(f"A committee of {model.members} members is none")
    if (model.probabilities or model.members) and len(model.classes) < FEWEST:
        raise ModelRefused(
            "The model knows one class only, so it is never unsure; fit it on two or more"
        )


def described(job: Job, said: Mapping[str, Any]) -> Model:
    """Return what the sandbox said as a model."""
    shape = said["item_shape"]
    return Model(
        id=job.request["sha256"],
        format=job.request["format"],
        bytes=job.request["bytes"],
        name=job.request["name"],
        estimator=readable(str(said["estimator"]))[:LONGEST_NAME],
        classes=tuple(said["classes"]),
        item_values=None if said["item_values"] is None else int(said["item_values"]),
        item_shape=None if shape is None else tuple(int(length) for length in shape),
        probabilities=bool(said["probabilities"]),
        warnings=tuple(readable(str(each))[:LONGEST_NAME] for each in said["warnings"]),
        versions=versions_of(job.request["format"]),
        members=None if said["members"] is None else int(said["members"]),
    )


def within(model: Model, most: int) -> Model:
    """Return a model that is no committee where it would be one of too many members."""
    if model.members is None or model.members <= most:
        return model
    warning = (
        f"The model has {model.members} members, and a committee has at most {most} here"
        " (max_members): only its own probabilities can be scored with."
    )
    return replace(model, members=None, warnings=(*model.warnings, warning))
