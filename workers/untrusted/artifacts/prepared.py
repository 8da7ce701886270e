"""Forests in a form that opens at once: arrays in one file, mapped, and nothing to run.

It is made where a forest is inspected, and opened, as the forest is, nowhere but in the sandbox.
It holds three arrays as NumPy writes them, `ends` (of each tree's nodes), `nodes` and `shares` (of
the classes at each node), and what the forest is, as JSON.
"""

import json
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from sklearn.ensemble._forest import ForestClassifier
from sklearn.tree._tree import NODE_DTYPE, Tree
from sklearn.utils.validation import check_array

from service.errors import ModelRefused
from workers.untrusted.artifacts.classifier import Array, Classifier
from workers.untrusted.artifacts.committees import FEWEST, Committee
from workers.untrusted.artifacts.forests import Walk, can_walk
from workers.untrusted.artifacts.trees import check_tree

SMALL_THINGS = 2**20
"""The bytes that a form may have beyond nodes and shares."""


def preparation(model: Any, about: dict[str, Any]) -> Callable[[BinaryIO, int], bool] | None:
    """Return what writes a model's form, if it has one, where that passes no number of bytes."""
    if not isinstance(model, ForestClassifier) or not can_walk(model):
        return None
    forest, walk = model, Walk.of(model)

    def write(target: BinaryIO, room: int) -> bool:
        nodes = sum(tree.node_count for tree in walk.trees)
        if SMALL_THINGS + nodes * (NODE_DTYPE.itemsize + 8 * walk.classes) > room:
            return False
        write_walk(walk, {**about, "missing": takes_missing(forest)}, target)
        return True

    return write


def takes_missing(forest: ForestClassifier) -> bool:
    """Return whether a forest takes items with values that are missing."""
    return bool(forest.estimators_[0].__sklearn_tags__().input_tags.allow_nan)


def write_walk(walk: Walk, about: dict[str, Any], target: BinaryIO) -> None:
    """Write the form of a forest."""
    ends = np.cumsum([tree.node_count for tree in walk.trees])
    write_array(target, [ends])
    write_array(target, [tree.__getstate__()["nodes"] for tree in walk.trees])
    write_array(target, list(walk.shares))
    target.write(json.dumps(about).encode())


def write_array(target: BinaryIO, pieces: list[Array]) -> None:
    """Write one array that comes in pieces."""
    first = pieces[0]
    shape = (sum(len(piece) for piece in pieces), *first.shape[1:])
    described = {"descr": npy.dtype_to_descr(first.dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(target, described)
    target.writelines(np.ascontiguousarray(piece).data for piece in pieces)


def open_prepared(file: BinaryIO) -> Classifier:
    """Return the classifier whose form a file holds."""
    ends, nodes, shares = (map_array(file) for _ in range(3))
    about = json.loads(file.read())
    width, count = int(about["item_values"]), len(about["classes"])
    if shares.shape != (len(nodes), count) or int(ends[-1]) != len(nodes):
        raise ModelRefused("The prepared form of the model is damaged: send the model again.")
    starts = [0, *ends[:-1].tolist()]
    spans = [slice(start, end) for start, end in zip(starts, ends.tolist(), strict=True)]
    trees = tuple(tree_of(nodes[span], width) for span in spans)
    walk = Walk(trees, tuple(shares[span] for span in spans))

    def rows_of(items: Array) -> Array:
        return rows(items.reshape(len(items), -1), about)

    size = len(trees)
    committee = Committee(size, count, lambda items: walk.members(rows_of(items)))
    return Classifier(
        estimator=about["estimator"],
        classes=tuple(about["classes"]),
        item_values=width,
        item_shape=None,
        probabilities=True,
        warnings=(),
        predict=lambda items: walk.predict(rows_of(items)),
        members=size if size >= FEWEST else None,
        predict_members=committee.predict if size >= FEWEST else None,
        items_alone=True,
    )


def map_array(file: BinaryIO) -> Array:
    """Return the array that stands next in a file, and leave the file where it ends."""
    npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file)
    start = file.tell()
    found = np.memmap(file, dtype, "r", start, shape)
    file.seek(start + found.nbytes)
    return found.view(np.ndarray)


def tree_of(nodes: Array, width: int) -> Tree:
    """Return a sound tree of nodes; what stands at its leaves is kept beside it."""
    tree = Tree(width, np.array([1], dtype=np.intp), 1)
    values = np.zeros((len(nodes), 1, 1))
    tree.__setstate__({"max_depth": 0, "node_count": len(nodes), "nodes": nodes, "values": values})
    check_tree(tree)
    return tree


def rows(items: Array, about: dict[str, Any]) -> Array:
    """Return items as trees take them, checked as the forest itself would."""
    if items.shape[1] != about["item_values"]:  # the trees themselves do not look
        raise ValueError(f"An item has {items.shape[1]} values, not {about['item_values']}.")
    found: Array = check_array(
        items,
        dtype=np.float32,
        ensure_all_finite="allow-nan" if about["missing"] else True,
        estimator=about["estimator"],
        input_name="X",
    )
    return found
