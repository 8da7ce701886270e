"""Scores of an item beside what is labelled: how far from it, how unlike, how much at odds."""

from typing import Annotated

import numpy as np

from service.acquisition.distances import EUCLIDEAN, Metric
from service.acquisition.evidence import Array, Neighbours, Rows
from service.acquisition.registry import RELABELLING, Size, acquisition
from service.acquisition.signature import Tunable

MOST_NEIGHBOURS = 1000
FLOOR = 1e-7
"""No probability counts as less where its logarithm is taken."""

LEARNT_FROM, STEPS = 20_000, 500
"""A classifier learns from so many items of each kind at most, in so many steps."""


def comparing(size: Size) -> float:
    """Return the work of comparing every item with every labelled one."""
    return float(size.items) * size.labelled * size.width


def telling_apart(size: Size) -> float:
    """Return the work of learning to tell labelled items from unlabelled ones, at the most."""
    seen = min(size.labelled, LEARNT_FROM) + min(size.items, LEARNT_FROM)
    return (2.0 * STEPS * seen + size.items) * size.width


@acquisition(least=0.0, requires_labels=True, work=comparing)
def distance_to_labelled(
    labelled_neighbours: Neighbours,
    *,
    k: Annotated[
        int,
        Tunable("the mean of so many nearest labelled items", minimum=1, maximum=MOST_NEIGHBOURS),
    ] = 1,
    metric: Metric = EUCLIDEAN,
) -> Array:
    """How far away the nearest labelled item is: what is least covered comes first.

    A labelled item is its own nearest, at 0. Where nothing is labelled, all items score 0.

    Use: to find regions of the pool without any label
    Avoid: to choose a batch: its items may all lie in one uncovered region (`k_center` measures the
      distance to what it has picked too); with outliers that are not worth a label
    Formula: min d(x, l) over the labelled items l; the mean of the k least for k > 1
    Reference: D. Wu, C.-T. Lin and J. Huang, Active Learning for Regression Using Greedy Sampling,
      Information Sciences 2019, of which it is one step
    """
    del k, metric
    far = labelled_neighbours.distances
    return far.mean(axis=1) if far.shape[1] else np.zeros(len(far))


@acquisition(least=0.0, requires_labels=True, work=comparing)
def contrastive(
    probs: Array,
    labelled_neighbours: Neighbours,
    labelled_probs: Array,
    *,
    k: Annotated[
        int,
        Tunable("how many labelled neighbours are looked at", minimum=1, maximum=MOST_NEIGHBOURS),
    ] = 10,
    metric: Metric = EUCLIDEAN,
) -> Array:
    """How unlike the model's prediction is to those for the nearest labelled items.

    High where the features say that two items are alike and the model says that they are not: on
    the border between classes. Probabilities below 10⁻⁷ count as 10⁻⁷, each row then made to sum to
    one again, so that the divergence from a class ruled out stays finite. Where nothing is
    labelled, all items score 0.

    Use: with the model's own embeddings as features, and some tens of labels at least
    Avoid: at a cold start; with features that the model does not look at
    Formula: (1/k) Σₗ KL(pₗ ‖ p), over the k nearest labelled items l; KL in nats
    Reference: K. Margatina, G. Vernikos, L. Barrault and N. Aletras, Active Learning by Acquiring
      Contrastive Examples, EMNLP 2021
    """
    del k, metric
    rows = labelled_neighbours.rows
    if not rows.shape[1]:
        return np.zeros(len(rows))
    logs, known = np.log(floored(np.ascontiguousarray(probs))), floored(labelled_probs)
    total = np.zeros(len(rows))
    for each in rows.T:
        near = known[each]
        total += (near * (np.log(near) - logs)).sum(axis=1)
    # Between equal rows, rounding may leave a hair less than nothing.
    return np.maximum(total / rows.shape[1], 0.0)


def floored(probs: Array) -> Array:
    """Return probabilities none of which is less than FLOOR, with rows that sum to one."""
    clipped = np.maximum(probs, FLOOR)
    return clipped / clipped.sum(axis=1, keepdims=True)


@acquisition(least=0.0, requires_labels=True, work=telling_apart)
def discriminative(
    unlabelled_probs: Array,
    *,
    seed: Annotated[
        int, Tunable("another seed, another sample to learn from", minimum=0, maximum=2**53)
    ] = 0,
) -> Array:
    """How surely an item is unlabelled, to a classifier that tells labelled from unlabelled.

    What is told apart easily is not covered by the labels. The classifier is a logistic regression
    of the standardised features, both kinds weighing alike; it learns from at most 20,000 items of
    each kind, fewer where vectors are longer than 419 values. Where nothing is labelled, or
    everything, all items score 0.5.

    Use: to make the labelled items look like the pool, with embeddings as features; in small
      batches
    Avoid: with few labels and many features, where everything can be told apart
    Formula: P(unlabelled | x), by a logistic regression of both kinds with balanced weights
    Reference: D. Gissin and S. Shalev-Shwartz, Discriminative Active Learning, arXiv:1907.06347,
      2019; with a linear classifier on the features
    """
    del seed
    return unlabelled_probs + 0.0


@acquisition(least=0.0, purpose=RELABELLING, requires_labels=True, skips=True)
def mistakenness(probs: Array, labels: Rows) -> Array:
    """How sure the model is that an item's label is wrong.

    1 where the model is sure of another class, 0 where it is sure of the label. It ranks labelled
    items for a second look; items without a label have no score.

    Use: to review labels, with predictions of a model that was not trained on these very labels, as
      from cross-validation
    Avoid: with a model that has learnt the labels by heart: it agrees with all of them; to choose
      what to label next, of which it says nothing
    Formula: (1 + c) / 2 where the likeliest class is not the label, (1 − c) / 2 where it is; c is
      the probability of the likeliest class
    Reference: Voxel51, FiftyOne Brain, compute_mistakenness
    """
    sure = probs.max(axis=1)
    signed = np.where(probs.argmax(axis=1) == labels, -sure, sure)
    return np.where(labels >= 0, (1.0 + signed) / 2.0, np.nan)
