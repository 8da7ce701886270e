"""Fitting a recipe on labelled vectors."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold

from service.acquisition.evidence import Array, Rows
from service.errors import FitFailed, TooFewLabels
from service.estimators import Recipe, parameter
from workers.compute import HERE, Compute
from workers.estimators import ESTIMATORS, FEWEST, build
from workers.memory import reserve

SMALLEST_FOLDS = 2

OF_THE_REQUEST = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What scikit-learn raises for parameters and items that do not go together."""

TRIED_ITEMS = 100
"""Items that a classifier is asked about at once, because some faults show only then."""

COPIED, PLACED, KERNEL_VALUE = 16, 32, 8
"""Bytes of a value that libsvm and liblinear fit on, and of one of libsvm's kernel, with what
scikit-learn copies on the way."""

LARGEST_CACHE = 256 * 1024**2
"""What scikit-learn lets libsvm keep, and some more."""

LONGEST_SENTENCE = 500
MOST_WARNINGS = 20

Vectors = npt.NDArray[Any]


@dataclass(frozen=True)
class Task:
    """What is fitted: a recipe on vectors (labelled, width) and their classes, by a seed."""

    recipe: Recipe
    vectors: Vectors
    targets: npt.NDArray[Any]
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A fitted classifier, and what scikit-learn warned of while it was fitted, each once."""

    classifier: Any
    warnings: tuple[str, ...]


def fit(recipe: Recipe, vectors: Vectors, codes: Rows, seed: int) -> Any:
    """Return a classifier fitted on vectors (labelled, width) and their classes as codes.

    Raise FitFailed, with scikit-learn's own words, where it cannot be fitted, and TooFewLabels
    where there are too few labels for it. Single-threaded; the same arguments give the same
    classifier.
    """
    return fitted(recipe, vectors, codes, seed).classifier


def fitted(recipe: Recipe, vectors: Vectors, targets: npt.NDArray[Any], seed: int) -> Fitted:
    """Return a classifier fitted on vectors and their classes, codes or names, with warnings.

    Items of several axes are laid out flat. Raise as `fit` does, and MemoryError where memory may
    not suffice.
    """
    items = flat(vectors)
    lack = shortage(recipe, items, targets)
    if lack is not None:
        raise TooFewLabels(lack)
    classifier = build(recipe, seed, fewest(targets))
    reserve(unlooked(recipe, *items.shape))
    with warnings.catch_warnings(record=True) as caught, in_words(recipe.estimator):
        warnings.simplefilter("always")
        classifier.fit(items, targets)
        if not np.isfinite(classifier.predict_proba(items[:TRIED_ITEMS])).all():
            raise FitFailed(f"{recipe.estimator} gives probabilities that are no numbers")
    return Fitted(classifier, sentences(caught))


def fitted_by(compute: Compute, task: Task) -> Fitted:
    """Return what `fitted` does, wherever it is done, in pieces where there are any."""
    if compute.divides and ESTIMATORS[task.recipe.estimator].divides:
        found: Fitted = compute.dividing(partial(fitted_whole, task))
        return found
    return compute.once(fitted_whole, task)


def fitted_whole(task: Task) -> Fitted:
    """Return what `fitted` does of a task."""
    return fitted(task.recipe, task.vectors, task.targets, task.seed)


def unlooked(recipe: Recipe, labels: int, width: int) -> int:
    """Return how many bytes libraries that do not look whether they got them will ask for.

    liblinear copies all values, each with its place; libsvm keeps a part of the kernel matrix.
    """
    values = labels * (recipe.pca if isinstance(recipe.pca, int) else width)
    own = 0
    if recipe.estimator == "svm":
        own = COPIED * values + min(LARGEST_CACHE, KERNEL_VALUE * labels**2)
    elif recipe.estimator == "linear_svm" or recipe.parameters.get("solver") == "liblinear":
        own = PLACED * (values + 2 * labels)
    return max(own, 0 if recipe.base is None else unlooked(recipe.base, labels, width))


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Raise FitFailed with scikit-learn's own words where parameters and items do not fit."""
    try:
        yield
    except OF_THE_REQUEST as error:
        raise FitFailed(f"{name} cannot be fitted so: {sentence(error)}") from error


