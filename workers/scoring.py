"""A scoring job: predictions once, then every function over every block, then the orders."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.acquisition import REGISTRY, Acquisition
from service.backend import Backend
from service.errors import InvalidOutput, RankingNotFound, SubjectGone
from service.files import predictions_name, ranking_name
from service.items import Items
from service.operations import jobs, models, pools
from service.operations import rankings as stored_rankings
from service.ranking import Scores, ascending, descending
from service.records import Job, Model, Part, Pool, Ranking
from workers.prediction import Subject, predict, versions_used
from workers.versions import own_versions
from workers.workbench import Workbench

BLOCK = 16_384
BINS = 20

Evidence = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """What a scoring job works on, read back from its request."""

    job: Job
    pool: Pool
    parts: tuple[Part, ...]
    model: Model | None
    functions: tuple[Mapping[str, Any], ...]

    @property
    def total(self) -> int:
        """The number of items to score."""
        return sum(part.rows for part in self.parts)

    @property
    def needs(self) -> frozenset[str]:
        """The evidence that the functions need."""
        return frozenset(need for each in self.functions for need in REGISTRY[each["name"]].needs)


def score(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Compute a ranking for every function that a job asks for; return which."""
    task = read_task(bench.backend, job)
    items: dict[str, int] = {"total": task.total, "cached": 0, "predicted": 0}
    if task.model is not None and "probs" in task.needs:
        items = asdict(predict(bench, Subject(job, task.pool, task.parts, task.model)))
    with bench.backend.files.staging(jobs.staging_token(job)) as staged:
        scores = score_all(bench.backend, task, staged, report=items["predicted"] == 0)
        # Published is done: from here on the job is not stopped half-way any more.
        jobs.check(bench.backend, job)
        rankings = [
            rank(bench.backend, task, number, staged / str(number), scores[number])
            for number in range(len(task.functions))
        ]
    if pools.find(bench.backend, task.pool.id) is None:
        withdraw(bench.backend, rankings)
        raise SubjectGone(f"The pool {task.pool.id} was deleted while it was scored")
    bench.backend.storage.set_progress(job.id, task.total, task.total)
    return {"rankings": rankings, "items": items}


def withdraw(backend: Backend, rankings: Sequence[Mapping[str, Any]]) -> None:
    """Remove the rankings of a pool that was deleted while they were made."""
    for each in rankings:
        with suppress(RankingNotFound):
            stored_rankings.delete(backend, each["id"])


def read_task(backend: Backend, job: Job) -> Task:
    """Return what a job works on; raise where it was deleted while the job waited."""
    request = job.request
    pool = pools.find(backend, request["pool"])
    if pool is None:
        raise SubjectGone(f"The pool {request['pool']} was deleted")
    return Task(
        job=job,
        pool=pool,
        parts=tuple(part for part in pool.parts if part.id in set(request["parts"])),
        model=models.get(backend, request["model"]) if request["model"] else None,
        functions=tuple(request["acquisitions"]),
    )


def score_all(backend: Backend, task: Task, staged: Path, *, report: bool) -> Sequence[Scores]:
    """Return every function's scores of every item, in files that are mapped."""
    scores = [score_file(staged / str(number), task.total) for number in range(len(task.functions))]
    done = 0
    for part, start, stop, evidence in blocks(backend, task):
        for function, target in zip(task.functions, scores, strict=True):
            found = REGISTRY[function["name"]].score(evidence, **function["parameters"])
            check(Items(backend.files, task.pool), part, start, found)
            target[done : done + stop - start] = found
        done += stop - start
        jobs.advance(backend, task.job, done if report else task.total, task.total)
    return scores


def score_file(directory: Path, total: int) -> Scores:
    """Return a new array of scores that stands in a file."""
    directory.mkdir(mode=0o700)
    path = directory / "scores.npy"
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(total,))


def blocks(backend: Backend, task: Task) -> Iterator[tuple[Part, int, int, Evidence]]:
    """Yield the evidence of every part, block by block, with the rows of the part it is of."""
    items = Items(backend.files, task.pool)
    for part in task.parts:
        whole: Evidence = {}
        if "probs" in task.needs and task.model is not None:
            name = predictions_name(task.model.id, part.id)
            whole["probs"] = backend.files.array(f"{name}/probs.npy")
        if "keys" in task.needs:
            whole["keys"] = items.keys(part)
        for start in range(0, part.rows, BLOCK):
            stop = min(start + BLOCK, part.rows)
            yield part, start, stop, {name: block_of(whole[name], start, stop) for name in whole}


def block_of(array: npt.NDArray[Any], start: int, stop: int) -> npt.NDArray[Any]:
    """Return some rows of evidence, in the one type that functions take, and not to be changed."""
    block = array[start:stop]
    if block.dtype.kind == "f":
        # Rounding may leave a probability a hair outside [0, 1]; the model's check allows no more.
        block = np.clip(block.astype(np.float64), 0.0, 1.0)
    block.flags.writeable = False
    return block


def check(items: Items, part: Part, start: int, scores: Scores) -> None:
    """Raise InvalidOutput, naming the item, where a score is not finite."""
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        name = items.packed(part).at(np.array([start + int(wrong[0])]))[0]
        raise InvalidOutput(f"There is no finite score for the item {name!r}")


def rank(backend: Backend, task: Task, number: int, staged: Path, scores: Scores) -> dict[str, Any]:
    """Order scores, publish them, and remember the ranking; return its id and function."""
    order = descending(scores)
    np.save(staged / "order.npy", order, allow_pickle=False)
    np.save(staged / "order_ascending.npy", ascending(scores, order), allow_pickle=False)
    # The same job makes the same id again, so a second attempt leaves no second ranking.
    id = uuid.uuid5(uuid.UUID(task.job.id), str(number)).hex
    backend.files.publish(staged, ranking_name(id))
    function = task.functions[number]
    entry = REGISTRY[function["name"]]
    ranking = Ranking(
        id=id,
        job=task.job.id,
        pool=task.pool.id,
        parts=tuple(part.id for part in task.parts),
        total=task.total,
        model=task.model.id if task.model else None,
        acquisition=entry.name,
        parameters=function["parameters"],
        raw_name=entry.raw_name,
        raw_direction=entry.raw_direction,
        summary=summary_of(scores),
        versions=versions(backend, task, entry),
        submitted_at=task.job.created_at,
        started_at=task.job.started_at or task.job.created_at,
    )
    backend.storage.add(ranking)
    return {"id": id, "acquisition": entry.name}


def summary_of(scores: Scores) -> dict[str, Any]:
    """Return the extremes, the mean and the histogram of scores."""
    if len(scores) == 0:
        return {"minimum": None, "maximum": None, "mean": None, "histogram": None}
    low, high = float(scores.min()), float(scores.max())
    span = (low, high)
    if (high - low) / BINS <= np.spacing(max(abs(low), abs(high))) * BINS:
        span = (low - 0.5, high + 0.5)  # scores so close leave no room for bins between them
    counts, edges = np.histogram(scores, bins=BINS, range=span)
    return {
        "minimum": low,
        "maximum": high,
        "mean": float(scores.mean()),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }


def versions(backend: Backend, task: Task, entry: Acquisition) -> dict[str, str]:
    """Return the versions of what computed a ranking."""
    if task.model is None or not entry.needs_predictions:
        return own_versions()
    return {**own_versions(), **versions_used(backend.files, task.model, task.parts)}
