"""Scikit-learn classifiers, for the formats that hold one: what is taken, and made ready."""

from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from service.errors import ModelRefused
from workers.untrusted.artifacts.classifier import Array, Classifier, Label
from workers.untrusted.artifacts.committees import Committee, committee_of
from workers.untrusted.artifacts.forests import asked
from workers.untrusted.artifacts.matrices import secure_matrices
from workers.untrusted.artifacts.prepared import preparation
from workers.untrusted.artifacts.trees import secure_trees

TAKEN = "What is taken is a fitted scikit-learn classifier, or a Pipeline that ends in one."
COLUMNS_SHOWN = 10


def classifier_of(model: Any) -> Classifier:
    """Return the classifier that a loaded object is, or refuse it."""
    name = named(model)
    refuse_other(model, name)
    parts = reachable(model)
    secure_trees(parts)
    secure_matrices(parts)
    compute_in_one_thread(parts)
    width = getattr(model, "n_features_in_", None)

    committee, ask = committee_of(model), asked(model)
    classes = labels_of(model, name)
    prepare = preparation(model, {"estimator": name, "classes": classes, "item_values": width})
    return Classifier(
        estimator=name,
        classes=classes,
        item_values=None if width is None else int(width),
        item_shape=None,
        probabilities=hasattr(model, "predict_proba"),
        warnings=tuple(column_warnings(model)),
        predict=lambda items: ask(items.reshape(len(items), -1)),
        members=None if committee is None else committee.size,
        predict_members=None if committee is None else asked_in_rows(committee),
        items_alone=prepare is not None,
        prepare=prepare,
    )


def asked_in_rows(committee: Committee) -> Callable[[Array], Array]:
    return lambda items: committee.predict(items.reshape(len(items), -1))


def named(model: Any) -> str:
    if isinstance(model, Pipeline):
        return f"Pipeline({', '.join(named(step) for _, step in model.steps)})"
    return model if isinstance(model, str) else type(model).__name__


def refuse_other(model: Any, name: str) -> None:
    if not isinstance(model, BaseEstimator):
        raise ModelRefused(f"The file holds an object of type {name}. {TAKEN}")
    if not is_classifier(model):
        raise ModelRefused(f"{name} is no classifier. {TAKEN}")
    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise ModelRefused(f"{name} is not fitted. {TAKEN}") from error


def labels_of(model: Any, name: str) -> tuple[Label, ...]:
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        raise ModelRefused(
            f"{name} gives an item several labels, or none: fit one that gives each item one label."
        )
    return tuple(label(value) for value in classes.tolist())


def label(value: Any) -> Label:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, str | int | float | bool) or plain != plain:  # noqa: PLR0124 - NaN
        raise ModelRefused(
            f"The class {value!r} is neither text, a number nor a boolean: fit the model on labels"
            " that JSON can say."
        )
    return plain


def column_warnings(model: Any) -> Iterable[str]:
    columns = getattr(model, "feature_names_in_", None)
    if columns is not None:
        shown = ", ".join(str(column) for column in columns[:COLUMNS_SHOWN])
        more = ", …" if len(columns) > COLUMNS_SHOWN else ""
        yield (
            "The model was fitted on named columns; an item's values are given to it by position,"
            f" so send them in this order: {shown}{more}."
        )


def reachable(model: Any) -> list[Any]:
    """Return the model and every object inside it, each once."""
    found: dict[int, Any] = {}
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) not in found:
            found[id(part)] = part
            waiting.extend(inside(part))
    return list(found.values())


def inside(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        return part.values()
    if isinstance(part, list | tuple | set):
        return part
    if isinstance(part, np.ndarray):
        return part.ravel().tolist() if part.dtype == object else ()
    if isinstance(part, type | ModuleType | FunctionType):
        return ()
    return getattr(part, "__dict__", {}).values()


def compute_in_one_thread(parts: list[Any]) -> None:
    """Make sums come out the same each time: with threads, a forest adds trees in any order."""
    for part in parts:
        if isinstance(part, BaseEstimator) and "n_jobs" in vars(part):
            part.n_jobs = 1
