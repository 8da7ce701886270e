"""Metadata filters: which items of a pool a reading asks for, by equality, membership or range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.errors import Fault, InvalidRequest
from service.items import Items, Mask
from service.records import Part, Pool

LARGEST_EXACT = 2**53


@dataclass(frozen=True)
class Condition:
    """What one metadata column must hold; the bounds are inclusive."""

    column: str
    among: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None


def check(pool: Pool, conditions: Sequence[Condition], pointer: str = "/where") -> None:
    """Raise InvalidRequest for a condition that no item of the pool could be held against.

    `pointer` is where the conditions stand in the request.
    """
    for condition in conditions:
        where = f"{pointer}/{condition.column}"
        kind = pool.metadata.get(condition.column)
        if kind is None:
            known = ", ".join(sorted(pool.metadata)) or "none"
            raise refusal(where, f"The pool has no such metadata column; it has: {known}")
        if kind != "number" and (condition.minimum, condition.maximum) != (None, None):
            raise refusal(where, f"A {kind} column has no range; use eq or in")
        for value in condition.among or ():
            if kind_of(value) != kind:
                raise refusal(where, f"The column holds a {kind}, and {value!r} is none")
            if isinstance(value, int) and abs(value) > LARGEST_EXACT:
                raise refusal(where, f"{value} cannot be told from its neighbours")


def kind_of(value: Any) -> str:
    """Return the kind of column that could hold a value."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def refusal(pointer: str, detail: str) -> InvalidRequest:
    """Return the error for one condition."""
    return InvalidRequest(
        "The metadata filter does not fit the pool", faults=[Fault(pointer, detail)]
    )


def matching(items: Items, conditions: Sequence[Condition], total: int) -> Mask:
    """Return which of the pool's first `total` rows meet every condition.

    An item without a value in a column meets no condition on it.
    """
    mask = np.ones(total, dtype=np.bool_)
    for start, part in items.located():
        if start >= total:
            break
        for condition in conditions:
            mask[start : start + part.rows] &= part_mask(items, part, condition)
    return mask


def part_mask(items: Items, part: Part, condition: Condition) -> Mask:
    """Return which rows of a part meet one condition."""
    if condition.column not in part.metadata:
        return np.zeros(part.rows, dtype=np.bool_)
    column = items.array(part, f"metadata_{part.metadata.index(condition.column)}")
    mask = np.ones(part.rows, dtype=np.bool_)
    if condition.among is not None:
        mask &= np.isin(column, stored(items, part, condition))
    if condition.minimum is not None:
        mask &= column >= condition.minimum
    if condition.maximum is not None:
        mask &= column <= condition.maximum
    return mask


def stored(items: Items, part: Part, condition: Condition) -> list[Any]:
    """Return the values asked for, as a part's file holds them."""
    among = condition.among or ()
    if items.pool.metadata[condition.column] != "string":
        return [float(value) for value in among]
    codes: Mapping[str, int] = {
        text: code for code, text in enumerate(items.texts(part, condition.column))
    }
    return [codes[text] for text in among if text in codes]
