"""ONNX graphs, converted and hand-made, are opened, understood and run; the rest is refused."""

from functools import cache

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from service.errors import InvalidOutput, ModelRefused
from tests.models import digits, fitted, inspect, irises, items_for, predict, quietly

CONVERTED = ("random_forest", "named_digits_forest", "scaled_regression", "gaussian_nb", "bagging")


@cache
def converted(name, zipmap):
    """The ONNX file of one of our classifiers, with dictionaries as its output or a tensor."""
    model, sample = fitted(name), items_for(name)[:1].astype(np.float32)
    options = {id(model): {"zipmap": zipmap}}
    return quietly(lambda: to_onnx(model, sample, options=options)).SerializeToString()


def graph(nodes, source, result, constants=(), opset=17):
    """The ONNX file of a hand-made graph."""
    made = helper.make_graph(nodes, "made", [source], [result], list(constants))
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(made, opset_imports=imports, ir_version=8).SerializeToString()


def port(name, shape, type=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, type, shape)


def perceptron(shape=("n", 64), end="Softmax", type=TensorProto.FLOAT, classes=3):
    """A layer of weights behind a flattening, ended by a Softmax."""
    weights = np.random.default_rng(0).normal(size=(64, classes)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["x"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["cast"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        helper.make_node(end, ["scores"], ["y"]),
    ]
    constants = [numpy_helper.from_array(weights, "weights")]
    return graph(nodes, port("x", shape, type), port("y", ["n", classes]), constants), weights


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_classifier_keeps_its_classes_and_probabilities(name, zipmap, tmp_path):
    model, items = fitted(name), items_for(name).astype(np.float32)
    said = inspect(converted(name, zipmap), "onnx", tmp_path)
    assert said["classes"] == model.classes_.tolist()
    assert said["item_values"] == items.shape[1]
    assert said["item_shape"] is None
    assert said["probabilities"]
    assert said["warnings"] == []
    found = predict(converted(name, zipmap), "onnx", [items[:100], items[100:]], tmp_path)
    assert np.abs(np.concatenate(found) - model.predict_proba(items)).max() < 1e-4
    assert found[0].dtype == np.float32


def test_a_converted_forest_is_named(tmp_path):
    said = inspect(converted("random_forest", zipmap=True), "onnx", tmp_path)
    assert said["estimator"] == "TreeEnsembleClassifier"


def test_a_hand_made_network_numbers_its_classes(tmp_path):
    content, weights = perceptron()
    assert inspect(content, "onnx", tmp_path) == {
        "format": "onnx",
        "prepared": False,
        "estimator": "Graph(Cast, Flatten, MatMul, Softmax)",
        "classes": [0, 1, 2],
        "item_values": 64,
        "item_shape": None,
        "probabilities": True,
        "warnings": [],
        "members": None,
    }
    (found,) = predict(content, "onnx", [digits().items], tmp_path)
    assert np.abs(found - softmax(digits().items @ weights)).max() < 1e-5


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 8, 8), (8, 8, 1)])
def test_a_network_of_images_takes_them_flat_or_folded(shape, tmp_path):
    content, weights = perceptron(("n", 1, 8, 8))
    said = inspect(content, "onnx", tmp_path)
    assert (said["item_values"], said["item_shape"]) == (64, [1, 8, 8])
    (found,) = predict(content, "onnx", [digits().items.reshape(-1, *shape)], tmp_path)
    assert np.abs(found - softmax(digits().items @ weights)).max() < 1e-5


@pytest.mark.parametrize("shape", [(4, 16), (2, 4, 8), (63,)])
def test_images_in_another_layout_are_not_reshuffled(shape, tmp_path):
    content, _ = perceptron(("n", 1, 8, 8))
    with pytest.raises(InvalidOutput, match="do not fit the model"):
        predict(content, "onnx", [np.zeros((2, *shape), np.float32)], tmp_path)


@pytest.mark.parametrize("type", [np.uint8, np.float16, np.float64])
def test_items_are_cast_to_what_the_network_takes(type, tmp_path):
    items = (digits().items * 16).astype(type)
    content, weights = perceptron()
    (found,) = predict(content, "onnx", [items], tmp_path)
    assert np.abs(found - softmax(items.astype(np.float32) @ weights)).max() < 1e-5


