"""What a scoring asks for against what there is: everything that can be known is known here."""

from collections.abc import Iterator, Sequence
from math import prod

from service.acquisition.evidence import EVIDENCE, PREDICTIONS
from service.acquisition.registry import AGGREGATION, BATCH, SCORE, Size
from service.backend import Backend
from service.classes import identity
from service.errors import Fault
from service.functions import Function
from service.items import Items
from service.operations.questions import KINDS_FOR, MEMBERS, Question, Source
from service.records import Model, Pool


def faults_of(backend: Backend, question: Question) -> Iterator[Fault]:
    """Yield what keeps a question from being answered, each with a pointer into the request."""
    sizes = Sizes(backend, question)
    for place, function in enumerate(question.functions):
        yield from function_faults(sizes, function, f"/acquisitions/{place}")
    yield from annotation_faults(question)
    if question.n is not None and not any(f.entry.kind == BATCH for f in question.functions):
        yield Fault("/batch", "No batch strategy is asked for: exclude items when you read instead")
    for model in question.source.models:
        pointer = "/model" if len(question.source.models) == 1 else "/committee"
        yield from misfits(question.pool, model, pointer)


def annotation_faults(question: Question) -> Iterator[Fault]:
    """Yield what keeps annotators' votes from being held against the predictions."""
    votes, known = question.annotations, question.source.known_classes
    if votes is None:
        return
    if votes.form != "votes":
        yield Fault("/annotations", f"These predictions are `{votes.form}`, and must be `votes`")
        return
    unknown = [each for each in votes.classes if identity(each) not in known]
    if unknown:
        yield Fault("/annotations", f"The predictions know no class {unknown[0]!r}")


class Sizes:
    """How much each function of a question has to do; labels are counted once."""

    def __init__(self, backend: Backend, question: Question) -> None:
        self.backend = backend
        self.question = question
        said = question.labelled
        self.labelled = backend.labels.count(question.pool.id) if said is None else said

    def of(self, function: Function) -> Size:
        """Return the size of what a function has to do."""
        pool, source = self.question.pool, self.question.source
        most = function.candidates or pool.total
        return Size(
            items=pool.total,
            candidates=min(most, pool.total),
            labelled=self.labelled,
            n=min(self.question.n or 0, pool.total),
            width=pool.item_values or 0,
            classes=source.classes,
            members=source.members if source.gives else 0,
            functions=len(function.of),
            parameters=function.parameters,
        )


def function_faults(sizes: Sizes, function: Function, pointer: str) -> Iterator[Fault]:
    """Yield what is wrong with one function, and with those it builds on."""
    yield from structure_faults(sizes.question, function, pointer)
    yield from evidence_faults(sizes, function, pointer)
    yield from parameter_faults(sizes, function, pointer)
    for place, each in enumerate(function.of):
        if function.entry.kind == AGGREGATION:  # the inner one's evidence is the objects
            yield from parameter_faults(sizes, each, f"{pointer}/of/{place}")
        else:
            yield from function_faults(sizes, each, f"{pointer}/of/{place}")


def structure_faults(question: Question, function: Function, pointer: str) -> Iterator[Fault]:
    """Yield where functions are put together in a way that means nothing."""
    entry, count = function.entry, len(function.of)
    classes = question.source.classes
    low, high = entry.of
    if not low <= count <= high:
        wanted = f"{low}" if low == high else f"{low} to {high}"
        detail = f"{entry.name} builds on {wanted} other functions, and `of` names {count}"
        yield Fault(f"{pointer}/of", detail)
    for place, each in enumerate(function.of):
        where = f"{pointer}/of/{place}/name"
        if each.entry.kind == BATCH:
            yield Fault(where, f"{each.name} selects a batch: it has no score for every item")
        elif entry.needs_least(function.parameters) and each.least(classes) is None:
            detail = f"{entry.name} needs scores with a known least, and {each.name} has none"
            yield Fault(where, f"{detail}: let {each.name} build on {entry.name} instead")
        elif entry.kind == AGGREGATION and not (
            each.entry.kind == SCORE and set(each.entry.needs) == {"probs"}
        ):
            yield Fault(where, f"{entry.name} takes a function of class probabilities alone")
    if entry.kind == BATCH:
        yield from batch_faults(question, function, pointer)
    elif function.candidates is not None:
        yield Fault(f"{pointer}/candidates", "Only a batch strategy chooses among candidates")


def batch_faults(question: Question, function: Function, pointer: str) -> Iterator[Fault]:
    """Yield what is missing for a batch, or would be passed over in silence."""
    name, most = function.name, function.candidates
    if question.n is None:
        yield Fault("/batch", f'{name} selects a batch: say how many, as {{"n": 100}}')
    if most is None:
        if function.of and "base" not in function.entry.needs:
            detail = f"{name} builds on no score: say among how many `candidates` it chooses"
            yield Fault(f"{pointer}/of", detail)
    elif not function.of:
        yield Fault(f"{pointer}/of", "Name the function whose best are the candidates")
    elif most < min(question.n or 0, question.pool.total):
        detail = f"{most} candidates are too few for a batch of {question.n}"
        yield Fault(f"{pointer}/candidates", detail)


