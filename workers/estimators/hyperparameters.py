"""What scikit-learn itself says of its estimators, written down for the service as JSON.

Types, intervals, options and defaults are those that scikit-learn checks; summaries and
descriptions are the first sentences of its documentation. Left out is what a request cannot carry
(functions, objects, arrays), what is the service's own to say (threads, messages) and what keeps an
estimator from giving probabilities of vectors.
"""

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import Any

from sklearn.utils import _param_validation as constraints
from sklearn.utils.validation import has_fit_parameter

from service.estimators import DOCUMENT
from workers.estimators import ESTIMATORS, SCALERS, Kind

LARGEST_SEED = 2**32 - 1
MOST_LAYERS = 10
LONGEST_DESCRIPTION = 200

MOST = {
    "n_estimators": 1_000,
    "max_iter": 100_000,
    "max_fun": 1_000_000,
    "max_iter_predict": 10_000,
    "n_restarts_optimizer": 20,
    "hidden_layer_sizes": 4_096,
    "degree": 20,
}
"""Bounds of our own, where scikit-learn has none and a foolish value costs hours or memory."""

OMITTED = frozenset(
    {
        *("n_jobs", "verbose", "warm_start", "oob_score", "copy_X_train", "cache_size"),
        *("estimator", "categorical_features", "interaction_cst", "scoring"),
    }
)
"""Threads, messages, memory, what is refitted or measured elsewhere, what vectors do not have."""

UNUSABLE = {
    "svm": {"decision_function_shape", "break_ties", "random_state"},
    "gaussian_process": {"multi_class"},
}
"""Hyper-parameters that keep an estimator from giving probabilities, or that nothing depends on."""

UNUSABLE_OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "kernel": ("precomputed",),
    "metric": ("precomputed", "pyfunc", "mahalanobis", "seuclidean", "haversine"),
    "n_neighbors": (None,),
    "p": (None,),
}
"""Options that need more than vectors and labels."""

SAID_ELSEWHERE = ("Values must be in the range", "Pass an int for", "See ")
"""How sentences begin that repeat the schema, or lead to other pages."""

Schema = dict[str, Any]


def document() -> dict[str, Any]:
    """Return all that the service needs to know of the estimators."""
    return {
        "scikit-learn": version("scikit-learn"),
        "estimators": {name: described(name, kind) for name, kind in ESTIMATORS.items()},
        "scalings": {name: summary_of(scaler) for name, scaler in SCALERS.items()},
    }


def written() -> str:
    """Return the document as the text of its file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def write(arguments: Sequence[str]) -> None:
    """Write the document, to a path or where the service reads it."""
    (Path(arguments[0]) if arguments else DOCUMENT).write_text(written(), encoding="utf-8")


def described(name: str, kind: Kind) -> dict[str, Any]:
    """Return one estimator: what it is, what may stand inside it, and its hyper-parameters."""
    return {
        "class": kind.estimator.__name__,
        "summary": summary_of(kind.estimator),
        "is_committee": kind.is_committee,
        "is_calibrated": kind.is_calibrated,
        "bases": bases_of(kind),
        "takes_steps": takes_base(kind) and not kind.weighs_labels,
        "parameters": dict(parameters_of(name, kind.estimator)),
    }


def bases_of(kind: Kind) -> list[str]:
    """Return the estimators that one may be made of: none, all, or those that weigh labels."""
    if not takes_base(kind):
        return []
    return [
        name
        for name, each in ESTIMATORS.items()
        if not takes_base(each) and (takes_weights(each) or not kind.weighs_labels)
    ]


def takes_base(kind: Kind) -> bool:
    """Return whether an estimator is made of another."""
    return "estimator" in signature_of(kind.estimator)


def takes_weights(kind: Kind) -> bool:
    """Return whether an estimator can weigh labels."""
    return bool(has_fit_parameter(kind.estimator(), "sample_weight"))


def signature_of(estimator: type) -> Mapping[str, inspect.Parameter]:
    """Return the arguments that an estimator is made with."""
    return inspect.signature(estimator).parameters


def parameters_of(name: str, estimator: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the hyper-parameters that a request may carry, in scikit-learn's order."""
    texts = descriptions_of(estimator)
    for parameter, given in signature_of(estimator).items():
        if parameter in OMITTED or parameter in UNUSABLE.get(name, ()):
            continue
        allowed = estimator._parameter_constraints[parameter]  # noqa: SLF001 - there is no public way
        kinds = [schema for each in allowed for schema in kinds_of(parameter, each)]
        default = list(given.default) if isinstance(given.default, tuple) else given.default
        if default == "deprecated" or all(each == {"type": "null"} for each in kinds):
            continue
        yield parameter, {"default": default, "description": texts[parameter], "kinds": kinds}


