"""scikit-learn's estimators, made from recipes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

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
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from service.errors import TooFewLabels
from service.estimators import Recipe

CALIBRATION_FOLDS = 5
"""scikit-learn's own default."""

FEWEST = 2
"""Classes that can be told apart, and labels of a class that folds can be made of."""


@dataclass(frozen=True)
class Kind:
    """An estimator of the table, and how it is used.

    One that is calibrated gives no probabilities by itself; where it is the base of an ensemble it
    stands there as it is, and votes. `is_committee` says whether it is asked member by member,
    `weighs_labels` whether what it is made of must take weights of labels. One that `divides` is
    fitted in pieces by joblib, and no piece has anything to warn of: elsewhere, who would hear it?
    """

    estimator: type
    is_calibrated: bool = False
    is_committee: bool = False
    weighs_labels: bool = False
    divides: bool = False


ESTIMATORS: Mapping[str, Kind] = MappingProxyType(
    {
        "random_forest": Kind(RandomForestClassifier, is_committee=True, divides=True),
        "extra_trees": Kind(ExtraTreesClassifier, is_committee=True, divides=True),
        "gradient_boosting": Kind(GradientBoostingClassifier),
        "histogram_boosting": Kind(HistGradientBoostingClassifier),
        "bagging": Kind(BaggingClassifier, is_committee=True),
        "ada_boost": Kind(AdaBoostClassifier, weighs_labels=True),
        "decision_tree": Kind(DecisionTreeClassifier),
        "logistic_regression": Kind(LogisticRegression),
        "linear_svm": Kind(LinearSVC, is_calibrated=True),
        "svm": Kind(SVC, is_calibrated=True),
        "knn": Kind(KNeighborsClassifier),
        "naive_bayes": Kind(GaussianNB),
        "mlp": Kind(MLPClassifier),
        "gaussian_process": Kind(GaussianProcessClassifier),
    }
)

SCALERS: Mapping[str, type] = MappingProxyType(
    {
        "standard": StandardScaler,
        "min_max": MinMaxScaler,
        "max_abs": MaxAbsScaler,
        "robust": RobustScaler,
    }
)


def build(recipe: Recipe, seed: int, fewest: int) -> Any:
    """Return an unfitted scikit-learn classifier, a pipeline where something stands before it.

    `fewest` is how many labels the rarest class has: calibration takes no more folds than that.
    Raise TooFewLabels where there is nothing to calibrate on.
    """
    made = bare(recipe, seed)
    if ESTIMATORS[recipe.estimator].is_calibrated:
        made = calibrated(recipe.estimator, made, fewest)
    return behind(recipe, seed, made)


def bare(recipe: Recipe, seed: int) -> Any:
    """Return an estimator as it is, with nothing around it."""
    made = ESTIMATORS[recipe.estimator].estimator(**recipe.parameters)
    if recipe.base is not None:
        made.set_params(estimator=behind(recipe.base, seed, bare(recipe.base, seed)))
    known = made.get_params(deep=False)
    if "random_state" in known and known["random_state"] is None:
        made.set_params(random_state=seed)
    return made


def calibrated(name: str, made: Any, fewest: int) -> CalibratedClassifierCV:
    """Return an estimator that gives probabilities by Platt's scaling, cross-validated."""
    if fewest < FEWEST:
        raise TooFewLabels(
            f"{name} gives probabilities only once it is calibrated, on labels it was not fitted"
            f" on, and the rarest class has {fewest} label: give each class at least {FEWEST}, or"
            " take another estimator"
        )
    return CalibratedClassifierCV(made, cv=min(CALIBRATION_FOLDS, fewest))


def behind(recipe: Recipe, seed: int, made: Any) -> Any:
    """Return an estimator with the scaling and the projection of a recipe before it."""
    steps = []
    if recipe.scaling is not None:
        steps.append(SCALERS[recipe.scaling]())
    if recipe.pca is not None:
        steps.append(PCA(recipe.pca, random_state=seed))
    return make_pipeline(*steps, made) if steps else made