def evidence_faults(sizes: Sizes, function: Function, pointer: str) -> Iterator[Fault]:
    """Yield what a function needs and nothing in the request, or the pool, gives."""
    question = sizes.question
    gives = question.source.gives
    missing = [
        need
        for need in function.entry.needs
        if EVIDENCE[need].source == PREDICTIONS and need not in gives
    ]
    if missing:
        yield Fault(f"{pointer}/name", lack(question.source, function, missing[0]))
    if "labelled_probs" in function.entry.needs and "probs" not in gives:
        yield Fault(f"{pointer}/name", f"{function.name} needs class probabilities")
    if function.entry.requires_labels and not sizes.labelled:
        detail = f"{function.name} needs labels, and the pool has none: PUT some to its labels"
        yield Fault(f"{pointer}/name", detail)
    if function.entry.needs_features and question.pool.item_values == 0:
        yield Fault(f"{pointer}/name", f"{function.name} needs features, and the items have none")


def lack(source: Source, function: Function, need: str) -> str:
    """Return the sentence that says what a function needs and how to give it."""
    kinds = " or ".join(f"`{kind}`" for kind in KINDS_FOR[need])
    wanted = f"{function.name} needs {need} ({EVIDENCE[need].says})"
    if source.predictions is not None:
        return f"{wanted}; the predictions are `{source.predictions.form}`: upload {kinds}"
    if not source.models:
        remedy = "name a model in `model`" if need == "probs" else "name `predictions`"
        return f"{wanted}: {remedy}, or upload predictions of the kind {kinds}"
    if source.silent is not None:
        return f"{function.name} needs probabilities, and {source.silent.estimator} gives none"
    if need in MEMBERS:
        return (
            f"{wanted}, and {source.models[0].estimator} is one alone: name several in"
            f" `committee`, take a forest, or upload {kinds}"
        )
    return f"{wanted}; a model gives class probabilities only: upload {kinds}"


def parameter_faults(sizes: Sizes, function: Function, pointer: str) -> Iterator[Fault]:
    """Yield parameters that do not fit the pool, the predictions, or the limits."""
    entry, size = function.entry, sizes.of(function)
    where = f"{pointer}/parameters"
    problem = entry.fits(function.parameters, size) if entry.fits is not None else None
    if problem:
        yield Fault(where, problem)
    predictions = sizes.question.source.predictions
    if function.parameters.get("empty") == "refuse" and predictions and predictions.empty:
        yield Fault(
            f"{where}/empty",
            f"{predictions.empty} items have no objects: say what becomes of them, by"
            " `unscored` or by `score` with an `empty_score`",
        )
    yield from column_faults(sizes.question.pool, function, where)
    yield from id_faults(sizes, function, where)
    yield from cost_faults(sizes, function, pointer)


def cost_faults(sizes: Sizes, function: Function, pointer: str) -> Iterator[Fault]:
    """Yield work and disk that would pass a limit, each with the estimate and the limit."""
    entry, size = function.entry, sizes.of(function)
    models, room = sizes.question.source.models, sizes.backend.settings.max_prediction_bytes
    if len(models) == 1 and not MEMBERS.isdisjoint(entry.needs):
        needed = models[0].member_bytes(size.items)
        if needed > room:
            yield Fault(
                f"{pointer}/name",
                f"What {models[0].members} members say of {size.items} items takes {needed} bytes,"
                f" and at most {room} are allowed (max_prediction_bytes)",
            )
    limit = sizes.backend.settings.max_scoring_work
    work = entry.work(size) if entry.work is not None else 0
    if work > limit:
        yield Fault(
            f"{pointer}/name",
            f"{entry.name} would take about {work:.1e} multiplications here, and at most"
            f" {limit:.1e} are allowed (max_scoring_work): "
            + (
                "let it choose among fewer `candidates`, or ask for fewer"
                if entry.kind == BATCH
                else "score a smaller pool"
            ),
        )


def column_faults(pool: Pool, function: Function, where: str) -> Iterator[Fault]:
    """Yield metadata columns that the pool does not have, or that hold something else."""
    for need in function.entry.needs:
        if need not in ("amounts", "groups"):
            continue
        column = function.parameters["column"]
        kind = pool.metadata.get(column)
        known = ", ".join(sorted(pool.metadata)) or "none"
        if kind is None:
            yield Fault(f"{where}/column", f"The pool has no such metadata column; it has: {known}")
        elif need == "amounts" and kind != "number":
            yield Fault(f"{where}/column", f"The column holds a {kind}, and numbers are needed")


def id_faults(sizes: Sizes, function: Function, where: str) -> Iterator[Fault]:
    """Yield ids that the pool does not know."""
    for parameter in ("items", "targets"):
        ids = function.parameters.get(parameter, ())
        if not ids:
            continue
        rows = Items(sizes.backend.files, sizes.question.pool).find(list(ids))
        for place in (rows < 0).nonzero()[0].tolist():
            yield Fault(f"{where}/{parameter}/{place}", f"{ids[place]!r} is not in the pool")


def folds(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Return whether items can be given a model's shape without guessing what an axis means."""
    if len(shape) <= 1:
        return prod(shape) == prod(wanted)
    return [length for length in shape if length != 1] == [each for each in wanted if each != 1]


def misfits(pool: Pool, model: Model, pointer: str) -> Iterator[Fault]:
    """Yield what keeps a model from predicting the items of a pool."""
    if pool.item_values is None:
        return
    shape = list(pool.item_shape or ())
    if pool.item_values == 0:
        detail = "A model looks at features, and the items have none: upload what it says of them"
        yield Fault(pointer, detail)
    elif model.item_shape is not None and not folds(shape, model.item_shape):
        takes = list(model.item_shape)
        yield Fault(pointer, f"The model takes items of shape {takes}, the pool's have {shape}")
    elif model.item_values not in (None, pool.item_values):
        yield Fault(
            pointer,
            f"The model takes {model.item_values} features, the pool's items have"
            f" {pool.item_values} (shape {shape})",
        )
