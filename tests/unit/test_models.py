"""Every classifier that is taken comes through both scikit-learn formats unharmed."""

import numpy as np
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from service.errors import InvalidOutput, ModelRefused
from tests.models import (
    NAMES,
    digits,
    fitted,
    inspect,
    irises,
    items_for,
    predict,
    quietly,
    rewritten,
    saved,
)

FORESTS = {"random_forest", "extra_trees", "named_digits_forest"}
FORMATS = ("skops", "joblib")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_classifier_says_what_it_is_and_predicts_what_it_did_here(name, format, tmp_path):
    model, items = fitted(name), items_for(name)
    content = saved(model, format)

    said = inspect(content, format, tmp_path)
    assert said["format"] == format
    assert said["classes"] == model.classes_.tolist()
    assert said["item_values"] == items.shape[1]
    assert said["item_shape"] is None
    assert said["probabilities"]
    assert said["warnings"] == []

    found = predict(content, format, [items[:100], items[100:]], tmp_path)
    expected = quietly(model.predict_proba, items)
    assert np.abs(np.concatenate(found) - expected).max() < 1e-12
    assert found[0].dtype == expected.dtype


@pytest.mark.parametrize("name", sorted(FORESTS))
@pytest.mark.parametrize("type", [np.uint8, np.float16, np.float32, np.float64])
def test_a_forest_in_blocks_equals_the_whole_to_the_last_bit(name, type, tmp_path):
    items = (items_for(name) * 16).astype(type)
    (found,) = predict(saved(fitted(name), "skops"), "skops", [items], tmp_path, block=100)
    assert found.tobytes() == fitted(name).predict_proba(items).tobytes()


def test_a_pipeline_names_its_steps(tmp_path):
    said = inspect(saved(fitted("scaled_regression"), "skops"), "skops", tmp_path)
    assert said["estimator"] == "Pipeline(StandardScaler, LogisticRegression)"


def test_progress_counts_the_items_of_all_parts(tmp_path):
    sent = []
    parts = [digits().items[:150], digits().items[:0], digits().items[:100]]
    content = saved(fitted("random_forest"), "skops")
    found = predict(content, "skops", parts, tmp_path, block=100, send=sent.append)
    assert [message["done"] for message in sent] == [100, 150, 250]
    assert [probs.shape for probs in found] == [(150, 10), (0, 10), (100, 10)]


def test_items_of_many_dimensions_are_flattened(tmp_path):
    images = digits().items.reshape(-1, 8, 8)
    (found,) = predict(saved(fitted("mlp"), "skops"), "skops", [images], tmp_path)
    assert np.abs(found - fitted("mlp").predict_proba(digits().items)).max() < 1e-12


def test_large_items_come_in_smaller_blocks(tmp_path):
    sent = []
    items = np.zeros((9, 2**20), np.uint8)
    model = quietly(DecisionTreeClassifier().fit, items, np.arange(9) % 2)
    predict(saved(model, "skops"), "skops", [items], tmp_path, send=sent.append)
    assert [message["done"] for message in sent] == [4, 8, 9]


@pytest.mark.parametrize("labels", [[False, True], [1.0, 2.0], ["no", "yes"], [3, 7]])
def test_classes_keep_their_kind(labels, tmp_path):
    model = LogisticRegression().fit([[0.0], [1.0]], labels)
    said = inspect(saved(model, "skops"), "skops", tmp_path)
    assert said["classes"] == labels
    assert [type(value) for value in said["classes"]] == [type(value) for value in labels]


def test_a_classifier_without_probabilities_is_read_and_not_scored_with(tmp_path):
    model = LinearSVC().fit(digits().items[:100], digits().labels[:100])
    content = saved(model, "skops")
    assert inspect(content, "skops", tmp_path)["probabilities"] is False
    with pytest.raises(InvalidOutput, match="LinearSVC gives no probabilities"):
        predict(content, "skops", [digits().items], tmp_path)


REFUSED = {
    "no classifier": lambda: KMeans(2).fit(irises().items),
    "LinearRegression is no": lambda: LinearRegression().fit(irises().items, irises().labels),
    r"Pipeline\(StandardScaler, PCA\) is no": lambda: make_pipeline(StandardScaler(), PCA(2)).fit(
        irises().items
    ),
    "type dict": lambda: {"model": 1},
    "not fitted": RandomForestClassifier,
    "several labels": lambda: RandomForestClassifier(2).fit(
        irises().items, np.stack([irises().labels] * 2, axis=1)
    ),
}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_fitted_classifier_is_refused(reason, format, tmp_path):
    with pytest.raises(ModelRefused, match=reason):
        inspect(saved(REFUSED[reason](), format), format, tmp_path)


def test_too_many_classes_are_refused_with_their_number(tmp_path):
    with pytest.raises(ModelRefused, match="has 10 classes; at most 9"):
        inspect(saved(fitted("random_forest"), "skops"), "skops", tmp_path, max_classes=9)


def test_a_model_fitted_on_named_columns_says_their_order(tmp_path):
    model = GaussianNB().fit(irises().items, irises().labels)
    model.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    content = saved(model, "skops")
    (warning,) = inspect(content, "skops", tmp_path)["warnings"]
    assert "in this order: a, b, c, d." in warning
    predict(content, "skops", [irises().items], tmp_path)


def test_a_model_that_cannot_take_the_items_fails_naming_them(tmp_path):
    model = fitted("random_forest")
    with pytest.raises(
        InvalidOutput, match="failed on items 0 to 63 of part p0: ValueError: X has"
    ):
        predict(saved(model, "skops"), "skops", [irises().items], tmp_path)


def test_functions_of_numpy_are_taken_and_others_are_named(tmp_path):
    def build(function):
        model = make_pipeline(FunctionTransformer(function), LogisticRegression(max_iter=500))
        return saved(model.fit(irises().items, irises().labels), "skops")

    assert inspect(build(np.log1p), "skops", tmp_path)["probabilities"]
    with pytest.raises(ModelRefused, match=r"not taken: numpy\.nan_to_num\.") as caught:
        inspect(build(np.nan_to_num), "skops", tmp_path)
    assert caught.value.faults[0].detail == "numpy.nan_to_num is not taken"


def test_a_model_of_another_version_is_taken_with_one_warning(tmp_path):
    def age(name, content):
        return content.replace(f'\\"{sklearn.__version__}\\"'.encode(), b'\\"1.3.0\\"')

    content = rewritten(saved(fitted("random_forest"), "skops"), age)
    (warning,) = inspect(content, "skops", tmp_path)["warnings"]
    assert "fitted with scikit-learn 1.3.0" in warning
