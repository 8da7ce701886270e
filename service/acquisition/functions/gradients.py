"""Batch strategies that sample items far from one another: in gradients, or in probabilities."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt

from service.acquisition.evidence import Array, Generator, Picks
from service.acquisition.features import Features
from service.acquisition.registry import Size, batch_strategy
from service.acquisition.signature import Tunable

BLOCK_VALUES = 2**20

SWEEP, PROPOSALS = 16, 64
"""All gradients are compared with so many picks at once, or after so many proposals."""


@dataclass(frozen=True)
class Gradients:
    """Outer products of each item's residual and its features, known by both and never made."""

    residuals: Array
    features: Features

    @cached_property
    def squared_lengths(self) -> Array:
        """|r|²|x|² of each item."""
        squares = np.einsum("ij,ij->i", self.residuals, self.residuals)
        return squares * self.features.squared_norms

    def squared_distances(self, rows: list[int]) -> Array:
        """Return the squared distance of each gradient to those of some rows, (items, rows)."""
        answer = self.features.products(self.features.at(rows))
        answer *= self.residuals @ self.residuals[rows].T
        answer *= -2
        answer += self.squared_lengths[:, None]
        answer += self.squared_lengths[rows]
        return np.maximum(answer, 0.0, out=answer)

    def nearest(self, row: int, others: list[int]) -> float:
        """Return the least squared distance of one gradient to others; infinite without any."""
        products = self.features.at(others) @ self.features.at([row])[0]
        shared = self.residuals[others] @ self.residuals[row] * products
        lengths = self.squared_lengths
        return max(0.0, (lengths[others] - 2 * shared).min(initial=np.inf) + lengths[row])


def badge_work(size: Size) -> float:
    """Return the work of comparing each gradient with each pick's."""
    return size.n * float(size.candidates) * (size.width + size.classes)


def falcun_work(size: Size) -> float:
    """Return the work of comparing all probabilities with each pick's."""
    return size.n * float(size.candidates) * size.classes


@batch_strategy(prefix_consistent=True, work=badge_work)
def badge(
    n: int,
    probs: Array,
    features: Features,
    generator: Generator,
    *,
    exponent: Annotated[
        float,
        Tunable(
            "the chance grows with this power of the distance: 2 as published, the higher, the"
            " greedier",
            over=0.0,
            maximum=100.0,
        ),
    ] = 2.0,
) -> Picks:
    """Items whose gradients are long and point in different directions, sampled.

    The gradient is that of the last layer's weights if the predicted class were right: long where
    the model is unsure, and pointing where the features do. The first pick has the longest; each
    next one is drawn with a chance that grows with the squared distance to the nearest earlier
    pick, or another power of it, as k-means++ does. The gradients themselves, classes × width
    values each, are never made.
    The step score is the distance to the nearest earlier pick, and the length for the first.

    Use: with large batches, and features that the model itself works on (the last layer's)
    Avoid: with features that the model never saw, or of unlike scales, since both lengths and
      directions come from them; for small batches, where `margin` and `dmbal` need fewer labels
    Formula: g(x) = (p − e_ŷ) ⊗ x; P(next = x) ∝ min over picks q of ‖g(x) − g(q)‖^exponent,
      by ‖g(x) − g(q)‖² = |r|²|x|² − 2 (r·r_q)(x·x_q) + |r_q|²|x_q|² with r = p − e_ŷ
    Reference: J. T. Ash et al., Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
      Bounds, ICLR 2020
    """
    n = min(n, len(probs))
    if not n:
        return Picks.none()
    rows, distances = far_apart(n, Gradients(errors(probs), features), exponent, generator)
    return Picks(np.array(rows, dtype=np.int64), np.sqrt(np.array(distances, dtype=np.float64)))


@batch_strategy(prefix_consistent=True, work=falcun_work)
def falcun(
    n: int,
    probs: Array,
    generator: Generator,
    *,
    gamma: Annotated[
        float, Tunable("0 draws evenly; the higher, the greedier", minimum=0.0, maximum=100.0)
    ] = 10.0,
) -> Picks:
    """Items that are unsure and unlike one another in their probabilities, sampled.

    Needs no features, so it is fast. An item's diversity begins as its uncertainty and falls to the
    distance between its probabilities and the nearest pick's; before each draw it is stretched over
    0 to 1 among the items that are left. The step score is uncertainty plus diversity, 0 to 2.

    Use: for batches from predictions alone, where no features are at hand
    Avoid: with two classes, where probabilities differ in one number only; where near copies fill
      the pool and the features tell (`dmbal`)
    Formula: u = 1 − (p₍₁₎ − p₍₂₎); d = min(u, min over picks q of ‖p − p_q‖₁);
      P(next) ∝ (u + (d − min d) / (max d − min d))^γ
    Reference: S. Gilhuber, A. Beer, Y. Ma and T. Seidl, FALCUN: A Simple and Efficient Deep Active
      Learning Strategy, ECML PKDD 2024
    """
    unsure = uncertainties(probs)
    away, free = unsure.copy(), np.ones(len(probs), dtype=bool)
    rows, scores = [], []
    for _ in range(min(n, len(probs))):
        relevance = unsure + stretched(away, free)
        highest = relevance[free].max()
        weights = (relevance / highest) ** gamma if highest > 0 else relevance
        row = draw(generator, weights, free)
        rows.append(row)
        scores.append(relevance[row])
        free[row] = False
        for block in blocks(probs):
            apart = np.abs(probs[block] - probs[row]).sum(axis=1)
            np.minimum(away[block], apart, out=away[block])
    return Picks(np.array(rows, dtype=np.int64), np.array(scores, dtype=np.float64))


