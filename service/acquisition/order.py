"""Orders within groups."""

import numpy as np

from service.acquisition.evidence import Array, Rows


def rank_within(groups: Rows, scores: Array) -> Rows:
    """Return each item's rank among those of its own group, int64 (items,).

    The highest score has rank 0; of equal scores the first has the lower rank.
    """
    order = np.lexsort((-scores, groups))
    ordered = groups[order]
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.searchsorted(ordered, ordered)
    return ranks
