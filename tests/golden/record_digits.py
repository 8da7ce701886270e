"""Learn scikit-learn's digits by strategies in which no chance plays a part; write digits.json.

Recorded with scikit-learn 1.9.1 and numpy 2.4.6 on Python 3.11. No library is asked: the loop and
the strategies are written down here by their formulas. A pool is 70 % of the digits, in their own
order; 20 drawn at random are labelled, and then ten a round. Distances are those of whole numbers,
so they are exact, and of items that lie equally far the first in the pool is taken.
"""

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from recording import write
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

SEEDS, FIRST, BATCH, ROUNDS, INK = 10, 20, 10, 30, 16
PIXELS, TRUTH = load_digits(return_X_y=True)


def highest(scores):
    """The items of the highest scores, the first of equals first."""
    return np.argsort(-scores, kind="stable")[:BATCH]


def margin(probs, rest, labelled):
    two = np.sort(probs, axis=1)[:, -2:]
    return highest(two[:, 0] - two[:, 1])


def least_confidence(probs, rest, labelled):
    return highest(1 - probs.max(axis=1))


def entropy(probs, rest, labelled):
    return highest(-(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1))


def squared(points, others):
    """Squared distances to the nearest of some others, in whole numbers."""
    gaps = points[:, None].astype(np.int64) - others[None].astype(np.int64)
    return (gaps**2).sum(axis=2).min(axis=1)


def ranked_batch(probs, rest, labelled):
    uncertainty, near, picks = 1 - probs.max(axis=1), squared(rest, labelled), []
    for _ in range(BATCH):
        left, known = len(rest) - len(picks), len(labelled) + len(picks)
        alpha = left / (left + known)
        apart = 1 - 1 / (1 + np.sqrt(near) / INK)
        scores = alpha * apart + (1 - alpha) * uncertainty
        scores[picks] = -np.inf
        picks.append(int(np.argmax(scores)))
        near = np.minimum(near, squared(rest, rest[picks[-1:]]))
    return picks


def k_center(probs, rest, labelled):
    near, picks = squared(rest, labelled), []
    for _ in range(BATCH):
        picks.append(int(np.argmax(near)))
        near = np.minimum(near, squared(rest, rest[picks[-1:]]))
    return picks


def run(strategy, seed):
    """How many of the tested digits are read rightly after each round."""
    rows = np.arange(len(TRUTH))
    drawn, tested = train_test_split(rows, test_size=0.3, random_state=seed, stratify=TRUTH)
    first = np.random.RandomState(seed).choice(len(drawn), FIRST, replace=False)
    labelled, found = np.sort(drawn[first]), []
    while True:
        model = LogisticRegression(max_iter=1000).fit(PIXELS[labelled] / INK, TRUTH[labelled])
        found.append(int((model.predict(PIXELS[tested] / INK) == TRUTH[tested]).sum()))
        if len(found) > ROUNDS:
            return found
        rest = np.setdiff1d(drawn, labelled)
        probs = model.predict_proba(PIXELS[rest] / INK)
        picks = strategy(probs, PIXELS[rest], PIXELS[labelled])
        labelled = np.sort(np.concatenate([labelled, rest[picks]]))


def main():
    strategies = (margin, entropy, least_confidence, ranked_batch, k_center)
    answers = {each.__name__: [run(each, seed) for seed in range(SEEDS)] for each in strategies}
    write("digits", ("scikit-learn",), {"tested": 540}, answers)


if __name__ == "__main__":
    main()
