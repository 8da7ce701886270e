"""ONNX files that lean on other files, on operators of others, or on a reader's patience."""

from functools import cache, partial

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.hostile.file import MODEL, ONNX, Hostile
from tests.unit.test_onnx_models import converted, graph, perceptron, port

UNREAD = "cannot be read as onnx"
FLOAT = TensorProto.FLOAT


@cache
def sound():
    """A sound network's bytes."""
    return perceptron()[0]


def edited(edit, content=None):
    """A graph changed by `edit(model)`."""
    model = onnx.load_model_from_string(content or sound())
    edit(model)
    return model.SerializeToString()


def elsewhere(location):
    """A network whose weights are in another file."""

    def edit(model):
        (weights,) = model.graph.initializer
        onnx.external_data_helper.set_external_data(weights, location)
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL

    return edited(edit)


def elsewhere_in_branch():
    """A network with weights in another file inside a branch."""
    inner = TensorProto(name="t", data_type=FLOAT, dims=[1])
    inner.external_data.add(key="location", value="/etc/passwd")
    branch = helper.make_graph([helper.make_node("Constant", [], ["c"], value=inner)], "b", [], [])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    return graph([node], port("x", ["n", 2]), port("y", ["n", 2]))


def foreign_operators():
    """A network that needs the operators of somebody else."""
    return edited(lambda model: model.opset_import.append(helper.make_opsetid("org.example", 1)))


def unknown_operator():
    """A network of an operator that there is not."""
    return graph(
        [helper.make_node("Burgle", ["x"], ["y"])], port("x", ["n", 2]), port("y", ["n", 2])
    )


def circle():
    """A network of two nodes that wait for one another."""
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["a", "x"], ["b"])]
    return graph(
        [*nodes, helper.make_node("Softmax", ["b"], ["y"])],
        port("x", ["n", 2]),
        port("y", ["n", 2]),
    )


def calls_itself():
    """A network of a function that calls itself."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    again = helper.make_node("Again", ["a"], ["b"], domain="own")
    function = helper.make_function("own", "Again", ["a"], ["b"], [again], imports)
    node = helper.make_node("Again", ["x"], ["y"], domain="own")
    made = helper.make_graph([node], "made", [port("x", ["n", 2])], [port("y", ["n", 2])])
    model = helper.make_model(made, opset_imports=imports, functions=[function], ir_version=8)
    return model.SerializeToString()


def endless_loop():
    """A network that loops 2**63 - 1 times."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["v"], ["w"])],
        "body",
        [port("i", [], TensorProto.INT64), port("go", [], TensorProto.BOOL), port("v", ["n", 2])],
        [port("on", [], TensorProto.BOOL), port("w", ["n", 2])],
    )
    nodes = [
        helper.make_node("Loop", ["most", "", "x"], ["looped"], body=body),
        helper.make_node("Softmax", ["looped"], ["y"]),
    ]
    most = numpy_helper.from_array(np.array(2**63 - 1), "most")
    return graph(nodes, port("x", ["n", 2]), port("y", ["n", 2]), [most])


def nested_bytes():
    """A message in a message, 3,000 levels."""
    content = b""
    for _ in range(3_000):
        size, length = len(content), b""
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        content = b"\x32" + length + bytes([size]) + content
    return content


def filled(dims):
    """A network that fills a tensor of some dimensions."""
    shape = numpy_helper.from_array(np.array(dims), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["added"]),
        helper.make_node("Softmax", ["added"], ["y"]),
    ]
    return graph(nodes, port("x", ["n", 2]), port("y", ["n", 2]), [shape])


def oversized(dims):
    """A network whose weights say that they have other dimensions."""

    def edit(model):
        (weights,) = model.graph.initializer
        del weights.dims[:]
        weights.dims.extend(dims)

    return edited(edit)


def forest(attribute, place, value):
    """A forest in which one number of its nodes is another."""

    def edit(model):
        (node,) = (each for each in model.graph.node if each.op_type == "TreeEnsembleClassifier")
        (numbers,) = (each for each in node.attribute if each.name == attribute)
        numbers.ints[place] = value

    return edited(edit, converted("random_forest", zipmap=False))


def cut(share):
    """A network that ends early."""
    return sound()[: int(len(sound()) * share)]


def hostile(name, reason, make, *arguments):
    """A network that is sent as a model."""
    return Hostile(name, MODEL, ONNX, partial(make, *arguments), reason)


FILES = (
    hostile("weights in /etc/passwd", "weights in another file", elsewhere, "/etc/passwd"),
    hostile("weights further up", "weights in another file", elsewhere, "../../../etc/passwd"),
    hostile("weights beside it", "weights in another file", elsewhere, "weights.bin"),
    hostile("weights elsewhere in a branch", "weights in another file", elsewhere_in_branch),
    hostile("operators of others", r"operators of org\.example", foreign_operators),
    hostile("an operator that is none", "Burgle", unknown_operator),
    hostile("nodes in a circle", "acyclic", circle),
    hostile("a function that calls itself", "recursive", calls_itself),
    hostile("a loop without end", "deadline of", endless_loop),
    hostile("messages of 3,000 levels", UNREAD, nested_bytes),
    hostile("a tensor of 4 TB", "memory", filled, (10**6, 10**6)),
    hostile("a tensor of less than nothing", "non-negative", filled, (-5, 3)),
    hostile("weights of 4 TB", UNREAD, oversized, (10**6, 10**6)),
    hostile("weights that overflow", UNREAD, oversized, (2**40, 2**40)),
    hostile("weights of less than nothing", UNREAD, oversized, (-64, -3)),
    hostile("a tree that leads out", "node_id", forest, "nodes_truenodeids", 0, 10**6),
    hostile(
        "a tree that leads back",
        "already there|must always be the next node",
        forest,
        "nodes_truenodeids",
        1,
        0,
    ),
    hostile(
        "a feature that no item has", "looks at value 1000000", forest, "nodes_featureids", 0, 10**6
    ),
    hostile(
        "a feature below 0", "feature|negative|was false", forest, "nodes_featureids", 0, -(10**6)
    ),
    hostile("a class that there is not", "greater or equal", forest, "class_ids", 0, 10**6),
    hostile("a class below 0", "negative", forest, "class_ids", 0, -(10**6)),
    hostile("a node of another tree", "Unable to find node", forest, "class_nodeids", 0, 10**6),
    hostile("half of it", UNREAD, cut, 0.5),
    hostile("nearly all of it", UNREAD, cut, 0.99),
)
