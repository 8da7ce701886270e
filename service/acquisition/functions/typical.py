"""The batch strategy that takes the most typical item of what nobody has labelled."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import numpy.typing as npt

from service.acquisition.clusters import Seed, k_means_work, to_centres
from service.acquisition.evidence import Array, KMeans, Picks, Rows
from service.acquisition.features import Features, Matrix
from service.acquisition.order import rank_within
from service.acquisition.registry import Size, batch_strategy
from service.acquisition.signature import Tunable

Mask = npt.NDArray[np.bool_]

SMALL = 5
"""A cluster of no more items than that, labelled ones too, holds outliers."""

CROWD = 2000
"""Of a larger cluster, typicality is of so many items only, the nearest to its centre."""


def work(size: Size) -> float:
    """Return the work of clustering all items, and of comparing those of n clusters."""
    items = size.candidates + size.labelled
    clusters = max(1, min(size.labelled + size.n, size.parameters["most_clusters"], items))
    crowd = min(CROWD, items / clusters)
    compared = min(size.n, clusters) * crowd**2 * float(size.width)
    return k_means_work(items, clusters, size.width) + compared


@batch_strategy(prefix_consistent=False, work=work)
def typiclust(
    n: int,
    features: Features,
    labelled_features: Features,
    k_means: KMeans,
    *,
    k: Annotated[int, Tunable("how many neighbours are typical", minimum=1, maximum=CROWD)] = 20,
    most_clusters: Annotated[
        int, Tunable("the number of clusters never passes this", minimum=1, maximum=10_000)
    ] = 500,
    seed: Seed = 0,
) -> Picks:
    """The most typical item of each of the largest clusters without a label.

    Labelled items and candidates are clustered together, into as many clusters as there are
    labelled and wanted items. Clusters are visited from the fewest labelled items on, the largest
    first, and round again where there are fewer than n; those of five items or fewer hold outliers
    and wait until all others are used up. An item is the more typical, the nearer its k nearest
    candidates of the same cluster are, k being at most half of them; in a cluster of more than 2000
    only the 2000 nearest to the centre are compared. The step score is 1 / (1 + their mean
    distance), and 0 for an item alone in its cluster.

    Use: at a cold start, with few labels or none and good features, such as embeddings
    Avoid: once there are some labels per class, when `margin` and `dmbal` overtake it; with
      features in which distance means little
    Formula: clusters = min(labelled + n, most_clusters); typicality(x) = 1 / mean distance to the k
      nearest of the same cluster; of each cluster the argmax
    Reference: G. Hacohen, A. Dekel and D. Weinshall, Active Learning on a Budget: Opposite
      Strategies Suit High and Low Budgets, ICML 2022
    """
    if not n or not len(features):
        return Picks.none()
    every = joined(features, labelled_features)
    clusters = min(len(every), len(labelled_features) + n, most_clusters)
    labels, centres = k_means(every, clusters, None, seed)
    labels, covered = labels[: len(features)], labels[len(features) :]
    small = np.bincount(np.append(labels, covered), minlength=len(centres)) <= SMALL
    visits = order_of_visits(labels, covered, small)
    scores = np.zeros(len(features))
    for cluster, places in members(labels, visits[:n]):
        crowd = nearest(features, places, centres[cluster])
        scores[crowd] = typicality(features.at(crowd), k)
    turns = rank_within(labels, scores)
    rows = np.lexsort((np.argsort(visits)[labels], turns, small[labels]))[:n]
    return Picks(rows, scores[rows])


def joined(first: Features, second: Features) -> Features:
    """Return the rows of both, one after the other."""
    if not len(second):
        return first
    rows = None
    if first.rows is not None or second.rows is not None:
        start = first.stored
        rows = np.concatenate([stored_rows(first), stored_rows(second) + start])
    return Features((*first.arrays, *second.arrays), rows, unit=first.unit)


def stored_rows(features: Features) -> Rows:
    """Return the rows wanted of the arrays."""
    return np.arange(features.stored) if features.rows is None else features.rows


def order_of_visits(labels: Rows, covered: Rows, small: Mask) -> Rows:
    """Return all clusters: the fewest labelled items first, then the most candidates.

    Small ones come after all others, and those without any candidate last.
    """
    candidates = np.bincount(labels, minlength=len(small))
    labelled = np.bincount(covered, minlength=len(small))
    return np.lexsort((-candidates, labelled, small, candidates == 0))


def members(labels: Rows, clusters: Rows) -> Iterator[tuple[int, Rows]]:
    """Yield some clusters, each with the places of its items, ascending."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    starts = np.searchsorted(ordered, clusters)
    ends = np.searchsorted(ordered, clusters, side="right")
    for cluster, start, end in zip(clusters.tolist(), starts, ends, strict=True):
        yield cluster, order[start:end]


def nearest(features: Features, places: Rows, centre: Array) -> Rows:
    """Return the places of the items nearest to a centre, at most CROWD of them, ascending."""
    if len(places) <= CROWD:
        return places
    chosen = features.take(places)
    distances = to_centres(chosen, np.zeros(len(places), dtype=np.int64), centre[None])
    return places[np.sort(np.argsort(distances, kind="stable")[:CROWD])]


def typicality(vectors: Matrix, k: int) -> Array:
    """Return 1 / (1 + the mean distance to the k nearest others) of each vector, float64 (items,).

    k is at most half of the vectors. A vector without others has 0.
    """
    if len(vectors) <= 1:
        return np.zeros(len(vectors))
    k = min(k, len(vectors) // 2)
    # Seen from one of them, so that equal vectors are exactly zero apart.
    vectors = vectors - vectors[0]
    norms = np.einsum("ij,ij->i", vectors, vectors)
    far = vectors @ vectors.T
    far *= -2
    far += norms[:, None]
    far += norms
    np.fill_diagonal(far, np.inf)
    far.partition(k - 1, axis=1)
    nearest_few = np.maximum(far[:, :k], 0.0).astype(np.float64)
    return 1.0 / (1.0 + np.sqrt(nearest_few).mean(axis=1))
