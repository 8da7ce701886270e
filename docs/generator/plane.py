"""A pool of items in a plane, and what a model and others say of them: the pictures' world."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.acquisition.evidence import Array, Ragged, Rows
from service.acquisition.features import Features

Place = tuple[float, float]

WIDTH, HEIGHT, EDGE, ABOVE = 4.0, 3.0, 0.12, 2.0
"""The plane's size and edge, and how far above it lies the point that directions are seen from."""

CROWDS = ((58, 1.05, 1.98, 0.32), (46, 2.95, 2.05, 0.42), (34, 2.05, 0.75, 0.5))
"""Items, place and spread of each class."""

COPIES = ((1.3, 1.19), (1.34, 1.21), (1.28, 1.24), (1.33, 1.26), (1.37, 1.17), (1.25, 1.2))
OUTLIERS = ((0.22, 0.3), (3.72, 0.4), (3.76, 2.8), (0.2, 2.82), (0.3, 1.05))

WRONG = (2.3, 2.0)
LABELLED = ((0.8, 2.15), (1.25, 1.7), (1.2, 2.3), (2.75, 2.3), (3.25, 1.85), (2.1, 0.65), WRONG)
"""Near which places an item is labelled, and near which one wrongly."""

GIVEN = ((2.1, 0.65), (3.25, 1.85))
TARGETS = ((3.3, 2.2), (3.15, 2.45), (3.4, 1.9), (2.9, 2.5))
CLASSES, MEMBERS, SHARPNESS = ("ant", "bee", "cat"), 5, 1.7


@dataclass(frozen=True)
class Plane:
    """The items by place, float64 (items, 2), and the true class of each, int64 (items,)."""

    places: Array
    classes: Rows

    @cached_property
    def ids(self) -> list[str]:
        """The items' ids."""
        return [f"item-{row:03}" for row in range(len(self.places))]

    @cached_property
    def features(self) -> Features:
        """The places seen from above, so that directions tell them apart as distances do."""
        middle = self.places - (WIDTH / 2, HEIGHT / 2)
        return Features.of(np.column_stack([middle, np.full(len(middle), ABOVE)]))

    @cached_property
    def labelled(self) -> Rows:
        """The rows of the labelled items, ascending."""
        return np.sort(self.nearest(LABELLED))

    @cached_property
    def labels(self) -> Rows:
        """The class of each item's label, -1 without one; one of them is wrong."""
        given = np.full(len(self.places), -1)
        given[self.labelled] = self.classes[self.labelled]
        given[self.wrong] = 0
        return given

    @property
    def wrong(self) -> int:
        """The item with a wrong label."""
        return int(self.nearest([WRONG])[0])

    @cached_property
    def given(self) -> Rows:
        """The items that others are to resemble."""
        return self.nearest(GIVEN)

    @cached_property
    def targets(self) -> Rows:
        """The items whose predictions matter."""
        return self.nearest(TARGETS)

    @cached_property
    def centres(self) -> Array:
        """Where the model takes each class to be, (classes, 2): what it learnt from the labels."""
        known = self.labelled[self.labelled != self.wrong]
        found = [self.places[known[self.classes[known] == each]].mean(axis=0) for each in range(3)]
        return np.stack(found).round(3)

    @cached_property
    def probs(self) -> Array:
        """The model's probabilities, (items, classes)."""
        return probabilities(self.places, self.centres)

    @cached_property
    def member_probs(self) -> Array:
        """A committee's: its members place the classes elsewhere, (members, items, classes)."""
        angles = 2 * np.pi * np.arange(MEMBERS)[:, None] / MEMBERS + np.arange(3) * 2.2
        shifts = 0.4 * np.stack([np.cos(angles), np.sin(angles)], axis=2).round(3)
        return np.stack([probabilities(self.places, self.centres + shift) for shift in shifts])

    @cached_property
    def objects(self) -> Ragged:
        """One to four objects, or tokens, of each item, their probabilities near its own."""
        draw = numbers(7)
        lengths = np.array([1 + int(4 * next(draw)) for _ in self.places])
        spots = np.repeat(self.places, lengths, axis=0)
        spots = spots + [[next(draw) - 0.5, next(draw) - 0.5] for _ in spots]
        return Ragged(probabilities(spots, self.centres), np.cumsum(lengths))

    @cached_property
    def label_probs(self) -> Array:
        """Three labels, each on its own: on the left, at the top, around a spot."""
        x, y = self.places.T
        spot = 0.9 - np.hypot(x - 2.6, y - 1.4)
        return 1 / (1 + np.exp(-3 * np.column_stack([1.7 - x, y - 1.45, spot])))

    @cached_property
    def mean(self) -> Array:
        """A predicted number: two hills, the higher one on the right."""
        right = np.square(self.places - (3.0, 2.0)).sum(axis=1)
        left = np.square(self.places - (0.9, 1.0)).sum(axis=1)
        return 3 * np.exp(-right) + 2 * np.exp(-1.5 * left)

    @cached_property
    def std(self) -> Array:
        """How unsure that number is: the further from any label, the more."""
        apart = self.places[:, None] - self.places[self.labelled]
        return 0.05 + 0.4 * np.sqrt(np.square(apart).sum(axis=2)).min(axis=1)

    @cached_property
    def member_values(self) -> Array:
        """What each member of a committee predicts, (members, items)."""
        x, y = self.places.T
        waves = [np.sin(2 * x + each) + np.cos(3 * y - 2 * each) for each in range(MEMBERS)]
        return self.mean + self.std * np.stack(waves)

    @cached_property
    def annotations(self) -> Rows:
        """Three annotators: the one who made the labels, and two who looked again."""
        again = np.full((2, len(self.places)), -1)
        again[0, self.labelled[::2]] = self.classes[self.labelled[::2]]
        again[1, self.labelled[1:]] = self.classes[self.labelled[1:]]
        again[:, self.wrong] = self.classes[self.wrong]
        return np.vstack([self.labels, again])

    @cached_property
    def cost(self) -> Array:
        """What a label costs: more and more to the right."""
        return 1 + 1.5 * self.places[:, 0]

    @cached_property
    def group(self) -> Rows:
        """A group for each square of the plane."""
        across, up = np.floor(self.places).astype(np.int64).T
        return across + 4 * up

    def nearest(self, spots: Sequence[Place]) -> Rows:
        """Return the item nearest to each spot."""
        apart = self.places[:, None] - np.array(spots)
        return np.square(apart).sum(axis=2).argmin(axis=0)


