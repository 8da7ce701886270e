"""A classifier that tells labelled from unlabelled items: what looks unlabelled is not covered."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from service.acquisition.evidence import Array, Rows
from service.acquisition.features import Features
from service.acquisition.functions.labelled import LEARNT_FROM, STEPS

SAMPLE_VALUES = 2**24
"""It learns from fewer items where they would have more values than that."""


def unlabelled_probs(features: Features, labelled: Rows, seed: int) -> Array:
    """Return the probability of each item to be unlabelled, float64 (items,).

    `labelled` are the rows of the labelled items, ascending. A logistic regression of standardised
    features, both kinds weighing alike, learns from at most 20,000 items of each kind, drawn by the
    seed. Where all items are labelled, or none is, there is nothing to learn and all get 0.5
    (D. Gissin and S. Shalev-Shwartz, Discriminative Active Learning, arXiv:1907.06347).
    """
    unlabelled = np.setdiff1d(np.arange(len(features)), labelled, assume_unique=True)
    if not len(labelled) or not len(unlabelled):
        return np.full(len(features), 0.5)
    generator = np.random.default_rng(seed)
    most = max(1, min(LEARNT_FROM, SAMPLE_VALUES // max(1, 2 * features.width)))
    drawn = [draw(generator, rows, most) for rows in (labelled, unlabelled)]
    scaler, model = learn(features, *drawn)
    answer = np.empty(len(features))
    weights, start = model.coef_[0], model.intercept_[0]
    for place, block in features.blocks():
        scaled = scaler.transform(block.astype(np.float64))
        # Row by row, unlike a matrix product, so that the parts of a pool do not matter.
        evidence = np.einsum("ij,j->i", scaled, weights) + start
        answer[place] = 0.5 + 0.5 * np.tanh(0.5 * evidence)
    return answer


def draw(generator: np.random.Generator, rows: Rows, most: int) -> Rows:
    """Return at most so many of some rows, ascending."""
    return np.sort(generator.choice(rows, most, replace=False)) if len(rows) > most else rows


def learn(
    features: Features, labelled: Rows, unlabelled: Rows
) -> tuple[StandardScaler, LogisticRegression]:
    """Return how features are standardised, and a model of what makes an item unlabelled."""
    vectors = features.at(np.concatenate([labelled, unlabelled])).astype(np.float64)
    kinds = np.repeat([0, 1], [len(labelled), len(unlabelled)])
    scaler = StandardScaler().fit(vectors)
    model = LogisticRegression(class_weight="balanced", max_iter=STEPS)
    with warnings.catch_warnings():
        # A fit that is cut short ranks almost as the full one would.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(vectors), kinds)
    return scaler, model
