"""Recipes against what there is, before anything is fitted."""

import pytest

from service.estimators import Recipe
from service.operations.questions import Source
from service.operations.recipes import expected_model, faults
from service.records import Part, Pool


def recipe(name, **options):
    return Recipe(estimator=name, parameters=options.pop("parameters", {}), **options)


def pool(*shape):
    part = Part(id="p", job="j", rows=10, bytes=1, sha256="0")
    return Pool(id="pool", parts=(part,), item_shape=shape, dtype="float32")


@pytest.mark.parametrize(
    ("asked", "members"),
    [
        (recipe("random_forest"), 100),
        (recipe("extra_trees", parameters={"n_estimators": 7}), 7),
        (recipe("bagging", base=recipe("svm"), scaling="standard", pca=2), 10),
        (recipe("bagging", parameters={"n_estimators": 1}), None),
        (recipe("ada_boost"), None),
        (recipe("gradient_boosting"), None),
        (recipe("svm"), None),
    ],
)
def test_a_committee_is_known_by_its_recipe(asked, members):
    model = expected_model(asked, ["bus", "tram"], pool(2, 4))
    assert model.members == members
    assert model.classes == ("bus", "tram")
    assert model.item_values == 8
    gives = Source(models=(model,)).gives
    assert "probs" in gives
    assert ("member_probs" in gives) == (members is not None)


def test_items_without_features_are_not_fitted_on():
    [fault] = faults(recipe("knn", pca=3), pool(0))
    assert (fault.pointer, "the items have none" in fault.detail) == ("/estimator", True)


def test_there_are_no_more_components_than_features():
    found = list(faults(recipe("bagging", pca=9, base=recipe("knn", pca=9)), pool(2, 4), "/e"))
    assert [fault.pointer for fault in found] == ["/e/pca", "/e/base/pca"]
    assert found[0].detail == "Items of 8 features have at most 8 principal components"


@pytest.mark.parametrize("asked", [recipe("knn", pca=8), recipe("knn", pca=0.5), recipe("knn")])
def test_nothing_else_is_wrong(asked):
    assert not list(faults(asked, pool(2, 4)))
    assert not list(faults(asked, Pool(id="empty")))
