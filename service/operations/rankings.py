"""Rankings: the top n of a stored order, past what a reading leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service import ranking
from service.acquisition import REGISTRY
from service.acquisition.registry import BATCH
from service.backend import Backend
from service.errors import RankingNotFound
from service.files import ranking_name
from service.filters import Condition, check, matching
from service.ids import Rows
from service.items import Items
from service.operations import exclusions, pools
from service.ranking import Bitmap
from service.records import LABELLED, Pool, Ranking


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a reading of a ranking asks for."""

    n: int
    start: int = 0
    ascending: bool = False
    exclude: tuple[str, ...] = ()
    exclude_sets: tuple[str, ...] = ()
    include_labelled: bool = False
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Row:
    """One item of a ranking; the rank counts from 1 over the whole pool, excluded items too."""

    rank: int
    id: str
    score: float
    raw_score: float
    original: str | None


@dataclass(frozen=True)
class Reading:
    """An answer to a query; `following` is the place of the order to go on from, if any."""

    ranking: Ranking
    items: tuple[Row, ...]
    eligible: int
    excluded: int
    unknown: tuple[str, ...]
    following: int | None


def get(backend: Backend, id: str) -> Ranking:
    """Return a ranking."""
    found = backend.storage.get(Ranking, id)
    if found is None:
        raise RankingNotFound(f"There is no ranking {id}")
    return found


def page(
    backend: Backend, after: str | None, limit: int, pool: str | None
) -> tuple[list[Ranking], str | None]:
    """Return rankings, all or a pool's, the newest first, and where to go on."""
    return backend.storage.page(Ranking, after, limit, f"pool:{pool}" if pool else None)


def delete(backend: Backend, id: str) -> None:
    """Delete a ranking."""
    if not backend.storage.remove(get(backend, id)):
        raise RankingNotFound(f"There is no ranking {id}")
    backend.files.remove(ranking_name(id))


def read(backend: Backend, id: str, query: Query) -> Reading:
    """Return `n` items of a ranking, from a place on, that the query does not leave out."""
    found = get(backend, id)
    pool = pools.get(backend, found.pool)
    out = left_out(backend, pool, found, query)
    walked = ranking.walk(
        order_of(backend, found, ascending=query.ascending), out.rows, start=query.start, n=query.n
    )
    return Reading(
        ranking=found,
        items=rows_of(backend, pool, found, walked, ascending=query.ascending),
        eligible=found.total - ranking.count(out.rows),
        excluded=out.excluded,
        unknown=out.unknown,
        following=walked.following,
    )


def order_of(backend: Backend, found: Ranking, *, ascending: bool = False) -> ranking.Order:
    """Return the rows of a ranking, what to label sooner first, or last."""
    name = "order_ascending" if ascending else "order"
    return backend.files.array(f"{ranking_name(found.id)}/{name}.npy")


@dataclass(frozen=True)
class LeftOut:
    """The rows that a query does not give, how many of them ids and sets leave out, and the ids
    that the pool does not know."""

    rows: Bitmap
    excluded: int
    unknown: tuple[str, ...]


def left_out(backend: Backend, pool: Pool, found: Ranking, query: Query) -> LeftOut:
    """Return what a query leaves out of a ranking: by ids, sets, filters, and what has no rank."""
    blocked, unknown = excluded_rows(backend, pool, found, query)
    blocked |= unranked(backend, found)
    excluded = ranking.count(blocked) - (found.total - found.ranked)
    if query.where:
        blocked = blocked | filtered_rows(backend, pool, found, query.where)
    return LeftOut(blocked, excluded, unknown)


def excluded_rows(
    backend: Backend, pool: Pool, found: Ranking, query: Query
) -> tuple[Bitmap, tuple[str, ...]]:
    """Return the rows that sets and ids leave out, and the ids that the pool does not know."""
    rows, unknown = exclusions.known_rows(backend, pool, query.exclude)
    blocked = ranking.bitmap_of(rows[rows < found.total], found.total)
    names = [*query.exclude_sets, *(() if query.include_labelled else (LABELLED,))]
    for name in names:
        stored = exclusions.bitmap(backend, pool, name)
        blocked |= ranking.fitted(stored.tobytes(), found.total)
    return blocked, unknown


def unranked(backend: Backend, found: Ranking) -> Bitmap:
    """Return the rows that a ranking says nothing of: not selected, or without predictions."""
    if found.ranked == found.total:
        return ranking.empty_bitmap(found.total)
    stored = backend.files.array(f"{ranking_name(found.id)}/unranked.npy")
    return ranking.fitted(stored.tobytes(), found.total)


def filtered_rows(
    backend: Backend, pool: Pool, found: Ranking, where: Sequence[Condition]
) -> Bitmap:
    """Return the rows that do not meet the conditions."""
    check(pool, where)
    mask = matching(Items(backend.files, pool), where, found.total)
    return np.packbits(~mask)


def rows_of(
    backend: Backend, pool: Pool, found: Ranking, walked: ranking.Page, *, ascending: bool
) -> tuple[Row, ...]:
    """Return the rows of a page with ids and scores."""
    stored = backend.files.array(f"{ranking_name(found.id)}/scores.npy")
    places = found.ranked - 1 - walked.places if ascending else walked.places
    # The scores of a batch stand in the order of its picks, all others in pool order.
    scores = stored[places if found.form == BATCH else walked.rows]
    items = Items(backend.files, pool)
    raw = REGISTRY[found.acquisition].raw
    return tuple(
        Row(place + 1, id, score, raw(score), original)
        for place, id, score, original in zip(
            walked.places.tolist(),
            items.at(walked.rows),
            scores.tolist(),
            originals(backend, items, found, walked.rows),
            strict=True,
        )
    )


def originals(backend: Backend, items: Items, found: Ranking, rows: Rows) -> Sequence[str | None]:
    """Return the id of the item that each row nearly repeats, where the ranking tells it."""
    if not len(rows) or not REGISTRY[found.acquisition].names_originals:
        return [None] * len(rows)
    stored = backend.files.array(f"{ranking_name(found.id)}/originals.npy")[rows]
    names = iter(items.at(stored[stored >= 0]))
    return [next(names) if row >= 0 else None for row in stored.tolist()]
