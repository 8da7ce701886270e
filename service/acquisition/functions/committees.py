"""Scores of a committee's predictions: how much its members disagree about each item."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from service.acquisition.evidence import Array, Rows
from service.acquisition.functions.probabilities import entropy_of, log_of, sums_of
from service.acquisition.ragged import reduced
from service.acquisition.registry import Size, acquisition
from service.acquisition.signature import Ids, Tunable

JOINT_VALUES = 2**18
MOST_CLASSES = 2_000


@acquisition(least=0.0, skips=True)
def vote_entropy(
    votes: Rows,
    *,
    normalised: Annotated[
        bool, Tunable("divide by ln of the number of members: 0 to 1, however many they are")
    ] = False,
) -> Array:
    """Entropy of the classes that the members vote for, in nats.

    Members that abstain are left out; an item that nobody votes on is left unscored.

    Use: with members that name a class and give no probabilities: rules, people, hard classifiers
    Avoid: where members give probabilities: `bald` also sees how sure each of them is
    Formula: −Σᵥ (nᵥ/n) ln (nᵥ/n), with nᵥ of n votes for class v
    Reference: S. P. Engelson and I. Dagan, Minimizing Manual Annotation Cost in Supervised Training
      from Corpora, ACL 1996
    """
    shares, ends = shares_of(votes)
    total = 0.0 - reduced(shares * np.log(shares), ends, "sum")
    return total / (np.log(max(len(votes), 2)) if normalised else 1.0)


@acquisition(least=0.0, skips=True)
def variation_ratio(votes: Rows) -> Array:
    """The share of the votes that are not for the favourite class.

    Members that abstain are left out; an item that nobody votes on is left unscored.

    Use: as the plainest measure of disagreement, with many members
    Avoid: with few members, whose votes leave few different scores and many ties
    Formula: 1 − maxᵥ nᵥ / n, with nᵥ of n votes for class v
    Reference: L. C. Freeman, Elementary Applied Statistics, 1965; W. H. Beluch et al., The Power of
      Ensembles for Active Learning in Image Classification, CVPR 2018
    """
    return 1.0 - reduced(*shares_of(votes), "max")


@acquisition(least=0.0)
def consensus_entropy(member_probs: Array) -> Array:
    """Entropy of the members' mean probabilities, in nats.

    All the uncertainty there is: what the members disagree about, and what each is unsure of.

    Use: as `entropy`, with the steadier probabilities of an ensemble
    Avoid: to find what the members could still learn: `bald` leaves out what none of them can know
    Formula: H(p̄) = −Σₖ p̄ₖ ln p̄ₖ, with p̄ the mean over the members
    Reference: Y. Gal, R. Islam and Z. Ghahramani, Deep Bayesian Active Learning with Image Data,
      ICML 2017
    """
    return entropy_of(mean_over(member_probs))


@acquisition(least=0.0, aliases=("mean_kl",))
def bald(member_probs: Array) -> Array:
    """How much the members disagree: what a label would tell of which member is right, in nats.

    The mutual information of the class and the member. It is the mean Kullback-Leibler divergence
    of the members from their mean, the disagreement of query by committee; the two are one number.

    Use: with an ensemble or Monte Carlo dropout, past the first labels
    Avoid: for large batches: the items that score best are often alike, and `batch_bald` looks at
      them together
    Formula: H(p̄) − (1/T) Σₜ H(pₜ) = (1/T) Σₜ KL(pₜ ‖ p̄), over T members with mean p̄
    Reference: N. Houlsby, F. Huszár, Z. Ghahramani and M. Lengyel, Bayesian Active Learning for
      Classification and Preference Learning, 2011; A. McCallum and K. Nigam, Employing EM and
      Pool-Based Active Learning for Text Classification, ICML 1998
    """
    within = mean_over(np.stack([entropy_of(probs) for probs in member_probs]))
    # Rounding may leave the difference of two nearly equal entropies a hair below nothing.
    return np.maximum(entropy_of(mean_over(member_probs)) - within, 0.0)


@acquisition(least=0.0)
def max_kl(member_probs: Array) -> Array:
    """How far the member that differs most is from the members' mean, in nats.

    One member is enough to ask for a label, where `bald` takes the mean of all.

    Use: with a few members of different kinds, each of which may be right on its own
    Avoid: with many members, one of which is always odd
    Formula: maxₜ KL(pₜ ‖ p̄) = maxₜ Σₖ pₜₖ ln (pₜₖ / p̄ₖ), with p̄ the mean over the members
    Reference: A. McCallum and K. Nigam, Employing EM and Pool-Based Active Learning for Text
      Classification, ICML 1998, for the divergence; modAL takes its maximum
    """
    log_mean = log_of(mean_over(member_probs))
    most = np.zeros(member_probs.shape[1])
    for probs in member_probs:
        np.maximum(most, sums_of(probs * (log_of(probs) - log_mean)), out=most)
    return most


@acquisition(least=0.0)
def mean_std(member_probs: Array) -> Array:
    """The standard deviation over the members, averaged over the classes.

    Measured in probability, so a change from 0.5 to 0.6 counts as one from 0.0 to 0.1.

    Use: beside `bald`, where a measure in probabilities is easier to explain than one in nats
    Avoid: to compare models with different numbers of classes: most classes hardly vary
    Formula: (1/C) Σₖ √((1/T) Σₜ (pₜₖ − p̄ₖ)²), over C classes and T members with mean p̄
    Reference: M. Kampffmeyer, A.-B. Salberg and R. Jenssen, Semantic Segmentation of Small Objects
      and Modeling of Uncertainty in Urban Remote Sensing Images, CVPR Workshops 2016
    """
    return sums_of(np.sqrt(variance_over(member_probs))) / member_probs.shape[2]


def joint_work(size: Size) -> float:
    """Return the multiplications of `epig`, a logarithm counted as twenty."""
    targets = len(size.parameters["targets"]) or size.parameters["sample"]
    return float(size.items) * targets * size.classes**2 * (size.members + 20)


def joint_fits(parameters: Mapping[str, Any], size: Size) -> str | None:
    """Say that the pairs of classes would take too much memory at once, or return None."""
    del parameters
    if size.classes <= MOST_CLASSES:
        return None
    return f"it pairs every class with every other: {size.classes} are more than {MOST_CLASSES}"


@acquisition(least=0.0, work=joint_work, fits=joint_fits)
def epig(
    member_probs: Array,
    target_member_probs: Array,
    *,
    targets: Annotated[
        Ids,
        Tunable(
            "ids of the items whose predictions matter; where none are named, `sample` items of the"
            " pool stand for them",
            names="item-id",
            longest=1_000,
        ),
    ] = (),
    sample: Annotated[
        int,
        Tunable("how many items are drawn where no targets are named", minimum=1, maximum=1_000),
    ] = 100,
    seed: Annotated[int, Tunable("another seed, another draw", minimum=0, maximum=2**53)] = 0,
) -> Array:
    """What a label would tell of the predictions for the target items, in nats.

    `bald` asks what a label tells of the model, and likes odd items that matter to no one. This
    asks what it tells of the predictions that will be made.

    Use: where the pool is broader than what the model will be used on, with targets of that use
    Avoid: without an ensemble; with hundreds of classes, as the work grows with their square
    Formula: (1/M) Σ over the M targets x* of MI(y; y*), with
      p(y, y*) = (1/T) Σₜ pₜ(y|x) pₜ(y*|x*) over T members
    Reference: F. Bickford Smith, A. Kirsch, S. Farquhar, Y. Gal, A. Foster and T. Rainforth,
      Prediction-Oriented Bayesian Active Learning, AISTATS 2023
    """
    del targets, sample, seed  # these say how the target items are found
    items = member_probs.shape[1]
    count = target_member_probs.shape[1]
    if not count:
        raise ValueError("there are no target items, so no prediction could be learnt about")
    of_targets = entropy_of(mean_over(target_member_probs)).sum() / count
    joint = np.zeros(items)
    for piece in pieces(target_member_probs):
        joint += joint_entropies(member_probs, piece)
    alone = entropy_of(mean_over(member_probs))
    return np.maximum(alone + of_targets - joint / count, 0.0)


def pieces(target_member_probs: Array) -> list[Array]:
    """Return as many targets at a time as one item may be paired with at once."""
    count, classes = target_member_probs.shape[1:]
    size = max(1, JOINT_VALUES // classes**2)
    return [target_member_probs[:, start : start + size] for start in range(0, count, size)]


def joint_entropies(member_probs: Array, target_member_probs: Array) -> Array:
    """Return, for each item, its joint entropies with the targets, added up.

    Items go through in pieces, each with a product of its own, so that its last bits do not depend
    on the items around it.
    """
    members, items, classes = member_probs.shape
    columns = target_member_probs.reshape(members, -1) / members
    size = max(1, JOINT_VALUES // (classes * columns.shape[1]))
    answer = np.empty(items)
    for start in range(0, items, size):
        rows = np.ascontiguousarray(member_probs[:, start : start + size].transpose(1, 2, 0))
        joint = np.matmul(rows, columns)
        answer[start : start + size] = entropy_of(joint.reshape(len(rows), -1))
    return answer


def shares_of(votes: Rows) -> tuple[Array, Rows]:
    """Return the share of an item's votes that each class has which has any, and where the shares
    of each item end; there are none of an item that nobody votes on."""
    members, items = votes.shape
    ordered = np.sort(votes.T, axis=1)
    begins = np.ones((items, members), dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    starts = np.flatnonzero(begins)
    counts = np.diff(starts, append=ordered.size)
    cast = ordered.ravel()[starts] >= 0
    owners = starts[cast] // members
    voters = (votes >= 0).sum(axis=0)
    return counts[cast] / voters[owners], np.cumsum(np.bincount(owners, minlength=items))


def mean_over(members: Array) -> Array:
    """Return the mean over the first axis.

    It is moved from member to member, so that it has the same bits in any block, and is the very
    value of members that agree.
    """
    mean = members[0].copy(order="K")
    for count, each in enumerate(members[1:], start=2):
        mean += (each - mean) / count
    return mean


def variance_over(members: Array) -> Array:
    """Return the population variance over the first axis; exactly 0 where members agree."""
    mean = members[0].copy(order="K")
    total = np.zeros_like(mean)
    for count, each in enumerate(members[1:], start=2):
        gap = each - mean
        mean += gap / count
        total += gap * (each - mean)
    return total / len(members)
