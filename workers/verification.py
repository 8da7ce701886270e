"""What the sandbox made of predictions: its word, its arrays and their values, none of it believed.

A reader that a client's bytes have taken over can write anything; what passes here is safe to use.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.classes import fault_of_classes
from service.errors import Fault, InvalidOutput, UploadRefused
from service.given import FORMS, Form
from service.settings import Settings
from workers.workbench import Desk, load

BLOCK_VALUES = 2**20
SUM_TOLERANCE = 1e-3
RANGE_TOLERANCE = 1e-6
BOX = 4

FLOATS = (np.float16, np.float32, np.float64)
TYPES = {"votes": (np.int32,), "object_labels": (np.int32,), "ends": (np.int64,)}

Array = npt.NDArray[Any]
Block = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Summary:
    """What the reader says of an upload; `rows` are objects or tokens."""

    kind: str
    items: int
    numbered: bool
    classes: tuple[Any, ...]
    members: int | None
    dtype: str
    rows: int

    @property
    def form(self) -> Form:
        """What there is to know of the kind."""
        return FORMS[self.kind]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape that each array must have."""
        items, classes, members = self.items, len(self.classes), self.members or 0
        return {
            "probs": (items, classes),
            "member_probs": (items, members, classes),
            "votes": (items, members),
            "values": (self.rows, classes),
            "ends": (items,),
            "boxes": (self.rows, BOX),
            "object_labels": (self.rows,),
            "label_probs": (items, classes),
            "mean": (items,),
            "std": (items,),
            "member_values": (items, members),
        }


@dataclass(frozen=True)
class Wrong:
    """The first item of which an array says what cannot be."""

    array: str
    item: int
    detail: str


