"""Who is ranked: a pool's items as its files hold them, or items held in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from service import ids as ids_module
from service.acquisition.evidence import Array, Keys, Rows
from service.acquisition.features import Features
from service.items import Items
from service.records import Part
from workers.watch import Watch, watched


class Population(Protocol):
    """Items by row, from 0 on, with all that is known of them beforehand."""

    @property
    def total(self) -> int:
        """The number of items."""

    def names(self, rows: Rows) -> list[str]:
        """Return the ids of some rows."""

    def find(self, ids: Sequence[str]) -> Rows:
        """Return the row of each id, -1 for one that is not here."""

    def keys(self, rows: Rows) -> Keys:
        """Return the hashes of the ids of some rows, ascending."""

    def column(self, rows: Rows, name: str) -> list[Any]:
        """Return a metadata column's values in some rows, ascending, None where there is none."""

    def vectors(self, tick: Watch) -> Features:
        """Return the feature vectors of all items; `tick` is called while they are read."""


@dataclass(frozen=True)
class PoolPopulation:
    """The items of some parts of a pool, the first ones."""

    items: Items
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(part.rows for part in self.parts)

    def names(self, rows: Rows) -> list[str]:
        """Return the ids of some rows."""
        return self.items.at(rows)

    def find(self, ids: Sequence[str]) -> Rows:
        """Return the row of each id, -1 for one that is not here."""
        rows = self.items.find(ids)
        return np.where(rows < self.total, rows, -1)

    def keys(self, rows: Rows) -> Keys:
        """Return the hashes of the ids of some rows, ascending."""
        found = [self.items.keys(part)[own] for part, own in self.located(rows)]
        return np.concatenate(found) if found else np.empty(0, dtype=np.uint64)

    def column(self, rows: Rows, name: str) -> list[Any]:
        """Return a metadata column's values in some rows, ascending, None where there is none."""
        found: list[Any] = []
        for part, own in self.located(rows):
            there = name in part.metadata
            found += self.items.values(part, name, own) if there else [None] * len(own)
        return found

    def located(self, rows: Rows) -> list[tuple[Part, Rows]]:
        """Return the parts that hold some rows, ascending, and the rows as each part has them."""
        found, start = [], 0
        for part in self.parts:
            low, high = np.searchsorted(rows, (start, start + part.rows))
            if low < high:
                found.append((part, rows[low:high] - start))
            start += part.rows
        return found

    def vectors(self, tick: Watch) -> Features:
        """Return the feature vectors of all items; `tick` is called while they are read."""
        return watched(tick, *(self.items.array(part, "features") for part in self.parts))


@dataclass(frozen=True)
class HeldPopulation:
    """Items held in memory: ids, features (items, width), and columns of metadata."""

    ids: tuple[str, ...]
    features: Array
    columns: Mapping[str, Sequence[Any]]

    @property
    def total(self) -> int:
        """The number of items."""
        return len(self.ids)

    def take(self, rows: Rows) -> "HeldPopulation":
        """Return a population of some rows alone."""
        chosen = rows.tolist()
        columns = {name: [values[row] for row in chosen] for name, values in self.columns.items()}
        return HeldPopulation(tuple(self.names(rows)), self.features[rows], columns)

    def names(self, rows: Rows) -> list[str]:
        """Return the ids of some rows."""
        return [self.ids[row] for row in rows.tolist()]

    def find(self, ids: Sequence[str]) -> Rows:
        """Return the row of each id, -1 for one that is not here."""
        return np.array([self.row_of.get(id, -1) for id in ids], dtype=np.int64)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each id."""
        return {id: row for row, id in enumerate(self.ids)}

    def keys(self, rows: Rows) -> Keys:
        """Return the hashes of the ids of some rows, ascending."""
        return ids_module.hash_ids(ids_module.pack(self.names(rows)))

    def column(self, rows: Rows, name: str) -> list[Any]:
        """Return a metadata column's values in some rows, ascending, None where there is none."""
        values = self.columns.get(name)
        return [None if values is None else values[row] for row in rows.tolist()]

    def vectors(self, tick: Watch) -> Features:
        """Return the feature vectors of all items; `tick` is called while they are read."""
        return watched(tick, self.features)