def kinds_of(parameter: str, allowed: Any) -> Iterator[Schema]:
    """Yield what one of scikit-learn's constraints allows, as JSON Schema; nothing for objects."""
    unusable = UNUSABLE_OPTIONS.get(parameter, ())
    if isinstance(allowed, constraints.Interval):
        yield interval(parameter, allowed)
    elif isinstance(allowed, constraints.StrOptions):
        options = sorted(allowed.options - allowed.deprecated - set(unusable))
        yield {"type": "string", "enum": options}
    elif allowed is None:
        if None not in unusable:
            yield {"type": "null"}
    elif allowed == "boolean":
        yield {"type": "boolean"}
    elif allowed == "random_state":
        yield {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
        yield {"type": "null"}
    elif allowed == "array-like" and parameter == "hidden_layer_sizes":
        size = {"type": "integer", "minimum": 1, "maximum": MOST[parameter]}
        yield {"type": "array", "items": size, "minItems": 1, "maxItems": MOST_LAYERS}


def interval(parameter: str, allowed: constraints.Interval) -> Schema:
    """Return an interval of numbers as JSON Schema; an open end of whole numbers is closed."""
    left, right = allowed.left, MOST.get(parameter, allowed.right)
    opened = {"left": allowed.closed in ("right", "neither") and left is not None}
    opened["right"] = allowed.closed in ("left", "neither") and parameter not in MOST
    schema: Schema = {"type": "number"}
    if allowed.type is Integral:
        schema["type"] = "integer"
        left = left if left is None else left + opened["left"]
        right = right if right is None else right - opened["right"]
        opened = {"left": False, "right": False}
    if left is not None:
        schema["exclusiveMinimum" if opened["left"] else "minimum"] = left
    if right is not None:
        schema["exclusiveMaximum" if opened["right"] else "maximum"] = right
    return schema


def summary_of(described: type) -> str:
    """Return the first line of a class's documentation."""
    return plain((inspect.getdoc(described) or "").partition("\n\n")[0])


def descriptions_of(estimator: type) -> dict[str, str]:
    """Return the first sentences that scikit-learn's documentation says of each parameter."""
    section = re.split(r"\n\w+\n-+\n", inspect.getdoc(estimator) or "")[1]
    entries = re.findall(r"^(\w+) : .*\n((?:(?:    .*)?\n)*)", section + "\n", re.MULTILINE)
    return {name: opening(inspect.cleandoc(text)) for name, text in entries}


def opening(text: str) -> str:
    """Return the first sentences of a text, as many as are short enough together."""
    paragraph = plain(re.split(r"\n\s*\n|\n\.\. |\n\s*[-*] ", text)[0])
    first, *others = re.split(r"(?<=\.)\s+(?=[A-Z`])", paragraph)
    chosen = re.sub(":$", ".", first)
    for each in others:
        if len(chosen) + len(each) >= LONGEST_DESCRIPTION or each.endswith(":"):
            break
        if not each.startswith(SAID_ELSEWHERE):
            chosen = f"{chosen} {each}"
    return chosen


def plain(text: str) -> str:
    """Return documentation without the marks of its links, on one line."""
    text = re.sub(r"\s*,? [Ss]ee :ref:`[^`]*`", "", " ".join(text.split()))
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?([^`<]+?)(?: <[^`]*>)?`", r"\1", text)
    return text.replace("``", "`")
