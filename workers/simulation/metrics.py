"""How good a model is on the test set, as scikit-learn measures it."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from service.acquisition.evidence import Array, Rows
from service.simulation import METRICS
from workers.fitting import probabilities

BINARY = 2

HARMLESS = (
    "y_pred contains classes not in y_true",
    "A single label was found",
    "The y_prob values do not sum to one",
)
"""What scikit-learn warns of: small test sets, and the rounding of float32."""


@dataclass(frozen=True)
class Answers:
    """A classifier's answers to a test set: what is not asked for is not computed."""

    classifier: Any
    vectors: npt.NDArray[Any]
    codes: Rows
    classes: int

    @cached_property
    def labels(self) -> Rows:
        """The class that the classifier predicts for each item, int64 (tested,)."""
        found: Rows = self.classifier.predict(self.vectors)
        return found

    @cached_property
    def probs(self) -> Array:
        """The probability of every class known, float64 (tested, classes)."""
        return probabilities(self.classifier, self.vectors, self.classes)


def measure(names: Sequence[str], answers: Answers) -> dict[str, float | None]:
    """Return each metric of a model; None for one that is not defined, as where nothing is tested
    or a class that must be told from others is not among the tested."""
    with warnings.catch_warnings():
        # What is not defined is told by its value, not on the screen.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for said in HARMLESS:
            warnings.filterwarnings("ignore", said)
        return {name: value_of(name, answers) for name in names}


def value_of(name: str, answers: Answers) -> float | None:
    """Return one metric, or None where it is not defined."""
    if not len(answers.codes):
        return None
    value = float(MEASURES[name](answers))
    return value if math.isfinite(value) else None


def accuracy(answers: Answers) -> float:
    """Return the share of items whose class is found."""
    return metrics.accuracy_score(answers.codes, answers.labels)


def balanced_accuracy(answers: Answers) -> float:
    """Return the mean of the shares found of each class that is tested."""
    return metrics.balanced_accuracy_score(answers.codes, answers.labels)


def f1_macro(answers: Answers) -> float:
    """Return the mean F1 of the classes that are tested or predicted."""
    return metrics.f1_score(answers.codes, answers.labels, average="macro", zero_division=0)


def f1_weighted(answers: Answers) -> float:
    """Return the mean F1 of the classes, weighted by how often each is tested."""
    return metrics.f1_score(answers.codes, answers.labels, average="weighted", zero_division=0)


def log_loss(answers: Answers) -> float:
    """Return the mean negative logarithm of the probability of the true class, of all known."""
    if answers.classes < BINARY or not np.isfinite(answers.probs).all():
        return math.nan
    return metrics.log_loss(answers.codes, answers.probs, labels=np.arange(answers.classes))


def auroc(answers: Answers) -> float:
    """Return the area under the ROC curve; of several classes the mean of each against the rest."""
    if answers.classes < BINARY or len(np.unique(answers.codes)) < answers.classes:
        return math.nan
    if not np.isfinite(answers.probs).all():
        return math.nan
    if answers.classes == BINARY:
        return metrics.roc_auc_score(answers.codes, answers.probs[:, 1])
    return metrics.roc_auc_score(answers.codes, answers.probs, multi_class="ovr", average="macro")


MEASURES: Mapping[str, Callable[[Answers], float]] = {
    each.__name__: each
    for each in (accuracy, balanced_accuracy, f1_macro, f1_weighted, log_loss, auroc)
}
assert MEASURES.keys() == METRICS.keys()  # noqa: S101 - the two lists are one
