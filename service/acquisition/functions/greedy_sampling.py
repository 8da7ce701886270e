"""Greedy sampling for regression: items unlike all labelled ones, in what a model says of them."""

from service.acquisition.centres import Centres, distance, farthest_first
from service.acquisition.evidence import Array, Picks
from service.acquisition.features import Features
from service.acquisition.registry import batch_strategy


@batch_strategy(
    prefix_consistent=True, work=lambda size: size.candidates * (size.n + size.labelled)
)
def greedy_y(n: int, mean: Array, labelled_values: Array) -> Picks:
    """Picks the item whose predicted value is farthest from every labelled or picked value.

    Known as GSy. A picked item's prediction stands in for its label until it has one. A step's
    score is the distance of the values, in the unit of the predictions, and never rises from one
    step to the next. Where nothing is labelled the first pick is the prediction nearest to the mean
    of all predictions, with the second step's score. Ties go to the earlier item.

    Use: in regression, to see the whole range of values early, also the rare high and low ones
    Avoid: with a model that is still bad: its predictions then say little, and `k_center` or `igs`
      look at the items themselves
    Formula: the item of the greatest minₘ |ŷ − yₘ|, over the labelled and picked m
    Reference: D. Wu, C.-T. Lin and J. Huang, Active Learning for Regression Using Greedy Sampling,
      Information Sciences 474, 2019
    """
    centres = Centres(Features.of(mean), Features.of(labelled_values))
    return farthest_first(n, centres, distance)


@batch_strategy(
    prefix_consistent=True,
    work=lambda size: size.candidates * (size.width + 1) * (size.n + size.labelled),
)
def igs(
    n: int, features: Features, labelled_features: Features, mean: Array, labelled_values: Array
) -> Picks:
    """Picks the item that is far, in features and in predicted value at once, from every other.

    Known as iGS or GSi. For every labelled or picked item the distance of the vectors is multiplied
    by that of the values, and the least of the products counts. A picked item's prediction stands
    in for its label until it has one. A step's score is that product, and never rises from one step
    to the next. Where nothing is labelled the first pick is the item nearest to the mean of the
    features, with the second step's score. Ties go to the earlier item.

    Use: as the default for batches in regression: on the data sets of its authors it did better
      than either distance alone
    Avoid: with outliers, in the features or in what the model predicts: they are picked first
    Formula: the item of the greatest minₘ ‖x − xₘ‖ |ŷ − yₘ|, over the labelled and picked m
    Reference: D. Wu, C.-T. Lin and J. Huang, Active Learning for Regression Using Greedy Sampling,
      Information Sciences 474, 2019
    """
    centres = Centres(features, labelled_features, values=mean, labelled_values=labelled_values)
    return farthest_first(n, centres, distance)
