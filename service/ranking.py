"""Orders of scores, bitmaps of rows, and the walk that reads the one past the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.ids import Rows

Bitmap = npt.NDArray[np.uint8]
Order = npt.NDArray[Any]
Scores = npt.NDArray[np.float64]

BLOCK = 1_048_576
FIRST_BLOCK = 1_024
LAST_BLOCK = BLOCK
SLICE = 4_096
"""Bytes of a bitmap that are looked at together."""


def descending(scores: Scores) -> Order:
    """Return all rows, the highest score first, equal scores in pool order."""
    return np.argsort(-scores, kind="stable").astype(row_type(len(scores)))


def ascending(scores: Scores, order: Order) -> Order:
    """Return all rows, the lowest score first, equal scores in pool order, from the other order.

    A run of equal scores that fills places a…b−1 of one order fills places N−b…N−a−1 of the other.
    It is found block by block, so that little more than the answer is held.
    """
    total = len(order)
    answer = np.empty_like(order)
    start = 0
    while start < total:
        stop = end_of_run(scores, order, min(start + BLOCK, total) - 1)
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
    return int(np.bitwise_count(bitmap).sum(dtype=np.int64))


def contains(bitmap: Bitmap, rows: Rows) -> npt.NDArray[np.bool_]:
    """Return which rows a bitmap holds."""
    inside: npt.NDArray[np.bool_] = (
        bitmap[rows >> 3] >> (7 - (rows & 7)).astype(np.uint8)
    ) & 1 == 1
    return inside


@dataclass(frozen=True)
class Page:
    """Some rows of an order, the place each has in it, and the place to go on from, if any."""

    rows: Rows
    places: Rows
    following: int | None


def walk(order: Order, blocked: Bitmap, *, start: int, n: int) -> Page:
    """Return the first `n` rows of an order from a place on that are not blocked.

    What it costs follows `n` and the blocked rows met on the way, not the length of the order.
    """
    rows: list[Rows] = []
    places: list[Rows] = []
    found, place = 0, start
    block = min(max(FIRST_BLOCK, 2 * n), LAST_BLOCK)
    while place < len(order) and found <= n and n > 0:
        candidates = order[place : place + block].astype(np.int64)
        free = np.flatnonzero(~contains(blocked, candidates))
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
    return np.concatenate([np.empty(0, dtype=np.int64), *arrays])
