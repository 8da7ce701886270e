"""Scorings: everything that can be known beforehand is checked here, then a worker is asked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from service.acquisition.registry import BATCH
from service.backend import Backend
from service.errors import Conflict, Fault, InvalidRequest
from service.files import upload_name
from service.filters import Condition
from service.filters import check as check_filter
from service.functions import Function
from service.operations import exclusions, jobs, models, pools, predictions
from service.operations.pairing import faults_of
from service.operations.pieces import pieces_of
from service.operations.questions import Question, Source
from service.records import Job, Model, Pool, Predictions, active, new_id

NAMED_FAULTS = 20


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How many items batch strategies select, and what they must leave out."""

    n: int
    exclude: tuple[str, ...] = ()
    exclude_sets: tuple[str, ...] = ()
    include_labelled: bool = False
    where: tuple[Condition, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return what a job's record keeps; the ids are too many for it."""
        return {
            "n": self.n,
            "exclude": len(self.exclude),
            "exclude_sets": list(self.exclude_sets),
            "include_labelled": self.include_labelled,
            "where": [asdict(condition) for condition in self.where],
        }


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What a client asks for, by name."""

    pool: str
    functions: tuple[Function, ...]
    model: str | None = None
    committee: tuple[str, ...] = ()
    predictions: str | None = None
    annotations: str | None = None
    batch: Batch | None = None

    def document(self) -> dict[str, Any]:
        """Return the scoring as a job's record keeps it, what is not said left out."""
        said: Mapping[str, Any] = {
            "pool": self.pool,
            "model": self.model,
            "committee": list(self.committee),
            "predictions": self.predictions,
            "annotations": self.annotations,
            "batch": self.batch and self.batch.document(),
        }
        return {
            **{name: value for name, value in said.items() if value},
            "acquisitions": [function.document() for function in self.functions],
        }


def submit(backend: Backend, scoring: Scoring, id: str | None = None) -> Job:
    """Ask a worker to score a pool, by a job with a new id unless one is given; raise
    InvalidRequest for what cannot work."""
    question = validate(backend, scoring)
    refuse_too_soon(backend, question.pool)
    job = Job(
        id=id or new_id(),
        task="score",
        request={**scoring.document(), "parts": [part.id for part in question.pool.parts]},
        pool=question.pool.id,
        model=scoring.model,
        committee=scoring.committee,
        total=question.pool.total * passes(scoring.functions),
        pieces=pieces_of(question.pool.parts, scoring.functions, backend.settings.piece_items),
    )
    keep_excluded(backend, job, scoring.batch)
    try:
        return jobs.submit(backend, job)
    finally:
        jobs.forget_upload_without_job(backend, job.id)


def passes(functions: Sequence[Function]) -> int:
    """Return how often a job goes through the items: once for all scores, once for each batch."""
    return 1 + sum(function.entry.kind == BATCH for function in functions)


def validate(backend: Backend, scoring: Scoring) -> Question:
    """Return a scoring with all that it names looked up; raise InvalidRequest with its faults."""
    pool = pools.get(backend, scoring.pool)
    check_members(backend, scoring)
    question = Question(
        pool=pool,
        source=source_of(backend, scoring),
        functions=scoring.functions,
        n=scoring.batch.n if scoring.batch else None,
        annotations=annotations_of(backend, scoring),
    )
    check_count(backend, scoring.functions)
    faults = list(faults_of(backend, question))
    if scoring.batch is not None:
        faults += batch_faults(backend, pool, scoring.batch)
    if faults:
        first = f"{faults[0].detail} (at {faults[0].pointer})"
        raise InvalidRequest(f"This cannot be scored as asked: {first}", faults=faults)
    return question


def check_members(backend: Backend, scoring: Scoring) -> None:
    """Raise InvalidRequest for a committee of more models than it may have members."""
    limit = backend.settings.max_members
    if len(scoring.committee) > limit:
        raise InvalidRequest(
            f"A committee has at most {limit} members (max_members)",
            faults=[Fault("/committee", f"{len(scoring.committee)} are more than {limit}")],
        )


def check_count(backend: Backend, functions: Sequence[Function]) -> None:
    """Raise InvalidRequest for more functions than a job computes, those built on too."""
    count = sum(len(list(function.walk())) for function in functions)
    limit = backend.settings.max_functions
    if count > limit:
        raise InvalidRequest(f"A job computes at most {limit} functions (max_functions)")
    check_parameters(backend, functions)


def check_parameters(backend: Backend, functions: Sequence[Function]) -> None:
    """Raise InvalidRequest where what functions are told is more than a job's record may keep."""
    length = sum(len(json.dumps(function.document())) for function in functions)
    limit = backend.settings.max_parameter_bytes
    if length > limit:
        raise InvalidRequest(
            f"The functions and their parameters take {length} bytes, and at most {limit} are"
            " allowed (max_parameter_bytes)"
        )


def source_of(backend: Backend, scoring: Scoring) -> Source:
    """Return where the predictions come from."""
    if scoring.predictions:
        return Source(predictions=predictions.get(backend, scoring.pool, scoring.predictions))
    named = scoring.committee or ((scoring.model,) if scoring.model else ())
    return Source(models=tuple(usable(backend, id) for id in named))


def usable(backend: Backend, id: str) -> Model:
    """Return a model in a format that may be opened here."""
    model = models.get(backend, id)
    models.check_format(backend, model.format)
    return model


def annotations_of(backend: Backend, scoring: Scoring) -> Predictions | None:
    """Return the annotators' votes that a scoring names."""
    if not scoring.annotations:
        return None
    return predictions.get(backend, scoring.pool, scoring.annotations)


def batch_faults(backend: Backend, pool: Pool, batch: Batch) -> list[Fault]:
    """Return what is wrong with what a batch shall leave out."""
    _, unknown = exclusions.known_rows(backend, pool, batch.exclude)
    faults = [
        Fault(f"/batch/exclude/{batch.exclude.index(id)}", f"{id!r} is not in the pool")
        for id in unknown[:NAMED_FAULTS]
    ]
    for name in batch.exclude_sets:
        exclusions.bitmap(backend, pool, name)
    check_filter(pool, batch.where, "/batch/where")
    return faults


def keep_excluded(backend: Backend, job: Job, batch: Batch | None) -> None:
    """Keep the ids that a batch leaves out where the job's body stands, until the job ends."""
    if batch is None or not batch.exclude:
        return
    name = upload_name(job.id)
    backend.files.draft(name).write_text(json.dumps(batch.exclude), encoding="utf-8")
    backend.files.hand_over(name)


def excluded_ids(backend: Backend, job: Job) -> list[str]:
    """Return the ids that a job's batch leaves out."""
    path = backend.files.path(upload_name(job.id))
    if not job.request["batch"]["exclude"]:
        return []
    found: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def refuse_too_soon(backend: Backend, pool: Pool) -> None:
    """Raise Conflict for a pool that is empty only because its uploads are still being read."""
    if pool.parts:
        return
    uploads = [
        job
        for job in backend.storage.indexed(Job, active(f"pool:{pool.id}"))
        if job.task == "ingest"
    ]
    if uploads:
        raise Conflict(
            f"The pool is still empty: {len(uploads)} of its uploads are being read. Wait for "
            f"/v1/jobs/{uploads[-1].id}, then ask again",
            headers={"Retry-After": "1"},
        )
