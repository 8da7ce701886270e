"""Opening what a client calls a model: what it is, and what it says of each item of a pool."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from sklearn.exceptions import InconsistentVersionWarning

from service.errors import InvalidOutput, ModelRefused, ServiceError
from workers.untrusted.artifacts.classifier import Array, Classifier
from workers.untrusted.artifacts.failures import pass_on_lack_of_memory
from workers.untrusted.artifacts.joblib import open_joblib
from workers.untrusted.artifacts.onnx import open_onnx
from workers.untrusted.artifacts.prepared import open_prepared
from workers.untrusted.artifacts.skops import open_skops

Send = Callable[[dict[str, Any]], None]

OPENERS: dict[str, Callable[[BinaryIO], Classifier]] = {
    "onnx": open_onnx,
    "onnx_gpu": partial(open_onnx, gpu=True),
    "skops": open_skops,
    "joblib": open_joblib,
    "prepared": open_prepared,
}
PREPARED = "prepared"
FEWEST_OF_A_THREAD = 256
PLACE_IN_SOURCE = re.compile(
    r"\S+\.(?:h|cc|cpp):\d+ (?:[^\[]*\[with [^\]]*\] |[\w:<>]+\([^)]*\) )?"
)
"""How a library of C++ says where it failed, before it says why."""
LONGEST_CAUSE = 400
MOST_WARNINGS = 20
MOST_VALUES = 2**22  # of a block: large items come in blocks of fewer rows


@dataclass(frozen=True)
class Part:
    """One part's features: a file of our own, opened where its values begin."""

    name: str
    file: BinaryIO
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Output:
    """What is written of every part: its name, the shape of one item's, and what predicts it."""

    name: str
    shape: tuple[int, ...]
    predict: Callable[[Array], Array]


@dataclass(frozen=True)
class Block:
    """Some items of one part, in order."""

    part: str
    start: int
    items: Array


def inspect_model(
    arguments: dict[str, Any], inputs: dict[str, BinaryIO], send: Send
) -> dict[str, Any]:
    """Return what an artifact says of itself, or refuse it.

    A model that has a form that opens faster is written to `prepared` in that form, if it takes at
    most `room` bytes; `prepared` says whether it was.
    """
    del send
    classifier = open_model(arguments["format"], inputs["model"])
    most = arguments["limits"]["max_classes"]
    if len(classifier.classes) > most:
        raise ModelRefused(
            f"The model has {len(classifier.classes)} classes; at most {most} are taken."
        )
    shape = classifier.item_shape
    return {
        "format": arguments["format"],
        "estimator": classifier.estimator,
        "classes": list(classifier.classes),
        "item_values": classifier.item_values,
        "item_shape": None if shape is None else list(shape),
        "probabilities": classifier.probabilities,
        "warnings": list(classifier.warnings),
        "members": classifier.members,
        "prepared": prepared(classifier, arguments.get("room", 0)),
    }


def prepared(classifier: Classifier, room: int) -> bool:
    """Write a model in the form that opens faster, if it has one; return whether it is there."""
    if classifier.prepare is None:
        return False
    with Path(PREPARED).open("wb") as target:
        return classifier.prepare(target, room)


