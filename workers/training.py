"""A training job: a model fitted on a pool's labels."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import skops.io

from service import ranking
from service.acquisition.features import Features
from service.backend import Backend
from service.errors import FitFailed, UnusableLabels
from service.estimators import Recipe
from service.items import Items
from service.operations import jobs, pools
from service.operations.models import TRAINED_FORMAT
from service.operations.trainings import FEWEST_FOLDS, check_classes, steps
from service.records import LABELLED, Job, Model, Pool
from workers.admission import Artifact, admit
from workers.assignment import there
from workers.compute import HERE, Compute, open_compute
from workers.fitting import Fitted, Task, Vectors, accuracies, fitted_by, splits_of
from workers.labels import Label, read_labels
from workers.memory import limited_memory
from workers.population import PoolPopulation
from workers.watch import Watch
from workers.workbench import Workbench

Targets = npt.NDArray[Any]


@dataclass(frozen=True)
class Lesson:
    """What a recipe is fitted on: the labelled items, and the label of each.

    `newer` is how many items of later parts are labelled too.
    """

    features: Features
    targets: Targets
    newer: int

    @property
    def vectors(self) -> Vectors:
        """The labelled items as vectors (labelled, width), read anew."""
        return self.features.at(np.arange(len(self.features)))


@dataclass(frozen=True)
class Report:
    """A fitted classifier, the accuracy of each fold, and why there were not more of them."""

    fitted: Fitted
    accuracies: tuple[float, ...]
    reason: str | None


def train(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Fit a model on a pool's labels and take it in; return what was found in it."""
    backend, request = bench.backend, job.request
    pool = there(pools.find(backend, request["pool"]), f"pool {request['pool']}")
    recipe = Recipe.from_asked(request["estimator"])
    lesson = lesson_of(backend, job, pool)
    model, report = model_of(bench, job, recipe, lesson)
    backend.storage.set_progress(job.id, 1 + len(report.accuracies), 1 + len(report.accuracies))
    return {"model": model.document()}


def model_of(bench: Workbench, job: Job, recipe: Recipe, lesson: Lesson) -> tuple[Model, Report]:
    """Return a recipe fitted on a lesson, taken in as a model like any other, and how that went.

    The job's request says by which `seed`, with how many `folds`, and the model's `name`.
    """
    backend = bench.backend
    with backend.files.staging(jobs.staging_token(job)) as staged:
        with (
            open_compute(backend.settings, staged, lambda: jobs.check(backend, job)) as compute,
            limited_memory(backend.settings.sandbox_memory),
        ):
            report = learn(backend, job, recipe, lesson, compute)
            artifact = save(report.fitted.classifier, staged / "model", job.request["name"])
        model = admit(bench, job, artifact, training_of(job, recipe, lesson, report))
    return model, report


def lesson_of(backend: Backend, job: Job, pool: Pool) -> Lesson:
    """Return the labelled items of a job's parts as vectors and labels; raise TooFewLabels or
    UnusableLabels where the labels are no classes to tell apart, and OutOfMemory where they take
    too much room: each takes as much as the longest."""
    parts = pool.parts[: len(job.request["parts"])]
    population = PoolPopulation(Items(backend.files, pool), parts)
    stored = backend.storage.bits(pool.id, LABELLED)
    rows = ranking.rows_of(ranking.fitted(stored, population.total))
    everywhere = ranking.count(ranking.fitted(stored, pool.total))
    with limited_memory(backend.settings.sandbox_memory):
        labels = read_labels(backend, pool, population, rows)
        targets = targets_of(labels.values, backend.settings.max_classes)
    watch = Watch(lambda: jobs.check(backend, job))
    features = population.vectors(watch).take(labels.rows)
    return Lesson(features, targets, everywhere - len(rows))


def targets_of(labels: tuple[Label, ...], limit: int) -> Targets:
    """Return labels as an array of one type."""
    classes = [label for _, label in Counter((type(each), each) for each in labels)]
    check_classes(classes, limit)
    if np.array(classes).tolist() != classes:
        raise UnusableLabels("A label ends in a character of zero, which no class of a model can")
    return np.array(labels)


def learn(
    backend: Backend, job: Job, recipe: Recipe, lesson: Lesson, compute: Compute = HERE
) -> Report:
    """Return a fitted classifier, cross-validated where that can be; each fit is one step."""
    folds, seed = job.request["folds"], job.request["seed"]
    task = Task(recipe, lesson.vectors, lesson.targets, seed)
    splits = splits_of(task, folds)
    found: list[float] = []
    total = 1 + len(splits)
    jobs.advance(backend, job, 0, total)
    reason = lack_of_folds(recipe, lesson, folds, len(splits))
    try:
        for accuracy in accuracies(task, splits, compute):
            found.append(accuracy)
            jobs.advance(backend, job, len(found), total)
    except FitFailed as error:  # all labels together may still be enough
        found, reason = [], f"A fold could not be fitted: {error.detail}"
    classifier = fitted_by(compute, task)
    jobs.check(backend, job)
    return Report(classifier, tuple(found), reason)


def lack_of_folds(recipe: Recipe, lesson: Lesson, asked: int, made: int) -> str | None:
    """Return why there were fewer folds than were asked for, or None."""
    if asked < FEWEST_FOLDS or made == asked:
        return None
    names, counts = np.unique(lesson.targets, return_counts=True)
    rarest, count = json.dumps(names[counts.argmin()].item()), int(counts.min())
    if count < FEWEST_FOLDS:
        return (
            f"The class {rarest} has one label: the model is fitted on it, but no fold can hold it"
            " out, so there is no cross-validation"
        )
    if made:
        return f"The class {rarest} has {count} labels, so there are {made} folds, not {asked}"
    return f"What {count} folds leave is too little for {recipe.estimator}: no cross-validation"


def save(classifier: Any, path: Path, name: str) -> Artifact:
    """Write a classifier to a path; return it as an artifact."""
    skops.io.dump(classifier, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(path, TRAINED_FORMAT, sha256, path.stat().st_size, name)


def training_of(job: Job, recipe: Recipe, lesson: Lesson, report: Report) -> dict[str, Any]:
    """Return how a model was fitted, as its record tells it."""
    names, counts = np.unique(lesson.targets, return_counts=True)
    return {
        "pool": job.pool,
        "job": job.id,
        "recipe": recipe.document(),
        "seed": job.request["seed"],
        "labels": len(lesson.targets),
        "class_counts": [
            {"label": label, "count": count}
            for label, count in zip(names.tolist(), counts.tolist(), strict=True)
        ],
        "accuracy": accuracy_of(report.accuracies),
        "left_out": {
            "labels": lesson.newer,
            "folds": steps(job.request["folds"]) - 1 - len(report.accuracies),
            "reasons": list(reasons(lesson, report)),
        },
        "warnings": list(report.fitted.warnings),
    }


def accuracy_of(folds: tuple[float, ...]) -> dict[str, Any] | None:
    """Return the mean and the deviation of some folds' accuracies, None where there are none."""
    if not folds:
        return None
    return {"mean": float(np.mean(folds)), "deviation": float(np.std(folds)), "folds": list(folds)}


def reasons(lesson: Lesson, report: Report) -> Iterator[str]:
    """Yield why something was left out of a training."""
    if lesson.newer:
        yield (
            f"{lesson.newer} labelled items came into the pool after the job was submitted: train"
            " again to fit on them too"
        )
    if report.reason is not None:
        yield report.reason
