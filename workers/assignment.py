"""What is scored: by a scoring job, read back from its request and looked up again, or a turn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from service import ranking
from service.acquisition.evidence import Rows
from service.backend import Backend
from service.errors import SubjectGone
from service.filters import Condition, matching
from service.functions import Function
from service.items import Items
from service.operations import exclusions, models, pools, predictions, scorings
from service.operations.questions import MEMBERS
from service.records import LABELLED, Job, Model, Part, Pool, Predictions
from workers.prediction import MEMBERS as MEMBER_PROBS
from workers.prediction import PROBS, Subject

Mask = npt.NDArray[np.bool_]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Assignment:
    """What a job scores: a pool, by predictions, with functions.

    `batch` is what batch strategies select, as the job of a scoring has it, None where none does.
    `start` is the row of the whole pool at which the parts begin.
    """

    job: Job
    pool: Pool
    parts: tuple[Part, ...]
    models: tuple[Model, ...]
    predictions: Predictions | None
    annotations: Predictions | None
    functions: tuple[Function, ...]
    batch: Mapping[str, Any] | None = None
    start: int = 0

    def piece(self, first: int, last: int) -> "Assignment":
        """Return what is to be done of some of the parts alone, whose rows count from 0."""
        before, parts = self.parts[:first], self.parts[first:last]
        start = sum(part.rows for part in before)
        return replace(self, pool=replace(self.pool, parts=parts), parts=parts, start=start)

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(part.rows for part in self.parts)

    @property
    def steps(self) -> int:
        """How many items there are to go through: all once for the scores, and for each batch."""
        return self.total * scorings.passes(self.functions)

    @property
    def source(self) -> dict[str, Any]:
        """The ids of what the predictions are from."""
        given = (("predictions", self.predictions), ("annotations", self.annotations))
        found: dict[str, Any] = {name: each.id for name, each in given if each is not None}
        if len(self.models) > 1:
            return {"committee": [model.id for model in self.models], **found}
        return {"model": self.models[0].id, **found} if self.models else found

    @property
    def needs(self) -> frozenset[str]:
        """The evidence that the functions need, and those that they build on."""
        every = (each for function in self.functions for each in function.walk())
        return frozenset(need for each in every for need in each.entry.needs)

    @property
    def asks_members(self) -> bool:
        """Whether a function needs what only the members of a committee can tell."""
        return not self.needs.isdisjoint(MEMBERS)

    @property
    def of_models(self) -> bool:
        """Whether anything is asked that only the models can tell."""
        every = (each for function in self.functions for each in function.walk())
        return bool(self.models) and any(each.entry.needs_predictions for each in every)


def read_assignment(backend: Backend, job: Job) -> Assignment:
    """Return what a job works on; raise SubjectGone where some of it was deleted meanwhile."""
    request = job.request
    pool = there(pools.find(backend, request["pool"]), f"pool {request['pool']}")
    named = request.get("committee") or [id for id in (request.get("model"),) if id]
    return Assignment(
        job=job,
        pool=pool,
        parts=pool.parts[: len(request["parts"])],
        models=tuple(there(models.find(backend, id), f"model {id}") for id in named),
        predictions=uploaded(backend, pool, request.get("predictions")),
        annotations=uploaded(backend, pool, request.get("annotations")),
        functions=tuple(Function.from_document(each) for each in request["acquisitions"]),
        batch=request.get("batch"),
    )


def uploaded(backend: Backend, pool: Pool, id: str | None) -> Predictions | None:
    """Return predictions that a request names."""
    if id is None:
        return None
    return there(predictions.find(backend, pool.id, id), f"predictions {id}")


def there(found: Found | None, name: str) -> Found:
    """Return what was looked up; raise SubjectGone where it was deleted meanwhile."""
    if found is None:
        raise SubjectGone(f"The {name} was deleted")
    return found


def eligible(backend: Backend, assignment: Assignment, batch: Mapping[str, Any]) -> Mask:
    """Return which items a batch may be selected from, as sets and labels are now."""
    pool, total = assignment.pool, assignment.total
    given = scorings.excluded_ids(backend, assignment.job) if batch["exclude"] else []
    names = [*batch["exclude_sets"], *(() if batch["include_labelled"] else (LABELLED,))]
    rows = Items(backend.files, pool).find(given)
    blocked = ranking.bitmap_of(rows[rows < total], total)
    for name in names:
        stored = exclusions.bitmap(backend, pool, name)
        blocked |= ranking.fitted(stored.tobytes(), total)
    free = np.unpackbits(blocked, count=total) == 0
    conditions = [condition_of(each) for each in batch["where"]]
    return free & matching(Items(backend.files, pool), conditions, total) if conditions else free


def condition_of(document: Mapping[str, Any]) -> Condition:
    """Return a condition that a job's record describes."""
    among = document["among"]
    return Condition(**{**document, "among": None if among is None else tuple(among)})


def labelled_rows(backend: Backend, assignment: Assignment) -> Rows:
    """Return the rows of the items that have a label, ascending."""
    stored = backend.storage.bits(assignment.pool.id, LABELLED)
    return ranking.rows_of(ranking.fitted(stored, assignment.total))


def subjects(assignment: Assignment) -> list[Subject]:
    """Return what the models of a job are asked about, if its functions need to know."""
    if not assignment.of_models:
        return []
    alone = len(assignment.models) == 1
    kinds = {PROBS, MEMBER_PROBS} if alone and assignment.asks_members else {PROBS}
    return [
        Subject(assignment.job, assignment.pool, assignment.parts, model, frozenset(kinds))
        for model in assignment.models
    ]
