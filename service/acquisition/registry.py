"""How a function becomes an acquisition function: its signature is its registration.

Positional parameters name the evidence it needs, from `EVIDENCE`. Keyword-only parameters,
annotated `Annotated[type, Tunable(...)]` and given a default, are what a client may tune. The
docstring is the API's text: a first line, then any prose, then the fields `Formula:` and
`Reference:`. Where the field's own quantity is read the other way round,
`@acquisition(lower="margin")` names it, and the function returns its negative.
"""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
ScoreFunction = Callable[..., Array]

EVIDENCE = {
    "probs": "class probabilities of each item, float64 (items, classes); rows sum to one",
    "keys": "a 64-bit hash of each item's id, uint64 (items,); the same on every machine",
}
"""What a function may ask for. The worker makes each, in this one shape."""

PREDICTED = frozenset({"probs"})
"""The evidence that only a model, or its predictions, can give."""


class UnusableFunction(Exception):
    """A function was registered that could not be offered to clients."""


@dataclass(frozen=True)
class Tunable:
    """What a client may put in a keyword-only parameter."""

    help: str
    minimum: float | None = None
    maximum: float | None = None
    over: float | None = None


@dataclass(frozen=True)
class Parameter:
    """One keyword-only parameter of an acquisition function."""

    name: str
    kind: type
    default: Any
    tunable: Tunable

    def json_schema(self) -> dict[str, Any]:
        """Return the parameter's JSON Schema."""
        names = {int: "integer", float: "number", bool: "boolean", str: "string"}
        bounds = {
            "minimum": self.tunable.minimum,
            "maximum": self.tunable.maximum,
            "exclusiveMinimum": self.tunable.over,
        }
        return {
            "type": names[self.kind],
            "default": self.default,
            "description": self.tunable.help,
            **{key: bound for key, bound in bounds.items() if bound is not None},
        }


@dataclass(frozen=True)
class Acquisition:
    """A registered function, with all that a client, the docs and the tests need to know of it."""

    name: str
    needs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    summary: str
    description: str
    formula: str
    reference: str
    raw_name: str
    raw_direction: str
    function: ScoreFunction

    @property
    def needs_predictions(self) -> bool:
        """Whether a model, or its predictions, must be there."""
        return not PREDICTED.isdisjoint(self.needs)

    def score(self, evidence: Mapping[str, npt.NDArray[Any]], **parameters: Any) -> Array:
        """Return one float64 score per item; higher = label sooner."""
        scores = self.function(*(evidence[name] for name in self.needs), **parameters)
        return np.asarray(scores, dtype=np.float64)

    def raw(self, score: float) -> float:
        """Return the field's own quantity for a score."""
        return 0.0 - score if self.raw_direction == "lower" else score

    def parameters_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the whole parameter object."""
        return {
            "type": "object",
            "properties": {p.name: p.json_schema() for p in self.parameters},
            "additionalProperties": False,
        }


REGISTRY: dict[str, Acquisition] = {}
"""Every acquisition function by name, in the order of registration."""


def acquisition(*, lower: str | None = None) -> Callable[[ScoreFunction], ScoreFunction]:
    """Register a function; `lower` names the field's quantity where lower means sooner."""

    def register(function: ScoreFunction) -> ScoreFunction:
        entry = describe(function, lower)
        if entry.name in REGISTRY:
            raise UnusableFunction(f"there are two acquisition functions named {entry.name}")
        REGISTRY[entry.name] = entry
        return function

    return register


def describe(function: ScoreFunction, lower: str | None) -> Acquisition:
    """Return what a function's signature and docstring say of it; raise UnusableFunction."""
    name = function.__name__
    needs, parameters = read_signature(function)
    prose, fields = read_docstring(name, function.__doc__)
    return Acquisition(
        name=name,
        needs=needs,
        parameters=parameters,
        summary=prose[0],
        description="\n".join(prose[1:]).strip(),
        formula=fields["Formula"],
        reference=fields["Reference"],
        raw_name=lower or name,
        raw_direction="lower" if lower else "higher",
        function=function,
    )


def read_signature(function: ScoreFunction) -> tuple[tuple[str, ...], tuple[Parameter, ...]]:
    """Return the evidence a function needs and the parameters it offers."""
    needs: list[str] = []
    parameters: list[Parameter] = []
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            parameters.append(read_parameter(function, parameter, hints.get(name)))
        elif parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise UnusableFunction(f"{function.__name__} takes {name} in a way nobody can give it")
        elif name not in EVIDENCE:
            raise UnusableFunction(f"{function.__name__} needs {name}, which is not evidence")
        else:
            needs.append(name)
    if not needs:
        raise UnusableFunction(f"{function.__name__} needs no evidence, so it can score nothing")
    return tuple(needs), tuple(parameters)


def read_parameter(function: ScoreFunction, parameter: inspect.Parameter, hint: Any) -> Parameter:
    """Return one tunable parameter; raise UnusableFunction where its annotation is incomplete."""
    where = f"{function.__name__}'s parameter {parameter.name}"
    if parameter.default is inspect.Parameter.empty:
        raise UnusableFunction(f"{where} has no default")
    kind, *extras = get_args(hint) or (hint,)
    tunable = next((extra for extra in extras if isinstance(extra, Tunable)), None)
    if tunable is None or kind not in (int, float, bool, str):
        raise UnusableFunction(f"{where} must be Annotated[int | float | bool | str, Tunable(…)]")
    if not isinstance(parameter.default, kind):
        raise UnusableFunction(f"{where} has a default that is no {kind.__name__}")
    if kind is float and not math.isfinite(parameter.default):
        raise UnusableFunction(f"{where} has a default that is not finite")
    return Parameter(parameter.name, kind, parameter.default, tunable)


def read_docstring(name: str, docstring: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the lines of prose and the fields of a docstring; raise UnusableFunction."""
    if not docstring:
        raise UnusableFunction(f"{name} has no docstring, so clients could not know what it does")
    prose: list[str] = []
    fields: dict[str, str] = {}
    current = ""
    for line in inspect.cleandoc(docstring).splitlines():
        field = re.match(r"(Formula|Reference): (.+)", line)
        if field:
            current = field[1]
            fields[current] = field[2]
        elif current and line.startswith("  "):
            fields[current] += " " + line.strip()
        else:
            prose.append(line)
    missing = {"Formula", "Reference"} - fields.keys()
    if missing:
        raise UnusableFunction(f"{name}'s docstring lacks {', '.join(sorted(missing))}")
    return prose, fields
