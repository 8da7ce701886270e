"""What every reader of JSON here holds to: in one object a name stands once."""

from collections.abc import Sequence
from typing import Any


class NameTwice(ValueError):
    """A name stands twice in an object; readers elsewhere would disagree on what it means."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The key {name!a} stands twice in one object")


def members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object; raise NameTwice where a name stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise NameTwice(name)
            seen.add(name)
    return found
