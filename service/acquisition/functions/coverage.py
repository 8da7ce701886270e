"""Coverage: selections that leave no candidate far from what is labelled or picked."""

from typing import Annotated

import numpy as np

from service.acquisition.centres import (
    Centres,
    cosine,
    distance,
    farthest_first,
    work_of_centres,
)
from service.acquisition.clusters import Seed, k_means_work
from service.acquisition.distances import COSINE, Metric
from service.acquisition.evidence import KMeans, Picks
from service.acquisition.features import Features, Matrix
from service.acquisition.registry import Size, batch_strategy
from service.acquisition.signature import Tunable
from service.acquisition.targets import Kernel, Targets, cover, pure_radius

Sample = Annotated[
    int,
    Tunable(
        "how many candidates, evenly spaced in pool order, stand for all as what is to be covered",
        minimum=1,
        maximum=100_000,
    ),
]

PASSES = 6
"""How often all candidates are compared with the targets, all together, in a batch of hundreds."""


def work_of_targets(size: Size) -> float:
    """Return the work of comparing the candidates with the targets."""
    targets = min(size.candidates, size.parameters["sample"])
    passes = min(size.n, PASSES)
    return float(targets) * size.width * (size.candidates * passes + size.labelled + size.n)


def work_of_balls(size: Size) -> float:
    """Return the work of covering with balls, after clustering the targets to find their radius."""
    targets = min(size.candidates, size.parameters["sample"])
    found = k_means_work(targets, size.parameters["classes"], size.width)
    return work_of_targets(size) + found + float(targets) * targets * size.width


@batch_strategy(prefix_consistent=True, work=work_of_centres, aliases=("core_set", "greedy_x"))
def k_center(n: int, features: Features, labelled_features: Features) -> Picks:
    """Picks the item farthest from every labelled or picked one, again and again.

    So the greatest distance of any item to its nearest labelled one becomes small; it is at most
    twice what any other selection could make it. Known as core-set, and for regression as GSx. A
    step's score is the distance of the pick to the nearest labelled or earlier picked item, exactly
    0 for a copy of one; it never rises from one step to the next. Where nothing is labelled the
    first pick is the item nearest to the mean, with the second step's score. Distances are
    Euclidean, ties go to the earlier item.

    Use: at a cold start, and to reach every corner of the pool with few labels
    Avoid: with outliers or broken items in the pool, which are the first that it picks; with
      features that are not comparable in scale
    Formula: the item of the greatest minₘ ‖x − xₘ‖, over the labelled and picked m
    Reference: T. F. Gonzalez, Clustering to Minimize the Maximum Intercluster Distance, 1985;
      O. Sener and S. Savarese, Active Learning for Convolutional Neural Networks: A Core-Set
      Approach, ICLR 2018
    """
    return farthest_first(n, Centres(features, labelled_features), distance)


@batch_strategy(prefix_consistent=True, work=work_of_centres)
def mutually_unique(
    n: int,
    features: Features,
    labelled_features: Features,
    *,
    metric: Metric = COSINE,
    threshold: Annotated[
        float, Tunable("items nearer than this to another are left out; 0 for none", minimum=0)
    ] = 0.03,
) -> Picks:
    """Picks items no two of which are near each other, nor near a labelled one.

    Of a crowd of near copies one is picked, where `uniqueness` would put all of them last. Picks
    are made as `k_center` makes them, so the first few are also as different as can be, but it
    stops where even the farthest item left is nearer than the threshold to something labelled or
    picked: there may be fewer than n, or none, and what is left then only repeats what is there. A
    step's score is the distance to the nearest labelled or earlier picked item. Where nothing is
    labelled the first pick is the item nearest to the mean, with the distance of the farthest item
    as its score. Ties go to the earlier item.

    Use: for a varied set of examples without near copies, and to see how many different things a
      pool holds
    Avoid: to find copies (`singularity` names them); with the cosine distance on features that all
      point the same way, such as unscaled measurements: nothing is then farther than the threshold
    Formula: the item of the greatest minₘ d(x, xₘ), over the labelled and picked m, while that is
      at least the threshold
    Reference: T. F. Gonzalez, Clustering to Minimize the Maximum Intercluster Distance, 1985; S. S.
      Ravi, D. J. Rosenkrantz and G. K. Tayi, Heuristic and Special Case Algorithms for Dispersion
      Problems, Operations Research 42, 1994
    """
    if metric == COSINE:
        centres = Centres(features.normalised(), labelled_features.normalised())
        return farthest_first(n, centres, cosine, least=threshold)
    return farthest_first(n, Centres(features, labelled_features), distance, least=threshold)


