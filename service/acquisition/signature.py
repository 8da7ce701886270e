"""What a function's signature and docstring say of it, read once, at import."""

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from service.acquisition.evidence import EVIDENCE

Numbers = tuple[float, ...]
Matrix = tuple[tuple[float, ...], ...]
Ids = tuple[str, ...]

KINDS: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    Numbers: {"type": "array", "items": {"type": "number"}},
    Matrix: {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    Ids: {"type": "array", "items": {"type": "string"}},
}
"""The types that a parameter may have, and how JSON Schema calls each."""

LISTS = (Numbers, Matrix, Ids)

LARGEST: dict[Any, float] = {int: 2**53, float: 1e15, Numbers: 1e15, Matrix: 1e15}
"""How far from zero a number may be where its parameter says nothing else: sums stay finite."""


class UnusableFunction(Exception):
    """A function was registered that could not be offered to clients."""


@dataclass(frozen=True)
class Tunable:
    """What a client may put in a keyword-only parameter.

    The bounds are of a number, or of each number of a list; `shortest` and `longest` are of the
    list, or of the rows of a matrix. A `required` parameter's default only says what it is like.
    `names` says what a text stands for: an `item-id`, or a `metadata-column`.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    over: float | None = None
    choices: tuple[str, ...] = ()
    shortest: int = 0
    longest: int = 10_000
    required: bool = False
    names: str | None = None


@dataclass(frozen=True)
class Parameter:
    """One keyword-only parameter of an acquisition function."""

    name: str
    kind: Any
    default: Any
    tunable: Tunable

    @property
    def is_list(self) -> bool:
        """Whether the parameter holds several values."""
        return self.kind in LISTS

    def json_schema(self) -> dict[str, Any]:
        """Return the parameter's JSON Schema."""
        schema: dict[str, Any] = {**KINDS[self.kind], "description": self.tunable.help}
        if not self.tunable.required:
            schema["default"] = list(self.default) if self.is_list else self.default
        if self.tunable.choices:
            schema["enum"] = list(self.tunable.choices)
        bounds = self.bounds()
        if self.tunable.names and self.is_list:
            schema["items"] = {**schema["items"], "format": self.tunable.names}
        elif self.tunable.names:
            schema["format"] = self.tunable.names
        if self.kind is Matrix:
            schema["items"] = {"type": "array", "items": {"type": "number", **bounds}}
        elif self.kind is Numbers:
            schema["items"] = {"type": "number", **bounds}
        else:
            schema.update(bounds)
        if self.is_list:
            schema.update(minItems=self.tunable.shortest, maxItems=self.tunable.longest)
        return schema

    def bounds(self) -> dict[str, float]:
        """Return the bounds of a number, as JSON Schema calls them; none is without."""
        tunable, largest = self.tunable, LARGEST.get(self.kind)
        if largest is None:
            return {}
        found: dict[str, float] = {
            "maximum": largest if tunable.maximum is None else tunable.maximum
        }
        if tunable.over is not None:
            found["exclusiveMinimum"] = tunable.over
        else:
            found["minimum"] = -largest if tunable.minimum is None else tunable.minimum
        return found


def read_signature(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[Parameter, ...]]:
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
    offered = {parameter.name for parameter in parameters}
    for need in needs:
        missing = set(EVIDENCE[need].asks) - offered
        if missing:
            raise UnusableFunction(f"{function.__name__} needs {need}, so it takes {missing}")
    if not needs:
        raise UnusableFunction(f"{function.__name__} needs no evidence, so it can score nothing")
    return tuple(needs), tuple(parameters)


def read_parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, hint: Any
) -> Parameter:
    """Return one tunable parameter; raise UnusableFunction where its annotation is incomplete."""
    where = f"{function.__name__}'s parameter {parameter.name}"
    default: Any = parameter.default
    if default is inspect.Parameter.empty:
        raise UnusableFunction(f"{where} has no default")
    kind, *extras = get_args(hint) or (hint,)
    tunable = next((extra for extra in extras if isinstance(extra, Tunable)), None)
    if tunable is None or kind not in KINDS:
        raise UnusableFunction(f"{where} must be Annotated[one of signature.KINDS, Tunable(…)]")
    if not isinstance(default, tuple if kind in LISTS else kind):
        raise UnusableFunction(f"{where} has a default of another type")
    if isinstance(default, float) and not math.isfinite(default):
        raise UnusableFunction(f"{where} has a default that is not finite")
    if kind is str and tunable.choices and default not in tunable.choices:
        raise UnusableFunction(f"{where} has a default that is none of its choices")
    return Parameter(parameter.name, kind, default, tunable)


def read_docstring(name: str, docstring: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the lines of prose and the fields of a docstring; raise UnusableFunction."""
    if not docstring:
        raise UnusableFunction(f"{name} has no docstring, so clients could not know what it does")
    prose: list[str] = []
    fields: dict[str, str] = {}
    current = ""
    for line in inspect.cleandoc(docstring).splitlines():
        field = re.match(r"(Use|Avoid|Formula|Reference): (.+)", line)
        if field:
            current = field[1]
            fields[current] = field[2]
        elif current and line.startswith("  "):
            fields[current] += " " + line.strip()
        else:
            prose.append(line)
    missing = {"Use", "Avoid", "Formula", "Reference"} - fields.keys()
    if missing:
        raise UnusableFunction(f"{name}'s docstring lacks {', '.join(sorted(missing))}")
    return prose, fields
