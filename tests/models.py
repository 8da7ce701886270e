"""Fitted classifiers of every kind that is taken, small and quick, and ways to open them."""

import os
import warnings
from contextlib import ExitStack, chdir
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from zipfile import ZipFile

import joblib
import numpy as np
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from workers.untrusted.models import inspect_model, predict_parts

FITTED_ROWS = 300


@dataclass(frozen=True)
class Labelled:
    """Items with their labels."""

    items: np.ndarray
    labels: np.ndarray


@cache
def digits():
    """1,797 handwritten digits of 8 by 8 pixels, from 0 to 1."""
    items, labels = load_digits(return_X_y=True)
    return Labelled(items / 16, labels)


@cache
def named_digits():
    return Labelled(digits().items, np.array([f"digit {label}" for label in digits().labels]))


@cache
def irises():
    """150 irises, shuffled: four lengths each, and three kinds."""
    items, labels = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(items))
    return Labelled(items[order], labels[order])


def forest(**settings):
    return RandomForestClassifier(10, random_state=0, **settings)


def regression():
    return LogisticRegression(max_iter=500)


def members():
    return [("regression", regression()), ("forest", forest())]


UNFITTED = {
    "random_forest": (digits, forest),
    "extra_trees": (digits, lambda: ExtraTreesClassifier(10, random_state=0)),
    "gradient_boosting": (
        digits,
        lambda: GradientBoostingClassifier(n_estimators=4, random_state=0),
    ),
    "hist_gradient_boosting": (
        digits,
        lambda: HistGradientBoostingClassifier(max_iter=4, random_state=0),
    ),
    "hist_gradient_boosting_categories": (
        irises,
        lambda: HistGradientBoostingClassifier(max_iter=4, categorical_features=[1]),
    ),
    "bagging": (digits, lambda: BaggingClassifier(n_estimators=4, random_state=0)),
    "ada_boost": (digits, lambda: AdaBoostClassifier(n_estimators=4, random_state=0)),
    "logistic_regression": (digits, regression),
    "svc": (irises, lambda: SVC(probability=True, random_state=0)),
    "nearest_neighbours": (digits, KNeighborsClassifier),
    "nearest_neighbours_tree": (irises, lambda: KNeighborsClassifier(algorithm="kd_tree")),
    "nearest_neighbours_balls": (
        irises,
        lambda: KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
    ),
    "gaussian_nb": (irises, GaussianNB),
    "multinomial_nb": (digits, MultinomialNB),
    "bernoulli_nb": (digits, lambda: BernoulliNB(binarize=0.5)),
    "complement_nb": (digits, ComplementNB),
    "linear_discriminant": (digits, LinearDiscriminantAnalysis),
    "quadratic_discriminant": (irises, QuadraticDiscriminantAnalysis),
    "mlp": (digits, lambda: MLPClassifier((16,), max_iter=20, random_state=0)),
    "calibrated": (digits, lambda: CalibratedClassifierCV(forest(), cv=2)),
    "calibrated_isotonic": (
        irises,
        lambda: CalibratedClassifierCV(regression(), method="isotonic", cv=2),
    ),
    "voting": (digits, lambda: VotingClassifier(members(), voting="soft")),
    "stacking": (irises, lambda: StackingClassifier(members(), cv=2)),
    "gaussian_process": (irises, lambda: GaussianProcessClassifier(random_state=0)),
    "decision_tree": (digits, lambda: DecisionTreeClassifier(random_state=0)),
    "sgd": (digits, lambda: SGDClassifier(loss="log_loss", random_state=0)),
    "scaled_regression": (digits, lambda: make_pipeline(StandardScaler(), regression())),
    "ranged_svc": (
        irises,
        lambda: make_pipeline(MinMaxScaler(), SVC(probability=True, random_state=0)),
    ),
    "projected_forest": (digits, lambda: make_pipeline(PCA(10, random_state=0), forest())),
    "named_digits_forest": (named_digits, forest),
    "parallel_forest": (digits, lambda: forest(n_jobs=2)),
}
NAMES = tuple(UNFITTED)


@cache
def fitted(name):
    """The classifier of that name, fitted on the first items of its data."""
    source, build = UNFITTED[name]
    data = source()
    return quietly(build().fit, data.items[:FITTED_ROWS], data.labels[:FITTED_ROWS])


def items_for(name):
    """All items of the data a classifier was fitted on, those it was not shown included."""
    return UNFITTED[name][0]().items


def quietly(call, *arguments):
    """Call without the warnings that small data and old parameters cause."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)


def saved(model, format):
    """The bytes of a model's artifact, as a client would save it."""
    target = BytesIO()
    {"skops": skops.io.dump, "joblib": joblib.dump}[format](model, target)
    return target.getvalue()


def rewritten(content, edit):
    """A skops file with each of its members changed by `edit(name, content)`."""
    target = BytesIO()
    with ZipFile(BytesIO(content)) as before, ZipFile(target, "w") as after:
        for name in before.namelist():
            after.writestr(name, edit(name, before.read(name)))
    return target.getvalue()


def features(items):
    """The bytes of a part's `features.npy`."""
    target = BytesIO()
    np.save(target, np.ascontiguousarray(items))
    return target.getvalue()


def silence(message):
    """Take a progress message, and do nothing with it."""


def run(entry, arguments, contents, folder, *, send=silence):
    """Call an entry function in this process, as the sandbox does: open files, an empty place."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with ExitStack() as stack:
        inputs = {}
        for name, content in contents.items():
            (folder / name).write_bytes(content)
            descriptor = os.open(folder / name, os.O_RDONLY)
            inputs[name] = stack.enter_context(os.fdopen(descriptor, "rb"))
        stack.enter_context(chdir(scratch))
        return entry(arguments, inputs, send)


def inspect(content, format, folder, max_classes=1000):
    arguments = {"format": format, "limits": {"max_classes": max_classes}}
    return run(inspect_model, arguments, {"model": content}, folder)


def predict(content, format, parts, folder, *, block=64, send=silence):
    """The probabilities that the worker writes for each part."""
    arguments = {"format": format, "parts": [f"p{k}" for k in range(len(parts))], "block": block}
    contents = {f"part_{k}": features(items) for k, items in enumerate(parts)}
    run(predict_parts, arguments, {"model": content, **contents}, folder, send=send)
    return [np.load(folder / "scratch" / f"probs_{k}.npy") for k in range(len(parts))]
