"""Scores of one model's class probabilities: how unsure it is of each item."""

from typing import Annotated

import numpy as np

from service.acquisition.registry import Array, Tunable, acquisition


@acquisition()
def entropy(
    probs: Array,
    *,
    normalised: Annotated[bool, Tunable("divide by ln of the number of classes")] = False,
) -> Array:
    """Shannon entropy of the class probabilities, in nats.

    Looks at the whole distribution, so many unlikely classes can outweigh two likely ones. With
    many classes and a young model `margin` is usually the better choice.

    Formula: −Σₖ pₖ ln pₖ, with 0 ln 0 = 0
    Reference: C. E. Shannon, A Mathematical Theory of Communication, 1948; B. Settles, Active
      Learning Literature Survey, 2009, section 3.1
    """
    logs = np.log(probs, where=probs > 0, out=np.zeros_like(probs))
    # Subtracting from zero keeps the entropy of a certain item at 0.0, where negating gives -0.0.
    total: Array = 0.0 - (probs * logs).sum(axis=1)
    return total / np.log(probs.shape[1]) if normalised else total


@acquisition()
def least_confidence(probs: Array) -> Array:
    """One minus the probability of the likeliest class.

    Looks only at how far the likeliest class is from certain.

    Formula: 1 − maxₖ pₖ
    Reference: D. D. Lewis and W. A. Gale, A Sequential Algorithm for Training Text Classifiers,
      SIGIR 1994
    """
    return 1.0 - probs.max(axis=1)


@acquisition(lower="margin")
def margin(probs: Array) -> Array:
    """The gap between the two likeliest classes; a small gap is labelled sooner.

    The best default where a model's probabilities are at hand: it asks about items on the border
    between two classes and is not distracted by the others.

    Formula: margin = p₍₁₎ − p₍₂₎, the likeliest minus the second likeliest; score = −margin
    Reference: T. Scheffer, C. Decomain and S. Wrobel, Active Hidden Markov Models for Information
      Extraction, IDA 2001
    """
    two = np.partition(probs, (-2, -1), axis=1)[:, -2:]
    # Second minus first is the negative gap, and +0.0 for a tie.
    return two[:, 0] - two[:, 1]


@acquisition(lower="variance")
def variance_probs(probs: Array) -> Array:
    """The variance of the class probabilities; an even distribution is labelled sooner.

    Its scale shrinks with the number of classes, so compare scores of one model only.

    Formula: variance = (1/K) Σₖ (pₖ − 1/K)², over the K classes; score = −variance
    Reference: the population variance of the probability vector, as Encord Active ranks by it
    """
    return 0.0 - probs.var(axis=1)
