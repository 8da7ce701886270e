"""Classes: what each column of probabilities is of, and the codes of votes."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from service.classes import fault_of_classes, identity
from service.errors import UploadRefused
from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.faults import quoted, refusal
from workers.untrusted.formats.features import Complaint
from workers.untrusted.given.request import Asked

Class = str | int | float | bool
NONE = -1
OPTION = "classes"
UNKNOWN = -2
SHOWN = 10


def resolve(asked: Asked, sent: Any, place: str, way: str) -> tuple[Class, ...]:
    """Return the classes in their order, from the options or the body.

    `sent` is what the body says, or None, at `place`; `way` says how a body says it.
    """
    wanted = None if asked.classes is None else parse_classes(asked, asked.classes, OPTION)
    found = None if sent is None else parse_classes(asked, sent, place)
    if found is None and wanted is None and asked.kind.form.classed:
        raise refusal(
            f"What the classes are, and in which order, must be said: by ?class=cat&class=dog and "
            f"so on, by ?classes= with a JSON list or their count{way}",
            OPTION,
        )
    if wanted is not None and found is not None and not same(wanted, found):
        raise differ(wanted, found, place)
    return wanted or found or ()


def resolve_columns(asked: Asked, names: Sequence[str]) -> tuple[Class, ...]:
    """Return the classes of columns, whose names are the classes as text."""
    check_count(asked, len(names), "header")
    if asked.classes is None:
        return parse_classes(asked, list(names), "header")
    wanted = parse_classes(asked, asked.classes, OPTION)
    if len(wanted) != len(names) or any(
        name not in texts(value) for name, value in zip(names, wanted, strict=True)
    ):
        raise differ(wanted, names, "header")
    return wanted


def differ(wanted: Sequence[Class], found: Sequence[Class], place: str) -> UploadRefused:
    """Return the error for classes that are given twice."""
    return refusal(
        f"The classes are given twice and differ: {shown(wanted)} by the option, "
        f"{shown(found)} in the body",
        place,
    )


def shown(classes: Sequence[Class]) -> str:
    """Return classes in a sentence."""
    first = ", ".join(map(json.dumps, classes[:SHOWN]))
    return f"[{first}, …]" if len(classes) > SHOWN else f"[{first}]"


def parse_classes(
    asked: Asked, found: Any, place: str, *, least: int | None = None
) -> tuple[Class, ...]:
    """Return classes that were given as a list, or as a count n for 0 to n - 1."""
    if not asked.kind.form.classed:
        raise refusal(f"Predictions of kind {asked.kind.name} have no classes", place)
    counted = type(found) is int
    if not counted and type(found) not in {list, tuple}:
        raise refusal("The classes are a list of names, or their count", place)
    check_count(asked, found if counted else len(found), place, least=least)
    classes = range(found) if counted else found
    fault = fault_of_classes(classes, asked.limits.max_classes)
    if fault is not None:
        raise refusal(fault, place)
    return tuple(classes)


def check_count(asked: Asked, count: int, place: str, *, least: int | None = None) -> None:
    """Refuse too few classes, or too many."""
    least = asked.kind.form.least if least is None else least
    most = asked.limits.max_classes
    if count < least:
        raise refusal(f"There must be at least {least} classes, not {count}", place)
    if count > most:
        raise refusal(f"There are {count} classes; at most {most} are allowed (max_classes)", place)


def same(first: Sequence[Class], second: Sequence[Class]) -> bool:
    """Whether classes are the same in the same order."""
    return list(map(identity, first)) == list(map(identity, second))


def texts(value: Class) -> set[str]:
    """Return how a class may be written where there is only text."""
    return {value} if isinstance(value, str) else {str(value), json.dumps(value)}


Coder = Callable[[Any], int]
"""The code of a vote: its class's place, -1 for no vote, UNKNOWN for what is no class."""


def coder(classes: Sequence[Class]) -> Coder:
    """Return what codes votes that came as values."""
    codes = {identity(value): code for code, value in enumerate(classes)}
    codes.setdefault(identity(NONE), NONE)

    def code(vote: Any) -> int:
        if vote is None:
            return NONE
        known = isinstance(vote, str | int | float)
        return codes.get(identity(vote), UNKNOWN) if known else UNKNOWN

    return code


def text_coder(classes: Sequence[Class]) -> Coder:
    """Return what codes votes that came as text; refuse classes that read alike."""
    codes: dict[str, int] = {"": NONE}
    for number, value in enumerate(classes):
        for text in texts(value):
            if text in codes:
                raise refusal(
                    f"Two classes are written {quoted(text)} in CSV, or one is empty: send another "
                    f"format",
                    OPTION,
                )
            codes[text] = number
    codes.setdefault(str(NONE), NONE)
    numbers = {
        float(value): number
        for number, value in enumerate(classes)
        if not isinstance(value, bool | str)
    }

    def code(text: str) -> int:
        found = codes.get(text, UNKNOWN)
        return as_number(text, numbers) if found == UNKNOWN and numbers else found

    return code


def as_number(text: str, numbers: Mapping[float, int]) -> int:
    """Return the code of a number that is written differently, as 1.0 is for 1."""
    try:
        return numbers.get(float(text), UNKNOWN) if text.isascii() else UNKNOWN
    except ValueError:
        return UNKNOWN


def coded(
    values: Iterable[Any], code: Coder, place: Callable[[int], tuple[int, ...]], complain: Complaint
) -> Array:
    """Return the codes of votes, or of objects' labels; refuse what is no class."""
    votes = list(values)
    codes = np.fromiter(map(code, votes), dtype=np.int32, count=len(votes))
    wrong = np.flatnonzero(codes == UNKNOWN)
    if len(wrong):
        index = int(wrong[0])
        position = place(index)
        vote = votes[index]
        text = quoted(vote) if isinstance(vote, str) else quoted(repr(vote)).strip('"')
        raise complain(position[0], position[1:], f"names the class {text}, which is not there")
    return codes


def check_codes(codes: Array, classes: int, complain: Complaint) -> Array:
    """Return codes that came as whole numbers, from -1 for none to the last class."""
    wrong = (codes < NONE) | (codes > classes - 1)
    if wrong.any():
        position = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise complain(
            position[0],
            position[1:],
            f"names the class number {codes[position]}: they go from 0 to {classes - 1}, and "
            f"{NONE} stands for none",
        )
    return codes.astype(np.int32)


def check_coded(classes: Sequence[Class], place: str) -> None:
    """Refuse classes that could be taken for their own numbers in an array of numbers."""
    mistakable = [value for value in classes if not isinstance(value, str | bool)]
    if mistakable and not same(classes, range(len(classes))):
        raise refusal(
            "An array holds the classes' numbers from 0, and here the classes are other numbers: "
            "name the classes as text, or send the votes as JSON or in a table",
            place,
        )
