"""k-means, as the strategies that need it may call it: exact for few items, in batches for many."""

import warnings

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning

from service.acquisition.clusters import BATCHES, CHEAP_WORK, STARTS, batch_size, is_whole
from service.acquisition.evidence import Array, Rows
from service.acquisition.features import Features, Matrix

LEAST_WEIGHT = 1e-9
"""An item with less than this part of the greatest weight moves no centre."""


def k_means(
    features: Features, clusters: int, weights: Array | None, seed: int
) -> tuple[Rows, Array]:
    """Return the cluster of each item, int64 (items,), and the centres, float64 (clusters, width).

    Weights are of the items, none negative; where all are zero they count alike. No cluster is
    empty, so there are fewer than were asked for where there are fewer distinct vectors. The same
    seed gives the same clusters, however the vectors are split into parts. Lloyd's algorithm from
    k-means++ (D. Arthur and S. Vassilvitskii, SODA 2007); with many items, in batches (D. Sculley,
    WWW 2010).
    """
    places, weights = heavy_enough(len(features), weights)
    if not clusters or not len(places):
        return np.zeros(len(features), dtype=np.int64), np.zeros((0, features.width))
    clusters = min(clusters, len(places))
    whole = is_whole(len(places), clusters, features.width)
    learn = learn_from_all if whole else learn_in_batches
    with warnings.catch_warnings():
        # There may be fewer distinct vectors than clusters: the empty ones are left out below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        centres = learn(features, places, weights, clusters, seed)
    used, labels = np.unique(nearest(features, centres), return_inverse=True)
    return labels.astype(np.int64), centres[used]


def heavy_enough(items: int, weights: Array | None) -> tuple[Rows, Array | None]:
    """Return the places of the items that move a centre, and their weights, one on average."""
    if weights is None or not weights.any():
        return np.arange(items), None
    places = np.flatnonzero(weights > LEAST_WEIGHT * weights.max())
    # Divided twice, so that the sum of huge weights stays finite.
    chosen = weights[places] / weights.max()
    return places, chosen / chosen.mean()


def learn_from_all(
    features: Features, places: Rows, weights: Array | None, clusters: int, seed: int
) -> Array:
    """Return the centres that Lloyd's algorithm finds."""
    # In float64, since k-means++ would convert float32 again for each centre.
    vectors = features.at(places).astype(np.float64)
    starts = STARTS if vectors.size * clusters <= CHEAP_WORK else 1
    model = KMeans(clusters, n_init=starts, random_state=small(seed), copy_x=False)
    model.fit(vectors, sample_weight=weights)
    return model.cluster_centers_


def learn_in_batches(
    features: Features, places: Rows, weights: Array | None, clusters: int, seed: int
) -> Array:
    """Return the centres that batches of items, drawn at random, lead to."""
    batches = draws(len(places), batch_size(clusters, features.width), seed)
    # float32 has few digits: far from the origin they would not tell neighbours apart.
    shift = features.at(places[batches[0]]).mean(axis=0)
    model = MiniBatchKMeans(clusters, n_init=1, random_state=small(seed))
    for batch in batches:
        vectors = features.at(places[batch]) - shift
        chosen = None if weights is None else weights[batch]
        if batch is batches[0]:
            model.init = first_centres(vectors, chosen, clusters, seed)
        model.partial_fit(vectors, sample_weight=chosen)
    return model.cluster_centers_.astype(np.float64) + shift


def first_centres(vectors: Matrix, weights: Array | None, clusters: int, seed: int) -> Matrix:
    """Return the vectors that k-means++ chooses to begin with.

    One trial for each: more are a little tighter, and took longer than all the batches.
    """
    centres, _ = kmeans_plusplus(
        vectors.astype(np.float64),
        clusters,
        sample_weight=weights,
        random_state=small(seed),
        n_local_trials=1,
    )
    return centres.astype(vectors.dtype)


def draws(items: int, size: int, seed: int) -> list[Rows]:
    """Return batches of distinct places, at most BATCHES of them; the last one is full too."""
    size = min(size, items)
    count = min(BATCHES, items // size)
    drawn = np.random.default_rng(seed).choice(items, size=count * size, replace=False)
    return [np.sort(batch) for batch in np.split(drawn, count)]


def nearest(features: Features, centres: Array) -> Rows:
    """Return which centre is nearest to each item; the first of several."""
    shift = centres.mean(axis=0)
    columns = np.asarray(centres - shift, dtype=features.dtype)
    norms = np.einsum("ij,ij->i", columns, columns)
    answer = np.empty(len(features), dtype=np.int64)
    for place, block in features.blocks():
        far = (block - shift.astype(block.dtype)) @ columns.T
        far *= -2
        far += norms
        answer[place] = far.argmin(axis=1)
    return answer


def small(seed: int) -> int:
    """Return a seed of the 32 bits that scikit-learn takes."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0])