def probabilities(classifier: Any, vectors: Vectors, classes: int) -> Array:
    """Return class probabilities float64 (items, classes): columns are codes, zero for a class
    that the classifier was not fitted on."""
    answer = np.zeros((len(vectors), classes))
    if len(vectors):
        with quietly(type(classifier).__name__):
            answer[:, classifier.classes_] = classifier.predict_proba(flat(vectors))
    return answer


@contextmanager
def quietly(name: str) -> Iterator[None]:
    """Ask a fitted classifier, which warned of all that it had to warn of when it was fitted."""
    with warnings.catch_warnings(), in_words(name):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Split:
    """One fold: the places of what is fitted on, and of what is held out."""

    kept: Rows
    held: Rows


def splits_of(task: Task, folds: int) -> tuple[Split, ...]:
    """Return stratified folds that can all be fitted on, shuffled by the seed.

    There are fewer where the rarest class has fewer labels, and none where that is one, or where a
    fold leaves too few labels to fit on.
    """
    vectors, targets = task.vectors, task.targets
    count = min(folds, fewest(targets))
    if count < SMALLEST_FOLDS:
        return ()
    divided = StratifiedKFold(count, shuffle=True, random_state=task.seed).split(targets, targets)
    splits = tuple(Split(kept, held) for kept, held in divided)
    if any(shortage(task.recipe, vectors[each.kept], targets[each.kept]) for each in splits):
        return ()
    return splits


def accuracies(task: Task, splits: Sequence[Split], compute: Compute = HERE) -> Iterator[float]:
    """Yield the accuracy on what each fold holds out, fitted on the rest."""
    return compute.each(accuracy, task, splits)


def accuracy(task: Task, split: Split) -> float:
    """Return the accuracy on what one fold holds out, fitted on the rest."""
    classifier = fit(task.recipe, task.vectors[split.kept], task.targets[split.kept], task.seed)
    with quietly(task.recipe.estimator):
        predicted = classifier.predict(flat(task.vectors[split.held]))
    return float(np.mean(predicted == task.targets[split.held]))


def shortage(recipe: Recipe, vectors: Vectors, targets: npt.NDArray[Any]) -> str | None:
    """Return why there are too few labels for a recipe, or None where there are enough."""
    labels = len(targets)
    classes = len(np.unique(targets))
    if classes < FEWEST:
        said = "there are no labels" if not labels else "all labels name the same class"
        return f"A classifier tells classes apart, and {said}: label items of at least two classes"
    width = math.prod(vectors.shape[1:])
    if isinstance(recipe.pca, int) and recipe.pca > min(labels, width):
        return (
            f"{labels} labelled items of {width} features have at most {min(labels, width)}"
            f" principal components, and {recipe.pca} are asked for (pca)"
        )
    if recipe.estimator == "knn" and labels < parameter(recipe, "n_neighbors"):
        return (
            f"knn looks at {parameter(recipe, 'n_neighbors')} neighbours (n_neighbors), and there"
            f" are {labels} labelled items"
        )
    if ESTIMATORS[recipe.estimator].is_calibrated and fewest(targets) < FEWEST:
        return (
            f"{recipe.estimator} is calibrated on labels that it was not fitted on, and a class has"
            " one label only: give each class two, or take another estimator"
        )
    return None


def fewest(targets: npt.NDArray[Any]) -> int:
    """Return how many labels the rarest of the classes has that occur; 0 where none does."""
    counts = np.unique(targets, return_counts=True)[1]
    return int(counts.min()) if len(counts) else 0


def flat(vectors: Vectors) -> Vectors:
    """Return items as rows of a matrix; those that are no fractions of 4 or 8 bytes become such."""
    rows = vectors.reshape(len(vectors), math.prod(vectors.shape[1:]))
    return rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)


def sentences(caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return what was warned of, less what is addressed to programmers, each once."""
    told = (each.message for each in caught if not issubclass(each.category, FOR_PROGRAMMERS))
    return tuple(dict.fromkeys(sentence(each) for each in told))[:MOST_WARNINGS]


FOR_PROGRAMMERS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)


def sentence(said: Warning | Exception | str) -> str:
    """Return what was said as one line of a bearable length."""
    return " ".join(str(said).split())[:LONGEST_SENTENCE]
