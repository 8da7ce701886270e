"""What uploaded numbers may be: probabilities, logits, log-probabilities; which are refused."""

import math

import numpy as np
import pytest

from service.errors import UploadRefused
from tests.predictions import (
    ARROW,
    EVERY,
    IDS,
    JSON,
    NPY,
    dense_body,
    npz_body,
    read,
)

every = pytest.mark.parametrize("media_type", EVERY)


def exact_softmax(row):
    """Return a softmax by Python's own arithmetic."""
    powers = [math.exp(value - max(row)) for value in row]
    return [power / math.fsum(powers) for power in powers]


def read_probs(values, media_type=NPY, **options):
    """Return the probabilities that are made of an array."""
    options = {"classes": len(values[0])} | options
    body = dense_body(media_type, "probs", values, IDS[: len(values)], classes=None)
    return read(*body, "probs", **options).arrays["probs"]


@pytest.mark.parametrize("media_type", [JSON, NPY, ARROW])
def test_logits_become_probabilities(media_type):
    logits = [[1.0, 2.0, 3.0], [-800.0, 0.0, 800.0], [1e308, 1e308, -1e308]]

    probs = read_probs(logits, media_type, scale="logits")

    np.testing.assert_allclose(probs, list(map(exact_softmax, logits)), rtol=1e-15, atol=0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_logits_of_every_type_become_float64(dtype):
    logits = np.array([[0.5, 2.0, -3.0]], dtype)

    probs = read_probs(logits, scale="logits")

    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs, [exact_softmax([0.5, 2.0, -3.0])], rtol=1e-15)


def test_the_logarithm_of_zero_is_minus_infinity():
    probs = read_probs(
        [[-math.inf, 0.0], [math.log(0.25), math.log(0.75)]], scale="log_probabilities"
    )

    np.testing.assert_allclose(probs, [[0.0, 1.0], [0.25, 0.75]], rtol=1e-15)


def test_logarithms_are_normalized_without_overflow():
    values = [[1000.0, 1000.0 + math.log(3)], [-math.inf, -2000.0]]

    probs = read_probs(values, scale="log_probabilities", normalize=True)

    np.testing.assert_allclose(probs, [[0.25, 0.75], [0.0, 1.0]], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_numbers_are_divided_by_their_sum_if_asked(dtype):
    weights = np.array([[1.0, 3.0], [60000.0, 60000.0], [0.0, 0.5]], dtype)

    probs = read_probs(weights, normalize=True)

    assert probs.dtype == dtype
    np.testing.assert_array_equal(probs, [[0.25, 0.75], [0.5, 0.5], [0.0, 1.0]])


def test_a_type_that_is_too_coarse_is_refused():
    weights = np.ones((1, 100_000), dtype=np.float16)
    limits = {"max_classes": 100_000, "max_item_values": 100_000}
    body = dense_body(NPY, "probs", weights)

    with pytest.raises(UploadRefused, match="float16 is too coarse"):
        read(*body, "probs", classes=100_000, normalize=True, limits=limits)


def test_a_rounding_error_is_put_back_between_zero_and_one():
    probs = read_probs([[-1e-7, 1.0 + 1e-7], [0.3, 0.7]])

    np.testing.assert_array_equal(probs, [[0.0, 1.0], [0.3, 0.7]])


def test_labels_of_their_own_are_sigmoids_of_logits():
    logits = np.array([[0.0, 800.0, -800.0], [2.0, -2.0, 1.0]])
    body = dense_body(NPY, "label_probs", logits)

    probs = read(*body, "multilabel", classes=3, scale="logits").arrays["label_probs"]

    expected = [[0.5, 1.0, 0.0], [1 / (1 + math.exp(-x)) for x in (2.0, -2.0, 1.0)]]
    np.testing.assert_allclose(probs, expected, rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([[0.5, 0.5], [0.9, 0.2]], {}, "sum to 1.1 instead of 1: .*scale.*normalize=true"),
        ([[0.5, 0.5], [0.5, 0.498]], {}, "sum to 0.998"),
        ([[0.5, 0.5], [1.5, -0.5]], {}, r"probability 1\.5, which is not from 0 to 1.*/1/0\)"),
        ([[0.5, 0.5], [1.5, 2.5]], {}, "scale=logits or scale=log_probabilities; .*normalize"),
        ([[0.5, 0.5], [1.00001, 0.0]], {}, "not from 0 to 1"),
        ([[0.5, 0.5], [math.nan, 0.5]], {}, r"NaN .*/1/0\)"),
        ([[0.5, 0.5], [0.5, math.inf]], {}, r"infinite .*/1/1\)"),
        ([[0.5, 0.5], [0.5, math.inf]], {"scale": "logits"}, "infinite"),
        ([[0.5, 0.5], [0.5, -math.inf]], {"scale": "logits"}, "infinite"),
        ([[-0.7, -0.7], [-0.5, math.nan]], {"scale": "log_probabilities"}, "NaN|sum"),
        ([[0.0, -math.inf], [0.1, -1]], {"scale": "log_probabilities"}, "probability 1.10517"),
        ([[0.0, -math.inf], [-1, -1]], {"scale": "log_probabilities"}, "sum to 0.735759"),
        ([[0.0, -9e9], [9e9, -1]], {"scale": "log_probabilities"}, "probability inf"),
        ([[1.0, 3.0], [0.0, 0.0]], {"normalize": True}, "only zeros"),
        ([[1.0, 3.0], [2.0, -1.0]], {"normalize": True}, "number -1, .*scale=logits or scale=log"),
        ([[0.0, -math.inf], [1, 2]], {"scale": "log_probabilities"}, "if these are logits, send"),
        (
            [[0.0, 0.0], [-math.inf, -math.inf]],
            {"normalize": True, "scale": "log_probabilities"},
            "only probabilities of 0",
        ),
    ],
)
def test_numbers_that_are_not_what_they_are_said_to_be_are_refused(values, options, message):
    with pytest.raises(UploadRefused, match=message):
        read_probs(values, **options)


