"""Scores of predicted numbers: how unsure they are, and what they may still improve."""

import math
from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array
from service.acquisition.functions.committees import variance_over
from service.acquisition.registry import acquisition
from service.acquisition.signature import Tunable

Maximise = Annotated[
    bool, Tunable("whether a high value is what is looked for; false looks for a low one")
]
Xi = Annotated[float, Tunable("what an improvement must exceed to count, in the value's own unit")]


@acquisition(least=0.0)
def std(std: Array) -> Array:
    """The standard deviation of the predicted value.

    In the unit of the value, so scores of one model compare with each other only.

    Use: as the default for regression, with a model that says how sure it is
    Avoid: where the noise differs from item to item and is counted in: no label reduces it
    Formula: σ
    Reference: B. Settles, Active Learning Literature Survey, 2009
    """
    return std + 0.0


@acquisition(least=0.0)
def committee_variance(member_values: Array) -> Array:
    """The variance of the members' predicted values.

    The population variance, in the square of the value's unit.

    Use: for regression with an ensemble, whose members need not say how sure they are
    Avoid: with few members: the variance of two or three is mostly chance
    Formula: (1/T) Σₜ (yₜ − ȳ)², over T members with mean ȳ
    Reference: R. Burbidge, J. J. Rowland and R. D. King, Active Learning for Regression Based on
      Query by Committee, IDEAL 2007
    """
    return variance_over(member_values)


@acquisition(least=0.0, requires_labels=True)
def expected_improvement(
    mean: Array,
    std: Array,
    labelled_values: Array,
    *,
    xi: Xi = 0.0,
    maximise: Maximise = True,
) -> Array:
    """How much better than the best labelled value an item is expected to be.

    Only what is better counts; what is worse counts as nothing. A value that is certain improves by
    what it exceeds the best. The labels must be numbers, and there must be some to improve on.

    Use: to find the best item with few labels: the strongest material, the fastest setting
    Avoid: to train a model that is good everywhere (`std`): this looks near the best ones only
    Formula: d Φ(d/σ) + σ φ(d/σ), with d = μ − best − ξ; to minimise, d = best − μ − ξ
    Reference: J. Močkus, On Bayesian Methods for Seeking the Extremum, 1975; D. R. Jones,
      M. Schonlau and W. J. Welch, Efficient Global Optimization of Expensive Black-Box Functions,
      1998
    """
    gain = gain_of(mean, labelled_values, xi=xi, maximise=maximise)
    unsure = std > 0
    answer = np.maximum(gain, 0.0)
    z = gain[unsure] / std[unsure]
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    # Far below the best, rounding may leave the difference a hair below nothing.
    answer[unsure] = np.maximum(gain[unsure] * normal(z) + std[unsure] * density, 0.0)
    return answer


@acquisition(least=0.0, requires_labels=True)
def probability_of_improvement(
    mean: Array,
    std: Array,
    labelled_values: Array,
    *,
    xi: Xi = 0.0,
    maximise: Maximise = True,
) -> Array:
    """How probable it is that an item is better than the best labelled value.

    A value that is certain improves or does not: 1 or 0. The labels must be numbers, and there must
    be some to improve on.

    Use: where any improvement will do, however small
    Avoid: otherwise: it likes a sure trifle better than a good chance of much
      (`expected_improvement`)
    Formula: Φ(d/σ), with d = μ − best − ξ; to minimise, d = best − μ − ξ
    Reference: H. J. Kushner, A New Method of Locating the Maximum Point of an Arbitrary Multipeak
      Curve in the Presence of Noise, 1964
    """
    gain = gain_of(mean, labelled_values, xi=xi, maximise=maximise)
    unsure = std > 0
    answer = np.where(gain > 0, 1.0, 0.0)
    answer[unsure] = normal(gain[unsure] / std[unsure])
    return answer


@acquisition()
def upper_confidence_bound(
    mean: Array,
    std: Array,
    *,
    beta: Annotated[
        float, Tunable("how many standard deviations a value is hoped to be better", minimum=0)
    ] = 1.0,
    maximise: Maximise = True,
) -> Array:
    """The value that an item may well reach: its mean and some standard deviations.

    To minimise, it is the negative of the lower bound, so that the lowest bound comes first.

    Use: to find the best item without knowing any labelled value; a larger beta explores more
    Avoid: to train a model that is good everywhere: `std`
    Formula: μ + β σ; to minimise, −(μ − β σ)
    Reference: P. Auer, Using Confidence Bounds for Exploitation-Exploration Trade-offs, JMLR 2002;
      N. Srinivas, A. Krause, S. Kakade and M. Seeger, Gaussian Process Optimization in the Bandit
      Setting, ICML 2010
    """
    return (mean if maximise else 0.0 - mean) + beta * std + 0.0


def gain_of(mean: Array, labelled_values: Array, *, xi: float, maximise: bool) -> Array:
    """Return how much better than the best labelled value each mean is; raise ValueError."""
    if not len(labelled_values):
        raise ValueError("there is no labelled value that could be improved on")
    if maximise:
        return mean - labelled_values.max() - xi
    return labelled_values.min() - mean - xi


def normal(z: Array) -> Array:
    """Return the standard normal distribution function, to the last digits also far below 0."""
    halves = (0.5 * math.erfc(each) for each in (-z / math.sqrt(2)).tolist())
    return np.fromiter(halves, dtype=np.float64, count=len(z))
