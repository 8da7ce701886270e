"""Ask small-text and write what it answers to small_text.json.

Recorded with small-text 1.4.1, scikit-learn 1.9.1 and numpy 2.4.6 on Python 3.11, in the
environment that README.md tells.
"""

import numpy as np
from recording import (
    LABELLED,
    committee,
    point_probabilities,
    points,
    positive_committee,
    probabilities,
    write,
)
from small_text.query_strategies import (
    BreakingTies,
    ContrastiveActiveLearning,
    LeastConfidence,
    PredictionEntropy,
    greedy_coreset,
)
from small_text.query_strategies.bayesian import _bald


class Known:
    """A classifier that answers with given probabilities."""

    def __init__(self, probs):
        self.probs = probs

    def predict_proba(self, _dataset, **_options):
        return self.probs


def confidence(strategy, probs):
    return strategy.get_confidence(Known(probs), None, None, None, None)


def core_sets(vectors):
    """Picks as the function gives them: where the unlabelled are 0…m−1, and where they are not."""
    count = len(vectors)
    rest = np.setdiff1d(np.arange(count), LABELLED)
    ordered = np.concatenate([vectors[rest], vectors[LABELLED]])
    return {
        "greedy_coreset": rest[
            greedy_coreset(
                ordered,
                np.arange(len(rest)),
                np.arange(len(rest), count),
                8,
                distance_metric="euclidean",
            )
        ],
        "greedy_coreset_scattered": rest[
            greedy_coreset(vectors, rest, np.array(LABELLED), 8, distance_metric="euclidean")
        ],
    }


def contrastive(vectors, probs):
    """The scores are only returned as picks, so the first is asked for."""
    strategy = ContrastiveActiveLearning(k=3, normalize=False, pbar=None)
    rest = np.setdiff1d(np.arange(len(vectors)), LABELLED)
    return rest[strategy.sample(None, vectors, rest, None, None, 1, vectors, probs)]


def main():
    inputs = {
        "probs": probabilities(),
        "member_probs": committee(),
        "positive_member_probs": positive_committee(),
        "points": points(),
        "point_probs": point_probabilities(),
        "labelled": np.array(LABELLED),
    }
    vectors = inputs["points"]
    answers = {
        "breaking_ties": confidence(BreakingTies(), inputs["probs"]),
        "least_confidence": confidence(LeastConfidence(), inputs["probs"]),
        "prediction_entropy": confidence(PredictionEntropy(), inputs["probs"]),
        "bald": _bald(inputs["member_probs"].transpose(1, 0, 2)),
        "positive_bald": _bald(inputs["positive_member_probs"].transpose(1, 0, 2)),
        **core_sets(vectors),
        "contrastive": contrastive(vectors, inputs["point_probs"]),
    }
    write("small_text", ("small-text", "scikit-learn"), inputs, answers)


if __name__ == "__main__":
    main()