@batch_strategy(prefix_consistent=True, work=work_of_targets)
def max_herding(
    n: int,
    features: Features,
    labelled_features: Features,
    *,
    gamma: Annotated[
        float,
        Tunable("how fast likeness falls with the squared distance", over=0),
    ] = 1.0,
    sample: Sample = 10_000,
) -> Picks:
    """Picks the item that most raises how like the candidates are to what is labelled or picked.

    Each candidate is as like the selection as its likest member, by a Gaussian kernel on vectors of
    length one. Dense regions that nothing covers come first, outliers last. A small `gamma` lets
    likeness fall so slowly that it picks what `facility_location` does; a larger one looks at what
    is near. A step's score is by how much the mean likeness rises. The mean is over all candidates
    where there are no more than `sample`, and else over so many of them. Ties go to the earlier
    item.

    Use: for the first rounds, with good embeddings: on scikit-learn's digits no other strategy
      here needs fewer labels for an accuracy of 85 or 90 %
    Avoid: in later rounds, where uncertainty helps more; for a large pool that must be answered
      soon
    Formula: the item of the greatest meanₜ max(k(x, t) − maxₘ k(xₘ, t), 0), over the candidates t
      and the labelled and picked m, k(x, t) = exp(−γ ‖x/‖x‖ − t/‖t‖‖²)
    Reference: W. Bae, J. Noh and D. J. Sutherland, Generalized Coverage for More Robust Low-Budget
      Active Learning, ECCV 2024
    """

    def kernel(squared: Matrix) -> Matrix:
        squared *= -gamma
        return np.negative(np.expm1(squared, out=squared), out=squared)

    return mean_gains(n, features, labelled_features, kernel, sample)


@batch_strategy(prefix_consistent=True, work=work_of_targets)
def facility_location(
    n: int, features: Features, labelled_features: Features, *, sample: Sample = 10_000
) -> Picks:
    """Picks the items that represent the candidates best, each by its most similar pick.

    Like `max_herding`, with the cosine similarity itself in place of a kernel of it, so there is
    nothing to tune. A step's score is by how much the mean similarity of a candidate to the
    selection rises. The mean is over all candidates where there are no more than `sample`, and else
    over so many of them. Ties go to the earlier item.

    Use: for a small set that stands for the whole pool: to label, to show, or to test on
    Avoid: to find rare things: one item in ten thousand hardly changes the mean
    Formula: the item of the greatest meanₜ max(s(x, t) − maxₘ s(xₘ, t), 0), over the candidates t
      and the labelled and picked m, s = (1 + cos) / 2
    Reference: K. Wei, R. Iyer and J. Bilmes, Submodularity in Data Subset Selection and Active
      Learning, ICML 2015
    """

    def kernel(squared: Matrix) -> Matrix:
        squared *= 0.25
        return squared

    return mean_gains(n, features, labelled_features, kernel, sample)


@batch_strategy(prefix_consistent=True, work=work_of_balls)
def prob_cover(
    n: int,
    features: Features,
    labelled_features: Features,
    k_means: KMeans,
    *,
    delta: Annotated[
        float,
        Tunable(
            "the radius within which an item covers others, on vectors of length one; 0 for the"
            " largest at which 95 % of the balls hold one cluster only",
            minimum=0,
            maximum=2,
        ),
    ] = 0.0,
    classes: Annotated[
        int, Tunable("how many clusters there are, where the radius is found", minimum=2)
    ] = 10,
    sample: Sample = 10_000,
    seed: Seed = 0,
) -> Picks:
    """Picks the item with the most others within a radius of it that nothing covers yet.

    What lies within the radius of a labelled item is covered from the start. A step's score is the
    number of candidates newly covered, of all or, where there are more than `sample`, of so many.
    When everything within reach is covered it goes on among the rest as if nothing were, so the
    score may rise again. Ties go to the earlier item.

    Use: for the first rounds, with embeddings in which near things are alike
    Avoid: where the radius cannot be told: too small and it picks at random among dense regions,
      too large and everything is covered at once; `max_herding` does without
    Formula: the item of the greatest |{t : ‖x/‖x‖ − t/‖t‖‖ ≤ δ, t not covered}|
    Reference: O. Yehuda et al., Active Learning Through a Covering Lens, NeurIPS 2022
    """
    unit = features.normalised()
    radius = delta or pure_radius(unit, sample, lambda some: k_means(some, classes, None, seed)[0])

    def kernel(squared: Matrix) -> Matrix:
        return np.greater(squared, radius**2, out=squared)

    return cover(n, Targets(unit, labelled_features.normalised(), kernel, sample), again=True)


def mean_gains(
    n: int, features: Features, labelled: Features, kernel: Kernel, sample: int
) -> Picks:
    """Return the picks of a cover of vectors of length one, each with its gain a target."""
    targets = Targets(features.normalised(), labelled.normalised(), kernel, sample)
    picks = cover(n, targets)
    return Picks(picks.rows, picks.scores / max(1, len(targets)))
