"""Item ids: the callers' own opaque strings, packed into arrays that are searched by hash.

The ids of one part are four arrays: their UTF-8 bytes one after another, the offset each ends at,
and an index of 64-bit hashes, sorted, with the row of each. Finding an id is a search in the hashes
and a comparison of bytes, so that an equal hash is never taken for an equal id.
"""

from collections.abc import Sequence
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
WORD = 8
MASKS = np.array([(1 << 8 * kept) - 1 for kept in range(WORD + 1)], dtype=np.uint64)
"""What leaves so many of the first bytes of a word."""
FEW = 256
"""So many ids, at most, are cut out one by one: numpy takes longer only to begin."""
PIECE = 512  # bytes of ids that are hashed at once
EMPTY = np.empty(0, dtype=np.uint8)
NO_ROWS = np.empty(0, dtype=np.int64)
RARE = 256
"""Where more than one in so many hashes stands wrong, all are sorted again."""


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
        return self.take(rows).texts()

    def take(self, rows: Rows) -> "PackedIds":
        """Return the ids of `rows`, in that order, packed."""
        starts, lengths = self.spans(rows)
        if len(rows) <= FEW:
            places = zip(starts.tolist(), (starts + lengths).tolist(), strict=True)
            blob = b"".join([self.blob.data[a:b] for a, b in places])
            return PackedIds(np.frombuffer(blob, dtype=np.uint8), lengths.cumsum())
        pieces = [EMPTY]
        for start in range(0, len(rows), BLOCK):
            matrix = padded(self, rows[start : start + BLOCK])
            some = lengths[start : start + BLOCK]
            if some.min() == matrix.shape[1]:
                pieces.append(matrix.ravel())
            else:
                pieces.append(matrix[np.arange(matrix.shape[1]) < some[:, None]])
        return PackedIds(np.concatenate(pieces), np.cumsum(lengths))

    def texts(self) -> list[str]:
        """Return all ids as strings."""
        if len(self) > FEW:
            parted = np.insert(self.blob, self.ends, 0).tobytes().decode()
            found = parted.split("\0")[:-1]
            if len(found) == len(self):  # else some id holds the character that parts them
                return found
        whole = self.blob.tobytes()
        ends = self.ends.tolist()
        return [whole[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True)
class IdIndex:
    """The hashes of a part's ids, ascending, and the row each belongs to."""

    hashes: Hashes
    rows: npt.NDArray[np.uint32]


def pack(ids: Sequence[str]) -> PackedIds:
    """Return strings as packed ids."""
    text = "".join(ids)
    blob = text.encode()
    texts: Sequence[str | bytes] = ids
    if len(blob) > len(text):  # one encoding of all is faster, but tells lengths of ASCII only
        texts = [each.encode() for each in ids]
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(ids)))
    return PackedIds(np.frombuffer(blob, dtype=np.uint8), ends)


def join(pieces: Sequence[PackedIds]) -> PackedIds:
    """Return packed ids one after another."""
    sizes = np.cumsum([0, *(len(piece.blob) for piece in pieces)])
    ends = [piece.ends + size for piece, size in zip(pieces, sizes, strict=False)]
    blobs = [piece.blob for piece in pieces]
    return PackedIds(np.concatenate([EMPTY, *blobs]), np.concatenate([NO_ROWS, *ends]))


def numbered(start: int, stop: int) -> PackedIds:
    """Return the ids that unnamed items get: their position in the pool, in decimal."""
    width = len(str(max(stop - 1, 0)))
    pieces, lengths = [EMPTY], [NO_ROWS]
    for first in range(start, stop, BLOCK):
        rows = np.arange(first, min(first + BLOCK, stop))
        digits, rest = np.empty((len(rows), width), dtype=np.uint8), rows
        for place in reversed(range(width)):
            shorter = rest // 10
            digits[:, place] = rest - 10 * shorter + ord("0")
            rest = shorter
        counts = np.searchsorted(10 ** np.arange(1, width), rows, side="right") + 1
        inside = np.arange(width) >= width - counts[:, None]
        pieces.append(digits[inside])
        lengths.append(counts)
    return PackedIds(np.concatenate(pieces), np.cumsum(np.concatenate(lengths)))


