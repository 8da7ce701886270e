"""Scores of items that several annotators may have labelled, differently or not at all."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Rows
from service.acquisition.registry import acquisition

LEAST_WEIGHT, LEAST_PROBABILITY = 1e-6, 1e-30
TEMPERATURES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0, 3.0, 5.0, 8.0)
STEPS = 4
"""Temperatures tried between one of TEMPERATURES and the next, that one included."""


@dataclass(frozen=True)
class Crowd:
    """Items that are labelled, with what the model and the annotators say of them.

    `probs` (items, classes); `annotations` (annotators, items), -1 where one gave none. Every item
    and every annotator has at least one annotation.
    """

    probs: Array
    annotations: Rows

    @cached_property
    def given(self) -> npt.NDArray[np.bool_]:
        """Which annotator labelled which item."""
        return self.annotations >= 0

    @cached_property
    def counts(self) -> Rows:
        """The number of annotations of each item."""
        return self.given.sum(axis=0)

    @cached_property
    def tally(self) -> Array:
        """The number of annotations of each item with each class, (items, classes)."""
        return self.weighed(np.ones(len(self.annotations)))

    @cached_property
    def shared(self) -> npt.NDArray[np.bool_]:
        """Which items have more than one annotation."""
        return self.counts > 1

    def weighed(self, weights: Array) -> Array:
        """Return the weights of the annotators who chose each class of each item."""
        answer = np.zeros(self.probs.shape)
        for labels, given, weight in zip(self.annotations, self.given, weights, strict=True):
            rows = np.flatnonzero(given)
            answer[rows, labels[rows]] += weight
        return answer


@dataclass(frozen=True)
class Trust:
    """What each annotator and the model count, and each class of each item by their weights."""

    annotators: Array
    model: float
    posterior: Array


@acquisition(lower="activelab", least=-1.0, whole=True)
def activelab(probs: Array, annotations: Rows) -> Array:
    """How sure model and annotators are of an item's label; the least sure is labelled sooner.

    It compares asking for a first label with asking for another one: an item labelled twice, the
    same both times, is settled; one on which annotators disagree, or the model with them, may come
    before an unlabelled one. How far each annotator and the model can be trusted is estimated from
    where they agree, so every score depends on all annotations. Where no item has more than one,
    all count alike; where none has any, the order is that of `least_confidence`.

    Use: where labels come from several people who make mistakes, and an item may be labelled again
    Avoid: where a label, once given, is right: it would ask for it again
    Formula: activelab = (q (Σ wⱼ + w) + v/K) / (Σ wⱼ + w + v), q the quality of the consensus label
      by CROWDLAB, wⱼ the weights of the item's annotators, w of the model, v of an annotator on
      average; without annotations q = maxₖ pₖ; probabilities are set to the temperature that fits
      the annotations best; score = −activelab
    Reference: H. W. Goh and J. Mueller, ActiveLab: Active Learning with Re-Labeling by Multiple
      Annotators, arXiv:2301.11856, 2023; H. W. Goh, U. Tkachenko and J. Mueller, CROWDLAB,
      arXiv:2210.06812, 2022
    """
    given = annotations >= 0
    labelled = given.any(axis=0)
    classes = probs.shape[1]
    crowd = Crowd(probs[labelled], annotations[given.any(axis=1)][:, labelled])
    quality, weight, average = probs.max(axis=1), np.ones(len(probs)), 1.0
    if crowd.shared.any():
        temperature = best_temperature(crowd)
        warmed = at_temperature(probs, temperature)
        crowd = Crowd(warmed[labelled], crowd.annotations)
        label, trust = consensus(crowd)
        quality, weight = warmed.max(axis=1), np.full(len(probs), trust.model)
        quality[labelled] = trust.posterior[np.arange(len(label)), label]
        average = trust.annotators.mean()
        weight[labelled] += crowd.weighed(trust.annotators).sum(axis=1)
    elif labelled.any():
        quality[labelled] = crowd.probs[crowd.tally > 0]
        weight[labelled] += 1.0
    return 0.0 - (quality * weight + average / classes) / (weight + average)


def consensus(crowd: Crowd) -> tuple[Rows, Trust]:
    """Return the class that is likeliest by all opinions, and what each opinion counts.

    Who can be trusted is told from the majority first, and again from the class found so.
    """
    label = majority(crowd)
    posterior = trusted(crowd, label).posterior
    likeliest = posterior == posterior.max(axis=1, keepdims=True)
    label = np.where(likeliest.sum(axis=1) == 1, likeliest.argmax(axis=1), label)
    return label, trusted(crowd, label)


def majority(crowd: Crowd) -> Rows:
    """Return the class that most annotators chose.

    Of several, the likeliest to the model; then the rarest; then the one that better annotators
    chose; then the first.
    """
    tied = crowd.tally == crowd.tally.max(axis=1, keepdims=True)
    clear = tied.sum(axis=1) == 1
    untied = tied.argmax(axis=1)
    tied = best_of(tied, crowd.probs)
    tied = best_of(tied, np.broadcast_to(-crowd.tally.sum(axis=0), tied.shape))
    if (tied.sum(axis=1) > 1).any():
        right = (crowd.annotations[:, clear] == untied[clear]).sum(axis=1)
        skill = imputed(right, crowd.given[:, clear].sum(axis=1))
        tied = best_of(tied, crowd.weighed(skill) / np.maximum(crowd.tally, 1))
    return tied.argmax(axis=1)


def best_of(tied: npt.NDArray[np.bool_], values: Array) -> npt.NDArray[np.bool_]:
    """Return which of the tied classes of each item have the greatest value."""
    found = np.where(tied, values, -np.inf)
    return found == found.max(axis=1, keepdims=True)


def imputed(parts: Array | Rows, wholes: Array | Rows) -> Array:
    """Return parts of wholes; where a whole is zero, the mean of the others."""
    some = wholes > 0
    answer = np.zeros(len(wholes))
    answer[some] = parts[some] / wholes[some]
    if some.any():
        answer[~some] = answer[some].mean()
    return answer


def trusted(crowd: Crowd, label: Rows) -> Trust:
    """Return what annotators and the model count, where `label` is taken for the truth.

    An opinion counts by how much less it errs than always naming the commonest class would.
    """
    shared, classes = crowd.shared, crowd.probs.shape[1]
    agreement = (crowd.annotations == label).sum(axis=0) / crowd.counts
    # The exact sum is the same in whatever order items come.
    right = math.fsum(agreement[shared].tolist()) / int(shared.sum())
    wrong = (1.0 - right) / (classes - 1)
    known = label[shared]
    blind = max(LEAST_WEIGHT, float(np.mean(known != np.bincount(known).argmax())))
    annotators = np.maximum(1.0 - (1.0 - agreements(crowd)) / blind, LEAST_WEIGHT)
    error = float(np.mean(crowd.probs[shared].argmax(axis=1) != known))
    model = max(1.0 - error / blind, LEAST_WEIGHT) * math.sqrt(crowd.counts.mean())
    chosen = crowd.weighed(annotators)
    total = chosen.sum(axis=1, keepdims=True)
    posterior = crowd.probs * model + chosen * right + (total - chosen) * wrong
    return Trust(annotators, model, posterior / (total + model))


def agreements(crowd: Crowd) -> Array:
    """Return how often each annotator agrees with another one of the same item."""
    alike, others = np.zeros(len(crowd.annotations)), np.zeros(len(crowd.annotations))
    for each, (labels, given) in enumerate(zip(crowd.annotations, crowd.given, strict=True)):
        rows = np.flatnonzero(given)
        alike[each] = (crowd.tally[rows, labels[rows]] - 1).sum()
        others[each] = (crowd.counts[rows] - 1).sum()
    return imputed(alike, others)


def best_temperature(crowd: Crowd) -> float:
    """Return the temperature at which the probabilities fit the annotations best."""
    shares = crowd.tally / crowd.counts[:, None]
    with np.errstate(divide="ignore"):
        logs = np.log(crowd.probs)
    coarse = [misfit(shares, logs, each) for each in TEMPERATURES]
    place = int(np.argmin(coarse))
    fine = [np.array([TEMPERATURES[place]])]
    if place:
        low = TEMPERATURES[place - 1]
        fine.insert(0, np.linspace(low, TEMPERATURES[place], STEPS, endpoint=False))
    if place < len(TEMPERATURES) - 1:
        fine.append(np.linspace(TEMPERATURES[place], TEMPERATURES[place + 1], STEPS + 1)[1:])
    tried = np.concatenate(fine)
    return float(tried[int(np.argmin([misfit(shares, logs, each) for each in tried]))])


def misfit(shares: Array, logs: Array, temperature: float) -> float:
    """Return the mean cross entropy of annotations and probabilities at a temperature."""
    fitted = np.maximum(softmax(logs / temperature), LEAST_PROBABILITY)
    return math.fsum((-(shares * np.log(fitted)).sum(axis=1)).tolist()) / len(shares)


def at_temperature(probs: Array, temperature: float) -> Array:
    """Return probabilities sharpened by a temperature below one, or evened out by one above."""
    clipped = np.maximum(probs, LEAST_PROBABILITY)
    return softmax(np.log(clipped / clipped.sum(axis=1, keepdims=True)) / temperature)


def softmax(values: Array) -> Array:
    """Return the probabilities that are proportional to the exponentials of some values."""
    powers = np.exp(values)
    answer: Array = powers / powers.sum(axis=1, keepdims=True)
    return answer
