"""Run ml-research's introduction to active learning, both parts; write ml_research.json.

Recorded with ml-research 0.5.3, scikit-learn 1.9.1 and numpy 2.4.6 on Python 3.11, in the
environment that README.md tells. The library keeps the labelled items as a mask, so the order of
its queries is found by doing the same by hand: breaking ties by the lowest index.
"""

# X is scikit-learn's name for what it is given.
# ruff: noqa: N803, N806

import numpy as np
from mlresearch.active_learning import StandardAL
from mlresearch.active_learning._acquisition_functions import ACQUISITION_FUNCTIONS
from recording import probabilities, write
from sklearn.datasets import make_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

SEED, QUERIES, BUDGET = 42, 19, 4


def classifier():
    return make_pipeline(MinMaxScaler(), MLPClassifier((20, 20), max_iter=3000, random_state=SEED))


def library(X, y):
    """The tutorial as it stands: the labelled items after each iteration, and the F1 score."""
    learner = StandardAL(
        classifier=classifier(),
        acquisition_func="breaking_ties",
        n_init=2,
        budget=BUDGET,
        random_state=SEED,
    )
    learner.initialization(X, y)
    for _ in range(QUERIES):
        learner.iteration(X, y)
    labelled = [
        np.flatnonzero(learner.metadata_[step]["labeled_pool"]) for step in range(QUERIES + 1)
    ]
    return labelled, f1_score(y, learner.classifier_.predict(X), average="weighted")


def by_hand(X, y, first):
    """The same queries, in order."""
    labelled, picks = list(first), []
    for _ in range(QUERIES):
        known = np.sort(labelled)
        rest = np.setdiff1d(np.arange(len(X)), known)
        two = np.sort(classifier().fit(X[known], y[known]).predict_proba(X[rest]), axis=1)[:, -2:]
        picks.append(rest[np.argsort(two[:, 1] - two[:, 0], kind="stable")[:BUDGET]])
        labelled.extend(picks[-1])
    return picks


def whole_run(X, y):
    """The second part, until all items are labelled: which are first, and in each iteration, and
    the score of its model (the weighted F1) on a fifth of the items, which are labelled too."""
    _, X_test, _, y_test = train_test_split(X, y, test_size=0.2, random_state=SEED)
    learner = StandardAL(
        classifier=classifier(),
        acquisition_func="breaking_ties",
        n_init=10,
        budget=10,
        evaluation_metric="f1_weighted",
        random_state=SEED,
    )
    learner.fit(X, y, X_test=X_test, y_test=y_test)
    pools = [learner.metadata_[step]["labeled_pool"] for step in range(learner.max_iter_ + 1)]
    return {
        "labelled": [
            np.flatnonzero(after & ~before)
            for before, after in zip([np.zeros(len(X), dtype=bool), *pools], pools, strict=False)
        ],
        "scores": [learner.metadata_[step]["test_score"] for step in range(1, len(pools))],
    }


def random_picks():
    """Six of a hundred by the function named random, as the library ranks."""
    scores = ACQUISITION_FUNCTIONS["random"](np.full((100, 2), 0.5))
    return scores.argsort()[::-1][:6]


def main():
    X, y = make_classification(
        n_samples=500, n_features=2, n_informative=2, n_redundant=0, random_state=SEED
    )
    labelled, score = library(X, y)
    picks = by_hand(X, y, labelled[0])
    for query, before, after in zip(picks, labelled, labelled[1:], strict=False):
        if not np.array_equal(np.sort(query), np.setdiff1d(after, before)):
            raise AssertionError("by hand, other items are queried")
    probs = probabilities()
    with np.errstate(all="ignore"):
        entropy = ACQUISITION_FUNCTIONS["entropy"](probs)
    answers = {
        "first": labelled[0],
        "queries": picks,
        "f1": score,
        "run": whole_run(X, y),
        "breaking_ties": ACQUISITION_FUNCTIONS["breaking_ties"](probs),
        "entropy": entropy,
        "entropy_ranks": entropy.argsort()[::-1],
        "random_of_100": random_picks(),
    }
    write("ml_research", ("ml-research", "scikit-learn"), {"probs": probs}, answers)


if __name__ == "__main__":
    main()