def words(blob: Bytes, starts: Rows, lengths: Rows) -> Hashes:
    """Return the bytes of some ids as zero-padded 64-bit words (ids, words of the longest).

    So many bytes are read at once from wherever an id begins, and those behind its end cleared.
    """
    width = width_of(lengths)
    last = max(0, len(blob) - WORD * width)
    found = read_at(blob, np.minimum(starts, last), width)
    near = np.flatnonzero(starts > last)
    if len(near):  # reading so many bytes would lead out of the blob
        found[near] = read_at(blob[last:], starts[near] - last, width)
    shortest = int(lengths.min(initial=WORD * width))
    for column in range(shortest // WORD, width):
        found[:, column] &= MASKS[np.clip(lengths - WORD * column, 0, WORD)]
    return found


def read_at(blob: Bytes, places: Rows, width: int) -> Hashes:
    """Return the words that begin at some places of a blob, with zeros behind its end."""
    size = WORD * width
    if not len(places) or int(places.max()) + size > len(blob):
        blob = np.append(blob, np.zeros(size, dtype=np.uint8))
    starts = len(blob) - size + 1
    anywhere = np.ndarray((starts,), dtype=f"V{size}", buffer=blob.data, strides=(1,))
    found: Hashes = anywhere[places].view("<u8").reshape(len(places), width)
    return found.astype(np.uint64, copy=False)


def padded(ids: PackedIds, rows: Rows) -> Bytes:
    """Return some ids as rows of one width, filled up with zeros (rows, bytes)."""
    starts, lengths = ids.spans(rows)
    found = words(ids.blob, starts, lengths).astype("<u8", copy=False)
    return found.view(np.uint8)[:, : max(1, int(lengths.max(initial=0)))]


def width_of(lengths: Rows) -> int:
    """Return how many 64-bit words the longest of some ids needs."""
    return max(1, -(-int(lengths.max(initial=0)) // 8))


def hash_ids(ids: PackedIds) -> Hashes:
    """Return a 64-bit hash of each id, the same on every machine and in every block."""
    hashes = np.empty(len(ids), dtype=np.uint64)
    for first in range(0, len(ids), BLOCK):
        rows = np.arange(first, min(first + BLOCK, len(ids)))
        starts, lengths = ids.spans(rows)
        state = lengths.astype(np.uint64) * FIRST
        while len(rows):  # a piece of all, then of those that go on: no id is padded to the longest
            matrix = words(ids.blob, starts, np.minimum(lengths, PIECE))
            for column in range(matrix.shape[1]):
                mixed = (state ^ mix(matrix[:, column])) * SECOND + FIRST
                state = np.where(lengths > column * WORD, mixed, state)
            hashes[rows] = mix(state)
            more = lengths > PIECE
            rows, state = rows[more], state[more]
            starts, lengths = starts[more] + PIECE, lengths[more] - PIECE
    return hashes


def mix(values: Hashes) -> Hashes:
    """Return each value with every bit spread over all others (MurmurHash3's finaliser)."""
    values = (values ^ (values >> np.uint64(33))) * SECOND
    values = (values ^ (values >> np.uint64(33))) * THIRD
    return values ^ (values >> np.uint64(33))


def build_index(hashes: Hashes) -> IdIndex:
    """Return the index of a part's ids from their hashes; equal hashes stay in row order.

    Numbers are sorted four times as fast as places, so each hash is sorted with its row in the
    place of its last bits. The few that then stand wrong, for these bits, are put right.
    """
    bits = np.uint64(max(1, len(hashes) - 1).bit_length())
    low = (np.uint64(1) << bits) - np.uint64(1)
    together = hashes & ~low
    together |= np.arange(len(hashes), dtype=np.uint64)
    together.sort()
    rows = np.empty(len(hashes), dtype=np.uint32)
    np.bitwise_and(together, low, out=rows, casting="unsafe")
    ordered = gathered(hashes, rows)
    wrong = np.flatnonzero(ordered[1:] < ordered[:-1])
    starts = np.unique(together[wrong] & ~low)
    if len(starts) > len(hashes) // RARE:
        order = np.argsort(hashes, kind="stable")
        return IdIndex(hashes[order], order.astype(np.uint32))
    firsts = np.searchsorted(together, starts).tolist()
    lasts = np.searchsorted(together, starts | low, side="right").tolist()
    for first, last in zip(firsts, lasts, strict=True):
        run = rows[first:last]
        run[:] = run[np.argsort(hashes[run], kind="stable")]
        ordered[first:last] = hashes[run]
    return IdIndex(ordered, rows)


def gathered(hashes: Hashes, rows: npt.NDArray[np.uint32]) -> Hashes:
    """Return the hashes of some rows; in blocks, because places take twice the memory of rows."""
    found = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), BLOCK):
        found[start : start + BLOCK] = hashes[rows[start : start + BLOCK]]
    return found


def find(wanted: PackedIds, hashes: Hashes, ids: PackedIds, index: IdIndex) -> Rows:
    """Return the row in `ids` of each wanted id, given its hash, and -1 where it is not there."""
    found = np.full(len(wanted), -1, dtype=np.int64)
    pending = np.argsort(hashes)  # neighbours in the index are looked up one after another
    places = np.searchsorted(index.hashes, hashes[pending])
    while True:
        hit = places < len(index.hashes)
        hit[hit] = index.hashes[places[hit]] == hashes[pending[hit]]
        pending, places = pending[hit], places[hit]
        if not len(pending):
            return found
        candidates = index.rows[places].astype(np.int64)
        same = equal(wanted, pending, ids, candidates)
        found[pending[same]] = candidates[same]
        pending, places = pending[~same], places[~same] + 1


def equal(ours: PackedIds, our_rows: Rows, theirs: PackedIds, their_rows: Rows) -> Any:
    """Return, pair by pair, whether two ids are the same bytes."""
    our_starts, lengths = ours.spans(our_rows)
    their_starts, their_lengths = theirs.spans(their_rows)
    same = lengths == their_lengths
    least = np.minimum(lengths, their_lengths)
    for start in range(0, len(our_rows), BLOCK):
        some = slice(start, start + BLOCK)
        left = words(ours.blob, our_starts[some], least[some])
        right = words(theirs.blob, their_starts[some], least[some])
        for column in range(left.shape[1]):
            same[some] &= left[:, column] == right[:, column]
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


def first_common(
    ids: PackedIds, index: IdIndex, others: PackedIds, other_index: IdIndex
) -> tuple[int, int] | None:
    """Return the row of the first id that stands among others too, and its row there, or None.

    The shorter index is looked up in the longer one, in the order of both.
    """
    short, long = sorted((index.hashes, other_index.hashes), key=len)
    places = np.searchsorted(long, short)
    inside = places < len(long)
    common = short[inside][long[places[inside]] == short[inside]]
    if not len(common):
        return None
    rows = np.sort(index.rows[np.isin(index.hashes, common)]).astype(np.int64)
    wanted = ids.take(rows)
    found = find(wanted, hash_ids(wanted), others, other_index)
    known = np.flatnonzero(found >= 0)
    return (int(rows[known[0]]), int(found[known[0]])) if len(known) else None
