"""Orders of scores, bitmaps of rows, and the walk that reads the one past the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.ids import NO_ROWS, Rows

Bitmap = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]
Order = npt.NDArray[Any]
Scores = npt.NDArray[np.float64]

KEY_BITS = 64
PIECE = 65_536
"""Rows that are put in order together, few enough for a processor's cache."""

BLOCK = 1_048_576
FIRST_BLOCK = 128
LAST_BLOCK = BLOCK
BITS = np.array([128 >> place for place in range(8)], dtype=np.uint8)
"""What each row of a byte of a bitmap adds to it."""
SLICE = 4_096
"""Bytes of a bitmap that are looked at together."""


def descending(scores: Scores) -> Order:
    """Return all rows, the highest score first, equal scores in pool order. No score is NaN.

    What is sorted is one integer an item, the first bits of its score before its row: many times
    faster than by comparison. Rows that have those bits in common are then ordered by themselves.
    """
    total = len(scores)
    order = np.empty(total, dtype=row_type(total))
    digits = max(0, total - 1).bit_length()
    keys, exact = sorted_keys(scores, digits)
    for start in range(0, total, PIECE):
        order[start : start + PIECE] = keys[start : start + PIECE] & np.uint64((1 << digits) - 1)
    if not exact:
        keys >>= np.uint64(digits)
        reorder(scores, order, keys)
    return order


def sorted_keys(scores: Scores, digits: int) -> tuple[Keys, bool]:
    """Return, sorted, one key an item: first of its score, in its last `digits` bits its row.

    Also whether the keys hold all there is to tell of the scores.
    """
    total = len(scores)
    keys = np.empty(total, dtype=np.uint64)
    if not total:
        return keys, True
    first, last = precedence(np.array([scores.max(), scores.min()])).tolist()
    dropped = max(0, (last - first).bit_length() + digits - KEY_BITS)
    for start in range(0, total, PIECE):
        key = precedence(scores[start : start + PIECE]).view(np.uint64)
        key -= np.uint64(first % 2**KEY_BITS)
        key >>= np.uint64(dropped)
        key <<= np.uint64(digits)
        key |= np.arange(start, start + len(key), dtype=np.uint64)
        keys[start : start + PIECE] = key
    keys.sort()
    return keys, dropped == 0


def precedence(scores: Scores) -> Rows:
    """Return integers that ascend where scores descend, and are equal where scores are."""
    bits = (scores + 0.0).view(np.int64)  # zero has two forms, and this leaves one
    bits ^= (bits >> (KEY_BITS - 1)) & np.iinfo(np.int64).max
    return np.invert(bits, out=bits)


