"""Learners: made, read, taught, deleted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from service.acquisition.registry import BATCH
from service.backend import Backend
from service.errors import Conflict, Fault, InvalidRequest, LearnerNotFound
from service.estimators import Recipe
from service.functions import Function
from service.operations import jobs, labels, pools, recipes, scorings, stopping, turns
from service.operations.labels import Label
from service.operations.pairing import faults_of
from service.operations.questions import Question, Source
from service.operations.stopping import Advice
from service.records import FAILED, Job, Learner, Pool, active, new_id

FEWEST_CLASSES = 2


@dataclass(frozen=True, kw_only=True)
class NewLearner:
    """What a client asks for: what is learnt, how, and what is queried by.

    `function` needs a model's word or not; `cold_start` stands in for it until there are labels of
    two classes. `batch` is how many items a query gives unless it says otherwise; `folds` of
    cross-validation give the history's score, none where it is 0.
    """

    pool: str
    recipe: Recipe
    function: Function
    cold_start: Function
    batch: int
    folds: int
    seed: int
    name: str = ""


@dataclass(frozen=True)
class LearnerView:
    """A learner with what is not in its record: whether it is learning, and what went wrong."""

    learner: Learner
    pending: Job | None
    problem: Mapping[str, Any] | None
    advice: Advice


def create(backend: Backend, asked: NewLearner, id: str | None = None) -> Learner:
    """Make a learner, with a new id unless one is given, and ask for its first turn.

    Return it, or who has the id; raise InvalidRequest for what cannot work.
    """
    pool = validate(backend, asked)
    standing = backend.storage.get(Learner, id) if id else None
    if standing is not None:
        return standing
    learner = Learner(
        id=id or new_id(),
        pool=pool.id,
        name=asked.name,
        recipe=asked.recipe.document(),
        function=asked.function.document(),
        cold_start=asked.cold_start.document(),
        batch=asked.batch,
        folds=asked.folds,
        seed=asked.seed,
    )
    job = turns.next_job(learner)
    learner = turns.awaiting(learner, job)
    jobs.admit(backend, job)
    backend.storage.add(learner)
    if pools.find(backend, pool.id) is None:
        backend.storage.remove(learner)
        backend.storage.remove(job)
    pools.check_still_there(backend, pool)
    jobs.enqueue(backend, job)
    return learner


def validate(backend: Backend, asked: NewLearner) -> Pool:
    """Return the pool of a learner; raise InvalidRequest with what keeps it from being learnt."""
    pool = pools.get(backend, asked.pool)
    scorings.refuse_too_soon(backend, pool)
    for function in (asked.function, asked.cold_start):
        scorings.check_count(backend, [function])
    faults = [*recipes.faults(asked.recipe, pool), *function_faults(backend, pool, asked)]
    faults += cold_start_faults(backend, pool, asked)
    if faults:
        first = f"{faults[0].detail} (at {faults[0].pointer})"
        raise InvalidRequest(f"This cannot be learnt as asked: {first}", faults=faults)
    return pool


def function_faults(backend: Backend, pool: Pool, asked: NewLearner) -> Iterator[Fault]:
    """Yield what keeps the function from being asked of the models that there will be.

    They will have been fitted on some labels, and are taken to know as many classes as a matrix of
    costs speaks of; a turn compares that with its own.
    """
    costs = [each.parameters.get("costs") or () for each in asked.function.walk()]
    classes = range(max([FEWEST_CLASSES, *map(len, costs)]))
    question = question_of(
        pool, (recipes.expected_model(asked.recipe, classes, pool),), asked.function, asked.batch
    )
    ahead = replace(question, labelled=max(FEWEST_CLASSES, backend.labels.count(pool.id)))
    yield from moved(faults_of(backend, ahead), "/acquisition")


def cold_start_faults(backend: Backend, pool: Pool, asked: NewLearner) -> Iterator[Fault]:
    """Yield what keeps a function from being asked before there is a model or a label."""
    for each in asked.cold_start.walk():
        if each.entry.needs_predictions or each.entry.requires_labels:
            needed = "labels" if each.entry.requires_labels else "predictions"
            detail = f"{each.name} needs {needed}, and a cold start has none"
            yield Fault("/cold_start", detail)
            return
    question = question_of(pool, (), asked.cold_start, asked.batch)
    yield from moved(faults_of(backend, question), "/cold_start")


def question_of(pool: Pool, models: Sequence[Any], function: Function, batch: int) -> Question:
    """Return what a turn asks: one function, of a model or of none."""
    n = batch if function.entry.kind == BATCH else None
    return Question(pool=pool, source=Source(models=tuple(models)), functions=(function,), n=n)


def moved(faults: Iterator[Fault], place: str) -> Iterator[Fault]:
    """Yield faults of a scoring with pointers into a learner; a recipe's are told elsewhere."""
    for fault in faults:
        if not fault.pointer.startswith("/model"):
            pointer = fault.pointer.replace("/acquisitions/0", place, 1).replace("/batch", "/n", 1)
            yield replace(fault, pointer=pointer)


def get(backend: Backend, id: str) -> Learner:
    """Return a learner."""
    learner = find(backend, id)
    if learner is None:
        raise LearnerNotFound(f"There is no learner {id}")
    return learner


def find(backend: Backend, id: str) -> Learner | None:
    """Return a learner, or None."""
    return backend.storage.get(Learner, id)


def page(
    backend: Backend, after: str | None, limit: int, pool: str | None
) -> tuple[list[Learner], str | None]:
    """Return learners, all or a pool's, the newest first, and where to go on."""
    return backend.storage.page(Learner, after, limit, f"pool:{pool}" if pool else None)


def view(backend: Backend, learner: Learner) -> LearnerView:
    """Return a learner with its state: on its way to a turn, at rest, or with a failed one."""
    job = backend.storage.get(Job, learner.job) if learner.job else None
    failed = job is not None and job.state == FAILED
    return LearnerView(
        learner=learner,
        pending=turns.pending(backend, learner),
        problem=job.error if job is not None and failed else None,
        advice=stopping.advise(learner.turns),
    )


def teach(backend: Backend, id: str, given: Mapping[str, Label | None], source: str = "") -> Job:
    """Store labels in the learner's pool and ask for its next turn; return the turn's job.

    Only what is given is a label: an item that was shown and not corrected stays unlabelled.
    """
    learner = get(backend, id)
    if given:
        labels.put(backend, learner.pool, given, source=source or learner.name)
    return turns.ask(backend, learner.id)


def delete(backend: Backend, id: str) -> None:
    """Delete a learner with its rankings, and cancel its turns; models and labels stay."""
    learner = get(backend, id)
    if not backend.storage.remove(learner):
        raise LearnerNotFound(f"There is no learner {id}")
    for job in backend.storage.indexed(Job, active(f"pool:{learner.pool}")):
        if job.task == "teach" and job.request["learner"] == id:
            with suppress(Conflict):  # it has ended meanwhile
                jobs.cancel(backend, job.id)
    turns.forget_rankings(backend, learner, None)
    last = learner.turns[-turns.KEPT_RANKINGS :]
    models = {turn.model for turn in last if turn.model is not None}
    turns.forget_unused(backend, learner.pool, models)
