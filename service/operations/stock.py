"""What can be learnt from a pool: its labelled items, and their classes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service import ranking
from service.backend import Backend
from service.classes import Class, identity, ordered
from service.errors import InvalidRequest
from service.ids import Rows
from service.items import Items
from service.operations import exclusions
from service.records import LABELLED, Pool

AT_ONCE = 100_000
UNKNOWN = -2


@dataclass(frozen=True)
class Stock:
    """The labelled items of a pool, by row, ascending, and what they are labelled with.

    `codes` are places in `classes`, int64 (items,).
    """

    pool: Pool
    rows: Rows
    codes: Rows
    classes: tuple[Class, ...]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Census:
    """How many items of a pool are labelled, and with what: `counts` int64 (classes,).

    It costs as much as there are classes, and a stock as much as there are labels.
    """

    pool: Pool
    classes: tuple[Class, ...]
    counts: Rows

    def __len__(self) -> int:
        return int(self.counts.sum())


def census_of(backend: Backend, pool: Pool) -> Census:
    """Return how many items of a pool are labelled, and with what.

    Raise InvalidRequest where there are more classes than a model may have.
    """
    limit = backend.settings.max_classes
    told = backend.labels.classes(pool.id, limit)
    if told.distinct > limit:
        raise InvalidRequest(
            f"The pool {pool.id} has {told.distinct} classes, and at most {limit} are allowed"
            " (max_classes)"
        )
    named = {identity(each): each for each in (json.loads(text) for text, _ in told.counts)}
    classes = ordered(list(named.values()))
    places = {identity(each): place for place, each in enumerate(classes)}
    counts = np.zeros(len(classes), dtype=np.int64)
    for text, count in told.counts:
        counts[places[identity(json.loads(text))]] += count
    return Census(pool, classes, counts)


def codes_of(backend: Backend, census: Census, rows: Rows) -> Rows:
    """Return the labels of some rows as places among the classes, -1 for none, int64 (rows,)."""
    places = {identity(each): place for place, each in enumerate(census.classes)}
    texts = backend.labels.read(census.pool.id, rows.tolist())
    known = [-1 if text is None else places.get(identity(json.loads(text)), -1) for text in texts]
    return np.array(known, dtype=np.int64)


def given_codes(backend: Backend, census: Census, ids: Sequence[str]) -> Rows:
    """Return the classes of the items with some ids, -1 without a label, UNKNOWN for no item."""
    rows = Items(backend.files, census.pool).find(ids)
    codes = np.full(len(ids), UNKNOWN, dtype=np.int64)
    codes[rows >= 0] = codes_of(backend, census, rows[rows >= 0])
    return codes


def stock_of(backend: Backend, pool: Pool) -> Stock:
    """Return the labelled items of a pool."""
    marked = ranking.rows_of(exclusions.bitmap(backend, pool, LABELLED))
    texts: list[str | None] = []
    for start in range(0, len(marked), AT_ONCE):
        texts += backend.labels.read(pool.id, marked[start : start + AT_ONCE].tolist())
    there = np.array([text is not None for text in texts], dtype=np.bool_)
    values = {text: json.loads(text) for text in set(texts) if text is not None}
    named = {identity(each): each for _, each in sorted(values.items())}
    classes = ordered(list(named.values()))
    places = {identity(each): place for place, each in enumerate(classes)}
    known = {text: places[identity(each)] for text, each in values.items()}
    codes = np.array([known[text] for text in texts if text is not None], dtype=np.int64)
    return Stock(pool, marked[there], codes, classes)
