"""Members that know different classes, brought to the classes that any of them knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from service.classes import identity
from service.errors import UploadRefused
from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.faults import pointer
from workers.untrusted.formats.features import Complaint
from workers.untrusted.given.classes import (
    OPTION,
    Class,
    check_count,
    differ,
    parse_classes,
    same,
)
from workers.untrusted.given.dense import Accept, check_members
from workers.untrusted.given.request import Asked
from workers.untrusted.given.scales import distributions

PLACE = pointer("classes")


@dataclass(frozen=True)
class Alignment:
    """All classes, in the order in which members first name them, and each member's among them."""

    classes: tuple[Class, ...]
    places: tuple[Array, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """How many classes each member knows."""
        return tuple(map(len, self.places))

    def acceptance(self, asked: Asked) -> Accept:
        """Return what turns members' values, side by side, into (items, members, classes)."""
        edges = np.cumsum([0, *self.widths]).tolist()

        def accept(block: Array, complaint: Complaint) -> Array:
            shape = (len(block), len(self.places), len(self.classes))
            aligned = np.zeros(shape, dtype=block.dtype)
            for member, (start, stop) in enumerate(pairwise(edges)):
                aligned[:, member, self.places[member]] = distributions(
                    block[:, start:stop],
                    asked.scale,
                    within(complaint, member),
                    normalize=asked.normalize,
                )
            return aligned

        return accept


def is_uneven(classes: Any) -> bool:
    """Whether classes are given for each member."""
    return type(classes) is list and any(type(each) is list for each in classes)


def align(asked: Asked, classes: Sequence[Any]) -> Alignment:
    """Return how members that each have classes of their own go together."""
    check_members(asked, len(classes), PLACE)
    members = [
        parse_classes(asked, each, pointer("classes", member), least=1)
        for member, each in enumerate(classes)
    ]
    union: dict[tuple[bool, Any], Class] = {}
    for value in chain.from_iterable(members):
        union.setdefault(identity(value), value)
    every = tuple(union.values())
    check_count(asked, len(every), PLACE)
    if asked.classes is not None:
        wanted = parse_classes(asked, asked.classes, OPTION)
        if not same(wanted, every):
            raise differ(wanted, every, PLACE)
    code = {identity(value): number for number, value in enumerate(every)}
    return Alignment(
        every, tuple(np.array([code[identity(value)] for value in member]) for member in members)
    )


def within(complaint: Complaint, member: int) -> Complaint:
    """Return a function that refuses one value of a member."""

    def inner(index: int, path: tuple[int, ...], detail: str) -> UploadRefused:
        return complaint(index, (member, *path), detail)

    return inner
