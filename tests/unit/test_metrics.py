"""How models are measured: as scikit-learn measures, and nothing where nothing is defined."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from service.simulation import METRICS
from workers.simulation.metrics import MEASURES, Answers, measure
from workers.simulation.model import Certain

VECTORS = np.random.default_rng(3).normal(size=(80, 3))
LABELS = np.argmax(VECTORS + np.random.default_rng(4).normal(size=(80, 3)), axis=1)


def answers(fitted=slice(0, 40), tested=slice(40, 80), classes=3, labels=LABELS):
    classifier = LogisticRegression().fit(VECTORS[fitted], labels[fitted])
    return Answers(classifier, VECTORS[tested], labels[tested], classes)


def test_there_is_a_measure_for_each_metric_that_can_be_asked_for():
    assert MEASURES.keys() == METRICS.keys()


def test_metrics_of_several_classes_are_scikit_learns():
    told = answers()
    predicted = told.classifier.predict(told.vectors)
    probs = told.classifier.predict_proba(told.vectors)

    assert measure(list(METRICS), told) == {
        "accuracy": metrics.accuracy_score(told.codes, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(told.codes, predicted),
        "f1_macro": metrics.f1_score(told.codes, predicted, average="macro"),
        "f1_weighted": metrics.f1_score(told.codes, predicted, average="weighted"),
        "log_loss": metrics.log_loss(told.codes, probs),
        "auroc": metrics.roc_auc_score(told.codes, probs, multi_class="ovr"),
    }


def test_the_area_under_the_curve_of_two_classes_is_that_of_the_second():
    told = answers(classes=2, labels=np.minimum(LABELS, 1))
    probs = told.classifier.predict_proba(told.vectors)

    assert measure(["auroc"], told) == {"auroc": metrics.roc_auc_score(told.codes, probs[:, 1])}


def test_a_class_that_the_model_has_not_met_counts_with_probability_zero():
    met = np.flatnonzero(LABELS != 2)[:20]
    told = answers(fitted=met)
    probs = np.zeros((40, 3))
    probs[:, :2] = told.classifier.predict_proba(told.vectors)

    found = measure(["log_loss", "auroc"], told)

    assert found["log_loss"] == metrics.log_loss(told.codes, probs, labels=[0, 1, 2])
    assert math.isfinite(found["log_loss"])
    assert found["auroc"] == metrics.roc_auc_score(told.codes, probs, multi_class="ovr")


def test_what_is_not_defined_is_none():
    one_class = np.flatnonzero(LABELS == 1)

    assert measure(["auroc"], answers(tested=one_class)) == {"auroc": None}
    assert set(measure(list(METRICS), answers(tested=slice(0, 0))).values()) == {None}
    certain = Answers(Certain(0), VECTORS, np.zeros(80, dtype=np.int64), 1)
    assert measure(["accuracy", "log_loss", "auroc"], certain) == {
        "accuracy": 1.0,
        "log_loss": None,
        "auroc": None,
    }


@given(
    st.integers(2, 4).flatmap(
        lambda classes: st.tuples(
            st.just(classes),
            st.lists(st.integers(0, classes - 1), min_size=1, max_size=12),
            st.integers(0, classes - 1),
        )
    )
)
@settings(deadline=None)
def test_no_test_set_and_no_model_make_a_metric_fail(drawn):
    classes, codes, certain = drawn
    told = Answers(Certain(certain), np.zeros((len(codes), 1)), np.array(codes), classes)

    for name, value in measure(list(METRICS), told).items():
        assert value is None or math.isfinite(value), name


@pytest.mark.parametrize("name", METRICS)
def test_only_what_is_asked_for_is_measured(name):
    assert measure([name], answers()).keys() == {name}


def test_vectors_of_single_precision_are_measured_without_a_warning():
    vectors = VECTORS.astype(np.float32)
    classifier = LogisticRegression().fit(vectors, LABELS)

    found = measure(list(METRICS), Answers(classifier, vectors, LABELS, 3))

    assert all(map(math.isfinite, found.values()))
