"""Ask cleanlab for ActiveLab's scores; write cleanlab.json.

Recorded with cleanlab 2.9.0, scikit-learn 1.9.1 and numpy 2.4.6 on Python 3.11, in the environment
that README.md tells. Its scores are read the other way: the lowest is labelled next. Items with
several annotations are in record_activelab.py.
"""

import numpy as np
from cleanlab.multiannotator import get_active_learning_scores
from recording import positive_probabilities, probabilities, write


def main():
    generator = np.random.default_rng(12)
    labelled_probs = generator.dirichlet(np.full(4, 0.2), size=20)
    truth = np.array([generator.choice(4, p=row) for row in labelled_probs])
    single = truth[:, None].astype(float)
    unlabelled = positive_probabilities()
    alone = get_active_learning_scores(pred_probs_unlabeled=probabilities())[1]
    of_one = get_active_learning_scores(single, labelled_probs, unlabelled)
    inputs = {
        "probs": probabilities(),
        "labelled_probs": labelled_probs,
        "unlabelled_probs": unlabelled,
        "single_annotator": single,
    }
    answers = {
        "unlabelled_alone": alone,
        "labelled_by_one": of_one[0],
        "unlabelled_beside_one": of_one[1],
    }
    write("cleanlab", ("cleanlab", "scikit-learn"), inputs, answers)


if __name__ == "__main__":
    main()
