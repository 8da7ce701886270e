"""Ask scikit-activeml and write what it answers to scikit_activeml.json.

Recorded with scikit-activeml 1.0.1, scikit-learn 1.9.1 and numpy 2.4.6 on Python 3.11, in the
environment that README.md tells.
"""

# X is scikit-learn's name for what it is given.
# ruff: noqa: N803, N806

import numpy as np
from recording import (
    COSTS,
    LABELLED,
    committee,
    point_probabilities,
    points,
    probabilities,
    repeated_points,
    repeated_probabilities,
    write,
)
from skactiveml import pool
from skactiveml.base import SkactivemlClassifier, SkactivemlRegressor

RADIUS = 0.35  # of vectors of length one: no two items cover equally many at the first three picks
GRID = np.arange(0.02, 2.0, 0.02)
SEEDS = range(8)


class KnownClassifier(SkactivemlClassifier):
    """Answers with given probabilities and vectors: X is a column of row numbers."""

    def __init__(self, probs=None, vectors=None, classes=None, missing_label=np.nan):
        super().__init__(classes=classes, missing_label=missing_label)
        self.probs = probs
        self.vectors = vectors

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        rows = np.asarray(X)[:, 0].astype(int)
        return self.probs[rows].copy(), self.vectors[rows].copy()


class KnownProbabilities(KnownClassifier):
    """Answers with given probabilities alone."""

    def predict_proba(self, X):
        return super().predict_proba(X)[0]


class KnownRegressor(SkactivemlRegressor):
    """Answers with given values, found by the vector."""

    def __init__(self, vectors=None, values=None, missing_label=np.nan):
        super().__init__(missing_label=missing_label)
        self.vectors = vectors
        self.values = values

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y, sample_weight=None):
        return self

    def predict(self, X):
        same = (np.asarray(X)[:, None] == self.vectors[None]).all(axis=2)
        return self.values[same.argmax(axis=1)]


def rows_of(vectors):
    """Return row numbers as a column, which is what the known classifiers look at."""
    return np.arange(len(vectors), dtype=float)[:, None]


def labels(count, labelled):
    """Return labels that are missing but for the labelled rows."""
    y = np.full(count, np.nan)
    y[labelled] = np.arange(len(labelled)) % 3
    return y


def scores(probs, members):
    votes = members.argmax(axis=2).T
    return {
        "least_confident": pool.uncertainty_scores(probs, method="least_confident"),
        "margin_sampling": pool.uncertainty_scores(probs, method="margin_sampling"),
        "entropy": pool.uncertainty_scores(probs, method="entropy"),
        "expected_cost": pool.uncertainty_scores(probs, np.array(COSTS), "least_confident"),
        "cost_margin": pool.uncertainty_scores(probs, np.array(COSTS), "margin_sampling"),
        "average_kl_divergence": pool.average_kl_divergence(members.copy()),
        "vote_entropy": pool.vote_entropy(votes, classes=[0, 1, 2, 3]),
        "variation_ratios": pool.variation_ratios(votes),
        "greedy_bald": pool.batch_bald(members.copy(), batch_size=1)[0],
        "batch_bald": pool.batch_bald(members.copy(), batch_size=4, n_MC_samples=4**4),
    }


def committee_deviation(vectors, values):
    """The standard deviation of three regressors, through the query strategy itself."""
    members = [KnownRegressor(vectors, each) for each in values]
    _, found = pool.QueryByCommittee(random_state=0).query(
        vectors,
        labels(len(vectors), LABELLED),
        ensemble=members,
        fit_ensemble=False,
        return_utilities=True,
    )
    return found[0]


def selections(vectors, values, labelled_values):
    """Strategies that look at features, and at predicted values where they are for regression."""
    y = labels(len(vectors), LABELLED)
    truth = np.full(len(vectors), np.nan)
    truth[LABELLED] = labelled_values
    regressor = KnownRegressor(vectors, values)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = {"batch_size": 6, "return_utilities": True}
    target = {"reg": regressor, "fit_reg": False, **asked}
    return {
        "core_set": pool.CoreSet(random_state=0).query(vectors, y, **asked),
        "greedy_sampling_x": pool.GreedySamplingX(random_state=0).query(vectors, y, **asked),
        "greedy_sampling_x_unlabelled": pool.GreedySamplingX(random_state=0).query(
            vectors, labels(len(vectors), []), **asked
        ),
        "greedy_sampling_y": pool.GreedySamplingTarget(method="GSy", random_state=0).query(
            vectors, truth, **target
        ),
        "greedy_sampling_i": pool.GreedySamplingTarget(method="GSi", random_state=0).query(
            vectors, truth, **target
        ),
        "prob_cover": pool.ProbCover(deltas=[RADIUS], random_state=0).query(
            unit, labels(len(vectors), []), batch_size=3, return_utilities=True
        ),
        "prob_cover_labelled": pool.ProbCover(deltas=[RADIUS], random_state=0).query(
            unit, y, batch_size=1, return_utilities=True
        ),
        "max_herding": pool.MaxHerding(random_state=0).query(vectors, y, **asked),
        "max_herding_unlabelled": pool.MaxHerding(random_state=0).query(
            vectors, labels(len(vectors), []), **asked
        ),
        "max_herding_narrow": pool.MaxHerding(metric_dict={"gamma": 2.0}, random_state=0).query(
            vectors, y, **asked
        ),
        "typiclust": pool.TypiClust(random_state=0).query(
            vectors, labels(len(vectors), []), batch_size=3, return_utilities=True
        ),
    }


