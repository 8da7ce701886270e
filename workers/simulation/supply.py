"""The evidence of one round. What is made of the items alone is made once for all rounds."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from service.acquisition.evidence import Keys, Neighbours, Rows
from service.acquisition.features import Features
from workers.evidence import Supply
from workers.labels import Labels
from workers.neighbours import Neighbourhood
from workers.population import Population
from workers.sources import Source
from workers.watch import nothing

Shelf = dict[str, Any]
"""What is kept from round to round, by name."""


class RoundSupply(Supply):
    """The evidence of one round of a run, over all items that the run learns from.

    Neighbours, near duplicates and hashes of ids are the same in each round and are kept on a
    shelf; clusters are not, since each round draws anew.
    """

    def __init__(
        self, population: Population, source: Source, labels: Callable[[], Labels], shelf: Shelf
    ) -> None:
        super().__init__(population, source, labels, nothing)
        self.shelf = shelf

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is made of the items alone, made in the first round that asks for it."""
        if name not in self.shelf:
            self.shelf[name] = make()
        return self.shelf[name]

    @cached_property
    def every(self) -> Rows:
        """All rows."""
        return np.arange(self.population.total, dtype=np.int64)

    @cached_property
    def vectors(self) -> Features:
        """The feature vectors of all items, of which those that are none were found already."""
        found: Features = self.kept("vectors", lambda: super(RoundSupply, self).vectors)
        return found

    def keys(self, rows: Rows) -> Keys:
        """Return the hashes of the items' ids."""
        found: Keys = self.kept("keys", lambda: self.population.keys(self.every))
        return found[rows]

    def neighbours(self, rows: Rows, k: int, metric: str) -> Neighbours:
        """Return the nearest other items of some items."""

        def make() -> Neighbours:
            return Neighbourhood(self.vectors, None, k, metric).of(self.every, self.ticking)

        found: Neighbours = self.kept(f"near {k} {metric}", make)
        return Neighbours(found.rows[rows], found.distances[rows])

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what is made of the whole pool, made when it is first asked for."""
        return self.kept(name, make) if name.startswith("originals") else super().once(name, make)
