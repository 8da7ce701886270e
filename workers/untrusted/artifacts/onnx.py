"""ONNX files: one input of items, one output of probabilities, run on one thread."""

from dataclasses import dataclass
from math import prod
from typing import BinaryIO

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from service.errors import InvalidOutput, ModelRefused
from workers.untrusted.artifacts.classifier import Array, Classifier, Label
from workers.untrusted.artifacts.failures import pass_on_lack_of_memory
from workers.untrusted.artifacts.onnx_graph import read_graph

NUMBERS = {
    "tensor(float)": "f4",
    "tensor(double)": "f8",
    "tensor(float16)": "f2",
    "tensor(uint8)": "u1",
    "tensor(int8)": "i1",
    "tensor(int32)": "i4",
    "tensor(int64)": "i8",
}
FRACTIONS = {"tensor(float)", "tensor(double)", "tensor(float16)"}
GPU, PROCESSOR = "CUDAExecutionProvider", "CPUExecutionProvider"
TOLERANCE = 1e-3
TRIED_ITEMS = 4
MATRIX = 2


@dataclass(frozen=True)
class Port:
    """The input or output of a graph that is used; an open dimension is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Trial:
    """What came of running a graph on made-up items: its probabilities, or why there are none."""

    probs: Array | None
    warning: str | None


def open_onnx(file: BinaryIO, *, gpu: bool = False) -> Classifier:
    """Return the classifier in an ONNX file, on a GPU if it may and there is one."""
    graph = read_graph(file.read())
    session = start(graph.content, providers(gpu=gpu))
    source, result = input_of(session), output_of(session)

    def predict(items: Array) -> Array:
        probs: Array = session.run([result.name], {source.name: fitted(items, source)})[0]
        return probs

    trial = run_on_samples(session, source, result)
    warning = trial.warning or doubt(trial.probs)
    width, shape = item_size(source)
    return Classifier(
        estimator=graph.name,
        classes=classes_of(graph.labels[result.name], result, trial.probs),
        item_values=width,
        item_shape=shape,
        probabilities=trial.probs is None or warning is None,
        warnings=(warning,) if warning else (),
        predict=predict,
        provider=session.get_providers()[0],
    )


def providers(*, gpu: bool) -> list[str]:
    """Return what may run a model, the best first: a GPU where onnxruntime knows one, and this."""
    there = gpu and GPU in onnxruntime.get_available_providers()
    return [GPU, PROCESSOR] if there else [PROCESSOR]


def start(content: bytes, providers: list[str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=providers)


def input_of(session: onnxruntime.InferenceSession) -> Port:
    inputs = session.get_inputs()
    names = ", ".join(f"{port.name} {port.type} {port.shape}" for port in inputs)
    if len(inputs) != 1 or inputs[0].type not in NUMBERS or len(inputs[0].shape) < MATRIX:
        raise ModelRefused(
            f"The model's inputs are: {names}. What is taken is one input of numbers, of the"
            " shape (items, …): export the model with one such input."
        )
    source = port_of(inputs[0])
    if source.shape[0] is not None:
        raise ModelRefused(
            f"The model takes exactly {source.shape[0]} items at a time: export it with an open"
            " first dimension (dynamic_axes, or a batch size of None)."
        )
    return source


def output_of(session: onnxruntime.InferenceSession) -> Port:
    """Return the one matrix of fractions; of several, the one whose name speaks of probability."""
    outputs = session.get_outputs()
    matrices = [
        port for port in outputs if port.type in FRACTIONS and len(port.shape) in (0, MATRIX)
    ]
    likely = [port for port in matrices if "prob" in port.name.lower()]
    for found in (matrices, likely):
        if len(found) == 1:
            return port_of(found[0])
    names = ", ".join(f"{port.name} {port.type} {port.shape}" for port in outputs)
    raise ModelRefused(
        f"The model's outputs are: {names}. What is taken is one output of probabilities, of the"
        " shape (items, classes): export the model with one such output."
    )


def port_of(argument: onnxruntime.NodeArg) -> Port:
    shape = tuple(size if isinstance(size, int) else None for size in argument.shape)
    return Port(argument.name, NUMBERS[argument.type], shape)


def item_size(source: Port) -> tuple[int | None, tuple[int, ...] | None]:
    """Return how many values an item has, and its shape where it is more than a row."""
    sizes = tuple(size for size in source.shape[1:] if size is not None)
    if len(sizes) < len(source.shape) - 1:
        return None, None
    return prod(sizes), sizes if len(sizes) > 1 else None


def run_on_samples(session: onnxruntime.InferenceSession, source: Port, result: Port) -> Trial:
    """Try the graph on a few made-up items, if it says how large one is."""
    width, shape = item_size(source)
    if width is None:
        return Trial(None, None)
    items = np.random.default_rng(0).random((TRIED_ITEMS, *(shape or (width,))))
    items[0] = 0
    try:
        probs = session.run([result.name], {source.name: items.astype(source.dtype)})[0]
    except (Fail, InvalidArgument, RuntimeException) as error:
        pass_on_lack_of_memory(error)
        # A model may rightly refuse made-up items (an unknown category): that is not its sender's
        # fault, so it only warns.
        return Trial(None, f"The model could not be tried on made-up items: {error}")
    if probs.ndim != MATRIX or len(probs) != TRIED_ITEMS:
        raise ModelRefused(
            f"The output {result.name} has the shape {probs.shape} for {TRIED_ITEMS} items; what"
            " is taken is (items, classes)."
        )
    return Trial(probs, None)


def doubt(probs: Array | None) -> str | None:
    """Return why these are no probabilities, if they are none."""
    if probs is None:
        return None
    sums = probs.sum(axis=1, dtype=np.float64)
    if (probs >= -TOLERANCE).all() and (abs(sums - 1) <= TOLERANCE).all():
        return None
    return (
        f"The model's output is no probabilities: the rows of made-up items sum to"
        f" {', '.join(f'{total:.3g}' for total in sums)}. End the graph with a Softmax."
    )


def classes_of(labels: tuple[Label, ...], result: Port, probs: Array | None) -> tuple[Label, ...]:
    columns = probs.shape[1] if probs is not None else (result.shape[1:] or (None,))[0]
    if columns is None and not labels:
        raise ModelRefused(
            "The model says neither how many values an item has nor how many classes there are:"
            " export it with all dimensions fixed but the first."
        )
    if columns is None or columns == len(labels):
        return labels
    if columns < MATRIX:
        raise ModelRefused(
            f"The output {result.name} has one column: a regressor, or a single score. What is"
            " taken is one column for each class."
        )
    return tuple(range(columns))


def fitted(items: Array, source: Port) -> Array:
    """Return a block of items in the shape and type that the graph takes."""
    values = items.reshape(len(items), *shape_for(items.shape[1:], source))
    cast = values.astype(source.dtype, copy=False)
    if cast.dtype.kind in "iu" and not np.array_equal(cast, values):
        raise InvalidOutput(
            f"The model takes whole numbers ({cast.dtype}), and the items hold others: send the"
            " items as it takes them, or export the model with an input of floats."
        )
    return cast


def shape_for(shape: tuple[int, ...], source: Port) -> tuple[int, ...]:
    width, image = item_size(source)
    if len(source.shape) == MATRIX and width in (None, prod(shape)):
        return (prod(shape),)
    # A flat row may be folded into an image; an image in another layout must not be.
    if image is not None and (shape == (width,) or solid(shape) == solid(image)):
        return image
    if image is None and len(source.shape) == len(shape) + 1:
        return shape
    raise InvalidOutput(
        f"Items of the shape {shape} do not fit the model, which takes {source.shape[1:]}."
    )


def solid(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)
