"""Pieces of a scoring: done by whoever takes one, kept until the job ends, and put together.

A piece is the predictions of some parts of the pool, which are kept anyway, and the scores of those
functions that can be computed item by item. It is published when it is done, and never done again:
not after its worker died, nor in the job's next attempt.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from service.backend import Backend
from service.files import piece_name
from service.operations import jobs
from service.operations.pieces import by_pieces
from service.records import Job
from workers.assignment import Assignment, subjects
from workers.evaluation import Evaluation, evaluate, file_of
from workers.prediction import Work, predict_all
from workers.supply import supply_of
from workers.workbench import Workbench

WORK = "work.json"


def finish(bench: Workbench, assignment: Assignment) -> Work:
    """Do those pieces of a job that nobody has done; return what all of them took."""
    job = assignment.job
    for number in range(1, len(job.pieces) + 1):
        do(bench, assignment, number)
    return sum_of([work_of(bench.backend, job, number) for number in range(1, len(job.pieces) + 1)])


def do(bench: Workbench, assignment: Assignment, number: int) -> None:
    """Do a piece of a job, unless it is done."""
    backend, job = bench.backend, assignment.job
    if backend.files.exists(piece_name(job.id, number)):
        return
    bench, piece = replace(bench, piece=number), assignment.piece(*job.pieces[number - 1])
    work = predict_all(bench, subjects(piece))
    with backend.files.staging(jobs.staging_token(job)) as root:
        staged = root / "piece"
        staged.mkdir(mode=0o700)
        score(bench, piece, staged, report=work.predicted == 0)
        (staged / WORK).write_text(json.dumps(work.document()))
        jobs.check(backend, job)
        backend.files.publish(staged, piece_name(job.id, number))
    backend.storage.set_run_progress(job.id, number, piece.total, job.total or 0)


def score(bench: Workbench, piece: Assignment, staged: Path, *, report: bool) -> None:
    """Leave the scores that functions give the items of a piece."""
    evaluation = Evaluation(supply_of(bench.backend, piece), staged, piece.total)

    def told(done: int) -> None:
        bench.advance(piece.job, done if report else piece.total, None)

    evaluate(evaluation, by_pieces(piece.functions), told)


def work_of(backend: Backend, job: Job, number: int) -> Work:
    """Return what a piece that is done took."""
    path = backend.files.path(f"{piece_name(job.id, number)}/{WORK}")
    return Work(**json.loads(path.read_bytes()))


def sum_of(works: Sequence[Work]) -> Work:
    """Return what several pieces took together."""
    return Work(
        sum(work.total for work in works),
        sum(work.cached for work in works),
        sum(work.predicted for work in works),
    )


def gather(backend: Backend, evaluation: Evaluation, assignment: Assignment) -> None:
    """Put the scores of a job's pieces together, where a job has pieces."""
    job = assignment.job
    for function in by_pieces(assignment.functions) if job.pieces else ():
        target, start = evaluation.array(function), 0
        for number in range(1, len(job.pieces) + 1):
            scores = backend.files.array(f"{piece_name(job.id, number)}/{file_of(function)}")
            target[start : start + len(scores)] = scores
            start += len(scores)
