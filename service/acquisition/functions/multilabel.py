"""Scores of items that may have several labels at once."""

from collections.abc import Callable
from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array
from service.acquisition.functions.probabilities import log_of, sums_of
from service.acquisition.registry import acquisition
from service.acquisition.signature import Tunable

LEAST_MARGIN = 1e-12
REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda each: sums_of(each) / each.shape[1],
    "max": lambda each: each.max(axis=1),
    "min": lambda each: each.min(axis=1),
}

Cardinality = Annotated[
    float,
    Tunable("the mean number of labels of the labelled items", minimum=0, required=True),
]
Threshold = Annotated[
    float,
    Tunable("a label is predicted where its probability is above this", minimum=0, maximum=1),
]


@acquisition(least=0.0)
def binary_uncertainty(
    label_probs: Array,
    *,
    aggregation: Annotated[
        str,
        Tunable("how the uncertainties of the labels become one", choices=tuple(REDUCTIONS)),
    ] = "mean",
    measure: Annotated[
        str,
        Tunable(
            "of one label: its entropy in nats, or what its likelier answer lacks to certainty",
            choices=("entropy", "least_confidence"),
        ),
    ] = "entropy",
) -> Array:
    """How unsure the model is of each label on its own, made one score of the item.

    Each label is a question with two answers, so a probability of 0.5 is the least sure of all.

    Use: mean as the default; max to find items with any doubtful label; min for items whose every
      label is doubtful
    Avoid: mean with hundreds of labels, most of which are plainly absent: they drown the doubtful
      ones (max)
    Formula: mean, max or min over the labels of −p ln p − (1 − p) ln (1 − p), or of min(p, 1 − p)
    Reference: K. Brinker, On Active Learning in Multi-label Classification, 2006
    """
    absent = 1.0 - label_probs
    if measure == "entropy":
        each = 0.0 - label_probs * log_of(label_probs) - absent * log_of(absent)
    else:
        each = np.minimum(label_probs, absent)
    return REDUCTIONS[aggregation](each)


@acquisition(least=0.0)
def label_cardinality_inconsistency(
    label_probs: Array, *, cardinality: Cardinality = 1.5, threshold: Threshold = 0.5
) -> Array:
    """How far the number of predicted labels is from what is usual.

    The usual number is the mean over the labelled items, which `cardinality` says.

    Use: where the number of labels hardly varies, so that none or many of them hint at a mistake
    Avoid: on its own: it has few different values, and so leaves many ties (`adaptive`)
    Formula: | #{labels with p > threshold} − cardinality |
    Reference: X. Li and Y. Guo, Active Learning with Multi-Label SVM Classification, IJCAI 2013
    """
    return np.abs((label_probs > threshold).sum(axis=1) - cardinality)


@acquisition(least=0.0)
def adaptive(
    label_probs: Array,
    *,
    cardinality: Cardinality = 1.5,
    threshold: Threshold = 0.5,
    beta: Annotated[
        float,
        Tunable(
            "1 looks at the margin alone, 0 at the number of labels alone", minimum=0, maximum=1
        ),
    ] = 0.5,
    smoothing: Annotated[
        float,
        Tunable(
            "added to the inconsistency; above 0, a usual number of labels does not undo a narrow"
            " margin",
            minimum=0,
        ),
    ] = 0.0,
) -> Array:
    """A narrow gap between the predicted labels and the others, times an unusual number of them.

    The separation margin is the least probability of a predicted label minus the largest of the
    others; where all labels are on one side, the threshold stands for the other. It counts as
    0.000000000001 at least. small-text smooths by 1, and takes the two likeliest labels' gap.

    Use: as the default for items with several labels
    Avoid: without smoothing where `cardinality` is a whole number: every item with just as many
      predicted labels scores nothing, however narrow its margin
    Formula: (1 / margin)^β · (LCI + smoothing)^(1−β), with LCI the
      `label_cardinality_inconsistency`
    Reference: X. Li and Y. Guo, Active Learning with Multi-Label SVM Classification, IJCAI 2013
    """
    unusual = label_cardinality_inconsistency(
        label_probs, cardinality=cardinality, threshold=threshold
    )
    narrow = 1.0 / np.maximum(separation_margin(label_probs, threshold), LEAST_MARGIN)
    return narrow**beta * (unusual + smoothing) ** (1.0 - beta)


def separation_margin(label_probs: Array, threshold: float) -> Array:
    """Return the gap between each item's predicted labels and the others, (items,), never negative.

    Where all labels are on one side of the threshold, the threshold stands for the other side.
    """
    predicted = label_probs > threshold
    lowest = label_probs.min(axis=1, where=predicted, initial=np.inf)
    highest = label_probs.max(axis=1, where=~predicted, initial=-np.inf)
    lowest[np.isinf(lowest)] = threshold
    highest[np.isinf(highest)] = threshold
    return lowest - highest
