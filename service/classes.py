"""Classes, as labels, models and predictions name them: what may be one, and which are the same."""

import json
import math
from collections.abc import Sequence
from typing import Any

from service.errors import readable

LARGEST_EXACT = 2**53
WHOLE = 2**63
"""Beyond this no whole number is sent, only floats."""
LONGEST_CLASS = 1_024
WRITTEN = json.JSONEncoder(ensure_ascii=False)

Class = str | int | float | bool


def identity(value: Any) -> tuple[bool, Any]:
    """Return what two values share only if they name the same class.

    1 and 1.0 are one class; true and "1" are others.
    """
    return isinstance(value, bool), value


def text_of(value: Class) -> str:
    """Return a class as JSON text, the same for two values only if they name the same class.

    A number without a fraction is written as a whole one: 1.0 as 1.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < WHOLE:
        value = int(value)
    return WRITTEN.encode(value)


def ordered(classes: Sequence[Class]) -> tuple[Class, ...]:
    """Return classes in the one order that there is of them: numbers, booleans, then texts."""
    return tuple(sorted(classes, key=lambda each: (isinstance(each, str), *identity(each))))


def fault_of_classes(classes: Sequence[Any], limit: int) -> str | None:
    """Return why some values can be no names of classes, or None."""
    if len(classes) > limit:
        return f"There are {len(classes)} classes; at most {limit} are allowed (max_classes)"
    if not all(is_class(value) for value in classes):
        return (
            f"A class is a finite number, a boolean or a text of at most {LONGEST_CLASS} letters"
            " that JSON can hold"
        )
    if len(set(map(identity, classes))) != len(classes):
        return "Two classes are the same"
    return None


def is_class(value: Any) -> bool:
    """Return whether a class can be told to any client as it is."""
    if isinstance(value, str):
        return len(value) <= LONGEST_CLASS and readable(value) == value
    if isinstance(value, int):
        return abs(value) <= LARGEST_EXACT
    return isinstance(value, float) and math.isfinite(value)
