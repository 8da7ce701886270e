"""What a reading of a ranking leaves out: by sets, ids and filters, and what has no rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service import ranking
from service.backend import Backend
from service.files import ranking_name
from service.filters import Condition, check, matching
from service.ids import NO_ROWS, Rows
from service.items import Items
from service.operations import exclusions
from service.operations.remembered import SMALL, Marks
from service.ranking import Bitmap
from service.records import Pool, Ranking


@dataclass(frozen=True)
class LeftOut:
    """The rows that a query does not give: those of a bitmap, and others one by one.

    The bitmap is shared with other readings, and never written. `size` counts all rows, `excluded`
    those that sets and ids leave out. The pool does not know the ids `unknown`.
    """

    marked: Bitmap
    named: Rows
    size: int
    excluded: int
    unknown: tuple[str, ...]

    @cached_property
    def rows(self) -> Bitmap:
        """All rows as a bitmap."""
        if not len(self.named):
            return self.marked
        return self.marked | ranking.bitmap_of(self.named, 8 * len(self.marked))


def left_out(
    backend: Backend,
    pool: Pool,
    found: Ranking,
    sets: Sequence[Marks],
    *,
    ids: Sequence[str],
    where: Sequence[Condition],
) -> LeftOut:
    """Return what sets, ids and conditions leave out of a ranking."""
    marks = marked(backend, found, sets)
    named = NO_ROWS
    unknown: tuple[str, ...] = ()
    if ids:
        rows, unknown = exclusions.known_rows(backend, pool, ids)
        rows = ranking.distinct(rows[rows < found.total])
        named = rows[~ranking.contains(marks.bitmap, rows)]
    size = marks.size + len(named)
    excluded = size - (found.total - found.ranked)
    if not where:
        return LeftOut(marks.bitmap, named, size, excluded, unknown)
    bitmap = marks.bitmap | filtered(backend, pool, found, where)
    named = named[~ranking.contains(bitmap, named)]
    return LeftOut(bitmap, named, ranking.count(bitmap) + len(named), excluded, unknown)


def marked(backend: Backend, found: Ranking, sets: Sequence[Marks]) -> Marks:
    """Return the rows of a ranking that are in one of some sets, or have no rank.

    What was made of the same versions before is not made again.
    """
    full = [each for each in sets if each.size]
    version = tuple(each.version for each in full)
    place = ("marked", found.id, *(word for each in full for word in each.place))
    kept: Marks | None = backend.cache.get(place)
    if kept is not None and kept.version == version:
        return kept
    bitmaps = [each.bitmap for each in full]
    if found.ranked < found.total:
        unranked = backend.files.array(f"{ranking_name(found.id)}/unranked.npy")
        bitmaps.append(np.array(unranked))  # a copy: what is mapped cannot leave the disk
    union = ranking.union_of(bitmaps, found.total)
    marks = Marks(place, version, union, ranking.count(union))
    backend.cache.put(place, marks, SMALL + union.nbytes)
    return marks


def filtered(backend: Backend, pool: Pool, found: Ranking, where: Sequence[Condition]) -> Bitmap:
    """Return the rows that do not meet the conditions."""
    check(pool, where)
    mask = matching(Items(backend.files, pool), where, found.total)
    return np.packbits(~mask)
