"""How a part is refused: what is wrong, where it stands, and what to do next."""

import json
from collections.abc import Sequence
from typing import Protocol

from service.errors import Fault, UploadRefused

LONGEST = 80


class At(Protocol):
    """Says where in the upload something of a row stands; rows are counted from 0."""

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return a JSON pointer, or a row and a column."""
        ...


def refusal(detail: str, place: str) -> UploadRefused:
    """Return the error that says what is wrong in one place of an upload."""
    return UploadRefused(f"{detail} (at {place})", faults=[Fault(place, detail)])


def pointer(*steps: str | int) -> str:
    """Return a JSON pointer."""
    return "".join("/" + readable(str(s)).replace("~", "~0").replace("/", "~1") for s in steps)


def readable(text: str) -> str:
    """Return a client's text so that it can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def quoted(text: str) -> str:
    """Return a client's text in quotes, shortened."""
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return readable(json.dumps(shown, ensure_ascii=False))


def named(ids: Sequence[object] | None, index: int, row: int) -> str:
    """Return what an item is called in a sentence."""
    name = ids[index] if ids is not None else None
    return f"Item {quoted(name)}" if isinstance(name, str) else f"Item {row}, counted from 0,"
