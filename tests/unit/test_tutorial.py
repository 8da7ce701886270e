"""The introductions that other libraries give, done with ours: the same queries, the same scores.

Both loops train scikit-learn's models here and ask the registry alone what to label next.
"""

import numpy as np
from sklearn.datasets import load_iris, make_classification
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

from service.acquisition import REGISTRY
from service.acquisition.evidence import Features
from tests.golden.records import recorded

SEED = 42


@threadpool_limits.wrap(limits=1)
def test_ml_researchs_introduction_labels_the_same_items_and_scores_the_same():
    tutorial = recorded("ml_research").answers
    vectors, labels = make_classification(
        n_samples=500, n_features=2, n_informative=2, n_redundant=0, random_state=SEED
    )
    labelled, queries = tutorial["first"], []
    for _ in tutorial["queries"]:
        network = MLPClassifier((20, 20), max_iter=3000, random_state=SEED)
        model = make_pipeline(MinMaxScaler(), network).fit(vectors[labelled], labels[labelled])
        rest = np.setdiff1d(np.arange(500), labelled)
        scores = REGISTRY["margin"].score({"probs": model.predict_proba(vectors[rest])})
        queries.append(rest[np.argsort(-scores, kind="stable")[:4]])
        labelled = np.union1d(labelled, queries[-1])

    assert np.array_equal(queries, tutorial["queries"])
    assert tutorial["f1"] == 0.9299599329146503
    assert f1_score(labels, model.predict(vectors), average="weighted") == tutorial["f1"]


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
