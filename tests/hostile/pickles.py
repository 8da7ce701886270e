"""Pickles under every other name: what runs when one is opened ends its process."""

import gzip
import io
import json
import pickle
import zipfile

import joblib
import numpy as np

from tests.hostile.file import (
    ARROW,
    CSV,
    ITEMS,
    JOBLIB,
    JSON,
    LABELS,
    MODEL,
    MULTIPART,
    NDJSON,
    NPY,
    NPZ,
    ONNX,
    PARQUET,
    PREDICTIONS,
    SKOPS,
    Hostile,
)
from tests.models import fitted, rewritten, saved
from tests.uploads import multipart, npy

NO_TEXT = "UTF-8"
NO_ARRAY = r"no \.npy array"
OBJECTS = "Python objects"
BROKEN = "broken"


class Burglar:
    """Ends the process that opens it: one that was opened is told as crashed."""

    def __reduce__(self):
        return (exec, ("import os; os._exit(0)",))


def plain():
    """A pickle."""
    return pickle.dumps(Burglar())


def packed():
    """A pickle in a gzip file, as joblib and many others open it."""
    return gzip.compress(plain())


def objects():
    """A `.npy` file of Python objects, which numpy can keep as a pickle."""
    return npy(np.array([Burglar()], dtype=object))


def archived(name, content):
    """A zip archive with one member."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, content)
    return target.getvalue()


def field(name, content):
    """A form with one field."""
    return multipart((name, None, content))[1]


def skops_with(suffix, content):
    """A skops file of a tree in which every member of a suffix is something else."""

    def edit(name, member):
        return content if name.endswith(suffix) else member

    return rewritten(saved(fitted("decision_tree"), "skops"), edit)


def not_a_model():
    """A joblib file of something that is no classifier."""
    target = io.BytesIO()
    joblib.dump(json.loads('{"a": [1, 2]}'), target)
    return target.getvalue()


FILES = (
    Hostile("a pickle", ITEMS, NPY, plain, NO_ARRAY),
    Hostile("a pickle", ITEMS, NPZ, plain, BROKEN),
    Hostile("a pickle", ITEMS, CSV, plain, NO_TEXT),
    Hostile("a pickle", ITEMS, JSON, plain, NO_TEXT),
    Hostile("a pickle", ITEMS, NDJSON, plain, NO_TEXT),
    Hostile("a pickle", ITEMS, ARROW, plain, BROKEN),
    Hostile("a pickle", ITEMS, PARQUET, plain, BROKEN),
    Hostile("a pickle", ITEMS, MULTIPART, plain, "boundary|field|form"),
    Hostile("a pickle", PREDICTIONS, NPY, plain, NO_ARRAY),
    Hostile("a pickle", PREDICTIONS, CSV, plain, NO_TEXT),
    Hostile("a pickle", PREDICTIONS, PARQUET, plain, BROKEN),
    Hostile("a pickle", LABELS, JSON, plain, NO_TEXT),
    Hostile("a pickle", LABELS, NDJSON, plain, "cannot be read at line 1"),
    Hostile("a pickle", MODEL, SKOPS, plain, "no zip archive"),
    Hostile("a pickle", MODEL, ONNX, plain, "cannot be read as onnx"),
    Hostile("a packed pickle", ITEMS, NPY, packed, NO_ARRAY),
    Hostile("a packed pickle", MODEL, SKOPS, packed, "no zip archive"),
    Hostile("a packed pickle", MODEL, ONNX, packed, "cannot be read as onnx"),
    Hostile("an array of objects", ITEMS, NPY, objects, OBJECTS),
    Hostile("an array of objects", PREDICTIONS, NPY, objects, OBJECTS),
    Hostile("objects in it", ITEMS, NPZ, lambda: archived("features.npy", objects()), OBJECTS),
    Hostile("ids of objects", ITEMS, NPZ, lambda: archived("ids.npy", objects()), OBJECTS),
    Hostile("a pickle in it", ITEMS, NPZ, lambda: archived("features.npy", plain()), NO_ARRAY),
    Hostile("objects in it", PREDICTIONS, NPZ, lambda: archived("probs.npy", objects()), OBJECTS),
    Hostile("a field of objects", ITEMS, MULTIPART, lambda: field("features", objects()), OBJECTS),
    Hostile("a pickled schema", MODEL, SKOPS, lambda: skops_with("schema.json", plain()), "skops"),
    Hostile("arrays of objects", MODEL, SKOPS, lambda: skops_with(".npy", objects()), "pickle"),
    Hostile("pickles as arrays", MODEL, SKOPS, lambda: skops_with(".npy", plain()), "pickle"),
    Hostile("no model", MODEL, JOBLIB, not_a_model, "type dict"),
)
