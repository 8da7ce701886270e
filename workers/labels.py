"""The pool's labels as evidence: which items have one, and what it says."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.acquisition.evidence import Array, Rows
from service.backend import Backend
from service.classes import identity
from service.errors import UnusableLabels
from service.records import Pool
from workers.population import Population

Label = str | int | float | bool

AT_ONCE = 100_000
NAMED_CLASSES = 20


@dataclass(frozen=True)
class Labels:
    """The labelled rows of a pool, ascending, and the label of each."""

    population: Population
    rows: Rows
    values: tuple[Label, ...]

    def codes(self, classes: Sequence[Any]) -> Rows:
        """Return each label as its place among some classes, int64 (labelled,)."""
        codes = self.known_codes(classes)
        if (codes < 0).any():
            first = int(np.flatnonzero(codes < 0)[0])
            known = ", ".join(json.dumps(each) for each in classes[:NAMED_CLASSES])
            raise UnusableLabels(
                f"The item {self.name(first)!r} is labelled {json.dumps(self.values[first])}, and"
                f" the predictions know {len(classes)} classes: {known}"
                f"{' …' if len(classes) > NAMED_CLASSES else ''}. Label it with one of them, or"
                " send predictions that know the class"
            )
        return codes

    def known_codes(self, classes: Sequence[Any]) -> Rows:
        """Return each label as its place among some classes, -1 for one that is none of them."""
        places = {identity(each): place for place, each in enumerate(classes)}
        found = [places.get(identity(value), -1) for value in self.values]
        return np.array(found, dtype=np.int64)

    def codes_of(self, rows: Rows, classes: Sequence[Any]) -> Rows:
        """Return the label of each of some rows as its place among classes, -1 without one."""
        places = np.searchsorted(self.rows, rows)
        inside = places < len(self.rows)
        inside[inside] = self.rows[places[inside]] == rows[inside]
        answer = np.full(len(rows), -1, dtype=np.int64)
        answer[inside] = self.codes(classes)[places[inside]]
        return answer

    def counts(self, classes: Sequence[Any]) -> Rows:
        """Return how many items are labelled with each class, int64 (classes,).

        A label that the predictions know nothing of yet, a class just found, counts for none.
        """
        codes = self.known_codes(classes)
        return np.bincount(codes[codes >= 0], minlength=len(classes)).astype(np.int64)

    def numbers(self, rows: Rows) -> Array:
        """Return the labels of some labelled rows, which must be numbers, float64."""
        chosen = np.searchsorted(self.rows, rows).tolist()
        for place in chosen:
            value = self.values[place]
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UnusableLabels(
                    f"The item {self.name(place)!r} is labelled {json.dumps(value)}, and a number"
                    " is needed"
                )
        return np.array([self.values[place] for place in chosen], dtype=np.float64)

    def name(self, place: int) -> str:
        """Return the id of a labelled item."""
        return self.population.names(self.rows[place : place + 1])[0]


def read_labels(backend: Backend, pool: Pool, population: Population, rows: Rows) -> Labels:
    """Return the labels of rows that have one; what was taken away meanwhile is left out."""
    found: list[tuple[int, Label]] = []
    for start in range(0, len(rows), AT_ONCE):
        group = rows[start : start + AT_ONCE].tolist()
        texts = backend.labels.read(pool.id, group)
        found += [
            (row, json.loads(text))
            for row, text in zip(group, texts, strict=True)
            if text is not None
        ]
    return Labels(
        population,
        np.array([row for row, _ in found], dtype=np.int64),
        tuple(value for _, value in found),
    )
