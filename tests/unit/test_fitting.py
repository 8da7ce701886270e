"""Fitting: every estimator, few labels, and what scikit-learn has to say."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from service.errors import FitFailed, TooFewLabels
from service.estimators import ESTIMATORS, Recipe
from tests.models import digits, irises
from workers.fitting import Task, accuracies, fit, fitted, probabilities, splits_of

FEW = {"n_estimators": 5}
QUICK = {
    "random_forest": FEW,
    "extra_trees": FEW,
    "gradient_boosting": FEW,
    "histogram_boosting": {"max_iter": 20},
    "bagging": FEW,
    "ada_boost": FEW,
    "logistic_regression": {"max_iter": 500},
    "mlp": {"hidden_layer_sizes": [8], "solver": "lbfgs"},
}
CODES = irises().labels


def recipe(name, **options):
    return Recipe(estimator=name, parameters=options.pop("parameters", {}), **options)


def quick(name):
    """A recipe of an estimator that is fitted in no time."""
    return recipe(name, parameters=QUICK.get(name, {}))


def some(*counts):
    """The first irises of each kind, so many of each."""
    places = [np.flatnonzero(CODES == kind)[:count] for kind, count in enumerate(counts)]
    chosen = np.concatenate(places)
    return irises().items[chosen], CODES[chosen]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_arguments_give_the_same_classifier(name):
    items, codes = some(20, 20, 20)
    first, second = (
        probabilities(fit(quick(name), items, codes, 3), irises().items, 3) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first.sum(axis=1), 1)
    assert (first.argmax(axis=1) == CODES).mean() > 0.6


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_columns_of_probabilities_are_codes_of_classes_that_need_not_occur(name, dtype):
    items, codes = some(20, 20)
    classifier = fit(quick(name), items.astype(dtype), codes * 2 + 1, 0)
    found = probabilities(classifier, items.astype(dtype), 5)
    assert found.shape == (40, 5)
    assert found.dtype == np.float64
    assert (found[:, [0, 2, 4]] == 0).all()
    assert (found[:, [1, 3]].argmax(axis=1) == codes).mean() > 0.9


def test_items_of_several_axes_are_laid_out_flat():
    images = digits().items[:200].reshape(200, 8, 8)
    classifier = fit(quick("random_forest"), images, digits().labels[:200], 0)
    assert classifier.n_features_in_ == 64
    rows = images.reshape(200, 64)
    np.testing.assert_array_equal(
        probabilities(classifier, images, 10), probabilities(classifier, rows, 10)
    )


def test_whole_numbers_are_fitted_as_fractions():
    items, codes = some(20, 20, 20)
    small = (items * 10).astype(np.uint8)
    for name in ("naive_bayes", "knn", "mlp"):
        found = probabilities(fit(quick(name), small, codes, 0), small, 3)
        wanted = probabilities(fit(quick(name), small.astype(float), codes, 0), small, 3)
        np.testing.assert_array_equal(found, wanted)


def test_of_no_items_there_are_no_probabilities():
    classifier = fit(recipe("naive_bayes"), *some(20, 20, 20), 0)
    assert probabilities(classifier, np.empty((0, 4)), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("asked", "counts", "said"),
    [
        (recipe("naive_bayes"), (20,), "all labels name the same class"),
        (recipe("naive_bayes"), (), "there are no labels"),
        (recipe("knn"), (2, 2), "knn looks at 5 neighbours"),
        (recipe("knn", pca=5), (20, 20), "40 labelled items of 4 features have at most 4"),
        (recipe("naive_bayes", pca=3), (1, 1), "2 labelled items"),
        (recipe("svm"), (20, 1), "two, or take another estimator"),
        (recipe("linear_svm"), (20, 1), "two, or take another estimator"),
    ],
)
def test_too_few_labels_are_told_as_such(asked, counts, said):
    items, codes = some(*counts) if counts else (np.empty((0, 4)), np.empty(0, dtype=np.int64))
    with pytest.raises(TooFewLabels, match=said):
        fit(asked, items, codes, 0)


def test_what_scikit_learn_refuses_it_refuses_in_its_own_words():
    asked = recipe("logistic_regression", parameters={"dual": True})
    with pytest.raises(FitFailed, match="logistic_regression cannot be fitted so: Solver lbfgs"):
        fit(asked, *some(20, 20), 0)


def test_a_classifier_that_cannot_answer_is_not_fitted():
    few = recipe("bagging", parameters={"max_samples": 3}, base=recipe("knn"))
    with pytest.raises(FitFailed, match="n_neighbors = 5"):
        fit(few, *some(20, 20), 0)
    items, codes = some(20, 20)
    items = np.column_stack([items, np.ones(40)])
    flat = recipe("naive_bayes", parameters={"var_smoothing": 0.0})
    with pytest.raises(FitFailed, match="no numbers"):
        fit(flat, items, codes, 0)


def test_what_is_warned_of_is_kept_and_not_printed(capfd, recwarn):
    found = fitted(recipe("mlp", parameters={"max_iter": 1}), *some(20, 20, 20), 0)
    assert len(found.warnings) == 1
    assert "Maximum iterations (1) reached" in found.warnings[0]
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


def test_it_is_scikit_learns_own_classifier():
    items, codes = some(20, 20, 20)
    asked = recipe("logistic_regression", parameters={"C": 0.5, "max_iter": 500})
    wanted = LogisticRegression(C=0.5, max_iter=500, random_state=0).fit(items, codes)
    np.testing.assert_array_equal(
        probabilities(fit(asked, items, codes, 0), irises().items, 3),
        wanted.predict_proba(irises().items),
    )


def test_cross_validation_is_scikit_learns_own():
    items, codes = some(20, 20, 20)
    task = Task(recipe("naive_bayes"), items, codes, 3)
    found = list(accuracies(task, splits_of(task, 4)))
    divided = StratifiedKFold(4, shuffle=True, random_state=3)
    classifier = fit(recipe("naive_bayes"), items, codes, 3)
    np.testing.assert_array_equal(found, cross_val_score(classifier, items, codes, cv=divided))


@pytest.mark.parametrize(
    ("asked", "counts", "folds", "made"),
    [
        (recipe("naive_bayes"), (20, 3), 5, 3),
        (recipe("naive_bayes"), (20, 1), 5, 0),
        (recipe("naive_bayes"), (20, 20), 1, 0),
        (recipe("naive_bayes"), (20, 20), 0, 0),
        (recipe("naive_bayes"), (20,), 5, 0),
        (recipe("svm"), (20, 2), 5, 0),
        (recipe("svm"), (20, 3), 5, 3),
        (recipe("knn"), (3, 3), 3, 0),
        (recipe("knn", parameters={"n_neighbors": 4}), (3, 3), 3, 3),
    ],
)
def test_there_are_as_many_folds_as_there_can_be(asked, counts, folds, made):
    assert len(splits_of(Task(asked, *some(*counts), 0), folds)) == made
