"""What a model says of each item: computed once for a model and a part, checked, and kept.

A model that is a committee says two kinds of things: its own probabilities, and those of each of
its members. Each kind is asked for, computed and kept by itself.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from service.errors import InvalidOutput, SubjectGone
from service.files import (
    Files,
    form_name,
    members_name,
    model_name,
    part_name,
    predictions_name,
)
from service.items import Items
from service.operations import models, pools, unsettled, usage
from service.records import Job, Model, Part, Pool
from service.settings import Settings
from workers import memory
from workers.versions import LEARNING, PROVIDERS, version_of, versions_of
from workers.workbench import Desk, Workbench, load

PROBS, MEMBERS = "probs", "member_probs"
"""The kinds, by the evidence they are: (items, classes), and (items, members, classes) as kept."""

BLOCK = 4_096
PARTS_AT_ONCE = 16
FLOAT64 = 8
CHECKED_VALUES = 2**17
VERSIONS = "versions.json"
SUM_TOLERANCE = 1e-3
RANGE_TOLERANCE = 1e-6

Kinds = frozenset[str]
OWN = frozenset({PROBS})
NAMES = {PROBS: predictions_name, MEMBERS: members_name}


@dataclass(frozen=True)
class Work:
    """How many items needed the model, and how many were known already."""

    total: int
    cached: int
    predicted: int

    def document(self) -> dict[str, int]:
        """Return the counts as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Subject:
    """Whose items a model is asked about, for which job, and what of each."""

    job: Job
    pool: Pool
    parts: Sequence[Part]
    model: Model
    kinds: Kinds = OWN

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class Group:
    """Parts of which the same kinds are missing, for one run of the sandbox."""

    kinds: Kinds
    parts: Sequence[Part]

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class Run:
    """One run of the sandbox: its desk, and where it stands in a job of several passes."""

    desk: Desk
    done: int
    passes: int


def predict(bench: Workbench, subject: Subject) -> Work:
    """Make sure that what is wanted of a model is kept of every part; return what it took."""
    return predict_all(bench, [subject])