def reorder(scores: Scores, order: Order, keys: Keys) -> None:
    """Put rows of equal keys, which stand together in pool order, in the order of their scores."""
    wrong = [np.empty(0, dtype=np.uint64)]
    for start in range(0, len(order) - 1, PIECE):
        stop = min(start + PIECE, len(order) - 1)
        places = np.flatnonzero(keys[start + 1 : stop + 1] == keys[start:stop]) + start
        astray = scores[order[places]] < scores[order[places + 1]]
        wrong.append(np.unique(keys[places[astray]]))
    mixed = np.unique(np.concatenate(wrong))
    begins = np.searchsorted(keys, mixed, side="left")
    lengths = np.searchsorted(keys, mixed, side="right") - begins
    places = np.repeat(begins - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    rows = order[places]
    if len(rows) < len(order):
        order[places] = rows[descending(scores[rows])]
    else:
        order[:] = rows[np.argsort(-scores[rows], kind="stable")]


def ascending(scores: Scores, order: Order) -> Order:
    """Return all rows, the lowest score first, equal scores in pool order, from the other order.

    A run of equal scores that fills places a…b−1 of one order fills places N−b…N−a−1 of the other.
    It is found block by block, so that little more than the answer is held.
    """
    total = len(order)
    answer = np.empty_like(order)
    start = 0
    while start < total:
        stop = end_of_run(scores, order, min(start + PIECE, total) - 1)
        ordered = scores[order[start:stop]]
        begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        lengths = np.diff(np.append(begins, stop - start))
        shift = total - 2 * start - 2 * begins - lengths
        places = np.arange(start, stop) + np.repeat(shift, lengths)
        answer[places] = order[start:stop]
        start = stop
    return answer


def end_of_run(scores: Scores, order: Order, place: int) -> int:
    """Return the place behind the run of equal scores in which a place of an order lies."""
    low, high = place, len(order)
    while high - low > 1:
        middle = (low + high) // 2
        if scores[order[middle]] == scores[order[place]]:
            low = middle
        else:
            high = middle
    return high


def row_type(total: int) -> npt.DTypeLike:
    """Return the smallest type that numbers this many rows."""
    return np.uint32 if total <= np.iinfo(np.uint32).max else np.uint64


def empty_bitmap(total: int) -> Bitmap:
    """Return a bitmap of no rows."""
    return np.zeros(-(-total // 8), dtype=np.uint8)


def bitmap_of(rows: Rows, total: int) -> Bitmap:
    """Return the bitmap of some rows, row 0 in the highest bit of byte 0."""
    bitmap = empty_bitmap(total)
    np.bitwise_or.at(bitmap, rows >> 3, (128 >> (rows & 7)).astype(np.uint8))
    return bitmap


def fitted(stored: bytes | None, total: int) -> Bitmap:
    """Return a stored bitmap cut or filled up to `total` rows."""
    bitmap = empty_bitmap(total)
    given = np.frombuffer(stored or b"", dtype=np.uint8)[: len(bitmap)]
    bitmap[: len(given)] = given
    if total % 8:
        bitmap[-1] &= 256 - (1 << (8 - total % 8))
    return bitmap


def cut(bitmap: Bitmap, total: int) -> Bitmap:
    """Return a bitmap cut or filled up to `total` rows; itself where it is so already."""
    spare = -total % 8
    if len(bitmap) == -(-total // 8) and not (spare and bitmap[-1] & ((1 << spare) - 1)):
        return bitmap
    return fitted(bitmap.tobytes(), total)


def union_of(bitmaps: Sequence[Bitmap], total: int) -> Bitmap:
    """Return the rows that some bitmap holds; a bitmap itself where it is the only one."""
    if len(bitmaps) == 1:
        return cut(bitmaps[0], total)
    union = empty_bitmap(total)
    for bitmap in bitmaps:
        union |= cut(bitmap, total)
    return union


def rows_of(bitmap: Bitmap) -> Rows:
    """Return the rows of a bitmap, ascending."""
    return np.flatnonzero(np.unpackbits(bitmap)).astype(np.int64)


def some_rows_of(bitmap: Bitmap, start: int, limit: int) -> tuple[Rows, int, int | None]:
    """Return some rows of a bitmap from one on, how many it has, and the row to go on from."""
    rows = rows_of(bitmap)
    ahead = rows[rows >= start]
    return ahead[:limit], len(rows), int(ahead[limit]) if len(ahead) > limit else None


def walk_rows(bitmap: Bitmap, start: int = 0) -> Iterator[Rows]:
    """Yield the rows of a bitmap from one on, ascending, some at a time."""
    for first in range(start // 8, len(bitmap), SLICE):
        rows = rows_of(bitmap[first : first + SLICE]) + 8 * first
        ahead = rows[rows >= start]
        if len(ahead):
            yield ahead


def count(bitmap: Bitmap) -> int:
    """Return how many rows a bitmap holds."""
    words = len(bitmap) // 8 * 8
    wide = np.bitwise_count(bitmap[:words].view(np.uint64)).sum(dtype=np.int64)
    return int(wide + np.bitwise_count(bitmap[words:]).sum(dtype=np.int64))


def contains(bitmap: Bitmap, rows: Rows) -> npt.NDArray[np.bool_]:
    """Return which rows a bitmap holds."""
    inside: npt.NDArray[np.bool_] = bitmap[rows >> 3] & BITS[rows & 7] != 0
    return inside


def distinct(rows: Rows) -> Rows:
    """Return rows ascending, each once; numpy's own way is ten times slower."""
    rows = np.sort(rows)
    return rows[np.diff(rows, prepend=-1) > 0]


def among(rows: Rows, ascending: Rows) -> npt.NDArray[np.bool_]:
    """Return which rows are among some others, which ascend."""
    if not len(ascending):
        return np.zeros(len(rows), dtype=np.bool_)
    places = np.minimum(np.searchsorted(ascending, rows), len(ascending) - 1)
    found: npt.NDArray[np.bool_] = ascending[places] == rows
    return found


@dataclass(frozen=True)
class Page:
    """Some rows of an order, the place each has in it, and the place to go on from, if any."""

    rows: Rows
    places: Rows
    following: int | None


def walk(order: Order, blocked: Bitmap, *, start: int, n: int, also: Rows = NO_ROWS) -> Page:
    """Return the first `n` rows of an order from a place on that are not blocked.

    Rows may also be blocked by a list of them, which ascends: a bitmap is as long as the pool.
    What it costs follows `n` and the blocked rows met on the way, not the length of the order.
    """
    rows: list[Rows] = []
    places: list[Rows] = []
    found, place = 0, start
    block = min(max(FIRST_BLOCK, 2 * n), LAST_BLOCK)
    while place < len(order) and found <= n and n > 0:
        candidates = order[place : place + block].astype(np.int64)
        passed = contains(blocked, candidates)
        if len(also):
            passed |= among(candidates, also)
        free = (~passed).nonzero()[0]
        rows.append(candidates[free])
        places.append(free + place)
        found += len(free)
        place += block
        block = min(2 * block, LAST_BLOCK)
    all_rows, all_places = joined(rows), joined(places)
    following = int(all_places[n]) if found > n else None
    return Page(all_rows[:n], all_places[:n], following)


def joined(arrays: Sequence[Rows]) -> Rows:
    """Return arrays of rows as one."""
    return arrays[0] if len(arrays) == 1 else np.concatenate([NO_ROWS, *arrays])
