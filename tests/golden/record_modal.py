"""Ask modAL and write what it answers to modal.json.

Recorded with modAL-python 0.4.2.1, scikit-learn 1.4.2 and numpy 1.26.4 on Python 3.11, in the
environment that README.md tells; modAL does not run on scikit-learn 1.8 and later.
"""

# X is scikit-learn's name for what it is given.
# ruff: noqa: N803, N806

from functools import partial

import numpy as np
from modAL.acquisition import EI, PI, UCB
from modAL.batch import uncertainty_batch_sampling
from modAL.density import information_density
from modAL.disagreement import KL_max_disagreement, consensus_entropy, vote_entropy
from modAL.models import ActiveLearner, Committee
from modAL.multilabel import (
    SVM_binary_minimum,
    min_confidence,
)
from modAL.uncertainty import (
    classifier_entropy,
    classifier_margin,
    classifier_uncertainty,
    uncertainty_sampling,
)
from recording import (
    LABELLED,
    committee,
    point_probabilities,
    points,
    probabilities,
    repeated_points,
    repeated_probabilities,
    write,
)
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier


class Known(ClassifierMixin, BaseEstimator):
    """Answers with given probabilities: X is a column of row numbers, or vectors if there are."""

    def __init__(self, probs=None, vectors=None):
        self.probs = probs
        self.vectors = vectors
        self.classes_ = np.arange(probs.shape[1])

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        if self.vectors is None:
            return self.probs[np.asarray(X)[:, 0].astype(int)]
        same = (np.asarray(X)[:, None] == self.vectors[None]).all(axis=2)
        return self.probs[same.argmax(axis=1)]

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


class Machine:
    """One label's decision function, given."""

    def __init__(self, values):
        self.values = values

    def decision_function(self, X):
        return self.values[np.asarray(X)[:, 0].astype(int)]


class Machines:
    """What SVM_binary_minimum looks at of a learner."""

    def __init__(self, values):
        self.estimator = self
        self.estimators_ = [Machine(column) for column in values.T]


def rows_of(values):
    return np.arange(len(values), dtype=float)[:, None]


def scores(probs, members):
    learner = ActiveLearner(Known(probs))
    X = rows_of(probs)
    learners = [
        ActiveLearner(Known(each), X_training=X, y_training=X[:, 0] % 4) for each in members
    ]
    group = Committee(learners)
    return {
        "uncertainty": classifier_uncertainty(learner, X),
        "margin": classifier_margin(learner, X),
        "entropy": classifier_entropy(learner, X),
        "vote_entropy": vote_entropy(group, X),
        "consensus_entropy": consensus_entropy(group, X),
        "max_disagreement": KL_max_disagreement(group, X),
        "top_4_uncertain": uncertainty_sampling(learner, X, n_instances=4)[0],
        "top_4_uncertain_tie_break": uncertainty_sampling(
            learner, X, n_instances=4, random_tie_break=True
        )[0],
    }


def every(strategy, learner, count):
    """Return the value that a strategy gives to each item, by asking for all of them."""
    order, values = strategy(learner, rows_of(range(count)), n_instances=count)
    return np.asarray(values)[np.argsort(order)]


def multilabel(probs, decisions):
    learner = Known(probs)
    count = len(probs)
    X = rows_of(decisions)
    np.random.seed(0)  # noqa: NPY002 - modAL draws from it
    return {
        "min_confidence": every(min_confidence, learner, count),
        "svm_binary_minimum": SVM_binary_minimum(Machines(decisions), X),
        "svm_binary_minimum_tie_break": SVM_binary_minimum(
            Machines(decisions), X, random_tie_break=True
        ),
    }


def ranked_batches(vectors, probs, repeated, repeated_probs):
    """Picks among the vectors that are not labelled, with the labelled known and without."""
    rest = np.setdiff1d(np.arange(len(vectors)), LABELLED)
    warm = ActiveLearner(
        Known(probs, vectors),
        X_training=vectors[LABELLED],
        y_training=np.zeros(len(LABELLED), dtype=int),
    )
    cold = ActiveLearner(Known(probs, vectors))
    twice = ActiveLearner(Known(repeated_probs, repeated))
    return {
        "ranked_batch": rest[uncertainty_batch_sampling(warm, vectors[rest], n_instances=10)[0]],
        "ranked_batch_cold": uncertainty_batch_sampling(cold, vectors, n_instances=10)[0],
        "ranked_batch_cold_repeated": uncertainty_batch_sampling(twice, repeated, n_instances=12)[
            0
        ],
    }


def iris():
    """The ranked batch example of modAL's documentation: three neighbours, six queries of three.

    The picks are rows of iris; the first number drawn might be one too many, but is not.
    """
    np.random.seed(123)  # noqa: NPY002 - the example's own
    X, y = load_iris(return_X_y=True)
    first = np.random.randint(low=0, high=len(X) + 1, size=3)  # noqa: NPY002
    learner = ActiveLearner(
        KNeighborsClassifier(n_neighbors=3),
        query_strategy=partial(uncertainty_batch_sampling, n_instances=3),
        X_training=X[first],
        y_training=y[first],
    )
    rest = np.delete(np.arange(len(X)), first)
    picks, accuracies = [], [learner.score(X, y)]
    for _ in range(6):
        chosen = rest[learner.query(X[rest])[0]]
        learner.teach(X[chosen], y[chosen])
        rest = rest[~np.isin(rest, chosen)]
        picks.append(chosen)
        accuracies.append(learner.score(X, y))
    return {"first": first, "picks": picks, "accuracies": accuracies}


def optimisation(mean, std, best):
    with np.errstate(all="ignore"):
        return {
            "expected_improvement": EI(mean, std, best, 0),
            "expected_improvement_tradeoff": EI(mean, std, best, 0.1),
            "probability_of_improvement": PI(mean, std, best, 0),
            "upper_confidence_bound": UCB(mean, std, 1.5),
        }


def main():
    generator = np.random.default_rng(9)
    labels = generator.random((12, 5))
    labels[0] = [0, 1, 0, 1, 0]
    std = np.abs(generator.normal(size=12))
    mean = generator.normal(size=12)
    mean[3], std[3] = 1.0, 0.0
    mean[4], std[4] = 0.5, 0.0
    inputs = {
        "probs": probabilities(),
        "member_probs": committee(),
        "label_probs": labels,
        "decisions": generator.normal(size=(12, 5)),
        "mean": mean,
        "std": std,
        "best": 1.0,
        "points": points(),
        "point_probs": point_probabilities(),
        "labelled": np.array(LABELLED),
        "repeated_points": repeated_points(),
        "repeated_probs": repeated_probabilities(),
    }
    answers = scores(inputs["probs"], inputs["member_probs"])
    answers |= multilabel(inputs["label_probs"], inputs["decisions"])
    answers |= optimisation(mean, std, inputs["best"])
    answers["information_density"] = information_density(inputs["points"])
    answers |= ranked_batches(
        inputs["points"],
        inputs["point_probs"],
        inputs["repeated_points"],
        inputs["repeated_probs"],
    )
    answers["iris"] = iris()
    write("modal", ("modAL-python", "scikit-learn"), inputs, answers)


if __name__ == "__main__":
    main()
