"""A pool to measure with: a mixture of Gaussians, a model's probabilities of it, some labels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Array = npt.NDArray[Any]

CENTRES, CLASSES, LABELLED = 20, 10, 100
SPREAD = 1.5
BLOCK = 10_000


@dataclass(frozen=True)
class Mixture:
    """Vectors float32 (items, width), mapped from a file; labelled rows and their classes; the
    probabilities (items, classes) of a logistic regression fitted on those."""

    vectors: Array
    labelled: Array
    classes: Array
    probs: Array

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Return what was written into a directory, the vectors mapped and not read."""
        vectors = np.load(directory / "vectors.npy", mmap_mode="r")
        return cls(vectors, *(np.load(directory / f"{name}.npy") for name in NAMES))

    @property
    def unlabelled(self) -> Array:
        """The rows without a label, ascending."""
        return np.setdiff1d(np.arange(len(self.vectors)), self.labelled)

    def model(self) -> LogisticRegression:
        """Fit the model on what is labelled."""
        return LogisticRegression(max_iter=1000).fit(self.vectors[self.labelled], self.classes)


NAMES = ("labelled", "classes", "probs")


def write(directory: Path, items: int, width: int) -> None:
    """Write a mixture into a directory; the same sizes give the same mixture."""
    draw = np.random.default_rng(items + width)
    centres = draw.normal(size=(CENTRES, width)) * SPREAD
    which = draw.integers(0, CENTRES, items)
    file = np.lib.format.open_memmap(
        directory / "vectors.npy", "w+", dtype=np.float32, shape=(items, width)
    )
    for start in range(0, items, BLOCK):
        block = which[start : start + BLOCK]
        file[start : start + BLOCK] = centres[block] + draw.normal(size=(len(block), width))
    file.flush()
    labelled = np.sort(draw.choice(items, LABELLED, replace=False))
    classes = which[labelled] % CLASSES
    probs = Mixture(file, labelled, classes, np.empty(0)).model().predict_proba(file)
    for name, values in zip(NAMES, (labelled, classes, probs), strict=True):
        np.save(directory / f"{name}.npy", values)
