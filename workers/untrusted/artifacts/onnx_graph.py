"""What an ONNX graph says before it runs: what it leans on outside itself, and its class labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx

from service.errors import ModelRefused
from workers.untrusted.artifacts.classifier import Label

DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
PASSES_LABELS_ON = {"Cast", "Identity", "Reshape", "Squeeze"}
PASSES_ITEMS_ON = {"Cast", "Identity"}
TREES = {"TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"}
FEATURE_IDS = "nodes_featureids"
OPERATORS_SHOWN = 8
MATRIX = 2


@dataclass(frozen=True)
class Graph:
    """What is kept of a graph: the file to run, its name, and the class labels of each output."""

    content: bytes
    name: str
    labels: dict[str, tuple[Label, ...]]


def read_graph(content: bytes) -> Graph:
    """Return what an ONNX file says; its weights are not kept twice."""
    model = onnx.load_model_from_string(content)
    refuse_outside(model)
    refuse_far_features(model.graph)
    if unwrap_maps(model.graph):
        content = model.SerializeToString()
    outputs = [output.name for output in model.graph.output]
    labels = {name: class_labels(model.graph, name) for name in outputs}
    return Graph(content, named(model), labels)


def refuse_outside(model: onnx.ModelProto) -> None:
    """Refuse a model that needs another file, or operators that do not come with the runtime."""
    if any(outside(tensor) for tensor in tensors(model)):
        raise ModelRefused(
            "The model keeps weights in another file: save it as one file, without external data."
        )
    taken = DOMAINS | {function.domain for function in model.functions}
    foreign = sorted({opset.domain for opset in model.opset_import} - taken)
    if foreign:
        raise ModelRefused(
            f"The model uses operators of {', '.join(foreign)}; taken are those of ONNX itself"
            " (ai.onnx, ai.onnx.ml) and of com.microsoft: export it with standard operators."
        )


def outside(tensor: onnx.TensorProto) -> bool:
    external = onnx.TensorProto.EXTERNAL
    return bool(tensor.external_data) or tensor.data_location == external


def tensors(message: Any) -> Iterator[onnx.TensorProto]:
    """Yield every tensor in a message: initializers, constants, inner graphs, functions."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from tensors(part)


def refuse_far_features(graph: onnx.GraphProto) -> None:
    """Refuse trees that look at values no item has: the runtime reads there all the same.

    Only trees that get the items themselves: how wide others' inputs are, only a run would tell.
    """
    widths = {port.name: width_of(port) for port in graph.input}
    for node in graph.node:
        if node.op_type in PASSES_ITEMS_ON and node.input and node.output:
            widths[node.output[0]] = widths.get(node.input[0])
        width = widths.get(node.input[0]) if node.op_type in TREES and node.input else None
        features = [n for each in node.attribute if each.name == FEATURE_IDS for n in each.ints]
        if width is not None and features and max(features) >= width:
            raise ModelRefused(
                f"A tree of the model looks at value {max(features)} of items that have {width}:"
                " the file is damaged, export the model again."
            )


def width_of(port: onnx.ValueInfoProto) -> int | None:
    """Return how many values a row of a matrix has, where it says so."""
    sizes = port.type.tensor_type.shape.dim
    if len(sizes) != MATRIX or not sizes[1].HasField("dim_value"):
        return None
    return int(sizes[1].dim_value)


def unwrap_maps(graph: onnx.GraphProto) -> bool:
    """Make the output of a ZipMap, a dictionary for each item, the tensor it is made from."""
    maps = {node.output[0]: node for node in graph.node if node.op_type == "ZipMap"}
    wrapped = [output for output in graph.output if output.name in maps]
    for output in wrapped:
        inner = maps[output.name].input[0]
        plain = onnx.helper.make_tensor_value_info(inner, onnx.TensorProto.FLOAT, None)
        output.CopyFrom(plain)
    return bool(wrapped)


def class_labels(graph: onnx.GraphProto, result: str) -> tuple[Label, ...]:
    """Return what the graph calls the columns of its result, or nothing if it only numbers them."""
    for node in graph.node:
        if node.op_type == "ZipMap" and result in node.input:
            return stated_labels(node)
    makers = {output: node for node in graph.node for output in node.output}
    for output in graph.output:
        node = makers.get(output.name) if output.name != result else None
        while node is not None and node.op_type in PASSES_LABELS_ON:
            node = makers.get(node.input[0])
        if node is not None and (labels := stated_labels(node) or chosen_labels(node, graph)):
            return labels
    return ()


def stated_labels(node: onnx.NodeProto) -> tuple[Label, ...]:
    for attribute in node.attribute:
        if attribute.name in LABELS:
            return tuple(text(v) for v in onnx.helper.get_attribute_value(attribute))
    return ()


def chosen_labels(node: onnx.NodeProto, graph: onnx.GraphProto) -> tuple[Label, ...]:
    """Return the constant labels that a node picks from, as converters write an argmax."""
    if node.op_type != "ArrayFeatureExtractor":
        return ()
    constants = [t for t in graph.initializer if t.name == node.input[0]]
    return tuple(text(v) for t in constants for v in onnx.numpy_helper.to_array(t).ravel().tolist())


def text(value: Any) -> Label:
    decoded: Label = value.decode() if isinstance(value, bytes) else value
    return decoded


def named(model: onnx.ModelProto) -> str:
    """Return the classifier operator of a converted model, or the operators of another graph."""
    operators: list[str] = list(dict.fromkeys(node.op_type for node in model.graph.node))
    classifiers = [operator for operator in operators if operator.endswith("Classifier")]
    if len(classifiers) == 1:
        return classifiers[0]
    more = ", …" if len(operators) > OPERATORS_SHOWN else ""
    return f"Graph({', '.join(operators[:OPERATORS_SHOWN])}{more})"
