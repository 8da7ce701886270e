"""Scores of one model's class probabilities: how unsure it is of each item."""

from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array
from service.acquisition.registry import acquisition
from service.acquisition.signature import Tunable


@acquisition(least=0.0)
def entropy(
    probs: Array,
    *,
    normalised: Annotated[bool, Tunable("divide by ln of the number of classes")] = False,
) -> Array:
    """Shannon entropy of the class probabilities, in nats.

    Looks at the whole distribution, so many unlikely classes can outweigh two likely ones. With
    many classes and a young model `margin` is usually the better choice.

    Use: where every class matters, and the model is past its first labels
    Avoid: with many classes and few labels: on scikit-learn's digits it does worse than `random`
      up to about a hundred labels
    Formula: −Σₖ pₖ ln pₖ, with 0 ln 0 = 0
    Reference: C. E. Shannon, A Mathematical Theory of Communication, 1948; B. Settles, Active
      Learning Literature Survey, 2009, section 3.1
    """
    logs = np.log(probs, where=probs > 0, out=np.zeros_like(probs))
    # Subtracting from zero keeps the entropy of a certain item at 0.0, where negating gives -0.0.
    total: Array = 0.0 - (probs * logs).sum(axis=1)
    return total / np.log(probs.shape[1]) if normalised else total


@acquisition(least=0.0)
def least_confidence(probs: Array) -> Array:
    """One minus the probability of the likeliest class.

    Looks only at how far the likeliest class is from certain.

    Use: where only the likeliest class is acted upon
    Avoid: where two classes are often confused: `margin` tells a tie of two from a doubt of many
    Formula: 1 − maxₖ pₖ
    Reference: D. D. Lewis and W. A. Gale, A Sequential Algorithm for Training Text Classifiers,
      SIGIR 1994
    """
    return 1.0 - probs.max(axis=1)


@acquisition(lower="margin", least=-1.0)
def margin(probs: Array) -> Array:
    """The gap between the two likeliest classes; a small gap is labelled sooner.

    The best default where a model's probabilities are at hand: it asks about items on the border
    between two classes and is not distracted by the others.

    Use: as the default, with probabilities of the model that is to be trained
    Avoid: before there is a usable model (cold start: `typiclust`, `k_center`), and for large
      batches from a pool with many near copies (`dmbal`, `ranked_batch`)
    Formula: margin = p₍₁₎ − p₍₂₎, the likeliest minus the second likeliest; score = −margin
    Reference: T. Scheffer, C. Decomain and S. Wrobel, Active Hidden Markov Models for Information
      Extraction, IDA 2001
    """
    two = np.partition(probs, (-2, -1), axis=1)[:, -2:]
    # Second minus first is the negative gap, and +0.0 for a tie.
    return two[:, 0] - two[:, 1]


@acquisition(lower="variance", least=-0.25)
def variance_probs(probs: Array) -> Array:
    """The variance of the class probabilities; an even distribution is labelled sooner.

    Its scale shrinks with the number of classes, so compare scores of one model only.

    Use: to rank as Encord Active does by its Variance
    Avoid: for any other reason: `margin` and `entropy` say the same more clearly
    Formula: variance = (1/K) Σₖ (pₖ − 1/K)², over the K classes; score = −variance
    Reference: the population variance of the probability vector, as Encord Active ranks by it
    """
    return 0.0 - probs.var(axis=1)
