"""Item ids: the callers' own opaque strings, packed into arrays that are searched by hash.

The ids of one part are four arrays: their UTF-8 bytes one after another, the offset each ends at,
and an index of 64-bit hashes, sorted, with the row of each. Finding an id is a search in the hashes
and a comparison of bytes, so that an equal hash is never taken for an equal id.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

BLOCK = 32_768
FIRST = np.uint64(0x9E3779B97F4A7C15)
SECOND = np.uint64(0xFF51AFD7ED558CCD)
THIRD = np.uint64(0xC4CEB9FE1A85EC53)


@dataclass(frozen=True)
class PackedIds:
    """Ids as bytes: `blob` (bytes,), `ends` (items,), the offset at which each id ends."""

    blob: Bytes
    ends: Rows

    def __len__(self) -> int:
        return len(self.ends)

    def spans(self, rows: Rows) -> tuple[Rows, Rows]:
        """Return where the ids of `rows` start, and their lengths."""
        ends = self.ends[rows]
        starts = np.where(rows > 0, self.ends[rows - 1], 0)
        return starts, ends - starts

    def at(self, rows: Rows) -> list[str]:
        """Return the ids of `rows`, in that order."""
        starts, lengths = self.spans(rows)
        return [
            self.blob[start : start + length].tobytes().decode()
            for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class IdIndex:
    """The hashes of a part's ids, ascending, and the row each belongs to."""

    hashes: Hashes
    rows: npt.NDArray[np.uint32]


def pack(ids: Sequence[str]) -> PackedIds:
    """Return strings as packed ids."""
    encoded = [text.encode() for text in ids]
    ends = np.cumsum([len(item) for item in encoded], dtype=np.int64)
    return PackedIds(np.frombuffer(b"".join(encoded), dtype=np.uint8), ends)


def numbered(start: int, stop: int) -> PackedIds:
    """Return the ids that unnamed items get: their position in the pool, in decimal."""
    texts = np.arange(start, stop).astype("S20")
    lengths = np.char.str_len(texts)
    matrix = texts.view(np.uint8).reshape(len(texts), 20)
    return PackedIds(matrix[matrix > 0], np.cumsum(lengths, dtype=np.int64))


def blocks(ids: PackedIds) -> Iterator[Rows]:
    """Yield all rows in blocks small enough to work on."""
    for start in range(0, len(ids), BLOCK):
        yield np.arange(start, min(start + BLOCK, len(ids)))


def words(ids: PackedIds, rows: Rows, width: int) -> Hashes:
    """Return the bytes of some ids as zero-padded 64-bit words (rows, width)."""
    starts, lengths = ids.spans(rows)
    offsets = np.arange(width * 8)
    inside = offsets < lengths[:, None]
    matrix = np.zeros(inside.shape, dtype=np.uint8)
    matrix[inside] = ids.blob[(starts[:, None] + offsets)[inside]]
    return matrix.view("<u8").astype(np.uint64, copy=False)


def width_of(lengths: Rows) -> int:
    """Return how many 64-bit words the longest of some ids needs."""
    return max(1, -(-int(lengths.max(initial=0)) // 8))


def hash_ids(ids: PackedIds) -> Hashes:
    """Return a 64-bit hash of each id, the same on every machine and in every block."""
    hashes = np.empty(len(ids), dtype=np.uint64)
    for rows in blocks(ids):
        _, lengths = ids.spans(rows)
        matrix = words(ids, rows, width_of(lengths))
        state = lengths.astype(np.uint64) * FIRST
        for column in range(matrix.shape[1]):
            mixed = (state ^ mix(matrix[:, column])) * SECOND + FIRST
            state = np.where(lengths > column * 8, mixed, state)
        hashes[rows] = mix(state)
    return hashes


def mix(values: Hashes) -> Hashes:
    """Return each value with every bit spread over all others (MurmurHash3's finaliser)."""
    values = (values ^ (values >> np.uint64(33))) * SECOND
    values = (values ^ (values >> np.uint64(33))) * THIRD
    return values ^ (values >> np.uint64(33))


def build_index(hashes: Hashes) -> IdIndex:
    """Return the index of a part's ids from their hashes; equal hashes stay in row order."""
    order = np.argsort(hashes, kind="stable")
    return IdIndex(hashes[order], order.astype(np.uint32))


def find(wanted: PackedIds, hashes: Hashes, ids: PackedIds, index: IdIndex) -> Rows:
    """Return the row in `ids` of each wanted id, given its hash, and -1 where it is not there."""
    found = np.full(len(wanted), -1, dtype=np.int64)
    left = np.searchsorted(index.hashes, hashes, side="left")
    right = np.searchsorted(index.hashes, hashes, side="right")
    pending = np.flatnonzero(left < right)
    while len(pending):
        candidates = index.rows[left[pending]].astype(np.int64)
        same = equal(wanted, pending, ids, candidates)
        found[pending[same]] = candidates[same]
        left[pending] += 1
        pending = pending[~same & (left[pending] < right[pending])]
    return found


def equal(ours: PackedIds, our_rows: Rows, theirs: PackedIds, their_rows: Rows) -> Any:
    """Return, pair by pair, whether two ids are the same bytes."""
    _, our_lengths = ours.spans(our_rows)
    _, their_lengths = theirs.spans(their_rows)
    same = our_lengths == their_lengths
    for start in range(0, len(our_rows), BLOCK):
        part = np.flatnonzero(same[start : start + BLOCK]) + start
        width = width_of(our_lengths[part])
        left = words(ours, our_rows[part], width)
        same[part] = (left == words(theirs, their_rows[part], width)).all(axis=1)
    return same


def first_duplicate(ids: PackedIds, index: IdIndex) -> tuple[int, int] | None:
    """Return the two rows of the first id that stands twice, or None."""
    best: tuple[int, int] | None = None
    gap = 1
    while True:
        repeats = np.flatnonzero(index.hashes[gap:] == index.hashes[:-gap])
        if not len(repeats):
            return best
        earlier = index.rows[repeats].astype(np.int64)
        later = index.rows[repeats + gap].astype(np.int64)
        same = equal(ids, earlier, ids, later)
        if same.any():
            at = int(np.argmin(np.where(same, later, np.iinfo(np.int64).max)))
            pair = (int(earlier[at]), int(later[at]))
            best = min(best or pair, pair, key=lambda rows: rows[1])
        gap += 1
