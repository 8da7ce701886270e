"""Fitting a recipe on labelled vectors."""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Rows
from service.estimators import Recipe


def fit(recipe: Recipe, vectors: npt.NDArray[Any], codes: Rows, seed: int) -> Any:
    """Return a classifier fitted on vectors (labelled, width) and their classes as codes.

    Raise FitFailed, with scikit-learn's own words, where it cannot be fitted. Single-threaded; the
    same arguments give the same classifier.
    """
    raise NotImplementedError


def probabilities(classifier: Any, vectors: npt.NDArray[Any], classes: int) -> Array:
    """Return class probabilities float64 (items, classes): columns are codes, zero for a class
    that the classifier was not fitted on."""
    raise NotImplementedError


def cross_validated(
    recipe: Recipe, vectors: npt.NDArray[Any], codes: Rows, *, folds: int, seed: int
) -> Array:
    """Return the accuracy of each of some stratified folds, fewer where the rarest class has fewer
    labels; none at all where that is one."""
    raise NotImplementedError


FOLDS = 5
SMALLEST_FOLDS = 2
EMPTY = np.empty(0)
