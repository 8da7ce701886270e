"""What all runs of a simulation start from: the labels as they were when its job began."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.acquisition.evidence import Rows
from service.backend import Backend
from service.classes import identity
from service.errors import Cancelled, SubjectGone
from service.files import work_name
from service.items import Items
from service.operations import jobs, pools
from service.operations.stock import Stock, stock_of
from service.records import Job, Pool
from service.simulation import Plan
from workers.population import HeldPopulation, PoolPopulation
from workers.simulation.data import Data
from workers.watch import Watch, nothing

POOL, TESTS = "pool", "tests"
DOCUMENT = "labels.json"


@dataclass(frozen=True)
class Snapshot:
    """A directory with the labelled rows of a pool, and of a test pool, and their classes.

    It is written once, whoever comes first, so that all runs see the same labels.
    """

    backend: Backend
    job: Job
    plan: Plan

    @property
    def name(self) -> str:
        """The name under which it stands."""
        return f"{work_name(self.job.id)}/labels"

    def take(self) -> None:
        """Keep the labels as they are now, unless some are kept already."""
        if self.backend.files.exists(self.name):
            return
        stock = stock_of(self.backend, self.pool(self.plan.pool))
        kept = {"classes": stock.classes, "total": stock.pool.total}
        with self.backend.files.staging(jobs.staging_token(self.job)) as root:
            staged = root / "labels"
            staged.mkdir(mode=0o700)
            (staged / DOCUMENT).write_text(json.dumps(kept), encoding="utf-8")
            write(staged, POOL, stock, stock.classes)
            if self.plan.test_pool is not None:
                tests = stock_of(self.backend, self.pool(self.plan.test_pool))
                write(staged, TESTS, tests, stock.classes)
            self.backend.files.publish(staged, self.name)

    def data(self) -> Data:
        """Return the items with the labels that were kept."""
        if not self.backend.files.exists(self.name):
            raise Cancelled("The job has ended")
        path, classes = self.path, tuple(self.document["classes"])
        rows, codes = read(path, POOL)
        population = self.population(self.pool(self.plan.pool), rows)
        if self.plan.test_pool is None:
            return Data(population, codes, classes)
        tested, test_codes = read(path, TESTS)
        vectors = vectors_of(self.backend, self.pool(self.plan.test_pool), tested)
        return Data(population, codes, classes, vectors, test_codes)

    def counts(self) -> dict[str, int]:
        """Return how many items there are, are labelled, and are left out as they are not."""
        total, labelled = self.document["total"], len(read(self.path, POOL)[0])
        return {"total": total, "labelled": labelled, "left_out": total - labelled}

    @property
    def path(self) -> Path:
        """Where it stands."""
        return self.backend.files.path(self.name)

    @property
    def document(self) -> dict[str, Any]:
        """The classes, in order, and how many items the pool had."""
        found: dict[str, Any] = json.loads((self.path / DOCUMENT).read_text(encoding="utf-8"))
        return found

    def population(self, pool: Pool, rows: Rows) -> HeldPopulation:
        """Return some items of a pool with their features, and the metadata that is asked for."""
        found = PoolPopulation(Items(self.backend.files, pool), pool.parts)
        columns = {name: found.column(rows, name) for name in sorted(self.columns)}
        vectors = vectors_of(self.backend, pool, rows)
        return HeldPopulation(tuple(found.names(rows)), vectors, columns)

    @property
    def columns(self) -> set[str]:
        """The metadata columns that functions look at."""
        asked = [*self.plan.functions, self.plan.initial.function]
        every = [each for function in asked if function is not None for each in function.walk()]
        return {each.parameters["column"] for each in every if "column" in each.parameters}

    def pool(self, id: str) -> Pool:
        """Return a pool; raise SubjectGone where it was deleted meanwhile."""
        pool = pools.find(self.backend, id)
        if pool is None:
            raise SubjectGone(f"The pool {id} was deleted")
        return pool


def vectors_of(backend: Backend, pool: Pool, rows: Rows) -> Any:
    """Return the features of some items of a pool, (items, width), of the pool's type."""
    population = PoolPopulation(Items(backend.files, pool), pool.parts)
    return population.vectors(Watch(nothing)).at(rows)


def write(directory: Path, name: str, stock: Stock, classes: tuple[Any, ...]) -> None:
    """Write the rows and the codes of labelled items; labels that are no class are left out."""
    places = {each: place for place, each in enumerate(map(identity, classes))}
    known = np.array([places.get(identity(each), -1) for each in stock.classes], dtype=np.int64)
    codes = known[stock.codes] if len(stock.codes) else stock.codes
    np.save(directory / f"{name}_rows.npy", stock.rows[codes >= 0], allow_pickle=False)
    np.save(directory / f"{name}_codes.npy", codes[codes >= 0], allow_pickle=False)


def read(directory: Path, name: str) -> tuple[Rows, Rows]:
    """Return the rows and the codes of labelled items."""
    rows = np.load(directory / f"{name}_rows.npy", allow_pickle=False)
    return rows, np.load(directory / f"{name}_codes.npy", allow_pickle=False)
