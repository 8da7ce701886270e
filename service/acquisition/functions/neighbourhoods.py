"""Scores of where an item stands among the others: in a crowd, apart, central, a copy, alike."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from service.acquisition.clusters import Seed, k_means_work
from service.acquisition.distances import COSINE, EUCLIDEAN, Metric, distances, points
from service.acquisition.evidence import Array, Clusters, Neighbours, Originals, Rows
from service.acquisition.features import Features
from service.acquisition.registry import Size, acquisition
from service.acquisition.signature import Ids, Numbers, Tunable

MOST_NEIGHBOURS, MOST_GIVEN = 1000, 1000


def pairs_work(size: Size) -> float:
    """Return the work of comparing every item with every other."""
    return float(size.items) * size.items * size.width


def given_work(size: Size) -> float:
    """Return the work of comparing every item with the given ones."""
    return float(size.items) * len(size.parameters["items"]) * size.width


def clusters_work(size: Size) -> float:
    """Return the work of clustering all items."""
    return k_means_work(size.items, size.parameters["clusters"], size.width)


@acquisition(least=0.0, work=pairs_work)
def density(
    neighbours: Neighbours,
    *,
    k: Annotated[
        int, Tunable("how many neighbours are looked at", minimum=1, maximum=MOST_NEIGHBOURS)
    ] = 20,
    metric: Metric = EUCLIDEAN,
) -> Array:
    """How near an item's neighbours are: high in a crowd, low for an outlier.

    The mean similarity to the k nearest other items; in a pool of one item it is 0. It knows
    nothing of the model, so it is mostly used in a product with an uncertainty, which then leaves
    outliers alone.

    Use: in a `weighted_product` with an uncertainty, so that odd items, of which models are unsure
      too, do not come first
    Avoid: alone, which asks about the same crowds again and again; with features of different
      scales, unless `metric` is cosine
    Formula: (1/k) Σⱼ 1 / (1 + dⱼ), over the distances dⱼ to the k nearest others
    Reference: B. Settles and M. Craven, An Analysis of Active Learning Strategies for Sequence
      Labeling Tasks, EMNLP 2008; over the k nearest instead of the whole pool
    """
    del k, metric
    if not neighbours.distances.shape[1]:
        return np.zeros(len(neighbours.distances))
    return (1.0 / (1.0 + neighbours.distances)).mean(axis=1)


def weights_fit(parameters: Mapping[str, Any], size: Size) -> str | None:
    """Return what is wrong with the weights of `uniqueness`, if anything."""
    del size
    weights, k = parameters["weights"], parameters["k"]
    if weights and len(weights) != k:
        return f"There are {len(weights)} weights for k = {k} neighbours: give {k}, or none."
    if weights and not sum(weights):
        return "All weights are 0: give one that is more, or none."
    return None


@acquisition(least=0.0, work=pairs_work, fits=weights_fit)
def uniqueness(
    neighbours: Neighbours,
    *,
    k: Annotated[
        int, Tunable("how many neighbours are looked at", minimum=1, maximum=MOST_NEIGHBOURS)
    ] = 3,
    weights: Annotated[
        Numbers,
        Tunable(
            "what each neighbour counts, the nearest first: one number for each of the k, or none"
            " where all count alike",
            minimum=0,
            maximum=1_000_000,
            longest=MOST_NEIGHBOURS,
        ),
    ] = (0.6, 0.3, 0.1),
    metric: Metric = COSINE,
) -> Array:
    """How far away an item's nearest neighbours are: high for what nothing else resembles.

    A weighted mean of the distances to the k nearest other items. The item itself is never one of
    them and an exact copy always is, so each of two copies scores low. Scores are distances, not
    divided by the largest of the pool: an item's score does not change with how odd another one is.
    In a pool of fewer items, the weights of those there are count; an item alone scores 0.

    Use: to clear a pool of repetition, and to see the odd ones, with embeddings as features
    Avoid: to choose a batch: the copies of an odd item are all low, and odd items alike all high
      (`k_center` looks at the batch as a whole)
    Formula: Σⱼ wⱼ dⱼ / Σⱼ wⱼ, over the distances dⱼ to the k nearest others, the nearest first
    Reference: Voxel51, FiftyOne Brain, compute_uniqueness, for weights that fall with the rank of
      the neighbour; without its division by the maximum of the pool
    """
    del k, metric
    far = neighbours.distances
    counts = np.array(weights[: far.shape[1]] or (1.0,) * far.shape[1])
    if not counts.sum():
        return np.zeros(len(far))
    return (far * counts).sum(axis=1) / counts.sum()


@acquisition(least=0.0, work=clusters_work)
def representativeness(
    clustering: Clusters,
    *,
    clusters: Annotated[int, Tunable("the number of clusters", minimum=1, maximum=10_000)] = 20,
    seed: Seed = 0,
) -> Array:
    """How central an item is in its k-means cluster: high in the middle, low at the rim.

    The item nearest to the centre scores 1 in every cluster, however wide that is, so the best of
    all clusters come before the second best of any. It knows nothing of the model.

    Use: to look through a pool by typical items first; as a factor that leaves outliers alone
    Avoid: to choose a batch: nothing keeps its best items from being much alike (`k_means` and
      `typiclust` take one from each cluster)
    Formula: (1 + d*) / (1 + d), d the Euclidean distance to the centre of the item's cluster and d*
      the least such distance in that cluster
    Reference: Voxel51, FiftyOne Brain, compute_representativeness, by what its documentation says
    """
    del clusters, seed
    return (1.0 + clustering.nearest[clustering.labels]) / (1.0 + clustering.distances)


@acquisition(least=0.0, work=pairs_work, names_originals=True)
def singularity(
    originals: Originals,
    *,
    threshold: Annotated[
        float,
        Tunable(
            "items no further apart are near duplicates; 0 leaves exact copies only",
            minimum=0,
            maximum=1,
        ),
    ] = 0.01,
    metric: Annotated[
        str, Tunable("the distance: `cosine`, which is never more than 2", choices=(COSINE,))
    ] = COSINE,
) -> tuple[Array, Rows]:
    """How far away the nearest different thing is; near duplicates score 0 and name their original.

    An item within the threshold of an earlier one is a near duplicate: it scores 0 and names the
    first item that it repeats, which may repeat an earlier one itself. Every other item scores its
    distance to the nearest item beyond the threshold, or 2, the largest there is, where all other
    items are within it. So of many copies exactly one keeps its score.

    Use: to label one of many copies, and to find and link near duplicates, with embeddings as
      features
    Avoid: with features whose direction means little, such as a few measurements in different units
    Formula: 0 where an earlier item is within the threshold; otherwise min { d(x, y) : d(x, y) >
      threshold } over all others y; d = 1 − cos
    Reference: Encord, Encord Active, Image Singularity; by exact distances instead of an
      approximate index
    """
    del threshold, metric
    furthest = np.where(np.isfinite(originals.distances), originals.distances, 2.0)
    return np.where(originals.rows >= 0, 0.0, furthest), originals.rows


def least_similarity(
    parameters: Mapping[str, Any], classes: int, inner: float | None
) -> float | None:
    """Return the similarity of opposite directions, or of what is infinitely far."""
    del classes, inner
    return -1.0 if parameters["metric"] == COSINE else 0.0


@acquisition(work=given_work, least=least_similarity)
def similarity(
    features: Features,
    given_features: Array,
    *,
    items: Annotated[
        Ids,
        Tunable(
            "ids of the items that the others are compared with",
            names="item-id",
            required=True,
            shortest=1,
            longest=MOST_GIVEN,
        ),
    ] = ("item-1",),
    metric: Metric = COSINE,
    aggregation: Annotated[
        str,
        Tunable(
            "what counts of several given items: the most similar one, or the mean of all",
            choices=("max", "mean"),
        ),
    ] = "max",
) -> Array:
    """How much an item resembles given ones: more of this kind first.

    With the metric cosine it is the cosine, from −1 to 1; otherwise 1 / (1 + distance), from 0 to
    1. A given item resembles itself most, so exclude what is labelled already.

    Use: to find more of something rare, from the few items of it that are known
    Avoid: to learn a class: what it finds is what is known already (`margin` asks at the border)
    Formula: max or mean over the given items g of cos(x, g), or of 1 / (1 + ‖x − g‖)
    Reference: C. Coleman et al., Similarity Search for Efficient Active Learning and Search of Rare
      Concepts, AAAI 2022
    """
    del items
    targets = points(given_features, metric)
    answer = np.empty(len(features))
    for place, block in features.blocks():
        here = points(block, metric)
        found = alike(here, targets[0], metric)
        for target in targets[1:]:
            more = alike(here, target, metric)
            found = found + more if aggregation == "mean" else np.maximum(found, more)
        answer[place] = found / len(targets) if aggregation == "mean" else found
    return answer + 0.0


def alike(here: Array, target: Array, metric: str) -> Array:
    """Return the similarity of some points to one."""
    far = distances(here, target, metric)
    return 1.0 - far if metric == COSINE else 1.0 / (1.0 + far)
