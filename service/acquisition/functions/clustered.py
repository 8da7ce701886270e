"""Batch strategies that cluster the candidates and take the most central items."""

from typing import Annotated

import numpy as np

from service.acquisition.clusters import Seed, in_turns, k_means_work, to_centres
from service.acquisition.evidence import Array, KMeans, Picks
from service.acquisition.features import Features
from service.acquisition.registry import Size, batch_strategy
from service.acquisition.signature import Tunable


def work_on_all(size: Size) -> float:
    """Return the work of clustering all candidates into as many clusters as are wanted."""
    return k_means_work(size.candidates, size.n, size.width)


def work_on_top(size: Size) -> float:
    """Return the work of clustering the best candidates only."""
    best = min(size.candidates, size.parameters["beta"] * size.n)
    return size.candidates + k_means_work(best, size.n, size.width)


def work_on_clusters(size: Size) -> float:
    """Return the work of clustering all candidates into a number of clusters that is given."""
    return k_means_work(size.candidates, size.parameters["clusters"], size.width)


@batch_strategy(prefix_consistent=False, work=work_on_all)
def k_means(n: int, features: Features, k_means: KMeans, *, seed: Seed = 0) -> Picks:
    """The most central item of each of n clusters, the largest cluster first.

    Represents the candidates as they are, dense regions by more items than sparse ones. It knows
    nothing of the model or of what is labelled. Where there are fewer distinct vectors than n, the
    second nearest to each centre follow, and so on. The step score is the size of the item's
    cluster.

    Use: as the first batch, before there is any model; for a set of examples to show
    Avoid: for later batches: it would pick the same regions again (`typiclust` knows the labelled
      ones); with features that are not comparable in scale
    Formula: for each of n clusters C with centre μ: argmin over x ∈ C of ‖x − μ‖, by |C| descending
    Reference: M. Yuan, H.-T. Lin and J. Boyd-Graber, Cold-start Active Learning through
      Self-supervised Language Modeling, EMNLP 2020
    """
    return most_central(n, features, None, k_means, seed)


@batch_strategy(prefix_consistent=False, work=work_on_top, builds_on="margin")
def dmbal(
    n: int,
    features: Features,
    base: Array,
    k_means: KMeans,
    *,
    beta: Annotated[
        int, Tunable("how many times n of the best items are clustered", minimum=1, maximum=10_000)
    ] = 10,
    seed: Seed = 0,
) -> Picks:
    """Diverse mini-batches: the best β·n items in n clusters, the most central item of each.

    The function named in `of` chooses β·n items and weighs them; k-means with those weights
    spreads the batch over them. Clusters are ordered by the sum of their weights, which is the step
    score. Costs hardly more for a large pool than for a small one.

    Use: as the default for batches, where both a model and features are there; on scikit-learn's
      digits it needs the fewest labels of all strategies here
    Avoid: for one item at a time, where it is the function itself; at a cold start, where the
      function means little (`typiclust`)
    Formula: T = the β·n items of highest u; clusters and centres μ of T minimise
      Σ u(x)·‖x − μ(x)‖²; of each cluster argmin ‖x − μ‖
    Reference: F. Zhdanov, Diverse mini-batch Active Learning, arXiv:1901.05954, 2019
    """
    places = np.sort(np.argsort(-base, kind="stable")[: beta * n])
    picks = most_central(n, features.take(places), base[places], k_means, seed)
    return Picks(places[picks.rows], picks.scores)


@batch_strategy(prefix_consistent=False, work=work_on_all, builds_on="entropy")
def clue(n: int, features: Features, base: Array, k_means: KMeans, *, seed: Seed = 0) -> Picks:
    """Clustering by uncertainty: n clusters of all candidates, each weighted by its uncertainty.

    Uncertain items draw the centres towards them, but every candidate can be picked: of each
    cluster the most central item. Clusters are ordered by the sum of their weights, which is the
    step score.

    Use: where the pool differs from what the model was trained on, for which it was made: a model
      of one site on the data of another
    Avoid: where certain items are not worth a label: `dmbal` leaves them out, and on scikit-learn's
      digits needs half the labels; in pools of millions, where it costs more
    Formula: clusters and centres μ of all candidates minimise Σ u(x)·‖x − μ(x)‖²; of each cluster
      argmin ‖x − μ‖
    Reference: V. Prabhu, A. Chandrasekaran, K. Saenko and J. Hoffman, Active Domain Adaptation via
      Clustering Uncertainty-weighted Embeddings, ICCV 2021
    """
    return most_central(n, features, base, k_means, seed)


@batch_strategy(prefix_consistent=True, work=work_on_clusters)
def image_diversity(
    n: int,
    features: Features,
    k_means: KMeans,
    *,
    clusters: Annotated[
        int, Tunable("the number of clusters, such as that of classes", minimum=1, maximum=10_000)
    ] = 10,
    seed: Seed = 0,
) -> Picks:
    """Round and round over some clusters, each giving its next most central item.

    The first round takes the item nearest to each centre, the next the second nearest; a cluster
    that is used up is passed over. The largest cluster goes first in every round. The step score is
    the negative distance to the centre.

    Use: to rank as Encord Active does by its Image Diversity: typical items of every kind first
    Avoid: where the unusual items are wanted; where the batch is much larger than `clusters`, since
      later rounds pick near what is there
    Formula: items by (rank of ‖x − μ‖ inside the cluster, size of the cluster descending)
    Reference: k-means of S. Lloyd, Least Squares Quantization in PCM, IEEE Transactions on
      Information Theory 28, 1982, walked as Encord Active's Image Diversity
    """
    if not len(features):
        return Picks.none()
    labels, centres = k_means(features, clusters, None, seed)
    distances = to_centres(features, labels, centres)
    rows = in_turns(labels, distances, np.bincount(labels))[:n]
    return Picks(rows, 0.0 - distances[rows])


def most_central(
    n: int, features: Features, weights: Array | None, k_means: KMeans, seed: int
) -> Picks:
    """Return the items nearest to the centres of n clusters, the heaviest cluster first.

    Where there are fewer clusters, the second nearest to each centre follow. Weights that are all
    zero, like no weights, count one each.
    """
    if not n or not len(features):
        return Picks.none()
    weights = weights if weights is not None and weights.any() else None
    labels, centres = k_means(features, n, weights, seed)
    totals = np.bincount(labels, weights).astype(np.float64)
    rows = in_turns(labels, to_centres(features, labels, centres), totals)[:n]
    return Picks(rows, totals[labels[rows]])