def predict_parts(
    arguments: dict[str, Any], inputs: dict[str, BinaryIO], send: Send
) -> dict[str, Any]:
    """Write what is asked of each part, a block at a time.

    Where `probs` is true, which it is unless said, to `probs_{k}.npy`: (items, classes). Where
    `members` is true, to `member_probs_{k}.npy`: (items, members, classes). `passes` is how often
    the job goes through the items: so many passes over one count it as done. So many `threads` ask
    the model at once, where what it says of an item does not depend on the others.
    """
    classifier = open_model(arguments["format"], inputs["model"])
    outputs = wanted(classifier, arguments)
    passes, done = len(outputs) * arguments.get("passes", 1), 0

    def count(rows: int) -> None:
        nonlocal done
        done += rows
        send({"done": done // passes})

    dtypes = {}
    for output in outputs:
        dtype, empty = np.dtype(np.float64), []
        for k, name in enumerate(arguments["parts"]):
            part, target = open_part(name, inputs[f"part_{k}"]), Path(f"{output.name}_{k}.npy")
            if part.shape[0]:
                dtype = predict_part(output, part, arguments["block"], target, count)
            else:
                empty.append(target)
        for target in empty:
            np.save(target, np.empty((0, *output.shape), dtype))
        dtypes[output.name] = dtype.name
    return {"dtypes": dtypes, "provider": classifier.provider}


def wanted(classifier: Classifier, arguments: dict[str, Any]) -> list[Output]:
    """Return what a model is asked for; raise InvalidOutput where it cannot give that."""
    outputs, classes = [], len(classifier.classes)
    threads = arguments.get("threads", 1) if classifier.items_alone else 1
    shared = partial(in_threads, threads=threads)
    if arguments.get("probs", True):
        if not classifier.probabilities:
            raise InvalidOutput(
                f"{classifier.estimator} gives no probabilities: score with another."
            )
        outputs.append(Output("probs", (classes,), shared(classifier.predict)))
    if arguments.get("members", False):
        if classifier.members is None or classifier.predict_members is None:
            raise InvalidOutput(f"{classifier.estimator} is no committee: score with another.")
        shape = (classifier.members, classes)
        predict = items_first(classifier.predict_members)
        outputs.append(Output("member_probs", shape, shared(predict)))
    return outputs


def items_first(predict: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda items: predict(items).swapaxes(0, 1)


def in_threads(predict: Callable[[Array], Array], threads: int) -> Callable[[Array], Array]:
    """Return what asks a model about some items in so many threads, where they are enough."""

    def ask(items: Array) -> Array:
        pieces = np.array_split(items, min(threads, len(items) // FEWEST_OF_A_THREAD) or 1)
        if len(pieces) == 1:
            return predict(items)
        with ThreadPoolExecutor(len(pieces)) as pool:
            return np.concatenate(list(pool.map(predict, pieces)))

    return ask if threads > 1 else predict


def open_model(format: str, file: BinaryIO) -> Classifier:
    """Return the classifier in a file, with what its library had to warn of."""
    if not file.read(1):
        raise ModelRefused("The file is empty: send the model again.")
    file.seek(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            classifier = OPENERS[format](file)
        except ServiceError:
            raise
        except Exception as error:  # a tampered file makes its library raise anything
            pass_on_lack_of_memory(error)
            raise ModelRefused(
                f"The file cannot be read as {format}: {cause(error)} Save the model again, and"
                " name the format it is in."
            ) from error
    return replace(classifier, warnings=(*classifier.warnings, *sentences(caught)))


def cause(error: Exception) -> str:
    """Return an error as one short line without paths, which are nobody's business outside."""
    line = PLACE_IN_SOURCE.sub("", " ".join(str(error).split()))
    line = re.sub(r"\S*/", "", line)
    return f"{type(error).__name__}: {line[:LONGEST_CAUSE]}".rstrip(".: ") + "."


def sentences(caught: list[warnings.WarningMessage]) -> list[str]:
    """Return what warnings say to whoever sent the model, each once."""
    told = (w.message for w in caught if not issubclass(w.category, DeprecationWarning))
    return list(dict.fromkeys(map(sentence, told)))[:MOST_WARNINGS]


def sentence(message: Warning | str) -> str:
    if isinstance(message, InconsistentVersionWarning):
        return (
            f"The model was fitted with scikit-learn {message.original_sklearn_version} and is used"
            f" with {message.current_sklearn_version}: compare some probabilities with your own."
        )
    return str(message)[:LONGEST_CAUSE]


def open_part(name: str, file: BinaryIO) -> Part:
    """Read the header of a part's features, and leave the file where its values begin."""
    file.seek(0)
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return Part(name, file, shape, dtype)


def blocks(part: Part, most: int) -> Iterator[Block]:
    """Yield a part's items a block of at most so many at a time."""
    rows, *item = part.shape
    for start in range(0, rows, most):
        count = min(most, rows - start)
        values = np.fromfile(part.file, part.dtype, count * prod(item))
        if values.size != count * prod(item):
            raise ServiceError(f"The features of part {part.name} end before row {rows}.")
        yield Block(part.name, start, values.reshape(count, *item))


def predict_part(
    output: Output, part: Part, most: int, target: Path, count: Callable[[int], None]
) -> np.dtype[Any]:
    """Write what a model says of a part's items, and return its type.

    How many items are asked about at once follows from the model and the items alone: the last bits
    of a product of matrices may depend on it.
    """
    rows, *item = part.shape
    with target.open("wb") as sink:
        for block in blocks(part, at_once(most, item, output.shape)):
            probs = predict_block(output, block)
            if not block.start:
                dtype = probs.dtype
                shape = (rows, *output.shape)
                npy.write_array_header_1_0(
                    sink, {"descr": dtype.str, "fortran_order": False, "shape": shape}
                )
            sink.write(np.ascontiguousarray(probs, dtype).data)
            count(len(probs))
    return dtype


def at_once(most: int, *shapes: Sequence[int]) -> int:
    """Return how many items make a block, whose arrays have these shapes an item."""
    return max(1, min(most, MOST_VALUES // max(1, *map(prod, shapes))))


def predict_block(output: Output, block: Block) -> Array:
    """Return what a model says of a block, exactly as it says it."""
    end = block.start + len(block.items)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            probs = np.asarray(output.predict(block.items))
    except ServiceError:
        raise
    except Exception as error:  # the model is its sender's, and so is whatever it raises
        pass_on_lack_of_memory(error)
        raise InvalidOutput(
            f"The model failed on items {block.start} to {end - 1} of part {block.part}:"
            f" {cause(error)}"
        ) from error
    return checked(probs, block, output.shape)


def checked(probs: Array, block: Block, shape: tuple[int, ...]) -> Array:
    """Refuse anything but fractions of this shape; whoever knows the ids checks their values."""
    expected = (len(block.items), *shape)
    if probs.shape != expected or probs.dtype.kind != "f":
        raise InvalidOutput(
            f"The model gave {probs.dtype} in the shape {probs.shape} for items"
            f" {block.start} onwards of part {block.part}; {expected} fractions were expected."
        )
    short = probs.dtype.type in (np.float16, np.float32)
    return probs.astype(np.float32 if short else np.float64, copy=False)