def far_apart(
    n: int, gradients: Gradients, exponent: float, generator: Generator
) -> tuple[list[int], list[float]]:
    """Return n rows drawn as k-means++ draws, and the squared distance of each to those before.

    Going through all gradients at every step would read all features n times. Distances only ever
    fall, so those of the last sweep bound today's from above: a row is proposed by the bound and
    kept with a chance of (distance / bound)^exponent, which draws exactly by the distance.
    """
    rows = [int(gradients.squared_lengths.argmax())]
    kept = [float(gradients.squared_lengths[rows[0]])]
    bounds = np.full(len(gradients.residuals), np.inf)
    swept = 0
    while len(rows) < n:
        latest = gradients.squared_distances(rows[swept:]).min(axis=1)
        np.minimum(bounds, latest, out=bounds)
        bounds[rows] = 0.0
        swept = len(rows)
        if not bounds.any():
            rest = np.setdiff1d(np.arange(len(bounds)), rows)
            rows += generator.permutation(rest)[: n - swept].tolist()
            kept += [0.0] * (n - swept)
            break
        for row, distance in proposals(bounds, gradients, rows, exponent, generator):
            rows.append(row)
            kept.append(distance)
            if len(rows) in (n, swept + SWEEP):
                break
    return rows, kept


def proposals(
    bounds: Array, gradients: Gradients, rows: list[int], exponent: float, generator: Generator
) -> Iterator[tuple[int, float]]:
    """Yield further rows, and their squared distances to `rows`, which the caller extends."""
    swept = len(rows)
    reached = np.cumsum((bounds / bounds.max()) ** (exponent / 2))
    for _ in range(PROPOSALS):
        row = landed(reached, generator.random())
        distance = min(float(bounds[row]), gradients.nearest(row, rows[swept:]))
        kept = (distance / bounds[row]) ** (exponent / 2)
        if row not in rows[swept:] and generator.random() <= kept:
            yield row, distance


def errors(probs: Array) -> Array:
    """Return the probabilities less one for the likeliest class: the loss's gradient by logits."""
    answer = probs.copy()
    answer[np.arange(len(probs)), probs.argmax(axis=1)] -= 1.0
    return answer


def uncertainties(probs: Array) -> Array:
    """Return one minus the gap between the two likeliest classes, float64 (items,)."""
    two = np.partition(probs, (-2, -1), axis=1)[:, -2:]
    return 1.0 - (two[:, 1] - two[:, 0])


def stretched(values: Array, free: npt.NDArray[np.bool_]) -> Array:
    """Return values such that those free span 0 to 1; all zero where they do not differ."""
    low, high = values[free].min(), values[free].max()
    if high <= low:
        return np.zeros_like(values)
    answer = (values - low) / (high - low)
    return np.maximum(answer, 0.0, out=answer)


def draw(generator: Generator, weights: Array, free: npt.NDArray[np.bool_]) -> int:
    """Return one of the free places, with a chance that is its part of the weights.

    Where no free place has any weight, all of them have the same chance.
    """
    chances = np.where(free, weights, 0.0)
    if not chances.any():
        chances = free.astype(np.float64)
    return landed(np.cumsum(chances), generator.random())


def landed(reached: Array, part: float) -> int:
    """Return the first place whose cumulative weight passes a part of the total."""
    chosen = np.searchsorted(reached, part * reached[-1], side="right")
    # Rounding may lead to the total itself, past the last place that has a weight.
    return int(min(chosen, np.searchsorted(reached, reached[-1])))


def blocks(probs: Array) -> Iterator[slice]:
    """Yield the rows of an array, so many at once that what is made of them stays small."""
    size = max(1, BLOCK_VALUES // max(1, probs.shape[1]))
    for start in range(0, len(probs), size):
        yield slice(start, start + size)
