"""An introduction that another library gives, done with ours: the same queries and scores.

The loop trains scikit-learn's model here and asks the registry alone what to label next.
"""

import numpy as np
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier

from service.acquisition import REGISTRY
from service.acquisition.evidence import Features
from tests.golden.records import recorded


def test_modals_ranked_batches_of_iris_are_the_same_and_as_accurate():
    example = recorded("modal").answers["iris"]
    vectors, labels = load_iris(return_X_y=True)
    labelled, picks = example["first"], []
    model = KNeighborsClassifier(n_neighbors=3).fit(vectors[labelled], labels[labelled])
    accuracies = [model.score(vectors, labels)]
    for _ in example["picks"]:
        rest = np.setdiff1d(np.arange(150), labelled)
        probs = model.predict_proba(vectors[rest])
        chosen = REGISTRY["ranked_batch"].pick(
            {
                "n": 3,
                "features": Features.of(vectors[rest]),
                "labelled_features": Features.of(vectors[labelled]),
                "base": REGISTRY["least_confidence"].score({"probs": probs}),
            }
        )
        picks.append(rest[chosen.rows])
        labelled = np.concatenate([labelled, picks[-1]])
        model.fit(vectors[labelled], labels[labelled])
        accuracies.append(model.score(vectors, labels))

    assert np.array_equal(picks, example["picks"])
    assert accuracies == example["accuracies"].tolist()
