"""A label as it is kept: what an item is, who or what said so, and when."""

from dataclasses import dataclass
from typing import NamedTuple


class Labelling(NamedTuple):
    """A label as JSON text, its source, and its time as `now()` writes it."""

    label: str
    source: str
    time: str


@dataclass(frozen=True)
class ClassCounts:
    """How many items have each label, as JSON text, the most frequent first.

    `distinct` counts also the labels that are not told here, `labelled` the items that have one.
    """

    counts: tuple[tuple[str, int], ...]
    distinct: int
    labelled: int
