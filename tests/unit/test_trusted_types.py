"""The fixed list of types lets in every classifier and pipeline, and nothing that runs code."""

import warnings
from importlib import import_module

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA, FastICA, KernelPCA, TruncatedSVD
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - what it says
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold, chi2
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import all_estimators

from tests.models import irises, predict, quietly
from workers.untrusted.artifacts.trusted_types import TRUSTED_TYPES

REGRESSION = LogisticRegression(max_iter=500)
SEVERAL_LABELS = {"ClassifierChain", "MultiOutputClassifier"}
MEMBERS = {"estimators": [("a", REGRESSION), ("b", RandomForestClassifier(3))]}
ARGUMENTS = {
    "FixedThresholdClassifier": {"estimator": REGRESSION},
    "NuSVC": {"probability": True, "nu": 0.2},
    "OneVsOneClassifier": {"estimator": REGRESSION},
    "OneVsRestClassifier": {"estimator": REGRESSION},
    "OutputCodeClassifier": {"estimator": REGRESSION},
    "SGDClassifier": {"loss": "log_loss"},
    "SVC": {"probability": True},
    "SelfTrainingClassifier": {"estimator": REGRESSION},
    "StackingClassifier": MEMBERS,
    "TunedThresholdClassifierCV": {"estimator": REGRESSION},
    "VotingClassifier": MEMBERS | {"voting": "soft"},
    "RadiusNeighborsClassifier": {"radius": 9.0},
}
TWO_CLASSES = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
EVERY_CLASSIFIER = [
    pytest.param(kind, id=name)
    for name, kind in all_estimators(type_filter="classifier")
    if name not in SEVERAL_LABELS
]
STEPS = [
    ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", "passthrough", slice(2, 3))]),
    ColumnTransformer([("a", OneHotEncoder(handle_unknown="ignore"), [0])], remainder=PCA(2)),
    FastICA(2),
    FeatureUnion([("a", PCA(2)), ("b", SelectKBest(k=1))]),
    FunctionTransformer(),
    FunctionTransformer(np.log1p),
    IterativeImputer(),
    KBinsDiscretizer(quantile_method="averaged_inverted_cdf"),
    KNNImputer(),
    KernelPCA(2),
    MaxAbsScaler(),
    MinMaxScaler(),
    NMF(2, max_iter=1000),
    Normalizer(),
    Nystroem(n_components=9),
    OneHotEncoder(handle_unknown="ignore"),
    OrdinalEncoder(),
    PCA(2),
    PolynomialFeatures(),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=10),
    RBFSampler(),
    RobustScaler(),
    SelectFromModel(RandomForestClassifier(3)),
    SelectKBest(chi2, k=2),
    SimpleImputer(),
    SplineTransformer(),
    StandardScaler(),
    TruncatedSVD(2),
    VarianceThreshold(),
]
OTHERS = [
    GaussianProcessClassifier(
        ConstantKernel() * RBF() + WhiteKernel() + Matern() ** 2, optimizer=None
    ),
    GradientBoostingClassifier(init=REGRESSION, n_estimators=3),
    GridSearchCV(REGRESSION, {"C": [0.1, 1]}, cv=StratifiedKFold(2), scoring="neg_log_loss"),
    KNeighborsClassifier(metric="seuclidean", metric_params={"V": [1, 2, 3, 4.0]}),
    KNeighborsClassifier(p=3),
    OneVsRestClassifier(RandomForestClassifier(3)),
    RandomizedSearchCV(RandomForestClassifier(3), {"max_depth": [2, None]}, n_iter=2),
    SelfTrainingClassifier(REGRESSION),
    make_pipeline(OneHotEncoder(handle_unknown="ignore"), KNeighborsClassifier()),
]


def check_round_trip(model, folder, labels=None):
    """Send a model as a skops file, and compare its probabilities with those it has here."""
    labels = irises().labels if labels is None else labels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(irises().items, labels)
        content = skops.io.dumps(model)
        if not hasattr(model, "predict_proba"):
            skops.io.loads(content, trusted=TRUSTED_TYPES)
            return
        expected = model.predict_proba(irises().items)
        (found,) = predict(content, "skops", [irises().items], folder, block=1000)
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("kind", EVERY_CLASSIFIER)
def test_every_classifier_of_scikit_learn_is_let_in(kind, tmp_path):
    labels = irises().labels % 2 if kind.__name__ in TWO_CLASSES else None
    check_round_trip(quietly(lambda: kind(**ARGUMENTS.get(kind.__name__, {}))), tmp_path, labels)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step)[:40])
def test_every_usual_step_of_a_pipeline_is_let_in(step, tmp_path):
    check_round_trip(make_pipeline(clone(step), clone(REGRESSION)), tmp_path)


@pytest.mark.parametrize("model", OTHERS, ids=lambda model: str(model)[:40])
def test_models_made_of_others_are_let_in(model, tmp_path):
    check_round_trip(clone(model), tmp_path)


@pytest.mark.parametrize("name", TRUSTED_TYPES)
def test_every_name_in_the_list_is_something(name):
    module, _, attribute = name.rpartition(".")
    assert hasattr(import_module(module), attribute)