def pure_radius(vectors):
    """The widest ball of a grid that is nearly always within one of three clusters."""
    strategy = pool.ProbCover(n_classes=3, deltas=GRID, random_state=0)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    strategy.query(unit, labels(len(vectors), []))
    return {"radius": strategy.delta_max_, "step": GRID[0]}


def uncertain_selections(vectors, probs):
    """Strategies that look at probabilities, and at features for most."""
    y = labels(len(vectors), LABELLED)
    X = rows_of(vectors)
    known = KnownClassifier(probs, vectors, classes=[0, 1, 2, 3])
    plain = KnownProbabilities(probs, vectors, classes=[0, 1, 2, 3])
    asked = {"fit_clf": False, "return_utilities": True}
    contrastive = pool.ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 3}, random_state=0)
    return {
        "badge": pool.Badge(random_state=0).query(X, y, known, batch_size=4, **asked),
        "falcun": pool.Falcun(random_state=0).query(X, y, plain, batch_size=4, **asked),
        "contrastive": contrastive_of(contrastive, vectors, probs, y),
        "clue": pool.Clue(random_state=0, cluster_algo_dict={"random_state": 0}).query(
            vectors,
            labels(len(vectors), []),
            ByVector(probs, vectors, classes=[0, 1, 2, 3]),
            fit_estimator=False,
            batch_size=3,
            return_utilities=True,
        ),
    }


class ByVector(KnownClassifier):
    """Answers with given probabilities, found by the vector."""

    def predict_proba(self, X):
        same = (np.asarray(X)[:, None] == self.vectors[None]).all(axis=2)
        return self.probs[same.argmax(axis=1)].copy()


def contrastive_of(strategy, vectors, probs, y):
    known = ByVector(probs, vectors, classes=[0, 1, 2, 3])
    return strategy.query(vectors, y, known, fit_clf=False, return_utilities=True)


def repeats(vectors, probs):
    """What BADGE and TypiClust pick, by seed, where every point is there twice."""
    y = labels(len(vectors), [])
    X = rows_of(vectors)
    known = KnownClassifier(probs, vectors, classes=[0, 1, 2, 3])
    return {
        "repeated_badge": [
            pool.Badge(random_state=seed).query(X, y, known, fit_clf=False, batch_size=8)
            for seed in SEEDS
        ],
        "repeated_typiclust": [
            pool.TypiClust(random_state=seed).query(vectors, y, batch_size=8) for seed in SEEDS
        ],
    }


def named(found):
    """Return picks and utilities under their names."""
    return {
        name: {"picks": picks, "utilities": utilities} for name, (picks, utilities) in found.items()
    }


def main():
    generator = np.random.default_rng(8)
    inputs = {
        "probs": probabilities(),
        "costs": np.array(COSTS),
        "member_probs": committee(),
        "points": points(),
        "point_probs": point_probabilities(),
        "labelled": np.array(LABELLED),
        "values": generator.normal(size=30).round(4),
        "labelled_values": generator.normal(size=4).round(4),
        "member_values": generator.normal(size=(3, 30)).round(4),
        "repeated_points": repeated_points(),
        "repeated_probs": repeated_probabilities(),
        "radius": RADIUS,
    }
    vectors = inputs["points"]
    answers = scores(inputs["probs"], inputs["member_probs"])
    answers["committee_deviation"] = committee_deviation(vectors, inputs["member_values"])
    answers |= named(selections(vectors, inputs["values"], inputs["labelled_values"]))
    answers |= named(uncertain_selections(vectors, inputs["point_probs"]))
    answers["pure_radius"] = pure_radius(vectors)
    answers |= repeats(inputs["repeated_points"], inputs["repeated_probs"])
    write("scikit_activeml", ("scikit-activeml", "scikit-learn"), inputs, answers)


if __name__ == "__main__":
    main()
