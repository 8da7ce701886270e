"""Values of one of several kinds, as JSON Schema says them: what hyper-parameters take."""

from collections.abc import Sequence
from typing import Any

import marshmallow
from marshmallow import fields

from service.estimators import Kind


class OneOfKinds(fields.Raw):
    """A value of one of several kinds; whole numbers are taken for fractions only where no whole
    numbers are."""

    def __init__(self, kinds: Sequence[Kind], **options: Any) -> None:
        self.kinds = [kind for kind in kinds if kind["type"] != "null"]
        nothing = len(self.kinds) < len(kinds)
        self.said = f"Must be {', or '.join(map(words, kinds))}."
        messages: dict[str, Any] = {"null": self.said}
        super().__init__(allow_none=nothing, error_messages=messages, **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        found = taken(self.kinds, value)
        if found is None:
            raise marshmallow.ValidationError(self.said)
        return found


def taken(kinds: Sequence[Kind], value: Any) -> Any:
    """Return a value as the kind has it that it is of, or None where it is of none."""
    exact = [kind for kind in kinds if kind["type"] == type_of(value)]
    if not exact and type(value) is int:
        exact = [kind for kind in kinds if kind["type"] == "number"]
        value = finite(value)
    return value if any(is_within(kind, value) for kind in exact) else None


def finite(value: int) -> float | None:
    """Return a whole number as a fraction, None for one that is too large."""
    try:
        return float(value)
    except OverflowError:
        return None


def type_of(value: Any) -> str:
    """Return what JSON Schema calls the type of a value."""
    return TYPES.get(type(value), "object")


TYPES = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    type(None): "null",
}


def is_within(kind: Kind, value: Any) -> bool:
    """Return whether a value of the right type is one that a kind takes."""
    if value is None:
        return False
    if kind["type"] == "array":
        counted = kind["minItems"] <= len(value) <= kind["maxItems"]
        return counted and all(taken([kind["items"]], each) is not None for each in value)
    return (
        ("enum" not in kind or value in kind["enum"])
        and ("minimum" not in kind or value >= kind["minimum"])
        and ("maximum" not in kind or value <= kind["maximum"])
        and ("exclusiveMinimum" not in kind or value > kind["exclusiveMinimum"])
        and ("exclusiveMaximum" not in kind or value < kind["exclusiveMaximum"])
    )


def words(kind: Kind) -> str:
    """Return in words what a kind takes."""
    if "enum" in kind:
        return ", ".join(f"`{each}`" for each in kind["enum"])
    if kind["type"] == "array":
        count = f"{kind['minItems']} to {kind['maxItems']}"
        return f"a list of {count} values, each {words(kind['items'])}"
    ends = [f"{text} {kind[bound]}" for bound, text in ENDS.items() if bound in kind]
    return NOUNS[kind["type"]] + (f" ({', '.join(ends)})" if ends else "")


NOUNS = {
    "integer": "a whole number",
    "number": "a fraction",
    "boolean": "true or false",
    "string": "a text",
    "null": "null",
}
ENDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
