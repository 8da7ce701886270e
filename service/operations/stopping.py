"""When to stop: what a learner's turns say of whether more labels still change anything.

Three rules of the literature look at the last turns, and any of them is advice to stop: predictions
that no longer change, a score that no longer rises, and a model that is sure of every item. It is
advice only: nothing stops by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from service.records import Turn

WINDOW = 3
"""The turns that a rule looks back over."""

AGREEMENT = 0.99
"""The mean kappa from which predictions count as stable, with a window of three: Bloodgood and
Vijay-Shanker, "A method for stopping active learning based on stabilizing predictions and the need
for user-adjustable stopping", CoNLL 2009."""

EXACT = 0.02
"""The standard error of a score from which on it is exact enough for a curve to be called flat."""

UNCERTAINTY = 0.05
"""The greatest uncertainty, one less the greatest probability, at which a model counts as sure of
every item."""


@dataclass(frozen=True)
class Advice:
    """Whether to stop, by which rule, and why, as a sentence with the numbers."""

    stop: bool
    rule: str | None
    reason: str


@dataclass(frozen=True)
class Finding:
    """What one rule makes of the turns."""

    stop: bool
    reason: str


def advise(turns: Sequence[Turn]) -> Advice:
    """Return whether more labels still change anything, by the first rule that says they do not."""
    told = informative(turns)
    findings = {
        "stabilising_predictions": stabilising_predictions(told),
        "flat_score": flat_score(told),
        "low_uncertainty": low_uncertainty(told),
    }
    for rule, finding in findings.items():
        if finding.stop:
            return Advice(stop=True, rule=rule, reason=finding.reason)
    reasons = "; ".join(finding.reason for finding in findings.values())
    return Advice(stop=False, rule=None, reason=f"Go on: {reasons}")


def informative(turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns with a model that had more labels than every one before.

    A turn without new labels fits the same model again, and its agreement would prove nothing.
    """
    found: list[Turn] = []
    for turn in turns:
        if turn.model is not None and (not found or turn.labels > found[-1].labels):
            found.append(turn)
    return found


def stabilising_predictions(turns: Sequence[Turn]) -> Finding:
    """Return whether consecutive models say the same: mean kappa of the last turns at least 0.99.

    Reference: Bloodgood and Vijay-Shanker, CoNLL 2009; theirs is over a fixed stop set, this over
    the whole pool.
    """
    last = [turn.agreement for turn in turns[-WINDOW:] if turn.agreement is not None]
    if len(last) < WINDOW:
        return Finding(stop=False, reason=f"fewer than {WINDOW} turns tell of their agreement")
    mean = fmean(last)
    said = (
        f"the models of the last {WINDOW} turns agree with those before them with a mean kappa of"
        f" {mean:.4f}"
    )
    if mean < AGREEMENT:
        return Finding(stop=False, reason=f"{said} (stable from {AGREEMENT})")
    return Finding(stop=True, reason=f"{said}, and from {AGREEMENT} on predictions are stable")


def flat_score(turns: Sequence[Turn]) -> Finding:
    """Return whether the score rose by less than its own standard error over the last turns.

    The curve's slope as a criterion is Laws and Schütze's ("Stopping criteria for active learning
    of named entity recognition", COLING 2008); one standard error as what makes no difference is
    Breiman, Friedman, Olshen and Stone's ("Classification and regression trees", 1984, §3.4.3).
    """
    scored = [
        (turn.score, turn.score_error)
        for turn in turns
        if turn.score is not None and turn.score_error is not None
    ]
    if len(scored) <= WINDOW:
        return Finding(stop=False, reason=f"fewer than {WINDOW + 1} turns have a score")
    (before, _), (after, error) = scored[-1 - WINDOW], scored[-1]
    said = (
        f"the cross-validated accuracy went from {before:.4f} to {after:.4f} over the last"
        f" {WINDOW} turns, with a standard error of {error:.4f}"
    )
    if error > EXACT:
        return Finding(stop=False, reason=f"{said} (too inexact to tell above {EXACT})")
    if after - before >= error:
        return Finding(stop=False, reason=f"{said}, which is a rise")
    return Finding(stop=True, reason=f"{said}, which is no rise")


def low_uncertainty(turns: Sequence[Turn]) -> Finding:
    """Return whether the model is sure of every unlabelled item.

    Reference: Zhu, Wang and Hovy, "Multi-criteria-based strategy to stop active learning for data
    annotation", COLING 2008, and with Ma, "Confidence-based stopping criteria for active learning
    for data annotation", ACM TSLP 6(3), 2010: the criterion of maximum uncertainty. They measure it
    as entropy; here it is one less the greatest probability, which reads the same for any number of
    classes.
    """
    greatest = turns[-1].max_uncertainty if turns else None
    if greatest is None:
        return Finding(stop=False, reason="no turn tells of its uncertainty yet")
    said = f"the model's greatest uncertainty of an unlabelled item is {greatest:.4f}"
    if greatest > UNCERTAINTY:
        return Finding(stop=False, reason=f"{said} (sure from {UNCERTAINTY} down)")
    return Finding(stop=True, reason=f"{said}, and from {UNCERTAINTY} down it is sure of all")
