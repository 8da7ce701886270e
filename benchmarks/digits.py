"""Learning to read digits from few labels: the protocol, whoever chooses what is labelled next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]

CLASSES, INK = 10, 16
TEST_PART, FIRST, BATCH = 0.3, 20, 10
STEPS = 1000

Choose = Callable[[int, Rows, Array], Sequence[int]]
"""The round, the labelled rows and the probabilities of all rows -> the rows to label next."""


@dataclass(frozen=True)
class Digits:
    """The pool and the test set of one run: pictures of 8 by 8 pixels from 0 to 1, and truth."""

    run: int
    pixels: Array
    truth: Rows
    test_pixels: Array
    test_truth: Rows

    @classmethod
    def of(cls, run: int) -> Self:
        """Return what one run learns from and is tested on, a split of its own."""
        pixels, truth = load_digits(return_X_y=True)
        split = train_test_split(
            pixels / INK, truth, test_size=TEST_PART, random_state=run, stratify=truth
        )
        return cls(run, split[0], split[2], split[1], split[3])

    @cached_property
    def ids(self) -> list[str]:
        """A name for each picture of the pool: of this run, so that luck by id is its own too."""
        return [f"run-{self.run}-digit-{row:04}" for row in range(len(self.truth))]

    def first(self) -> Rows:
        """Return the rows that are labelled at the start, drawn at random."""
        drawn = np.random.RandomState(self.run)
        return drawn.choice(len(self.truth), FIRST, replace=False)

    def learn(self, rounds: int, choose: Choose) -> Array:
        """Return the test accuracy with the first labels, and after each round of ten more."""
        labelled = self.first()
        model = self.fit(labelled)
        accuracies = [self.accuracy(model)]
        for each in range(rounds):
            picked = choose(each, labelled, self.probabilities(model))
            labelled = np.concatenate([labelled, np.asarray(picked, dtype=np.int64)])
            model = self.fit(labelled)
            accuracies.append(self.accuracy(model))
        return np.array(accuracies)

    def fit(self, labelled: Rows) -> LogisticRegression:
        """Fit the model on what is labelled."""
        model = LogisticRegression(C=1.0, max_iter=STEPS)
        return model.fit(self.pixels[labelled], self.truth[labelled])

    def accuracy(self, model: LogisticRegression) -> float:
        """Return which part of the test set a model reads rightly."""
        return float(model.score(self.test_pixels, self.test_truth))

    def probabilities(self, model: LogisticRegression) -> Array:
        """Return what a model says of the pool, (items, classes); 0 for a class never seen."""
        answer = np.zeros((len(self.pixels), CLASSES))
        answer[:, model.classes_] = model.predict_proba(self.pixels)
        return answer
