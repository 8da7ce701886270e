"""How an artifact becomes a model, uploaded or fitted here: opened in the sandbox, described,
published."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from service.classes import fault_of_classes
from service.errors import InvalidOutput, ModelRefused, readable
from service.files import (
    MANIFEST,
    form_name,
    model_manifest_name,
    model_name,
    write_manifest,
)
from service.operations import jobs, unsettled, usage
from service.records import Job, Model
from service.settings import Settings
from workers.versions import LEARNING, version_of, versions_of
from workers.workbench import Workbench

LONGEST_NAME = 500
LARGEST_FORM = 4
"""How many times the size of its artifact the form of a model that opens faster may have."""

FEWEST = 2
"""Classes that leave a doubt, and members that can disagree."""


@dataclass(frozen=True)
class Artifact:
    """The bytes of a model: where they stand, their format, hash and number, and a name."""

    path: Path
    format: str
    sha256: str
    bytes: int
    name: str


def admit(
    bench: Workbench,
    job: Job,
    artifact: Artifact,
    training: Mapping[str, Any] | None = None,
) -> Model:
    """Return the model that an artifact is, published and remembered, once the sandbox has opened
    it; the one that is there already where the same bytes came before.

    `training` is how it was fitted, where that was done here.
    """
    storage, files = bench.backend.storage, bench.backend.files
    unsettled.note(bench.backend, model_name(artifact.sha256))
    usage.claim(bench.backend, artifact.bytes if training else 0)  # an upload has been counted
    model = replace(describe(bench, job, artifact), training=training)
    publish(bench, job, artifact, model)
    if not storage.add(model):
        model = storage.get(Model, model.id) or model
    if not files.exists(model_name(model.id)):
        publish(bench, job, artifact, model)  # what was just deleted had the same bytes
    return model


def describe(bench: Workbench, job: Job, artifact: Artifact) -> Model:
    """Return what the sandbox finds in an artifact, and publish the form that opens faster, if it
    has one; raise where it cannot be used."""
    settings = bench.backend.settings
    with bench.desk(job) as desk:
        said = bench.open(
            job,
            "inspect_model",
            arguments={
                "format": artifact.format,
                "limits": {"max_classes": settings.max_classes},
                "room": LARGEST_FORM * artifact.bytes,
            },
            inputs={"model": artifact.path},
            scratch=desk.scratch,
            room=LARGEST_FORM * artifact.bytes,
        )
        model = model_of(artifact, said, settings)
        if said.get("prepared"):
            form = desk.take("prepared", desk.aside / "prepared")
            bench.backend.files.publish(form, form_name(model.id, version_of(LEARNING)))
    return model


def publish(bench: Workbench, job: Job, artifact: Artifact, model: Model) -> None:
    """Publish an artifact, its manifest first; what it was made from stays where it is."""
    files = bench.backend.files
    with files.staging(jobs.staging_token(job)) as staged:
        if not files.exists(model_manifest_name(model.id)):
            write_manifest(staged / MANIFEST, model.kind, model.document())
            files.publish(staged / MANIFEST, model_manifest_name(model.id))
        link = staged / "artifact"
        os.link(artifact.path, link)
        files.publish(link, model_name(artifact.sha256))


def model_of(artifact: Artifact, said: Mapping[str, Any], limits: Settings) -> Model:
    """Return the model that the sandbox described; raise where it cannot be used."""
    try:
        model = described(artifact, said)
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


def described(artifact: Artifact, said: Mapping[str, Any]) -> Model:
    """Return what the sandbox said as a model."""
    shape = said["item_shape"]
    return Model(
        id=artifact.sha256,
        format=artifact.format,
        bytes=artifact.bytes,
        name=artifact.name,
        estimator=readable(str(said["estimator"]))[:LONGEST_NAME],
        classes=tuple(said["classes"]),
        item_values=None if said["item_values"] is None else int(said["item_values"]),
        item_shape=None if shape is None else tuple(int(length) for length in shape),
        probabilities=bool(said["probabilities"]),
        warnings=tuple(readable(str(each))[:LONGEST_NAME] for each in said["warnings"]),
        versions=versions_of(artifact.format),
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
