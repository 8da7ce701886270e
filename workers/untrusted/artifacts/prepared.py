"""Forests in a form that opens at once: arrays in one file, mapped, and nothing to run.

It is made where a forest is inspected, and opened, as the forest is, nowhere but in the sandbox.
It holds the arrays of a walk as NumPy writes them, one after the other, and what the forest is, as
JSON. Nothing in it is trusted: where an index leads out of an array, NumPy stops at its end.
"""

import json
import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from sklearn.ensemble._forest import ForestClassifier
from sklearn.utils.validation import check_array

from workers.untrusted.artifacts.classifier import Array, Classifier
from workers.untrusted.artifacts.committees import FEWEST, Committee
from workers.untrusted.artifacts.forests import Walk, can_walk

ALIGNMENT = 64
SMALL_THINGS = 2**20
"""The bytes that a form may have beyond its arrays."""


def preparation(model: Any, about: dict[str, Any]) -> Callable[[BinaryIO, int], bool] | None:
    """Return what writes a model's form, if it has one, where that passes no number of bytes."""
    if not isinstance(model, ForestClassifier) or not can_walk(model):
        return None
    forest = model

    def write(target: BinaryIO, room: int) -> bool:
        arrays = arrays_of(Walk.of(forest))
        if SMALL_THINGS + sum(array.nbytes for array in arrays) > room:
            return False
        for array in arrays:
            align(target)
            np.save(target, array, allow_pickle=False)
        target.write(json.dumps({**about, "missing": takes_missing(forest)}).encode())
        return True

    return write


def align(file: BinaryIO) -> None:
    """Go on in a file where an array may begin: NumPy copies what is not aligned, at every use."""
    file.seek(-file.tell() % ALIGNMENT, os.SEEK_CUR)


def arrays_of(walk: Walk) -> list[Array]:
    """Return the arrays of a walk, in their order."""
    return [getattr(walk, field.name) for field in fields(walk)]


def takes_missing(forest: ForestClassifier) -> bool:
    """Return whether a forest takes items with values that are missing."""
    return bool(forest.estimators_[0].__sklearn_tags__().input_tags.allow_nan)


def open_prepared(file: BinaryIO) -> Classifier:
    """Return the classifier whose form a file holds."""
    walk = Walk(*(map_array(file) for _ in fields(Walk)))
    about = json.loads(file.read())
    classes, size = tuple(about["classes"]), len(walk)

    def rows_of(items: Array) -> Array:
        return rows(items.reshape(len(items), -1), about)

    committee = Committee(size, len(classes), lambda items: walk.members(rows_of(items)))
    return Classifier(
        estimator=about["estimator"],
        classes=classes,
        item_values=int(about["item_values"]),
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
    align(file)
    npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file)
    start = file.tell()
    found = np.memmap(file, dtype, "r", start, shape)
    file.seek(start + found.nbytes)
    return found.view(np.ndarray)


def rows(items: Array, about: dict[str, Any]) -> Array:
    """Return items as trees take them, checked as the forest itself would."""
    if items.shape[1] != about["item_values"]:
        raise ValueError(f"An item has {items.shape[1]} values, not {about['item_values']}.")
    found: Array = check_array(
        items,
        dtype=np.float32,
        ensure_all_finite="allow-nan" if about["missing"] else True,
        estimator=about["estimator"],
        input_name="X",
    )
    return found