def test_a_network_of_whole_numbers_refuses_fractions(tmp_path):
    content, _ = perceptron(type=TensorProto.INT64)
    predict(content, "onnx", [np.ones((3, 64))], tmp_path)
    with pytest.raises(InvalidOutput, match="takes whole numbers"):
        predict(content, "onnx", [np.full((3, 64), 0.5)], tmp_path)


def test_an_output_without_softmax_is_no_probabilities(tmp_path):
    said = inspect(perceptron(end="Identity")[0], "onnx", tmp_path)
    assert said["probabilities"] is False
    assert "End the graph with a Softmax" in said["warnings"][0]


def test_scores_that_a_converter_calls_probabilities_are_seen_through(tmp_path):
    model = LinearSVC().fit(irises().items, irises().labels)
    content = to_onnx(model, irises().items[:1].astype(np.float32)).SerializeToString()
    assert inspect(content, "onnx", tmp_path)["probabilities"] is False


def test_a_regressor_is_refused(tmp_path):
    model = DecisionTreeRegressor().fit(irises().items, irises().labels)
    content = to_onnx(model, irises().items[:1].astype(np.float32)).SerializeToString()
    with pytest.raises(ModelRefused, match="one column"):
        inspect(content, "onnx", tmp_path)


def test_an_open_width_is_taken_when_the_classes_are_known(tmp_path):
    content, weights = perceptron(("n", None))
    said = inspect(content, "onnx", tmp_path)
    assert (said["item_values"], said["classes"]) == (None, [0, 1, 2])
    assert said["probabilities"]
    (found,) = predict(content, "onnx", [digits().items], tmp_path)
    assert np.abs(found - softmax(digits().items @ weights)).max() < 1e-5


def test_a_fixed_number_of_items_is_refused(tmp_path):
    with pytest.raises(ModelRefused, match="exactly 1 items at a time"):
        inspect(perceptron((1, 64))[0], "onnx", tmp_path)


def test_several_inputs_are_refused_and_named(tmp_path):
    nodes = [helper.make_node("Concat", ["a", "b"], ["y"], axis=1)]
    made = helper.make_graph(
        nodes, "g", [port("a", ["n", 1]), port("b", ["n", 1])], [port("y", ["n", 2])]
    )
    content = helper.make_model(made, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(ModelRefused, match=r"inputs are: a tensor\(float\) \['n', 1\], b"):
        inspect(content.SerializeToString(), "onnx", tmp_path)


def test_weights_in_another_file_are_refused(tmp_path):
    model = onnx.load_model_from_string(perceptron()[0])
    (weights,) = model.graph.initializer
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "weights.bin").write_bytes(weights.raw_data)
    onnx.external_data_helper.set_external_data(weights, "weights.bin")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    with pytest.raises(ModelRefused, match="keeps weights in another file"):
        inspect(model.SerializeToString(), "onnx", tmp_path)


def test_weights_in_another_file_are_seen_inside_a_branch(tmp_path):
    inner = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[1])
    inner.external_data.add(key="location", value="/etc/passwd")
    branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=inner)], "b", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    content = graph([node], port("x", ["n", 2]), port("y", ["n", 2]))
    with pytest.raises(ModelRefused, match="keeps weights in another file"):
        inspect(content, "onnx", tmp_path)


def test_operators_of_others_are_refused_and_named(tmp_path):
    model = onnx.load_model_from_string(perceptron()[0])
    model.opset_import.append(helper.make_opsetid("org.example", 1))
    with pytest.raises(ModelRefused, match=r"operators of org\.example;"):
        inspect(model.SerializeToString(), "onnx", tmp_path)


def test_a_graph_that_names_no_operator_there_is_cannot_be_read(tmp_path):
    content = graph([helper.make_node("Burgle", ["x"], ["y"])], port("x", [1]), port("y", [1]))
    with pytest.raises(ModelRefused, match="cannot be read as onnx"):
        inspect(content, "onnx", tmp_path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_a_graph_that_ends_early_is_refused(kept, tmp_path):
    content = converted("random_forest", zipmap=True)
    with pytest.raises(ModelRefused, match="cannot be read as onnx"):
        inspect(content[: int(len(content) * kept)], "onnx", tmp_path)
