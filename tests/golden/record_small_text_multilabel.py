"""Ask small-text's second version of several labels; write small_text_multilabel.json.

Recorded with small-text 2.0.0.dev4 and numpy 2.4.6 on Python 3.11, in the environment that
README.md tells.
"""

import numpy as np
from recording import write
from scipy.sparse import csr_matrix
from small_text.query_strategies.multi_label import (
    AdaptiveActiveLearning,
    LabelCardinalityInconsistency,
)


class Known:
    """A classifier that answers with given probabilities: the data are row numbers."""

    def __init__(self, probs):
        self.probs = probs

    def predict_proba(self, rows):
        return self.probs[rows]


def scores(strategy, probs, labels):
    rows = np.arange(len(probs))
    return strategy.score(Known(probs), rows, rows, rows[:0], csr_matrix(labels))


def main():
    generator = np.random.default_rng(10)
    probs = generator.random((12, 5))
    probs[0] = [0.9, 0.9, 0.1, 0.1, 0.1]
    probs[1] = 0.25
    probs[2:6] = probs[2:6] / 2 + 0.4 * np.eye(5)[:4]
    labels = (generator.random((6, 5)) < 0.5).astype(int)
    inputs = {"label_probs": probs, "labels": labels}
    answers = {
        "label_cardinality_inconsistency": scores(LabelCardinalityInconsistency(), probs, labels),
        "adaptive": scores(AdaptiveActiveLearning(), probs, labels),
        "adaptive_uncertain": scores(AdaptiveActiveLearning(uncertainty_weight=1.0), probs, labels),
    }
    write("small_text_multilabel", ("small-text", "scipy"), inputs, answers)


if __name__ == "__main__":
    main()