def summary_of(said: Mapping[str, Any], kind: str, limits: Settings) -> Summary:
    """Return what the reader said, as far as it can be true."""
    try:
        members = said["members"]
        summary = Summary(
            kind=str(said["kind"]),
            items=int(said["items"]),
            numbered=bool(said["numbered"]),
            classes=tuple(said["classes"] or ()),
            members=None if members is None else int(members),
            dtype=str(said["dtype"]),
            rows=int(said["rows"] or 0),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidOutput("The predictions were not described as they must be") from error
    form, members = FORMS[kind], summary.members or 0
    sound = (
        summary.kind == kind
        and min(summary.items, summary.rows, members) >= 0
        and (form.classed or not summary.classes)
        and (members <= limits.max_members if form.has_members else summary.members is None)
    )
    if not sound:
        raise InvalidOutput("The reader gave an impossible summary of the predictions")
    fault = fault_of_classes(summary.classes, limits.max_classes)
    if fault:
        raise UploadRefused(fault, faults=[Fault("/classes", fault)])
    return summary


def take_arrays(desk: Desk, summary: Summary) -> dict[str, Array]:
    """Put the arrays of a kind where they are published from; each is what the reader said."""
    form, arrays = summary.form, {}
    given = [name for name in form.optional if (desk.scratch / f"{name}.npy").exists()]
    for name in (*form.arrays, *given):
        array = load(desk.take(f"{name}.npy", desk.out / f"{name}.npy"))
        right = array.shape == summary.shapes[name] and array.dtype in TYPES.get(name, FLOATS)
        if not right or not array.flags.c_contiguous:
            raise InvalidOutput(f"The array {name} is not what the reader said")
        arrays[name] = array
    if arrays[form.arrays[0]].dtype.name != summary.dtype:
        raise InvalidOutput("The type of the predictions is not what the reader said")
    if "ends" in arrays and not rises(arrays["ends"], summary.items, summary.rows):
        raise InvalidOutput("The array ends is not what the reader said")
    return arrays


def rises(ends: Array, count: int, last: int) -> bool:
    """Return whether an array says where each of some things ends, the last at the very end."""
    if ends.shape != (count,) or ends.dtype != np.int64:
        return False
    return bool((np.diff(ends, prepend=0) >= 0).all()) and int(ends[-1] if count else 0) == last


def first_wrong(arrays: Mapping[str, Array], summary: Summary) -> Wrong | None:
    """Return the first item whose numbers cannot be what they are said to be, if there is one."""
    for name, array in arrays.items():
        if name not in RULES:
            continue
        found = search(array, RULES[name], len(summary.classes))
        if found is not None:
            row, detail = found
            return Wrong(name, item_of(name, row, arrays), detail)
    return None


def search(array: Array, rule: "Rule", classes: int) -> tuple[int, str] | None:
    """Return the first row along the last axis that breaks a rule, and what is wrong with it."""
    if not array.size:
        return None
    rows = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    step = max(1, BLOCK_VALUES // rows.shape[1])
    for start in range(0, len(rows), step):
        block = np.asarray(rows[start : start + step], dtype=np.float64)
        with np.errstate(invalid="ignore"):  # infinities of both signs sum to what is no number
            wrong = np.flatnonzero(rule.broken(block, classes))
            if len(wrong):
                return start + int(wrong[0]), rule.told(block[wrong[0]], classes)
    return None


def item_of(name: str, row: int, arrays: Mapping[str, Array]) -> int:
    """Return the item that a row of an array belongs to."""
    if name == "member_probs":
        return row // int(arrays[name].shape[1])
    if "ends" in arrays:
        return int(np.searchsorted(arrays["ends"], row, side="right"))
    return row


@dataclass(frozen=True)
class Rule:
    """What must be so of a row of numbers: which rows of a block break it, and what to say of one.

    Both are told how many classes there are.
    """

    broken: Callable[[Block, int], Mask]
    told: Callable[[Block, int], str]


def no_number(block: Block, _classes: int) -> Mask:
    """Return which rows hold what is not finite."""
    return np.asarray(~np.isfinite(block).all(axis=1))


def no_probability(block: Block, classes: int) -> Mask:
    """Return which rows hold what lies beyond 0 and 1."""
    beyond = (block < -RANGE_TOLERANCE) | (block > 1 + RANGE_TOLERANCE)
    return np.asarray(no_number(block, classes) | beyond.any(axis=1))


def no_distribution(block: Block, classes: int) -> Mask:
    """Return which rows hold no probabilities, or such as do not sum to one."""
    astray = np.abs(block.sum(axis=1) - 1) > SUM_TOLERANCE
    return np.asarray(no_probability(block, classes) | astray)


def no_spread(block: Block, classes: int) -> Mask:
    """Return which rows hold no standard deviation."""
    return np.asarray(no_number(block, classes) | (block < 0).any(axis=1))


def no_choice(block: Block, classes: int) -> Mask:
    """Return which rows hold what is neither a class nor -1."""
    return np.asarray(((block < -1) | (block >= classes)).any(axis=1))


NUMBER = Rule(no_number, lambda _values, _classes: "a number must be finite")
PROBABILITY = Rule(
    no_probability,
    lambda values, _classes: (
        "probabilities lie between 0 and 1, and these between"
        f" {values.min():g} and {values.max():g}"
    ),
)
DISTRIBUTION = Rule(
    no_distribution,
    lambda values, _classes: (
        "probabilities lie between 0 and 1 and sum to one; these lie between"
        f" {values.min():g} and {values.max():g} and sum to {values.sum():g}"
    ),
)
SPREAD = Rule(
    no_spread,
    lambda values, _classes: (
        f"a standard deviation is finite and not negative, and this one is {values[0]:g}"
    ),
)
CHOICE = Rule(
    no_choice,
    lambda _values, classes: f"a class is one of 0 to {classes - 1}, or -1 where there is none",
)
RULES = {
    "probs": DISTRIBUTION,
    "member_probs": DISTRIBUTION,
    "values": DISTRIBUTION,
    "label_probs": PROBABILITY,
    "votes": CHOICE,
    "object_labels": CHOICE,
    "boxes": NUMBER,
    "mean": NUMBER,
    "std": SPREAD,
    "member_values": NUMBER,
}
"""What must be so of each array."""
