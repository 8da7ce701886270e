"""The ids of a part, as they are written: UTF-8 bytes one after another, and where each ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array, GrowingArray
from workers.untrusted.formats.faults import At, quoted, refusal


@dataclass(frozen=True)
class Encoded(Sequence[str]):
    """Ids that came as valid UTF-8: `blob` (bytes,), and how many of them each has (ids,)."""

    blob: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: Any) -> Any:
        end = int(self.lengths[: index + 1].sum())
        return self.blob[end - int(self.lengths[index]) : end].tobytes().decode()


class Ids:
    """The files `ids.bin` and `id_ends.npy` while they grow.

    That an id stands only once is not checked here, where it would take a set of them all, but by
    whoever takes the part, for the whole pool.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.path = Path("ids.bin")
        self.path.touch()
        self.ends = GrowingArray("id_ends.npy", np.dtype(np.int64))
        self.end = 0

    def append(self, ids: Sequence[str], at: At) -> None:
        """Write the ids of the next rows."""
        encoded = ids if isinstance(ids, Encoded) else encode(ids, self.ends.rows, at)
        lengths = encoded.lengths
        wrong = np.flatnonzero((lengths == 0) | (lengths > self.max_bytes))
        if len(wrong):
            first = int(wrong[0])
            raise refusal(
                self.complaint(ids[first], int(lengths[first])), at(self.ends.rows + first, "id")
            )
        with self.path.open("ab") as file:
            file.write(encoded.blob.data)
        ends = self.end + np.cumsum(lengths)
        self.ends.append(ends)
        self.end = int(ends[-1]) if len(ends) else self.end

    def complaint(self, text: str, length: int) -> str:
        """Return what is wrong with an id's length."""
        if length == 0:
            return "An id is empty; every item needs one of at least one character"
        limit = f"at most {self.max_bytes} are allowed (max_id_bytes)"
        return f"The id {quoted(text)} has {length} bytes; {limit}"


def encode(ids: Sequence[str], first_row: int, at: At) -> Encoded:
    """Return ids as UTF-8."""
    blob = b"".join(texts := list(encode_each(ids, first_row, at)))
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return Encoded(np.frombuffer(blob, dtype=np.uint8), lengths)


def encode_each(ids: Sequence[str], first_row: int, at: At) -> Iterator[bytes]:
    """Yield each id as UTF-8."""
    for index, text in enumerate(ids):
        try:
            yield text.encode("utf-8")
        except UnicodeEncodeError:
            raise refusal(
                f"The id {quoted(text)} holds half of a surrogate pair, which is no character",
                at(first_row + index, "id"),
            ) from None
