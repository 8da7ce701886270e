"""Recipes: what a client may ask for, what is refused, and what becomes of it."""

import marshmallow
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from service.errors import TooFewLabels
from service.estimators import ESTIMATORS, SCALINGS, Recipe
from service.schemas.estimators import RecipeField
from service.schemas.requests import Request
from workers.estimators import SCALERS, build

SVM_OF_FLOWERS = {
    "name": "bagging",
    "parameters": {"n_estimators": 3, "max_features": 1},
    "base": {"name": "svm", "parameters": {"C": 2}, "scaling": "robust"},
    "scaling": "standard",
    "pca": 0.5,
}


class Asked(Request):
    """A request with an estimator."""

    estimator = RecipeField(required=True)


def loaded(asked):
    """The recipe that a client's words make."""
    return Asked().load({"estimator": asked})["estimator"]


def refused(asked):
    """What is said of a recipe that is not taken."""
    with pytest.raises(marshmallow.ValidationError) as caught:
        loaded(asked)
    return caught.value.messages["estimator"]


def recipe(name, **options):
    return Recipe(estimator=name, parameters=options.pop("parameters", {}), **options)


def test_a_recipe_is_what_was_asked_for():
    assert loaded(SVM_OF_FLOWERS) == recipe(
        "bagging",
        parameters={"n_estimators": 3, "max_features": 1},
        base=recipe("svm", parameters={"C": 2.0}, scaling="robust"),
        scaling="standard",
        pca=0.5,
    )


@pytest.mark.parametrize("asked", [SVM_OF_FLOWERS, {"name": "knn"}])
def test_a_recipe_survives_its_documents(asked):
    found = loaded(asked)
    assert Recipe.from_document(found.document()) == found
    assert Recipe.from_asked(found.asked()) == found
    assert loaded(found.asked()) == found
    assert Asked().dump({"estimator": found}) == {"estimator": found.asked()}
    assert Asked().dump({"estimator": found.document()}) == {"estimator": found.asked()}


def test_what_is_the_default_is_not_told_apart_from_what_is_not_said():
    said = {"hidden_layer_sizes": [100], "alpha": 0.0001, "solver": "adam", "shuffle": True}
    assert loaded({"name": "mlp", "parameters": said}).key == loaded({"name": "mlp"}).key


def test_a_whole_number_is_a_count_where_there_are_counts_and_a_fraction_is_a_part():
    def features(value):
        return loaded({"name": "random_forest", "parameters": {"max_features": value}}).parameters

    assert features(1) == {"max_features": 1}
    assert type(features(1)["max_features"]) is int
    assert type(features(1.0)["max_features"]) is float
    assert type(loaded({"name": "svm", "parameters": {"C": 2}}).parameters["C"]) is float


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("random_forest", {"n_estimators": "7"}, "a whole number (at least 1, at most 1000)"),
        ("random_forest", {"n_estimators": 7.0}, "a whole number"),
        ("random_forest", {"n_estimators": True}, "a whole number"),
        ("random_forest", {"n_estimators": 0}, "at least 1"),
        ("random_forest", {"n_estimators": 1001}, "at most 1000"),
        ("random_forest", {"n_estimators": None}, "a whole number"),
        ("random_forest", {"min_samples_split": 1}, "a whole number (at least 2)"),
        ("random_forest", {"max_features": 1.5}, "a fraction (above 0.0, at most 1.0)"),
        ("random_forest", {"max_features": "many"}, "`log2`, `sqrt`"),
        ("random_forest", {"criterion": "Gini"}, "`entropy`, `gini`, `log_loss`"),
        ("random_forest", {"bootstrap": 1}, "true or false"),
        ("random_forest", {"random_state": -1}, "at least 0"),
        ("random_forest", {"n_jobs": 2}, "Unknown field. Known are: n_estimators"),
        ("mlp", {"alpha": 10**400}, "a fraction"),
        ("mlp", {"hidden_layer_sizes": []}, "a list of 1 to 10 values"),
        ("mlp", {"hidden_layer_sizes": [5, 0]}, "at least 1"),
        ("mlp", {"hidden_layer_sizes": [5.0]}, "a whole number"),
        ("mlp", {"hidden_layer_sizes": {"a": 1}}, "a list"),
        ("svm", {"C": 0}, "above 0.0"),
        ("svm", {"kernel": "precomputed"}, "`linear`, `poly`, `rbf`, `sigmoid`"),
        ("svm", {"probability": True}, "Unknown field"),
    ],
)
def test_a_wrong_hyper_parameter_is_refused_with_what_is_allowed(name, parameters, said):
    messages = refused({"name": name, "parameters": parameters})["parameters"]
    assert list(messages) == list(parameters)
    assert said in str(messages)


