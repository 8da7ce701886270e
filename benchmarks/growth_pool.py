"""A pool of any size to measure with, as ingestion leaves it, and what a model says of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Rows
from service.files import Files, part_name
from service.ids import build_index, hash_ids, numbered
from service.items import Items
from service.records import Part, Pool
from workers.evidence import Supply
from workers.labels import Labels
from workers.population import PoolPopulation
from workers.sources import OneModel, Stack

Array = npt.NDArray[Any]

WIDTH, CLASSES, MEMBERS = 32, 10, 4
CENTRES, SPREAD = 20, 1.5
SHARPNESS = 2.0
LABELLED, FAMILY = 100, 10
BLOCK = 100_000
SAID = {"probs": (CLASSES,), "member_probs": (MEMBERS, CLASSES), "mean": ()}
"""What is written that a model says of an item, and the shape of each."""


@dataclass(frozen=True)
class Told(OneModel):
    """One model's probabilities, those of its members, and a predicted number, of every item."""

    mean: Stack | None = None

    def give(self, need: str, rows: Rows) -> Any:
        """Return one kind of evidence of some rows."""
        if need == "mean" and self.mean is not None:
            return self.mean.at(rows).astype(np.float64)
        return super().give(need, rows)


@dataclass(frozen=True)
class GrowthPool:
    """A pool of so many items in a directory; its ids are its rows, every tenth is of one group."""

    directory: Path
    total: int

    @property
    def files(self) -> Files:
        """The storage that holds it."""
        return Files(self.directory)

    @property
    def part(self) -> Part:
        """Its one part."""
        return Part(
            id="part", job="growth", rows=self.total, bytes=1, sha256="0", metadata=("group",)
        )

    @property
    def pool(self) -> Pool:
        """Its record."""
        return Pool(
            id=f"pool-{self.total}",
            parts=(self.part,),
            item_shape=(WIDTH,),
            dtype="float32",
            metadata={"group": "number"},
        )

    @property
    def home(self) -> Path:
        """Where its arrays are."""
        return self.files.path(part_name(self.pool.id, self.part.id))


@dataclass(frozen=True)
class Opened:
    """A pool whose arrays are mapped, every page of them in memory."""

    pool: GrowthPool
    files: Files
    said: Mapping[str, Stack]

    @classmethod
    def of(cls, pool: GrowthPool) -> Self:
        """Return a pool, opened."""
        files = pool.files
        there = [name for name in SAID if (pool.home / f"{name}.npy").exists()]
        where = part_name(pool.pool.id, pool.part.id)
        arrays = {name: files.array(f"{where}/{name}.npy") for name in ("features", *there)}
        for array in arrays.values():
            array.max(initial=0)
        return cls(pool, files, {name: Stack((arrays[name],)) for name in there})

    def supply(self) -> Supply:
        """Return the evidence of its items, as a scoring job has it."""
        told = (self.said.get(name) for name in ("member_probs", "mean"))
        source = Told(tuple(range(CLASSES)), self.said["probs"], *told)
        people = PoolPopulation(Items(self.files, self.pool.pool), (self.pool.part,))
        return Supply(people, source, lambda: labels_of(people), tick=lambda: None)


def labels_of(people: PoolPopulation) -> Labels:
    """Return some labels, evenly spaced in pool order."""
    rows = np.linspace(0, people.total - 1, min(LABELLED, people.total // 2)).astype(np.int64)
    return Labels(people, rows, tuple(row % CLASSES for row in rows.tolist()))


def write(pool: GrowthPool, said: tuple[str, ...]) -> None:
    """Write a pool, and these kinds of what is said of its items, from a fixed seed."""
    pool.home.mkdir(parents=True)
    draw = np.random.default_rng(pool.total)
    centres = draw.normal(size=(CENTRES, WIDTH)).astype(np.float32) * SPREAD
    asked = MEMBERS if "member_probs" in said else 1
    weights = draw.normal(size=(asked, WIDTH, CLASSES)).astype(np.float32) * SHARPNESS / WIDTH
    features = opened(pool, "features", (WIDTH,))
    targets = {name: opened(pool, name, SAID[name]) for name in said}
    for rows in blocks(pool.total):
        which = draw.integers(0, CENTRES, rows.stop - rows.start)
        noise = draw.standard_normal((len(which), WIDTH), dtype=np.float32)
        features[rows] = centres[which] + noise
        members = softmax(np.stack([features[rows] @ each for each in weights], axis=1))
        found = {"member_probs": members, "probs": members.mean(axis=1), "mean": noise[:, 0]}
        for name, target in targets.items():
            target[rows] = found[name]
    write_ids(pool)
    np.save(pool.home / "metadata_0.npy", np.arange(pool.total, dtype=np.float64) // FAMILY)
    np.save(pool.home / "drawn.npy", draw.random(pool.total))


def write_ids(pool: GrowthPool) -> None:
    """Write the ids and their index."""
    packed = numbered(0, pool.total)
    index = build_index(hash_ids(packed))
    arrays: dict[str, Array] = {
        "ids": packed.blob,
        "id_ends": packed.ends,
        "id_hashes": index.hashes,
        "id_rows": index.rows,
    }
    for name, array in arrays.items():
        np.save(pool.home / f"{name}.npy", array)


def opened(pool: GrowthPool, name: str, shape: tuple[int, ...]) -> Array:
    """Return a new array of all items, in its file."""
    whole = (pool.total, *shape)
    path = pool.home / f"{name}.npy"
    made: Array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=whole)
    return made


def blocks(total: int) -> Iterator[slice]:
    """Yield the rows block by block."""
    for start in range(0, total, BLOCK):
        yield slice(start, min(start + BLOCK, total))


def softmax(values: Array) -> Array:
    """Return probabilities of the last axis."""
    raised = np.exp(values)
    shares: Array = raised / raised.sum(axis=-1, keepdims=True)
    return shares
