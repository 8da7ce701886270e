"""How a function becomes an acquisition function: its signature is its registration.

Positional parameters name the evidence it needs, from `EVIDENCE`. Keyword-only parameters,
annotated `Annotated[type, Tunable(...)]` and given a default, are what a client may tune. The
docstring is the API's text: a first line, then any prose, then the fields `Use:` (when to),
`Avoid:` (when not to), `Formula:` and `Reference:`. There are four kinds:

    @acquisition        evidence in, one score per item out
    @aggregation        scores of an item's objects in, one score per item out
    @composition        scores of other functions in, one score per item out
    @batch_strategy     evidence of the candidates in, an ordered selection out

Where the field's own quantity is read the other way round, `lower="margin"` names it, and the
function returns its negative.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from service.acquisition.evidence import (
    EVIDENCE,
    LABELS,
    PREDICTIONS,
    Array,
    Picks,
    sources,
)
from service.acquisition.signature import (
    Parameter,
    Tunable,
    UnusableFunction,
    read_docstring,
    read_signature,
)

__all__ = ["Array", "Tunable"]

Number = TypeVar("Number", float, Array)

SCORE, AGGREGATION, COMPOSITION, BATCH = "score", "aggregation", "composition", "batch"

RANKING, RELABELLING = "ranking", "relabelling"
"""What a score is for: what to label next, or which label to look at again."""

Function = Callable[..., Any]


@dataclass(frozen=True)
class Size:
    """How much a scoring has to do, as far as it is known beforehand.

    `items` of the pool, `candidates` among which a batch is chosen, `labelled` items, `n` wanted,
    `width` of a feature vector, `classes`, `members`, `functions` that a composition is of;
    `parameters` are the function's own.
    """

    items: int
    candidates: int
    labelled: int
    n: int
    width: int
    classes: int
    members: int
    parameters: Mapping[str, Any]
    functions: int = 0


Work = Callable[[Size], float]
"""How many multiplications something takes, roughly; more than a limit are refused."""

Fits = Callable[[Mapping[str, Any], Size], str | None]
"""What is wrong with parameters for a scoring of some size, as a sentence, or None."""

Least = Callable[[Mapping[str, Any], int, float | None], float | None]
"""The least score there can be, or None: of the parameters, the number of classes, and the least
score of the function that an aggregation takes."""


def never(parameters: Mapping[str, Any]) -> bool:
    """Return that it makes no difference, whatever the parameters are."""
    del parameters
    return False


SEED = Parameter("seed", int, 0, Tunable("the same seed draws the same", minimum=0, maximum=2**53))


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """A registered function, with all that a client, the docs and the tests need to know of it."""

    name: str
    kind: str
    needs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    summary: str
    description: str
    use: str
    avoid: str
    formula: str
    reference: str
    function: Function
    raw_name: str
    raw_direction: str = "higher"
    least: float | Least | None = None
    purpose: str = RANKING
    aliases: tuple[str, ...] = ()
    skips: bool = False
    whole: bool = False
    names_originals: bool = False
    of: tuple[int, int] = (0, 0)
    builds_on: str | None = None
    prefix_consistent: bool | None = None
    work: Work | None = None
    fits: Fits | None = None
    requires_labels: bool = False
    needs_least: Callable[[Mapping[str, Any]], bool] = never

    @property
    def pointwise(self) -> bool:
        """Whether what it scores an item depends on that item's evidence alone."""
        return self.kind in (SCORE, AGGREGATION) and not self.whole

    @property
    def needs_predictions(self) -> bool:
        """Whether a model, or its predictions, must be there."""
        return PREDICTIONS in sources(self.needs)

    @property
    def needs_features(self) -> bool:
        """Whether the pool's feature vectors are looked at."""
        return any(EVIDENCE[need].vectors for need in self.needs)

    @property
    def uses_labels(self) -> bool:
        """Whether the pool's labels are looked at, where there are any."""
        return LABELS in sources(self.needs)

    def score(self, evidence: Mapping[str, Any], **parameters: Any) -> Array:
        """Return one float64 score per item; higher = label sooner."""
        found = self.call(evidence, parameters)
        scores = found[0] if self.names_originals else found
        return np.asarray(scores, dtype=np.float64)

    def pick(self, evidence: Mapping[str, Any], **parameters: Any) -> Picks:
        """Return an ordered selection of the candidates."""
        seed = parameters.pop(SEED.name, SEED.default) if "generator" in self.needs else None
        if seed is not None:
            evidence = {**evidence, "generator": np.random.default_rng(seed)}
        picks: Picks = self.call(evidence, parameters)
        return picks

    def call(self, evidence: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Call the function with the evidence that it needs."""
        return self.function(*(evidence[name] for name in self.needs), **parameters)

    def raw(self, score: Number) -> Number:
        """Return the field's own quantity for a score, or for each of an array."""
        return 0.0 - score if self.raw_direction == "lower" else score

    def parameters_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the whole parameter object."""
        required = [p.name for p in self.parameters if p.tunable.required]
        return {
            "type": "object",
            "properties": {p.name: p.json_schema() for p in self.parameters},
            **({"required": required} if required else {}),
            "additionalProperties": False,
        }


REGISTRY: dict[str, Acquisition] = {}
"""Every acquisition function and batch strategy by name, in the order of registration."""

ALIASES: dict[str, str] = {}
"""The other names that the field has for a function."""


def acquisition(**options: Any) -> Callable[[Function], Function]:
    """Register a function of evidence, one score per item.

    Options: `lower` names the field's quantity where lower means sooner; `least` is the least score
    there can be, where there is one (a number, or a function: `Least`); `aliases`; `purpose`;
    `skips` says that NaN leaves an item unscored; `whole` that it is called once with the evidence
    of all items, because what one item scores depends on the others; `names_originals` that the
    second of two results is the row each item repeats, -1 where it repeats none; `work` tells the
    cost where it is more than a pass over the evidence; `fits` says what is wrong with parameters
    that the schema allows and a model or a pool does not; `requires_labels` that without any label
    it would say nothing.
    """
    return register(SCORE, options)


def aggregation(**options: Any) -> Callable[[Function], Function]:
    """Register a function of the scores that another gives to each object of an item."""
    return register(AGGREGATION, {"of": (1, 1), **options})


def composition(*, of: tuple[int, int], **options: Any) -> Callable[[Function], Function]:
    """Register a function of the scores of as many other functions as `of` allows.

    `needs_least` says of its parameters whether it only means something where those functions have
    a least score: a quotient does, a rank does not.
    """
    return register(COMPOSITION, {"of": of, **options})


def batch_strategy(
    *, prefix_consistent: bool, work: Work, **options: Any
) -> Callable[[Function], Function]:
    """Register a strategy that selects `n` candidates in order.

    `prefix_consistent` says whether fewer wanted are always the first of more wanted. `builds_on`
    is the function that gives `base` where a client names none.
    """
    return register(
        BATCH, {"of": (0, 1), "prefix_consistent": prefix_consistent, "work": work, **options}
    )


def register(kind: str, options: Mapping[str, Any]) -> Callable[[Function], Function]:
    """Return a decorator that registers a function of a kind."""

    def decorate(function: Function) -> Function:
        entry = describe(function, kind, **options)
        for name in (entry.name, *entry.aliases):
            if name in REGISTRY or name in ALIASES:
                raise UnusableFunction(f"there are two acquisition functions named {name}")
        REGISTRY[entry.name] = entry
        ALIASES.update(dict.fromkeys(entry.aliases, entry.name))
        return function

    return decorate


def describe(
    function: Function, kind: str = SCORE, *, lower: str | None = None, **options: Any
) -> Acquisition:
    """Return what a function's signature and docstring say of it; raise UnusableFunction."""
    name = function.__name__
    needs, parameters = read_signature(function)
    prose, fields = read_docstring(name, function.__doc__)
    return Acquisition(
        name=name,
        kind=kind,
        needs=needs,
        parameters=(*parameters, SEED) if "generator" in needs else parameters,
        summary=prose[0],
        description="\n".join(prose[1:]).strip(),
        use=fields["Use"],
        avoid=fields["Avoid"],
        formula=fields["Formula"],
        reference=fields["Reference"],
        function=function,
        raw_name=lower or name,
        raw_direction="lower" if lower else "higher",
        **options,
    )
