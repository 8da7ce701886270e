"""Ranked batch: how far an item is from what is labelled, against how unsure the model is."""

import numpy as np

from service.acquisition.centres import Centres, Score, farthest_first, work_of_centres
from service.acquisition.evidence import Array, Picks, Rows
from service.acquisition.features import Features
from service.acquisition.registry import batch_strategy


@batch_strategy(
    prefix_consistent=True,
    work=work_of_centres,
    builds_on="least_confidence",
)
def ranked_batch(n: int, features: Features, labelled_features: Features, base: Array) -> Picks:
    """Weighs how far an item is from what is labelled against its score, pick by pick.

    Every pick counts as labelled from then on, so a batch does not ask twice for the same thing.
    The weight of distance is the unlabelled part of all items: with a large pool and few labels it
    is nearly 1, and the score decides little. A step's score is the weighted sum, from 0 to 1 for a
    score from 0 to 1. Distances are Euclidean and 1 / (1 + d) is taken of them as they are, so the
    scale of the features matters: vectors of length one are a good start. Where nothing is
    labelled the first pick is the item nearest to the mean, with a score of 1. Wherever something
    is labelled the picks are modAL's; without labels they differ, because modAL compares every pair
    for its first pick, and from then on counts it both as labelled and as not. Ties go to the
    earlier item.

    Use: for batches from a pool in which uncertain items resemble one another, once a model exists
    Avoid: with a score that is not between 0 and 1, which would outweigh distance or vanish beside
      it; and with outliers in the pool, which come first while there are few labels
    Formula: α (1 − 1 / (1 + d)) + (1 − α) u, with d the Euclidean distance to the nearest labelled
      or picked item, u the score built on, α = |U| / (|U| + |D|), U the candidates left, D the
      labelled and picked items
    Reference: T. N. C. Cardoso et al., Ranked batch-mode active learning, Information Sciences
      379, 2017
    """
    total = len(features) + len(labelled_features)

    def score(picked: int) -> Score:
        alpha = (len(features) - picked) / total

        def weighed(squared: Array, places: Rows | slice) -> Array:
            return alpha * (1 - 1 / (1 + np.sqrt(squared))) + (1 - alpha) * base[places]

        return weighed

    return farthest_first(n, Centres(features, labelled_features), score)