def plane() -> Plane:
    """Return the pool, the same on every machine."""
    draw = numbers(1)
    places, classes = [], []
    for kind, (count, x, y, spread) in enumerate(CROWDS):
        spots = crowd(draw, (x, y), spread)
        places += [next(spots) for _ in range(count)]
        classes += [kind] * count
    places += [*COPIES, *OUTLIERS]
    classes += [0] * len(COPIES) + [2, 1, 1, 0, 2]
    return Plane(np.array(places).round(3), np.array(classes))


def crowd(draw: Iterator[float], middle: Place, spread: float) -> Iterator[Place]:
    """Yield places around a middle that are well inside the plane."""
    while True:
        x, y = (each + spread * bell(draw) for each in middle)
        if EDGE < x < WIDTH - EDGE and EDGE < y < HEIGHT - EDGE:
            yield x, y


def numbers(seed: int) -> Iterator[float]:
    """Yield numbers from 0 to 1 without order, of a linear congruential generator."""
    state = seed
    while True:
        state = (1103515245 * state + 12345) % 2**31
        yield state / 2**31


def bell(draw: Iterator[float]) -> float:
    """Return a number around 0 with a standard deviation of 1."""
    return sum(next(draw) for _ in range(12)) - 6


def probabilities(places: Array, centres: Array) -> Array:
    """Return the softmax of minus the squared distance to each centre, (places, classes)."""
    gaps = np.square(places[:, None] - centres).sum(axis=2)
    odds = np.exp(SHARPNESS * (gaps.min(axis=1, keepdims=True) - gaps))
    return odds / odds.sum(axis=1, keepdims=True)
