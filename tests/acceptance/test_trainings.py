"""Models fitted by a whole service: each is what scikit-learn fits here, to the last bit."""

from itertools import count

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from service.estimators import ESTIMATORS
from tests.conftest import installation
from tests.models import irises, quietly
from tests.uploads import npy

NPY = "application/x-npy"
KINDS = np.array(["setosa", "versicolor", "virginica"])[irises().labels]
LABELLED = 90
SEED = 7
MIB = 2**20

ALONE = {
    "random_forest": (RandomForestClassifier(20, random_state=SEED), {"n_estimators": 20}),
    "extra_trees": (ExtraTreesClassifier(20, random_state=SEED), {"n_estimators": 20}),
    "gradient_boosting": (
        GradientBoostingClassifier(n_estimators=9, random_state=SEED),
        {"n_estimators": 9},
    ),
    "histogram_boosting": (
        HistGradientBoostingClassifier(max_iter=9, random_state=SEED),
        {"max_iter": 9},
    ),
    "bagging": (BaggingClassifier(random_state=SEED), {}),
    "ada_boost": (AdaBoostClassifier(random_state=SEED), {}),
    "decision_tree": (DecisionTreeClassifier(max_depth=2, random_state=SEED), {"max_depth": 2}),
    "logistic_regression": (LogisticRegression(max_iter=500), {"max_iter": 500}),
    "linear_svm": (CalibratedClassifierCV(LinearSVC(random_state=SEED), cv=5), {}),
    "svm": (CalibratedClassifierCV(SVC(kernel="poly", C=2), cv=5), {"kernel": "poly", "C": 2}),
    "knn": (KNeighborsClassifier(7, weights="distance"), {"n_neighbors": 7, "weights": "distance"}),
    "naive_bayes": (GaussianNB(), {}),
    "mlp": (
        MLPClassifier((9, 5), max_iter=20, random_state=SEED),
        {"hidden_layer_sizes": [9, 5], "max_iter": 20},
    ),
    "gaussian_process": (GaussianProcessClassifier(random_state=SEED), {}),
}
TOGETHER = {
    "standard, pca and a forest": (
        make_pipeline(
            StandardScaler(),
            PCA(2, random_state=SEED),
            RandomForestClassifier(9, random_state=SEED),
        ),
        {"name": "random_forest", "parameters": {"n_estimators": 9}}
        | {"scaling": "standard", "pca": 2},
    ),
    "bagged support vectors": (
        BaggingClassifier(make_pipeline(StandardScaler(), SVC()), random_state=SEED),
        {"name": "bagging", "base": {"name": "svm", "scaling": "standard"}},
    ),
    "boosted bayes": (
        AdaBoostClassifier(GaussianNB(), n_estimators=5, random_state=SEED),
        {"name": "ada_boost", "parameters": {"n_estimators": 5}, "base": {"name": "naive_bayes"}},
    ),
}
CASES = {
    name: (made, {"name": name, "parameters": parameters})
    for name, (made, parameters) in ALONE.items()
} | TOGETHER


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A whole installation, and the directory of its files."""
    home = tmp_path_factory.mktemp("data")
    with installation(home, workers=1, api_processes=1, sandbox_memory=256 * MIB) as (client, _):
        yield client, home


def labels(client, pool, rows, value):
    """Label rows of a pool; `value` tells each row's label."""
    said = [{"id": str(row), "label": value(row)} for row in rows]
    answer = client.put(f"/v1/pools/{pool}/labels", {"labels": said})
    assert answer.status == 200, answer.body


@pytest.fixture(scope="module")
def pool(service):
    """The irises, of which the first are labelled."""
    client, _ = service
    made = client.pool(npy(irises().items), NPY)
    labels(client, made, range(LABELLED), lambda row: str(KINDS[row]))
    return made


