"""The formulas of items that may have several labels, against plain Python."""

import math

import numpy as np
import pytest

from service.acquisition import REGISTRY

PROBS = np.array(
    [
        [1.0, 0.0, 0.0],
        [0.5, 0.5, 0.5],
        [0.9, 0.6, 0.1],
        [0.3, 0.2, 0.4],
        [0.7, 0.8, 0.6],
        [0.5, 0.1, 0.2],
    ]
)


def score(name, probs=PROBS, **parameters):
    return REGISTRY[name].score({"label_probs": np.asarray(probs, np.float64)}, **parameters)


def binary_entropy(p):
    return -math.fsum(q * math.log(q) for q in (p, 1 - p) if q > 0)


@pytest.mark.parametrize("aggregation", ["mean", "max", "min"])
def test_binary_uncertainty_takes_each_label_as_a_question_of_its_own(aggregation):
    reduce = {"mean": np.mean, "max": np.max, "min": np.min}[aggregation]
    entropies = [reduce([binary_entropy(p) for p in row]) for row in PROBS.tolist()]
    lacking = [reduce([min(p, 1 - p) for p in row]) for row in PROBS.tolist()]

    found = score("binary_uncertainty", aggregation=aggregation)

    assert np.allclose(entropies, found, rtol=0, atol=1e-15)
    assert found[0] == 0.0
    assert not np.signbit(found).any()
    assert np.allclose(
        lacking,
        score("binary_uncertainty", aggregation=aggregation, measure="least_confidence"),
        rtol=0,
        atol=1e-15,
    )


def test_an_inconsistency_is_how_far_the_number_of_labels_is_from_the_usual():
    lci = "label_cardinality_inconsistency"

    assert score(lci, cardinality=1.5).tolist() == [0.5, 1.5, 0.5, 1.5, 1.5, 1.5]
    assert score(lci, cardinality=2.0, threshold=0.25).tolist() == [1, 1, 0, 0, 1, 1]


def test_adaptive_is_a_narrow_margin_times_an_inconsistency():
    # The gap between predicted labels and the others; the threshold stands for a side without any.
    margins = [1.0, 1e-12, 0.5, 0.1, 0.1, 1e-12]
    unusual = [0.5, 1.5, 0.5, 1.5, 1.5, 1.5]
    by_hand = [(1 / m) ** 0.25 * u**0.75 for m, u in zip(margins, unusual, strict=True)]

    assert np.allclose(by_hand, score("adaptive", cardinality=1.5, beta=0.25), rtol=1e-12)


def test_adaptive_looks_at_one_thing_alone_at_either_end_of_beta():
    assert np.array_equal(
        score("label_cardinality_inconsistency", cardinality=1.0),
        score("adaptive", cardinality=1.0, beta=0),
    )
    margins = 1 / score("adaptive", cardinality=1.0, beta=1)
    assert np.allclose([1.0, 1e-12, 0.5, 0.1, 0.1, 1e-12], margins, rtol=1e-12)


def test_smoothing_lets_a_narrow_margin_count_beside_a_usual_number_of_labels():
    usual = [[0.9, 0.1], [0.51, 0.49]]

    assert score("adaptive", usual, cardinality=1.0).tolist() == [0, 0]
    wide, narrow = score("adaptive", usual, cardinality=1.0, smoothing=1.0)
    assert narrow > wide > 0
