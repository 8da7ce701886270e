"""The catalogue of estimators is scikit-learn's own word, complete, described and usable."""

import io
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import skops.io
from jsonschema import Draft202012Validator

from service.api.documentation import DESCRIPTION
from service.app import create_app
from service.errors import FitFailed
from service.estimators import CATALOGUE, DOCUMENT, ESTIMATORS, SCALINGS, Recipe
from service.schemas.estimators import PARAMETERS, recipe_of
from service.schemas.trainings import NewTrainingSchema, TrainingSchema
from service.settings import Settings
from tests.models import irises
from workers.estimators import ESTIMATORS as TABLE
from workers.estimators.hyperparameters import LONGEST_DESCRIPTION, MOST, written
from workers.fitting import fitted
from workers.untrusted.artifacts.skops import open_skops

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"n_estimators": 5}
LONGEST_SENTENCE = 2 * LONGEST_DESCRIPTION
PARAMETERS_OF_ALL = [
    pytest.param(name, each, id=f"{name}-{each.name}")
    for name, estimator in ESTIMATORS.items()
    for each in estimator.parameters.values()
]
NEEDS_ANOTHER = {
    ("extra_trees", "max_samples"),
    ("gradient_boosting", "loss"),
    ("logistic_regression", "l1_ratio"),
    ("logistic_regression", "dual"),
    ("logistic_regression", "solver"),
    ("random_forest", "max_samples"),
}
"""Hyper-parameters of which some values are taken only together with another's."""


def test_the_file_is_current():
    assert DOCUMENT.read_text(encoding="utf-8") == written(), "run `python -m workers.estimators`"


def test_the_file_is_installed_with_the_service():
    assert DOCUMENT.name in (ROOT / "pyproject.toml").read_text()


def test_the_service_knows_every_estimator_of_the_table():
    assert list(ESTIMATORS) == list(TABLE)


def test_the_page_on_trainings_lists_every_estimator():
    page = (ROOT / "docs" / "trainings.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*)\|$", page, re.MULTILINE)
    assert {name: kind for name, kind, _ in listed} == {
        name: each.library_class for name, each in ESTIMATORS.items()
    }
    for name, _, said in listed:
        assert ("committee" in said) == ESTIMATORS[name].is_committee
        assert ("calibrated" in said) == ESTIMATORS[name].is_calibrated
        assert ("`base`" in said) == bool(ESTIMATORS[name].bases)


def test_the_example_of_a_training_is_valid():
    page = (ROOT / "docs" / "trainings.md").read_text()
    asked = re.findall(r"/v1/trainings.*?--json '(.*?)' \|", page, re.DOTALL)[0]
    training = NewTrainingSchema().load(json.loads(asked.replace("'\"$POOL\"'", "pool")))
    assert training.recipe.pca == 3
    [told] = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert told.keys() == TrainingSchema().dump(told | {"recipe": training.recipe}).keys()
    assert recipe_of(told["estimator"], list(ESTIMATORS)).asked() == told["estimator"]


def test_every_estimator_is_described_with_its_hyper_parameters(tmp_path):
    app = create_app(Settings(data_dir=tmp_path, redis_url="redis://nowhere"))
    schemas = app.extensions[DESCRIPTION]()["components"]["schemas"]
    assert schemas["NewTraining"]["properties"]["estimator"]["$ref"].endswith("/Recipe")
    assert len(schemas["Recipe"]["oneOf"]) == len(ESTIMATORS)
    for name, estimator in ESTIMATORS.items():
        described = schemas[f"Estimator_{name}"]["properties"]
        assert described["name"]["const"] == name
        assert described["parameters"] == estimator.parameters_schema()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_described(name):
    estimator = ESTIMATORS[name]
    assert estimator.summary.endswith(".")
    assert set(estimator.bases) <= ESTIMATORS.keys()
    Draft202012Validator.check_schema(estimator.parameters_schema())


def test_every_scaling_is_described():
    assert all(summary.endswith(".") for summary in SCALINGS.values())


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS_OF_ALL)
def test_a_hyper_parameter_is_described_and_its_default_is_one_of_its_values(name, parameter):
    del name
    assert parameter.description
    assert parameter.description[-1] in ".)"
    assert len(parameter.description) < LONGEST_SENTENCE
    assert not any(mark in parameter.description for mark in (":ref:", ":class:", "``"))
    Draft202012Validator(parameter.schema()).validate(parameter.default)


def test_what_costs_has_an_upper_bound():
    bounded = {
        parameter.name
        for estimator in ESTIMATORS.values()
        for parameter in estimator.parameters.values()
        for kind in parameter.kinds
        if kind.get("maximum", kind.get("items", {}).get("maximum")) == MOST.get(parameter.name)
    }
    assert MOST.keys() <= bounded


def test_nothing_is_offered_that_a_request_cannot_say_or_the_service_decides():
    offered = {name for estimator in ESTIMATORS.values() for name in estimator.parameters}
    assert offered.isdisjoint({"n_jobs", "verbose", "warm_start", "estimator", "metric_params"})
    assert CATALOGUE["estimators"].keys() == PARAMETERS.keys()


def values(kind):
    """Some values of a kind, its ends and options among them."""
    if "enum" in kind:
        return kind["enum"]
    if kind["type"] in ("boolean", "null", "array"):
        return {"boolean": [True, False], "null": [None], "array": [[5], [5, 4]]}[kind["type"]]
    low, high = kind.get("minimum"), kind.get("maximum")
    above = max(kind.get("exclusiveMinimum", low or 0), 0)
    if kind["type"] == "integer":
        return [low, max(low, 2)]
    ends = [float(end) for end in (low, high) if end is not None]
    return [*ends, above + 0.5 * ((high or kind.get("exclusiveMaximum", above + 1)) - above)]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS_OF_ALL)
def test_every_kind_of_value_is_fitted_and_let_in(name, parameter):
    items, labels = irises().items[:60], irises().labels[:60]
    known = {key: value for key, value in QUICK.items() if key in ESTIMATORS[name].parameters}
    for value in (value for kind in parameter.kinds for value in values(kind)):
        recipe = Recipe(estimator=name, parameters=known | {parameter.name: value})
        PARAMETERS[name]().load({parameter.name: value})
        try:
            classifier = fitted(recipe, items, labels, 0).classifier
        except FitFailed:
            assert (name, parameter.name) in NEEDS_ANOTHER, value
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a metric of booleans says that numbers become some
            received = open_skops(io.BytesIO(skops.io.dumps(classifier)))
            here = classifier.predict_proba(items)
            np.testing.assert_array_equal(received.predict(items), here)
        np.testing.assert_allclose(here.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("name", "base"), [(name, base) for name, each in ESTIMATORS.items() for base in each.bases]
)
def test_every_base_is_fitted_and_let_in(name, base):
    items, labels = irises().items[:60], irises().labels[:60]
    known = {key: 2 for key in QUICK if key in ESTIMATORS[base].parameters}
    inner = Recipe(estimator=base, parameters=known)
    found = fitted(Recipe(estimator=name, parameters=QUICK, base=inner), items, labels, 0)
    received = open_skops(io.BytesIO(skops.io.dumps(found.classifier)))
    np.testing.assert_array_equal(received.predict(items), found.classifier.predict_proba(items))
    assert (received.members is not None) == ESTIMATORS[name].is_committee