def trained(client, pool, estimator, **options):
    """The model that a training makes."""
    asked = {"pool": pool, "estimator": estimator, "folds": 0, "seed": SEED, **options}
    job = client.finish("/v1/trainings", asked)
    model = client.get(job["links"]["model"]).json
    assert model == job["result"]["model"] | {"training": model["training"]}
    return model


def test_every_estimator_is_among_the_cases():
    assert ALONE.keys() == ESTIMATORS.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_model_is_what_scikit_learn_fits_here(service, pool, name):
    client, home = service
    here, estimator = CASES[name]
    model = trained(client, pool, estimator)
    assert model["classes"] == sorted(set(KINDS.tolist()))
    assert client.rankings(pool, model["id"], "margin")
    [path] = home.glob(f"**/predictions/{model['id']}/*/probs.npy")
    with threadpool_limits(1):
        quietly(here.fit, irises().items[:LABELLED], KINDS[:LABELLED])
        expected = here.predict_proba(irises().items)
    np.testing.assert_array_equal(np.load(path), expected)


def test_a_forest_that_was_fitted_is_a_committee(service, pool):
    client, _ = service
    forest = {"name": "random_forest", "parameters": {"n_estimators": 8}, "scaling": "robust"}
    model = trained(client, pool, forest)
    assert model["members"] == 8
    assert client.rankings(pool, model["id"], "bald")


def test_a_model_tells_how_well_it_did_and_what_it_was_fitted_on(service, pool):
    client, _ = service
    model = trained(client, pool, {"name": "naive_bayes"}, folds=4, name="flowers")
    told = model["training"]
    assert (model["name"], told["pool"], told["labels"]) == ("flowers", pool, LABELLED)
    assert told["estimator"]["name"] == "naive_bayes"
    assert len(told["accuracy"]["folds"]) == 4
    assert told["accuracy"]["mean"] > 0.9
    assert sum(each["count"] for each in told["class_counts"]) == LABELLED


def test_a_request_may_wait_for_its_model(service, pool):
    client, _ = service
    asked = {"pool": pool, "estimator": {"name": "naive_bayes"}}
    answer = client.post("/v1/trainings", asked, Prefer="wait=30")
    assert answer.status == 201, answer.body
    assert answer.json["progress"] | {"done": 6, "total": 6} == answer.json["progress"]


@pytest.mark.parametrize(
    ("estimator", "reason", "said"),
    [
        ({"name": "knn", "parameters": {"n_neighbors": 91}}, "too_few_labels", "91 neighbours"),
        (
            {"name": "logistic_regression", "parameters": {"dual": True}},
            "fit_failed",
            "Solver lbfgs supports only dual=False",
        ),
        (
            {"name": "mlp", "parameters": {"hidden_layer_sizes": [4096, 4096, 4096]}},
            "out_of_memory",
            "sandbox_memory",
        ),
    ],
)
def test_a_fit_that_fails_says_why_and_the_worker_goes_on(service, pool, estimator, reason, said):
    client, _ = service
    answer = client.post("/v1/trainings", {"pool": pool, "estimator": estimator})
    job = client.ended(answer.json["id"])
    assert (job["state"], job["reason"], job["attempts"]) == ("failed", reason, 1)
    assert said in job["error"]["detail"]
    assert trained(client, pool, {"name": "naive_bayes"})


def test_a_class_with_one_label_is_fitted_on_and_not_cross_validated(service):
    client, _ = service
    made = client.pool(npy(irises().items), NPY)
    single = count()
    labels(client, made, range(40), lambda row: "rare" if next(single) == 0 else str(KINDS[row]))
    model = trained(client, made, {"name": "random_forest"}, folds=5)
    assert "rare" in model["classes"]
    assert model["training"]["accuracy"] is None
    assert 'The class "rare" has one label' in model["training"]["left_out"]["reasons"][0]
    svm = client.post("/v1/trainings", {"pool": made, "estimator": {"name": "svm"}})
    assert client.ended(svm.json["id"])["reason"] == "too_few_labels"
