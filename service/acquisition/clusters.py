"""k-means: how it is learnt, what it costs, and the items of its clusters in order."""

from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array, Rows
from service.acquisition.features import Features
from service.acquisition.order import rank_within
from service.acquisition.signature import Tunable

Seed = Annotated[int, Tunable("another seed, other clusters", minimum=0, maximum=2**53)]

WHOLE_VALUES = 2**22
"""Lloyd's algorithm has all vectors in memory at once, so there may be so many values of them."""

WHOLE_WORK = 2**29
"""And one step of it may take so many multiplications: items by clusters by width."""

STARTS, CHEAP_WORK = 3, 2**22
"""It starts so often where one step takes no more multiplications; the tightest are kept."""

STEPS = 30
"""Lloyd's algorithm takes about so many steps."""

BATCH, BATCH_VALUES, BATCHES = 4096, 2**22, 16
"""Beyond that, centres are learnt from batches drawn at random: of so many items, or of so many
values where vectors are long, and so many batches."""


def is_whole(items: int, clusters: int, width: int) -> bool:
    """Return whether clusters are learnt from all items at once, and not in batches."""
    values = items * width
    return values <= WHOLE_VALUES and values * clusters <= WHOLE_WORK


def batch_size(clusters: int, width: int) -> int:
    """Return how many items a batch has, where there are as many."""
    return max(min(BATCH, BATCH_VALUES // max(1, width)), 3 * clusters)


def k_means_work(items: int, clusters: int, width: int) -> float:
    """Return how many multiplications a k-means takes, roughly."""
    clusters = min(items, clusters)
    step = float(clusters) * width
    if is_whole(items, clusters, width):
        starts = STARTS if items * step <= CHEAP_WORK else 1
        return (starts * STEPS + 1) * items * step
    learnt_from = min(items, BATCHES * batch_size(clusters, width))
    return (learnt_from + items) * step


def to_centres(features: Features, labels: Rows, centres: Array) -> Array:
    """Return the distance of each item to the centre of its own cluster, float64 (items,)."""
    answer = np.empty(len(features))
    for place, block in features.blocks():
        apart = block - centres[labels[place]]
        answer[place] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return answer


def in_turns(labels: Rows, distances: Array, sizes: Array | Rows) -> Rows:
    """Return all places: the nearest item of each cluster, then the second nearest of each.

    In each round the largest cluster goes first.
    """
    turns = rank_within(labels, -distances)
    return np.lexsort((labels, -sizes[labels], turns))
