"""What a model says of each item: computed once for a model and a part, checked, and kept."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.errors import InvalidOutput, SubjectGone
from service.files import Files, model_name, part_name, predictions_name
from service.items import Items
from service.operations import models, pools
from service.records import Job, Model, Part, Pool
from workers.versions import versions_of
from workers.workbench import Desk, Workbench, load

BLOCK = 4_096
PARTS_AT_ONCE = 16
FLOAT64 = 8
CHECKED_ROWS = 65_536
VERSIONS = "versions.json"
SUM_TOLERANCE = 1e-3
RANGE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Work:
    """How many items needed the model, and how many were known already."""

    total: int
    cached: int
    predicted: int


@dataclass(frozen=True)
class Subject:
    """Whose items a model is asked about, and for which job."""

    job: Job
    pool: Pool
    parts: Sequence[Part]
    model: Model

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(part.rows for part in self.parts)


def predict(bench: Workbench, subject: Subject) -> Work:
    """Make sure that the model's probabilities of every part are kept; return what it took."""
    missing = [part for part in subject.parts if not known(bench, subject.model, part)]
    predicted = sum(part.rows for part in missing)
    done = cached = subject.total - predicted
    for start in range(0, len(missing), PARTS_AT_ONCE):
        group = missing[start : start + PARTS_AT_ONCE]
        with bench.desk(subject.job) as desk:
            run_model(bench, desk, subject, group, done=done)
            keep(bench, desk, subject, group)
        done += sum(part.rows for part in group)
    return Work(subject.total, cached, predicted)


def known(bench: Workbench, model: Model, part: Part) -> bool:
    """Return whether a model's probabilities of a part are kept already."""
    return bench.backend.files.exists(predictions_name(model.id, part.id))


def run_model(
    bench: Workbench, desk: Desk, subject: Subject, parts: Sequence[Part], *, done: int
) -> None:
    """Predict some parts in one run of the sandbox, after `done` items of the job."""
    files = bench.backend.files
    features = {
        f"part_{number}": files.path(part_name(subject.pool.id, part.id)) / "features.npy"
        for number, part in enumerate(parts)
    }
    bench.open(
        subject.job,
        "predict_parts",
        arguments={
            "format": subject.model.format,
            "parts": [part.id for part in parts],
            "block": BLOCK,
        },
        inputs={"model": files.path(model_name(subject.model.id)), **features},
        scratch=desk.scratch,
        room=sum(part.rows for part in parts) * len(subject.model.classes) * FLOAT64,
        done=done,
        total=subject.total,
    )


def keep(bench: Workbench, desk: Desk, subject: Subject, parts: Sequence[Part]) -> None:
    """Publish the probabilities that the sandbox left, once they have passed the checks."""
    files = bench.backend.files
    for number, part in enumerate(parts):
        kept = desk.out / str(number)
        kept.mkdir(mode=0o700)
        path = desk.take(f"probs_{number}.npy", kept / "probs.npy")
        (kept / VERSIONS).write_text(json.dumps(versions_of(subject.model.format)))
        check(path, Items(files, subject.pool), part, subject.model)
        files.publish(kept, predictions_name(subject.model.id, part.id))
    gone = pools.find(bench.backend, subject.pool.id) is None
    if gone or models.find(bench.backend, subject.model.id) is None:
        for part in parts:
            files.remove(predictions_name(subject.model.id, part.id))
        raise SubjectGone("The pool or the model was deleted while the model was asked")


def versions_used(files: Files, model: Model, parts: Sequence[Part]) -> dict[str, str]:
    """Return the versions of the libraries that predicted some parts; several where they differ."""
    found: dict[str, set[str]] = {}
    for part in parts:
        path = files.path(predictions_name(model.id, part.id)) / VERSIONS
        for name, number in json.loads(path.read_bytes()).items():
            found.setdefault(name, set()).add(number)
    return {name: ", ".join(sorted(numbers)) for name, numbers in found.items()}


def check(path: Path, items: Items, part: Part, model: Model) -> None:
    """Raise InvalidOutput, naming the first item, where probabilities are none."""
    probs = load(path)
    expected = (part.rows, len(model.classes))
    if probs.shape != expected or probs.dtype not in (np.float32, np.float64):
        raise InvalidOutput(f"The model gave an array {probs.shape}, and {expected} was expected")
    for start in range(0, part.rows, CHECKED_ROWS):
        block = np.asarray(probs[start : start + CHECKED_ROWS], dtype=np.float64)
        sums = block.sum(axis=1)
        wrong = ~np.isfinite(block).all(axis=1)
        wrong |= (block < -RANGE_TOLERANCE).any(axis=1) | (block > 1 + RANGE_TOLERANCE).any(axis=1)
        wrong |= np.abs(sums - 1) > SUM_TOLERANCE
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            name = items.packed(part).at(np.array([start + first]))[0]
            raise InvalidOutput(
                f"What the model gave for the item {name!r} are no probabilities: "
                f"smallest {block[first].min():g}, largest {block[first].max():g}, "
                f"sum {sums[first]:g}"
            )
