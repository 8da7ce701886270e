"""Numbers become probabilities, as far as they are what they are said to be."""

from typing import Any

import numpy as np

from service.given import LOG_PROBABILITIES, LOGITS, PROBABILITIES
from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.features import Complaint, convert, unravel
from workers.untrusted.given.kinds import Kind

RANGE_TOLERANCE = 1e-6
SUM_TOLERANCE = 1e-3


def distributions(block: Array, scale: str, complaint: Complaint, *, normalize: bool) -> Array:
    """Return probabilities (…, classes) that sum to one along the last axis."""
    check_numbers(block, scale, complaint)
    if scale == LOGITS:
        return softmax(block)
    if scale == LOG_PROBABILITIES and normalize:
        refuse_rows(
            np.all(np.isneginf(block), axis=-1, keepdims=True)[..., 0],
            "has only probabilities of 0",
            complaint,
        )
        return softmax(block)
    probs = exp(block) if scale == LOG_PROBABILITIES else block
    if normalize:
        return normalized(probs, complaint)
    remedy = other_scale(scale)
    if not (probs < 0).any():  # what is negative cannot be divided either
        remedy += "; if they are counts or shares, send normalize=true"
    probs = bounded(probs, complaint, remedy=remedy)
    check_sums(probs, complaint, remedy=remedy)
    return probs


def separate(block: Array, scale: str, complaint: Complaint) -> Array:
    """Return probabilities of which each stands for itself."""
    check_numbers(block, scale, complaint)
    if scale == LOGITS:
        return sigmoid(block)
    probs = exp(block) if scale == LOG_PROBABILITIES else block
    return bounded(probs, complaint, remedy=other_scale(scale))


def other_scale(scale: str) -> str:
    """Return what to send where numbers are no probabilities on the scale that was said."""
    if scale == LOG_PROBABILITIES:
        return f"if these are logits, send scale={LOGITS}"
    return (
        f"if these are logits or log-probabilities, send scale={LOGITS} or "
        f"scale={LOG_PROBABILITIES}"
    )


def rounded(block: Array, dtype: DType, complaint: Complaint, kind: Kind) -> Array:
    """Return values in the type in which they are kept, if that can hold them."""
    kept = convert(block, dtype, complaint, kind.noun)
    if kind.form.summed and dtype == np.float16:  # with very many classes each is rounded the same
        remedy = "float16 is too coarse for them, so use float32 or float64"
        check_sums(kept, complaint, remedy=remedy)
    return kept


def check_numbers(block: Array, scale: str, complaint: Complaint) -> None:
    """Refuse NaN and infinity; minus infinity is the logarithm of 0."""
    sound = np.isfinite(block)
    if scale == LOG_PROBABILITIES:
        sound |= np.isneginf(block)
    if not sound.all():
        position = unravel(int(np.argmin(sound)), block.shape)
        found = "NaN" if np.isnan(block[position]) else "an infinite number"
        raise complaint(
            position[0], position[1:], f"has {found} where a number must be: leave the item out"
        )


def softmax(block: Array) -> Array:
    """Return e to the power of each, divided by their sum; no intermediate overflows."""
    logits = block.astype(np.float64)
    with np.errstate(over="ignore"):  # e to the power of minus infinity is 0
        logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits


def sigmoid(block: Array) -> Array:
    """Return 1 / (1 + e^-x) without overflow."""
    logits = block.astype(np.float64)
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1.0 + small)


def exp(block: Array) -> Array:
    """Return what logarithms are of; what is beyond all bounds becomes infinite."""
    with np.errstate(over="ignore"):
        return np.exp(block.astype(np.float64))


def bounded(probs: Array, complaint: Complaint, *, remedy: str) -> Array:
    """Return probabilities from 0 to 1; what is out by a rounding error is put back."""
    if not probs.size or (probs.min() >= 0 and probs.max() <= 1):
        return probs
    excess = np.maximum(-probs.astype(np.float64), probs.astype(np.float64) - 1)
    if excess.max() > RANGE_TOLERANCE:
        position = unravel(int(np.argmax(excess > RANGE_TOLERANCE)), probs.shape)
        raise complaint(
            position[0],
            position[1:],
            f"has the probability {said(probs[position])}, which is not from 0 to 1: {remedy}",
        )
    return np.clip(probs, 0, 1)


def check_sums(probs: Array, complaint: Complaint, *, remedy: str) -> None:
    """Refuse probabilities that do not sum to one."""
    sums = probs.sum(axis=-1, dtype=np.float64)
    wrong = np.abs(sums - 1) > SUM_TOLERANCE
    if wrong.any():
        position = unravel(int(np.argmax(wrong)), wrong.shape)
        raise complaint(
            position[0],
            position[1:],
            f"has probabilities that sum to {said(sums[position])} instead of 1: {remedy}",
        )


def normalized(weights: Array, complaint: Complaint) -> Array:
    """Return numbers divided by their sum, in their own type."""
    negative = weights < 0
    if negative.any():
        position = unravel(int(np.argmax(negative)), weights.shape)
        raise complaint(
            position[0],
            position[1:],
            f"has the negative number {said(weights[position])}, and no share can be negative: "
            f"{other_scale(PROBABILITIES)}",
        )
    shares = weights.astype(np.float64)
    largest = shares.max(axis=-1, keepdims=True)
    refuse_rows(np.isinf(largest[..., 0]), "has numbers that are too large to divide", complaint)
    refuse_rows(largest[..., 0] == 0, "has only zeros, which have no shares", complaint)
    shares /= largest  # so that the sum can be held
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares.astype(weights.dtype)


def refuse_rows(wrong: Array, detail: str, complaint: Complaint) -> None:
    """Refuse the first row of which something is so."""
    if wrong.any():
        position = unravel(int(np.argmax(wrong)), wrong.shape)
        raise complaint(position[0], position[1:], detail)


def said(value: Any) -> str:
    """Return a number as a sentence has it."""
    return f"{float(value):.6g}"
