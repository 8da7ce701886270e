"""When to stop: what a learner's turns say of whether more labels still change anything.

Three rules of the literature look at the last turns, and any of them is advice to stop: predictions
that no longer change, a score that no longer rises, and a model that is sure of every item. It is
advice only: nothing stops by itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from service.records import Turn

WINDOW = 3
"""The turns that a rule looks back over."""

STEP = 10
"""The new labels from which on a turn counts as one. Those of fewer count together: a label alone
changes next to nothing, so that nothing changed proves nothing."""

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


@dataclass(frozen=True)
class Step:
    """A turn, taken together with those before it where they brought few labels: how far its model
    agrees with that of the step before, None where that is not known."""

    turn: Turn
    agreement: float | None


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


def steps_of(turns: Sequence[Turn]) -> list[Step]:
    """Return the steps that turns made, each of STEP new labels or more, from the last turn back.

    What disagrees in several turns is added up, as if none of them undid what another did.
    """
    labels = [0, *(turn.labels for turn in turns)]
    found: list[Step] = []
    end = len(turns)
    while end:
        start = end - 1
        while start and labels[end] - labels[start] < STEP:
            start -= 1
        if labels[end] - labels[start] < STEP:
            break
        said = [turn.agreement for turn in turns[start:end]]
        known = [each for each in said if each is not None]
        agreed = sum(known) - (len(known) - 1) if len(known) == len(said) else None
        found.append(Step(turns[end - 1], agreed))
        end = start
    return found[::-1]


def stabilising_predictions(turns: Sequence[Turn]) -> Finding:
    """Return whether consecutive models say the same: mean kappa of the last turns at least 0.99.

    Reference: Bloodgood and Vijay-Shanker, CoNLL 2009; theirs is over a fixed stop set, this over
    the whole pool.
    """
    last = [step.agreement for step in steps_of(turns)[-WINDOW:] if step.agreement is not None]
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
    Breiman, Friedman, Olshen and Stone's ("Classification and regression trees", 1984, §3.4.3). A
    few folds may agree by luck, so there must also be as many labels as it takes to tell a share so
    exactly; and a score that naming one class would have is flat because nothing is learnt yet.
    """
    scored = [turn for turn in turns if turn.score is not None and turn.score_error is not None]
    steps = steps_of(scored)
    if len(steps) <= WINDOW:
        return Finding(stop=False, reason=f"fewer than {WINDOW + 1} turns have a score")
    turn = steps[-1].turn
    before, after, error = (
        each or 0.0 for each in (steps[-1 - WINDOW].turn.score, turn.score, turn.score_error)
    )
    said = (
        f"the cross-validated accuracy went from {before:.4f} to {after:.4f} over the last"
        f" {WINDOW} turns, with a standard error of {error:.4f}"
    )
    doubt = max(error, math.sqrt(after * (1 - after) / turn.labels))
    if doubt > EXACT:
        labels = f"{turn.labels} labels tell it to {doubt:.4f}"
        return Finding(stop=False, reason=f"{said} (too inexact: {labels}, and not to {EXACT})")
    if after - before >= error:
        return Finding(stop=False, reason=f"{said}, which is a rise")
    if after - error <= commonest(turn):
        known = f"{commonest(turn):.4f} of the labels are of one class"
        return Finding(stop=False, reason=f"{said}, but that is no skill yet: {known}")
    return Finding(stop=True, reason=f"{said}, which is no rise")


def commonest(turn: Turn) -> float:
    """Return which part of a turn's labels are of the most frequent class."""
    return max((count for _, count in turn.class_counts), default=0) / turn.labels


def low_uncertainty(turns: Sequence[Turn]) -> Finding:
    """Return whether the model is sure of every unlabelled item, and new labels leave it so.

    Reference: Zhu, Wang and Hovy, "Multi-criteria-based strategy to stop active learning for data
    annotation", COLING 2008, and with Ma, "Confidence-based stopping criteria for active learning
    for data annotation", ACM TSLP 6(3), 2010: the criterion of maximum uncertainty together with
    that of classification change, since some models, as a tree, are sure from the first label on;
    nor is one believed that cross-validation finds wrong more often. They measure uncertainty as
    entropy; here it is one less the greatest probability, which reads the same for any number of
    classes. That nothing changes is a kappa of at least 0.99.
    """
    last = turns[-1] if turns else None
    if last is None or last.max_uncertainty is None:
        return Finding(stop=False, reason="no turn tells of its uncertainty yet")
    said = f"the model's greatest uncertainty of an unlabelled item is {last.max_uncertainty:.4f}"
    if last.max_uncertainty > UNCERTAINTY:
        return Finding(stop=False, reason=f"{said} (sure from {UNCERTAINTY} down)")
    doubt = overconfidence(turns)
    if doubt is not None:
        return Finding(stop=False, reason=f"{said}, but {doubt}")
    return Finding(stop=True, reason=f"{said}, and from {UNCERTAINTY} down it is sure of all")


def overconfidence(turns: Sequence[Turn]) -> str | None:
    """Return why a model that is sure of every item is not believed, None where it is."""
    last = turns[-1]
    if last.score is None:
        return "no score tells whether it is right"
    wrong = 1 - last.score
    if wrong - (last.score_error or 0.0) > UNCERTAINTY:
        return f"cross-validation finds {wrong:.4f} of the labels told wrongly"
    agreed = steps_of(turns)[-1].agreement if last.labels >= STEP else None
    if agreed is None:
        return "nothing tells yet whether that will last"
    if agreed < AGREEMENT:
        return (
            f"it agrees with the one before with a kappa of {agreed:.4f} (stable from {AGREEMENT})"
        )
    return None
