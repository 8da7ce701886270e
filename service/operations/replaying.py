"""What a simulation asks for against what there is: everything that can be known is known here."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from service.acquisition.evidence import EVIDENCE, PREDICTIONS
from service.acquisition.registry import AGGREGATION, BATCH, RELABELLING
from service.backend import Backend
from service.classes import identity
from service.errors import Fault
from service.estimators import ESTIMATORS, Recipe
from service.functions import Function
from service.ids import Rows
from service.operations import pairing, recipes
from service.operations.questions import GIVES, MEMBERS, Question, Source
from service.operations.stock import UNKNOWN, Census
from service.records import Part
from service.simulation import GIVEN, STRATEGY, Plan

NAMED_FAULTS = 20
FEWEST = 2
"""Classes that can be told apart, and items of a class of which one is tested."""

COMMITTEES = ", ".join(name for name, each in ESTIMATORS.items() if each.is_committee)

Places = Iterator[tuple[Function, str]]


@dataclass(frozen=True)
class Asked:
    """A plan with the labelled items of the pools that it names.

    `given` are the first items that are named by id: the classes of their labels, -1 for one that
    has none, UNKNOWN for one that the pool does not know. All counts are those of one run: the
    runs of a plan are all as long.
    """

    plan: Plan
    stock: Census
    tests: Census | None
    given: Rows

    @property
    def drawn(self) -> Rows:
        """How many items of each class the test set is drawn from, int64 (classes,): given items
        are not tested."""
        named = np.bincount(self.given[self.given >= 0], minlength=len(self.stock.counts))
        return self.stock.counts - named

    @property
    def tested(self) -> int:
        """How many items of the pool are tested, and not learnt from."""
        return 0 if self.tests else ceil((self.plan.test_share or 0) * int(self.drawn.sum()))

    @property
    def items(self) -> int:
        """How many items can be labelled."""
        return len(self.stock) - self.tested

    @property
    def first(self) -> int:
        """How many items are labelled before the first round."""
        return self.plan.initial.size

    @property
    def last(self) -> int:
        """How many items are labelled in the end."""
        plan = self.plan
        ends = [self.items]
        if plan.labels is not None:
            ends.append(plan.labels)
        if plan.rounds is not None:
            ends.append(self.first + plan.rounds * plan.budget)
        return min(ends)

    @property
    def fits(self) -> int:
        """How many models are fitted: one on the first items, and one in each round."""
        return 1 + max(0, ceil((self.last - self.first) / self.plan.budget))


def faults_of(backend: Backend, asked: Asked) -> Iterator[Fault]:
    """Yield what keeps a simulation from being run, each with a pointer into the request."""
    faults = [*pool_faults(asked), *test_faults(asked)] or [*share_faults(asked)]
    yield from faults
    if faults:  # nothing could be said of the rest
        return
    yield from alike(asked.plan.recipes, "/estimators")
    yield from alike(asked.plan.functions, "/functions")
    for place, recipe in enumerate(asked.plan.recipes):
        yield from recipes.faults(recipe, asked.stock.pool, f"/estimators/{place}")
    faults = [*initial_faults(backend, asked), *length_faults(asked)]
    yield from faults
    if not faults:
        yield from fit_faults(backend, asked)
        yield from function_faults(backend, asked)


def pool_faults(asked: Asked) -> Iterator[Fault]:
    """Yield what the pool lacks."""
    stock = asked.stock
    if stock.pool.item_values == 0:
        yield Fault("/pool", "Models are fitted on features, and the pool's items have none")
    if not len(stock):
        yield Fault("/pool", "None of the pool's items is labelled: PUT labels first")
    elif len(stock.classes) < FEWEST:
        only = json.dumps(stock.classes[0])
        yield Fault("/pool", f"All labels are {only}: two classes are needed at least")


def test_faults(asked: Asked) -> Iterator[Fault]:
    """Yield what keeps models from being tested on the test pool."""
    tests, stock = asked.tests, asked.stock
    if tests is None:
        return
    known = set(map(identity, stock.classes))
    strange = [each for each in tests.classes if identity(each) not in known]
    if tests.pool.id == stock.pool.id:
        yield Fault("/test_pool", "This is the pool itself: say `test_share` to test on a part")
    elif tests.pool.item_shape != stock.pool.item_shape:
        here, there = list(tests.pool.item_shape or ()), list(stock.pool.item_shape or ())
        yield Fault("/test_pool", f"Its items have the shape {here}, and the pool's {there}")
    elif not len(tests):
        yield Fault("/test_pool", "None of its items is labelled: PUT labels first")
    elif strange and len(stock):
        named = json.dumps(strange[0])
        yield Fault("/test_pool", f"Items are labelled {named}, and no item of the pool is")


def share_faults(asked: Asked) -> Iterator[Fault]:
    """Yield why no share of the items can be a test set that has every class."""
    share, counts = asked.plan.test_share, asked.drawn
    if asked.tests is not None or share is None:
        return
    classes, total = int((counts > 0).sum()), int(counts.sum())
    rare = np.flatnonzero((counts > 0) & (counts < FEWEST))
    if len(rare):
        named = json.dumps(asked.stock.classes[rare[0]])
        detail = f"Of those that could be tested, one item alone is labelled {named}"
        yield Fault("/pool", f"{detail}: label another so, or name a `test_pool`")
    for side, size in (("tested", asked.tested), ("learnt from", total - asked.tested)):
        if size < classes:
            detail = f"With this share {size} of {total} items are {side}, and there are {classes}"
            yield Fault("/test_share", f"{detail} classes")


def alike(asked: Sequence[Recipe | Function], pointer: str) -> Iterator[Fault]:
    """Yield what is asked for twice."""
    seen: dict[str, int] = {}
    for place, each in enumerate(asked):
        first = seen.setdefault(each.key, place)
        if first != place:
            yield Fault(f"{pointer}/{place}", f"This is the same as {pointer}/{first}")


def initial_faults(backend: Backend, asked: Asked) -> Iterator[Fault]:
    """Yield why the first items cannot be drawn so."""
    initial = asked.plan.initial
    if initial.size > asked.items:
        detail = f"At most {asked.items} items can be labelled: those with a label, less the tested"
        yield Fault("/initial/size", detail)
    elif initial.draw == GIVEN:
        yield from given_faults(asked)
    elif initial.draw == STRATEGY and initial.function is not None:
        yield from cold_faults(backend, asked, initial.function)


def given_faults(asked: Asked) -> Iterator[Fault]:
    """Yield the ids of first items that cannot be labelled."""
    ids = asked.plan.initial.ids
    for place in np.flatnonzero(asked.given < 0)[:NAMED_FAULTS].tolist():
        what = "is not in the pool" if asked.given[place] == UNKNOWN else "has no label"
        yield Fault(f"/initial/ids/{place}", f"{ids[place]!r} {what}")


def cold_faults(backend: Backend, asked: Asked, function: Function) -> Iterator[Fault]:
    """Yield why a function cannot choose the first items."""
    for each, pointer in inside(function, "/initial/function"):
        entry = each.entry
        if entry.needs_predictions or entry.requires_labels or "labelled_probs" in entry.needs:
            what = "labels" if entry.requires_labels else "a model"
            detail = f"{entry.name} needs {what}, and at first there is none"
            yield Fault(f"{pointer}/name", f"{detail}: take one that looks at features alone")
            return
    yield from unfit_parameters(function, "/initial/function")
    question = question_of(asked, function, Source(), n=asked.first, labelled=0)
    sizes = pairing.Sizes(backend, question)
    yield from pairing.function_faults(sizes, function, "/initial/function")


def length_faults(asked: Asked) -> Iterator[Fault]:
    """Yield rounds for which there are no items, and a total that does not allow any round."""
    plan, left = asked.plan, asked.items - asked.first
    if left < 0:
        return
    if plan.budget > left:
        yield Fault("/budget", f"Only {left} items are left to label after the first {asked.first}")
    elif plan.rounds is not None and (plan.rounds - 1) * plan.budget >= left:
        yield Fault("/rounds", f"After {ceil(left / plan.budget)} rounds nothing is left to label")
    if plan.labels is not None and plan.labels > asked.items:
        yield Fault("/labels", f"Only {asked.items} items can be labelled")
    elif plan.labels is not None and plan.labels <= asked.first:
        yield Fault("/labels", f"So many are labelled at first: say more than {asked.first}")


def fit_faults(backend: Backend, asked: Asked) -> Iterator[Fault]:
    """Yield that a simulation would fit more models than is allowed."""
    limit, runs = backend.settings.max_simulation_fits, len(asked.plan.runs)
    fits = runs * asked.fits
    if fits > limit:
        yield Fault(
            "/seeds",
            f"{runs} runs of {asked.fits} models each are {fits}, and at most {limit} are allowed"
            " (max_simulation_fits): ask for fewer seeds, functions, estimators or rounds",
        )


def function_faults(backend: Backend, asked: Asked) -> Iterator[Fault]:
    """Yield the functions that cannot work with the estimators, each fault once."""
    found: dict[Fault, None] = {}
    for place, function in enumerate(asked.plan.functions):
        pointer = f"/functions/{place}"
        own = [*unanswerable(function, pointer), *unfit_parameters(function, pointer)]
        found.update(dict.fromkeys(own))
        for recipe in asked.plan.recipes if not own else ():
            found.update(dict.fromkeys(mismatches(backend, asked, function, recipe, pointer)))
    yield from found


def unanswerable(function: Function, pointer: str) -> Iterator[Fault]:
    """Yield what a function asks that no simulation could answer."""
    for each, where in inside(function, pointer):
        needs, name = each.entry.needs, each.name
        missing = [
            need
            for need in needs
            if EVIDENCE[need].source == PREDICTIONS and need not in GIVES["members"]
        ]
        if each.entry.purpose == RELABELLING or "annotations" in needs:
            detail = f"{name} says which labels to look at again, and not what to label next"
            yield Fault(f"{where}/name", detail)
        elif missing:
            what = f"{missing[0]} ({EVIDENCE[missing[0]].says})"
            yield Fault(f"{where}/name", f"{name} needs {what}, which no estimator gives")


def unfit_parameters(function: Function, pointer: str) -> Iterator[Fault]:
    """Yield parameters that name items: any of them may be in the test set of a run."""
    for each, where in inside(function, pointer):
        for name in ("items", "targets"):
            if each.parameters.get(name):
                detail = "No items can be named: some may be in the test set of a run"
                yield Fault(f"{where}/parameters/{name}", detail)


def mismatches(
    backend: Backend, asked: Asked, function: Function, recipe: Recipe, pointer: str
) -> Iterator[Fault]:
    """Yield what keeps a function from working with the models of a recipe."""
    model = recipes.expected_model(recipe, asked.stock.classes, asked.stock.pool)
    source = Source(models=(model,))
    if not source.gives >= GIVES["members"]:
        for each, where in inside(function, pointer):
            if not MEMBERS.isdisjoint(each.entry.needs):
                detail = f"{each.name} needs a committee, and {recipe.estimator} is one model alone"
                yield Fault(f"{where}/name", f"{detail}; committees are {COMMITTEES}")
                return
    question = question_of(asked, function, source, n=asked.plan.budget, labelled=asked.last)
    yield from pairing.function_faults(pairing.Sizes(backend, question), function, pointer)


def question_of(
    asked: Asked, function: Function, source: Source, *, n: int, labelled: int
) -> Question:
    """Return what a function is asked in a round, of a pool of what can be labelled."""
    part = Part(id="", job="", rows=asked.items, bytes=0, sha256="")
    pool = replace(asked.stock.pool, parts=(part,))
    wanted = n if function.entry.kind == BATCH else None
    return Question(pool, source, (function,), wanted, labelled=labelled)


def inside(function: Function, pointer: str) -> Places:
    """Yield a function and those that it builds on, with their places in the request."""
    yield function, pointer
    if function.entry.kind != AGGREGATION:  # the inner one's evidence is the objects
        for place, each in enumerate(function.of):
            yield from inside(each, f"{pointer}/of/{place}")
