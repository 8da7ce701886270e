"""Rankings: the top n of a stored order, past what a reading leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service import ranking
from service.acquisition import REGISTRY
from service.acquisition.registry import BATCH
from service.backend import Backend
from service.files import ranking_name
from service.filters import Condition
from service.ids import PackedIds, Rows
from service.items import Items
from service.operations import left_out, remembered, unsettled, usage
from service.operations.left_out import LeftOut
from service.ranking import Scores
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
class Columns:
    """Items of a ranking by column; the rank counts from 1 over the whole pool, excluded items too.

    `originals` is None where the ranking does not tell which items nearly repeat others.
    """

    ranks: Rows
    ids: PackedIds
    scores: Scores
    raw_scores: Scores
    originals: Sequence[str | None] | None = None

    def __len__(self) -> int:
        return len(self.ranks)

    def lists(self) -> list[list[Any]]:
        """Return ranks, ids, scores and raw scores as lists."""
        scores, raw_scores = self.scores.tolist(), self.raw_scores.tolist()
        return [self.ranks.tolist(), self.ids.texts(), scores, raw_scores]

    def rows(self) -> tuple[Row, ...]:
        """Return the items one by one."""
        return tuple(map(Row, *self.lists(), self.originals or [None] * len(self)))


@dataclass(frozen=True)
class Reading:
    """An answer to a query; `following` is the place of the order to go on from, if any."""

    ranking: Ranking
    columns: Columns
    eligible: int
    excluded: int
    unknown: tuple[str, ...]
    following: int | None

    @cached_property
    def items(self) -> tuple[Row, ...]:
        """The items one by one."""
        return self.columns.rows()


def get(backend: Backend, id: str) -> Ranking:
    """Return a ranking."""
    found = backend.storage.get(Ranking, id)
    if found is None:
        raise remembered.missing(id)
    return found


def page(
    backend: Backend, after: str | None, limit: int, pool: str | None
) -> tuple[list[Ranking], str | None]:
    """Return rankings, all or a pool's, the newest first, and where to go on."""
    return backend.storage.page(Ranking, after, limit, f"pool:{pool}" if pool else None)


def delete(backend: Backend, id: str) -> None:
    """Delete a ranking."""
    found = get(backend, id)
    unsettled.note(backend, ranking_name(id))
    if not backend.storage.remove(found):
        raise remembered.missing(id)
    backend.files.remove(ranking_name(id))
    usage.count_again(backend)


def read(backend: Backend, id: str, query: Query) -> Reading:
    """Return `n` items of a ranking, from a place on, that the query does not leave out."""
    subject = remembered.subject(backend, id, set_names(query))
    found, pool = subject.ranking, subject.pool
    out = left_out.left_out(
        backend, pool, found, subject.sets, ids=query.exclude, where=query.where
    )
    walked = ranking.walk(
        order_of(backend, found, ascending=query.ascending),
        out.marked,
        start=query.start,
        n=query.n,
        also=out.named,
    )
    return Reading(
        ranking=found,
        columns=columns_of(backend, pool, found, walked, ascending=query.ascending),
        eligible=found.total - out.size,
        excluded=out.excluded,
        unknown=out.unknown,
        following=walked.following,
    )


def set_names(query: Query) -> tuple[str, ...]:
    """Return the exclusion sets that a query leaves out."""
    return (*query.exclude_sets, *(() if query.include_labelled else (LABELLED,)))


def left_out_by(backend: Backend, pool: Pool, found: Ranking, query: Query) -> LeftOut:
    """Return what a query leaves out of a ranking."""
    sets = remembered.sets(backend, pool.id, set_names(query))
    return left_out.left_out(backend, pool, found, sets, ids=query.exclude, where=query.where)


def order_of(backend: Backend, found: Ranking, *, ascending: bool = False) -> ranking.Order:
    """Return the rows of a ranking, what to label sooner first, or last."""
    name = "order_ascending" if ascending else "order"
    return stored(backend, found, name)


def stored(backend: Backend, found: Ranking, name: str) -> npt.NDArray[Any]:
    """Return an array of a ranking; mapped, but numpy reads few rows of it faster unaware of it."""
    return np.asarray(backend.files.array(f"{ranking_name(found.id)}/{name}.npy"))


def columns_of(
    backend: Backend, pool: Pool, found: Ranking, walked: ranking.Page, *, ascending: bool
) -> Columns:
    """Return the items of a page with ids and scores."""
    places = found.ranked - 1 - walked.places if ascending else walked.places
    # The scores of a batch stand in the order of its picks, all others in pool order.
    scores = stored(backend, found, "scores")[places if found.form == BATCH else walked.rows]
    items = Items(backend.files, pool)
    return Columns(
        ranks=walked.places + 1,
        ids=items.named(walked.rows),
        scores=scores,
        raw_scores=REGISTRY[found.acquisition].raw(scores),
        originals=originals(backend, items, found, walked.rows),
    )


def originals(
    backend: Backend, items: Items, found: Ranking, rows: Rows
) -> Sequence[str | None] | None:
    """Return the id of the item that each row nearly repeats, where the ranking tells it."""
    if not REGISTRY[found.acquisition].names_originals:
        return None
    if not len(rows):
        return []
    told = stored(backend, found, "originals")[rows]
    names = iter(items.at(told[told >= 0]))
    return [next(names) if row >= 0 else None for row in told.tolist()]
