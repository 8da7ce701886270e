"""Record cleanlab's ActiveLab scores: run where cleanlab 2.9.0 is installed.

cleanlab fits the temperature to annotations that it counts wrongly: labels that come with gaps are
floats, and of floats `value_counts` keeps how often each occurs but not which it is, so that
[2, 2, 1] counts as one of class 0 and two of class 1. Its answers are recorded as they are, and
with that one function put right.
"""

import numpy as np
import recording
from cleanlab.internal import multiannotator_utils
from cleanlab.multiannotator import get_active_learning_scores

CASES = {
    # name: (seed, items, classes, annotators, how often one abstains, sharpness of the model,
    # probability below which the model rules a class out)
    "few abstain": (1, 40, 3, 4, 0.3, 1.0, 0),
    "most abstain": (2, 60, 4, 6, 0.75, 1.0, 0),
    "overconfident": (3, 50, 3, 3, 0.4, 6.0, 0),
    "two classes": (4, 30, 2, 3, 0.5, 0.5, 0),
    "many annotators": (5, 80, 10, 12, 0.8, 1.0, 0),
    "one annotation each": (6, 30, 3, 4, None, 1.0, 0),
    "classes ruled out": (7, 40, 4, 4, 0.5, 2.0, 0.01),
}
UNLABELLED = 0.25


def case(name):
    """Probabilities, annotations (-1 for none) by annotators of different skill."""
    seed, items, classes, annotators, abstaining, sharpness, least = CASES[name]
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, items)
    logits = generator.normal(size=(items, classes)) + 1.5 * np.eye(classes)[truth]
    probs = np.exp(sharpness * logits)
    probs /= probs.sum(axis=1, keepdims=True)
    probs = np.where(probs < least, 0, probs)
    probs /= probs.sum(axis=1, keepdims=True)
    skill = np.linspace(0.5, 0.95, annotators)[:, None]
    guesses = generator.integers(0, classes, (annotators, items))
    right = generator.random((annotators, items)) < skill
    annotations = np.where(right, truth, guesses)
    if abstaining is None:
        chosen = generator.integers(0, annotators, items)
        annotations[np.arange(annotators)[:, None] != chosen] = -1
    else:
        annotations[generator.random((annotators, items)) < abstaining] = -1
    annotations[:, generator.random(items) < UNLABELLED] = -1
    return probs, annotations


def theirs(probs, annotations):
    """cleanlab's scores, in the order of the items; the lower, the sooner."""
    labelled = (annotations >= 0).any(axis=0)
    matrix = np.where(annotations >= 0, annotations, np.nan).T[labelled]
    one, other = get_active_learning_scores(matrix, probs[labelled], probs[~labelled])
    scores = np.empty(len(probs))
    scores[labelled], scores[~labelled] = one, other
    return scores


def by_class(labels, num_classes):
    """How often each class occurs, at the place of the class."""
    return np.bincount(labels.astype(int), minlength=num_classes)


inputs, answers = {}, {"as it is": {}, "put right": {}}
for name in CASES:
    probs, annotations = case(name)
    inputs[name] = {"seed": CASES[name][0], "probs": probs, "annotations": annotations}
    answers["as it is"][name] = theirs(probs, annotations)
multiannotator_utils.value_counts = by_class
for name, given in inputs.items():
    answers["put right"][name] = theirs(given["probs"], given["annotations"])
recording.write("activelab", ("cleanlab",), inputs, answers)
