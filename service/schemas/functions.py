"""Functions of the catalogue as a client asks for them: every field is made from the registry."""

import difflib
from typing import Any

import marshmallow
from marshmallow import Schema, fields, validate

from service.acquisition import ALIASES, REGISTRY, Acquisition, Parameter
from service.acquisition.signature import Ids as IdsKind
from service.acquisition.signature import Matrix, Numbers
from service.functions import Function
from service.schemas.fields import Boolean, Ids, Integer, Number, NumberList
from service.schemas.requests import Request

DEEPEST = 4
"""How many functions may stand one inside another."""

MOST = 1_000
"""How many functions a request may name at all, those that others build on too."""

MEMBERS = frozenset({"name", "parameters", "of", "candidates"})


def parameters_schema(entry: Acquisition) -> type[Schema]:
    """Return the schema of one function's parameters."""
    members: dict[str, Any] = {p.name: parameter_field(p) for p in entry.parameters}
    name = "".join(word.title() for word in entry.name.split("_"))
    return type(f"{name}ParametersSchema", (Request,), members)


def parameter_field(parameter: Parameter) -> fields.Field[Any]:
    """Return the field of one parameter, with its bounds and default."""
    tunable = parameter.tunable
    options: dict[str, Any] = {"metadata": {"description": tunable.help}}
    if tunable.required:
        options["required"] = True
    else:
        options["load_default"] = parameter.default
    if parameter.is_list:
        options["validate"] = validate.Length(tunable.shortest, tunable.longest)
    elif tunable.choices:
        options["validate"] = validate.OneOf(tunable.choices)
    else:
        options["validate"] = ranges(parameter)
    return field_of(parameter, options)


def field_of(parameter: Parameter, options: dict[str, Any]) -> fields.Field[Any]:
    """Return a field of a parameter's type."""
    if parameter.kind is IdsKind:
        return Ids(**options)
    if parameter.kind in (Numbers, Matrix):
        depth = 1 if parameter.kind is Numbers else 2
        return NumberList(depth, parameter.tunable.longest, ranges(parameter), **options)
    kinds: dict[Any, type[fields.Field[Any]]] = {
        int: Integer,
        float: Number,
        bool: Boolean,
        str: fields.String,
    }
    if parameter.tunable.choices:
        said = f"Must be one of: {', '.join(parameter.tunable.choices)}."
        options["error_messages"] = {"invalid": said}
    return kinds[parameter.kind](**options)


def ranges(parameter: Parameter) -> list[Any]:
    """Return what holds a number within its bounds."""
    bounds = parameter.bounds()
    if not bounds:
        return []
    over = "exclusiveMinimum" in bounds
    low = bounds["exclusiveMinimum" if over else "minimum"]
    return [validate.Range(low, bounds["maximum"], min_inclusive=not over)]


PARAMETERS = {name: parameters_schema(entry) for name, entry in REGISTRY.items()}


def defaults(name: str) -> dict[str, Any]:
    """Return the parameters of a function of which a client says nothing."""
    return parameters_of(REGISTRY[name], {})


def refuse(place: str, said: Any) -> marshmallow.ValidationError:
    """Return the error for one member of a function."""
    return marshmallow.ValidationError({place: said if isinstance(said, dict) else [said]})


class Functions(fields.List[Function]):
    """Acquisition functions, counted before they are looked at: each takes a while to read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(FunctionField(), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and count(value) > MOST:
            raise marshmallow.ValidationError(f"More than {MOST} functions.")
        return super()._deserialize(value, attr, data, **kwargs)


def count(given: list[Any]) -> int:
    """Return how many functions are named, one inside another too."""
    total, waiting = 0, [given]
    while waiting and total <= MOST:
        functions = waiting.pop()
        total += len(functions)
        inside = (each.get("of") for each in functions[:MOST] if isinstance(each, dict))
        waiting += [each for each in inside if isinstance(each, list)]
    return total


class FunctionField(fields.Raw):
    """An acquisition function by name, with parameters that only it has."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Function:
        del attr, data, kwargs
        return function_of(value, DEEPEST)


def function_of(value: Any, depth: int) -> Function:
    """Return the function that a client names; `depth` is how many may stand inside."""
    if not isinstance(value, dict):
        raise marshmallow.ValidationError("Not an object with `name` and `parameters`.")
    unknown = value.keys() - MEMBERS
    if unknown:
        raise refuse(min(unknown), f"Unknown field. Known are: {', '.join(sorted(MEMBERS))}.")
    name = value.get("name")
    if not isinstance(name, str) or name not in REGISTRY.keys() | ALIASES.keys():
        raise refuse("name", f"Not a function{resembling(name)}; there are: {', '.join(REGISTRY)}.")
    entry = REGISTRY[ALIASES.get(name, name)]
    return Function(
        entry.name,
        parameters_of(entry, value.get("parameters", {})),
        inner(entry, value.get("of"), depth),
        candidates_of(value.get("candidates")),
    )


def resembling(name: Any) -> str:
    """Return what a misspelt name may have meant, as the end of a sentence."""
    known = [*REGISTRY, *ALIASES]
    close = difflib.get_close_matches(str(name).lower().replace("-", "_"), known, n=1)
    return f", but {close[0]} is one" if close else ""


def parameters_of(entry: Acquisition, given: Any) -> dict[str, Any]:
    """Return a function's parameters, the defaults filled in."""
    if not isinstance(given, dict):
        raise refuse("parameters", "Not an object.")
    unknown = given.keys() - {parameter.name for parameter in entry.parameters}
    if unknown:
        known = ", ".join(parameter.name for parameter in entry.parameters) or "none"
        raise refuse("parameters", {min(unknown): [f"Unknown field. Known are: {known}."]})
    try:
        loaded: dict[str, Any] = PARAMETERS[entry.name]().load(given)
    except marshmallow.ValidationError as error:
        raise refuse("parameters", error.messages_dict) from None
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in loaded.items()
    }


def inner(entry: Acquisition, given: Any, depth: int) -> tuple[Function, ...]:
    """Return the functions that one builds on; its own choice where a client names none."""
    if given is None:
        default = entry.builds_on
        return () if default is None else (function_of({"name": default}, depth),)
    if not isinstance(given, list):
        raise refuse("of", "Not a list of functions.")
    if depth == 1:
        raise refuse("of", f"At most {DEEPEST} functions may stand one inside another.")
    found = []
    for place, each in enumerate(given):
        try:
            found.append(function_of(each, depth - 1))
        except marshmallow.ValidationError as error:
            said = error.messages
            raise refuse("of", {place: said}) from None
    return tuple(found)


def candidates_of(given: Any) -> int | None:
    """Return among how many a strategy shall choose."""
    if given is not None and (type(given) is not int or given < 1):
        raise refuse("candidates", "Not a whole number of at least 1.")
    return given