@pytest.mark.parametrize(
    ("asked", "place", "said"),
    [
        ({"name": "random-forrest"}, "name", "random_forest is one"),
        ({"name": "tree"}, "name", "there are: random_forest"),
        ({"name": ["knn"]}, "name", "Not an estimator"),
        ({}, "name", "Not an estimator"),
        ({"name": "knn", "k": 3}, "k", "Known are: name, parameters, base, scaling, pca"),
        ({"name": "knn", "parameters": [3]}, "parameters", "Not an object"),
        ({"name": "knn", "scaling": "standart"}, "scaling", "standard, min_max"),
        ({"name": "knn", "scaling": ["standard"]}, "scaling", "standard, min_max"),
        ({"name": "knn", "pca": 0}, "pca", "at least 1"),
        ({"name": "knn", "pca": 1.0}, "pca", "below 1"),
        ({"name": "knn", "pca": True}, "pca", "a whole number"),
        ({"name": "knn", "base": {"name": "svm"}}, "base", "made of no other"),
        ({"name": "bagging", "base": {"name": "bagging"}}, "base", "that can stand here"),
        ({"name": "bagging", "base": "svm"}, "base", "Not an object"),
        ({"name": "ada_boost", "base": {"name": "knn"}}, "base", "that can stand here"),
        ({"name": "ada_boost", "base": {"name": "svm", "pca": 2}}, "base", "scale outside"),
    ],
)
def test_a_wrong_recipe_is_refused_by_its_place(asked, place, said):
    messages = refused(asked)
    assert list(messages) == [place]
    assert said in str(messages)


@pytest.mark.parametrize("asked", ["knn", None, 3, [{"name": "knn"}]])
def test_what_is_no_object_is_no_recipe(asked):
    assert refused(asked)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_built_with_the_seed_unless_it_has_its_own(name):
    if "random_state" in ESTIMATORS[name].parameters:
        own = recipe(name, parameters={"random_state": 3})
        assert core(build(own, 7, 5)).random_state == 3
    made = core(build(recipe(name), 7, 5))
    assert getattr(made, "random_state", 7) == 7
    assert type(made).__name__ == ESTIMATORS[name].library_class
    assert getattr(made, "n_jobs", None) is None


def core(made):
    """The estimator that calibration stands around, if it does."""
    return made.estimator if isinstance(made, CalibratedClassifierCV) else made


def test_what_stands_before_an_estimator_is_a_pipeline():
    made = build(recipe("random_forest", scaling="standard", pca=3), 7, 5)
    assert [type(step) for _, step in made.steps] == [StandardScaler, PCA, RandomForestClassifier]
    assert made.steps[1][1].n_components == 3
    assert made.steps[1][1].random_state == 7


def test_support_vectors_are_calibrated_and_scaled_outside_of_it():
    made = build(recipe("svm", scaling="standard"), 0, 3)
    assert isinstance(made, Pipeline)
    assert isinstance(made.steps[-1][1], CalibratedClassifierCV)
    assert made.steps[-1][1].cv == 3
    assert build(recipe("linear_svm"), 0, 50).cv == 5


def test_nothing_is_calibrated_on_a_single_label():
    with pytest.raises(TooFewLabels, match="svm gives probabilities only once it is calibrated"):
        build(recipe("svm"), 0, 1)


def test_an_ensemble_is_made_of_its_base_as_it_is():
    made = build(loaded(SVM_OF_FLOWERS), 0, 5).steps[-1][1]
    assert isinstance(made, BaggingClassifier)
    assert [type(step).__name__ for _, step in made.estimator.steps] == ["RobustScaler", "SVC"]
    assert isinstance(made.estimator.steps[-1][1], SVC)
    boosted = build(recipe("ada_boost", base=recipe("linear_svm")), 0, 1)
    assert isinstance(boosted, AdaBoostClassifier)
    assert isinstance(boosted.estimator, LinearSVC)


def test_an_ensemble_without_a_base_is_scikit_learns_own():
    assert build(recipe("ada_boost"), 0, 5).estimator is None


def test_what_is_built_can_be_built_again():
    made = build(loaded(SVM_OF_FLOWERS), 0, 5)
    assert repr(clone(made)) == repr(build(loaded(SVM_OF_FLOWERS), 0, 5))


def test_every_scaling_has_a_scaler():
    assert list(SCALINGS) == list(SCALERS)