def predict_all(bench: Workbench, subjects: Sequence[Subject]) -> Work:
    """Make sure of it for several models and the same items; return what it took.

    An item counts as predicted where any of the models had to be asked about it.
    """
    asked: dict[str, int] = {}
    for turn, subject in enumerate(subjects):
        groups = list(missing(bench, subject))
        asked |= {part.id: part.rows for group in groups for part in group.parts}
        done = subject.total * (turn + 1) - sum(group.total for group in groups)
        for group in groups:
            with bench.desk(subject.job) as desk:
                run = Run(desk, done // len(subjects), passes=len(subjects))
                provider = run_model(bench, run, subject, group)
                keep(bench, desk, subject, group, provider)
            done += group.total
    total, predicted = max((each.total for each in subjects), default=0), sum(asked.values())
    return Work(total, total - predicted, predicted)


def missing(bench: Workbench, subject: Subject) -> Iterator[Group]:
    """Yield the parts of which something is missing, a group for each run of the sandbox."""
    found: dict[Kinds, list[Part]] = {}
    for part in subject.parts:
        kinds = {kind for kind in subject.kinds if not known(bench, subject.model, part, kind)}
        if kinds:
            found.setdefault(frozenset(kinds), []).append(part)
    for wanted, parts in found.items():
        for start in range(0, len(parts), PARTS_AT_ONCE):
            yield Group(wanted, parts[start : start + PARTS_AT_ONCE])


def known(bench: Workbench, model: Model, part: Part, kind: str = PROBS) -> bool:
    """Return whether what a model says of a part is kept already."""
    return bench.backend.files.exists(NAMES[kind](model.id, part.id))


def shape_of(model: Model, kind: str) -> tuple[int, ...]:
    """Return the shape of what a model says of one item."""
    own = (len(model.classes),)
    return own if kind == PROBS else (model.members or 0, *own)


def run_model(bench: Workbench, run: Run, subject: Subject, group: Group) -> str | None:
    """Predict some parts in one run of the sandbox; return what ran the model, if that varies."""
    files = bench.backend.files
    features = {
        f"part_{number}": files.path(f"{part_name(subject.pool.id, part.id)}/features.npy")
        for number, part in enumerate(group.parts)
    }
    values = sum(prod(shape_of(subject.model, kind)) for kind in group.kinds)
    format, model = opened(files, subject.model)
    gpu = bench.backend.settings.gpu and format == "onnx"
    found = bench.open(
        subject.job,
        "predict_parts",
        arguments={
            "format": "onnx_gpu" if gpu else format,
            "parts": [part.id for part in group.parts],
            "block": BLOCK,
            "probs": PROBS in group.kinds,
            "members": MEMBERS in group.kinds,
            "passes": run.passes,
            "threads": threads(bench.backend.settings),
        },
        inputs={"model": files.path(model), **features},
        scratch=run.desk.scratch,
        room=group.total * values * FLOAT64,
        done=run.done,
        total=subject.job.total or subject.total,
        gpu=gpu,
    )
    return found["provider"] if gpu and found.get("provider") in PROVIDERS else None


def opened(files: Files, model: Model) -> tuple[str, str]:
    """Return what a model is opened as, and its name: its form, where that opens faster."""
    form = form_name(model.id, version_of(LEARNING))
    return ("prepared", form) if files.exists(form) else (model.format, model_name(model.id))


def threads(settings: Settings) -> int:
    """Return in how many threads one scoring may ask a model."""
    return settings.score_threads or max(1, (os.cpu_count() or 1) // settings.workers)


def keep(
    bench: Workbench, desk: Desk, subject: Subject, group: Group, provider: str | None
) -> None:
    """Publish what the sandbox left, once it has passed the checks."""
    files, model = bench.backend.files, subject.model
    versions = json.dumps(versions_of(model.format, provider))
    names = [NAMES[kind](model.id, part.id) for kind in group.kinds for part in group.parts]
    unsettled.note(bench.backend, *names, pool=subject.pool.id)
    for kind in sorted(group.kinds):
        for number, part in enumerate(group.parts):
            kept = desk.out / f"{kind}_{number}"
            kept.mkdir(mode=0o700)
            path = desk.take(f"{kind}_{number}.npy", kept / f"{kind}.npy")
            (kept / VERSIONS).write_text(versions)
            check(path, Items(files, subject.pool), part, model, kind)
            usage.claim_for(bench.backend, kept)
            files.publish(kept, NAMES[kind](model.id, part.id))
    gone = pools.find(bench.backend, subject.pool.id) is None
    if gone or models.find(bench.backend, model.id) is None:
        for name in names:
            files.remove(name)
        raise SubjectGone("The pool or the model was deleted while the model was asked")


def versions_used(files: Files, subjects: Sequence[Subject]) -> dict[str, str]:
    """Return the versions of the libraries that predicted; several where they differ."""
    found: dict[str, set[str]] = {}
    for subject in subjects:
        for part, kind in product(subject.parts, subject.kinds):
            path = files.path(f"{NAMES[kind](subject.model.id, part.id)}/{VERSIONS}")
            for name, number in json.loads(path.read_bytes()).items():
                found.setdefault(name, set()).add(number)
    return {name: ", ".join(sorted(numbers)) for name, numbers in sorted(found.items())}


def check(path: Path, items: Items, part: Part, model: Model, kind: str = PROBS) -> None:
    """Raise InvalidOutput, naming the first item, where probabilities are none."""
    probs, shape = load(path), shape_of(model, kind)
    expected = (part.rows, *shape)
    if probs.shape != expected or probs.dtype not in (np.float32, np.float64):
        raise InvalidOutput(f"The model gave an array {probs.shape}, and {expected} was expected")
    size = max(1, CHECKED_VALUES // prod(shape))
    for start in range(0, part.rows, size):
        block = np.asarray(probs[start : start + size], dtype=np.float64)
        place = first_wrong(block)
        memory.let_go(probs)
        if place is not None:
            row, *member = place
            name = items.packed(part).at(np.array([start + row]))[0]
            who = f"member {member[0]} of the model" if member else "the model"
            found = block[tuple(place)]
            raise InvalidOutput(
                f"What {who} gave for the item {name!r} are no probabilities: "
                f"smallest {found.min():g}, largest {found.max():g}, sum {float(sums(found)):g}"
            )


def first_wrong(block: npt.NDArray[np.float64]) -> list[int] | None:
    """Return the place of the first row of a block that holds no probabilities, if any does."""
    fine = np.abs(sums(block) - 1) <= SUM_TOLERANCE
    low, high = -RANGE_TOLERANCE, 1 + RANGE_TOLERANCE
    if fine.all() and block.min() >= low and block.max() <= high:
        return None
    fine &= ((block >= low) & (block <= high)).all(axis=-1)
    return [int(index) for index in np.argwhere(~fine)[0]]


def sums(block: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the sum of each row of a block; infinities that cancel out give no number."""
    rows = block.reshape(-1, block.shape[-1])
    with np.errstate(invalid="ignore"):
        found: npt.NDArray[np.float64] = rows @ np.ones(block.shape[-1])
    return found.reshape(block.shape[:-1])