@pytest.mark.parametrize("values", [[[0.5, 0.5], [1.5, -0.5]], [[-0.1, -2.3], [0.5, 0.5]]])
def test_to_divide_negative_numbers_is_not_advised(values):
    with pytest.raises(UploadRefused, match="scale=logits or scale=log_probabilities") as caught:
        read_probs(values)

    assert "normalize" not in caught.value.detail


@every
def test_the_first_item_whose_probabilities_do_not_sum_to_one_is_named(media_type):
    body = dense_body(
        media_type, "probs", [[0.5, 0.5], [0.5, 0.75], [0.9, 0.9]], classes=["x", "y"]
    )
    name = "Item 1 of the pool, counted from 0," if media_type == NPY else 'Item "ü"'

    with pytest.raises(UploadRefused, match=f"^{name} .* sum to 1.25 ") as caught:
        read(*body, "probs", classes=["x", "y"])

    assert len(caught.value.faults) == 1


@every
def test_a_member_whose_probabilities_do_not_sum_to_one_is_found(media_type):
    members = [[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.75]]]
    body = dense_body(media_type, "members", members, IDS[:2], classes=["x", "y"])

    with pytest.raises(UploadRefused, match=r"sum to 1.25 .*(/1/1|/1|row 5.*)\)$"):
        read(*body, "members", classes=["x", "y"])


@pytest.mark.parametrize(
    ("kind", "field", "values", "message"),
    [
        ("multilabel", "label_probs", [[0.5, 1.5]], "probability 1.5"),
        ("multilabel", "label_probs", [[0.5, math.nan]], "NaN"),
        ("regression_members", "values", [[0.5, math.inf]], "infinite"),
    ],
)
def test_other_kinds_have_rules_of_their_own(kind, field, values, message):
    classes = 2 if kind == "multilabel" else None

    with pytest.raises(UploadRefused, match=message):
        read(*dense_body(NPY, field, values), kind, classes=classes)


@pytest.mark.parametrize(
    ("std", "message"),
    [([1.0, -0.5], "std -0.5: .*/std/1"), ([1.0, math.nan], "NaN .*/std/1")],
)
def test_a_standard_deviation_is_zero_or_more(std, message):
    with pytest.raises(UploadRefused, match=message):
        read(*npz_body(mean=np.zeros(2), std=np.array(std)), "regression")
