"""skops files of models with tampered trees, and of types that are not taken."""

import json
import operator
import struct
import zipfile
import zlib
from functools import partial
from io import BytesIO

import numpy as np
import skops.io
from scipy import sparse
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from tests.hostile.file import MODEL, SKOPS, Hostile
from tests.models import fitted, irises, quietly, rewritten, saved


class Burglar:
    """A type that is on no list."""


MEBIBYTE = 1024**2
NODE = "Node 0 of a tree points"
UNREAD = "cannot be read as skops"


def with_arrays(content, change, *, most=None):
    """A skops file with arrays changed by `change(array)`, which returns None for the others."""
    done = []

    def edit(name, member):
        if not name.endswith(".npy") or len(done) == most:
            return member
        changed = change(np.load(BytesIO(member)))
        if changed is None:
            return member
        done.append(name)
        target = BytesIO()
        np.save(target, changed)
        return target.getvalue()

    found = rewritten(content, edit)
    assert done
    return found


def tree(name, field, value):
    """A model in whose first tree one number of the first node is another."""

    def change(array):
        if field not in (array.dtype.names or ()):
            return None
        array[field][0] = value
        return array

    return with_arrays(saved(fitted(name), "skops"), change, most=1)


def with_schema(edit, name="decision_tree"):
    """A skops file whose schema was edited."""

    def change(member, content):
        if member != "schema.json":
            return content
        return json.dumps(edit(json.loads(content))).encode()

    return rewritten(saved(fitted(name), "skops"), change)


def inside_itself(schema):
    """Let the model hold itself."""
    schema["content"]["content"]["criterion"] = {
        "__loader__": "CachedNode",
        "__id__": schema["__id__"],
    }
    return schema


def another_type(module, name, schema):
    """Let the model be of another type."""
    return schema | {"__module__": module, "__class__": name}


def another_loader(loader, schema):
    """Have the model read by another loader."""
    return schema | {"__loader__": loader}


def deep_schema():
    """A schema of 100,000 levels."""

    def edit(name, member):
        return b'{"a":' * 100_000 if name == "schema.json" else member

    return rewritten(saved(fitted("decision_tree"), "skops"), edit)


def bomb():
    """A skops file whose schema is 1 GiB of blanks, packed to a megabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b" " * MEBIBYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("schema.json", packed * 1024 + packer.flush())
    content = bytearray(target.getvalue())
    for start, method, size in ((0, 8, 22), (content.rindex(b"PK\1\2"), 10, 24)):
        struct.pack_into("<H", content, start + method, zipfile.ZIP_DEFLATED)
        struct.pack_into("<I", content, start + size, 1024 * MEBIBYTE)
    return bytes(content)


def announcing(numbers):
    """A skops file whose arrays say that they hold so many numbers, and hold none."""
    target = BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (numbers,)}
    np.lib.format.write_array_header_1_0(target, header)

    def edit(name, member):
        return target.getvalue() if name.endswith(".npy") else member

    return rewritten(saved(fitted("logistic_regression"), "skops"), edit)


def sparse_neighbours(places):
    """Neighbours among sparse items whose indices lead elsewhere."""
    items = sparse.csr_matrix(irises().items)
    model = KNeighborsClassifier().fit(items, irises().labels)
    getattr(model._fit_X, places)[3:9] = 10**6
    return saved(model, "skops")


def vectors(attribute, value):
    """A support vector machine with an attribute of another content."""
    model = quietly(SVC(probability=True, random_state=0).fit, irises().items, irises().labels)
    setattr(model, attribute, value(getattr(model, attribute)))
    return saved(model, "skops")


def getter():
    """A pipeline that gets attributes of what it is given."""
    model = make_pipeline(FunctionTransformer(operator.attrgetter("__class__")), fitted("mlp"))
    return saved(model, "skops")


def irises_regressor():
    """A model that gives numbers."""
    return LinearRegression().fit(irises().items, irises().labels)


def hostile(name, reason, make, *arguments):
    """A file that is sent as a model."""
    return Hostile(name, MODEL, SKOPS, partial(make, *arguments), reason)


FILES = (
    hostile("a loop in a tree", NODE, tree, "decision_tree", "left_child", 0),
    hostile("a child out of range", NODE, tree, "random_forest", "right_child", 10**9),
    hostile("a child before the first", NODE, tree, "gradient_boosting", "left_child", -2),
    hostile("a feature that no item has", NODE, tree, "voting", "feature", 10**6),
    hostile("a feature below 0", NODE, tree, "extra_trees", "feature", -3),
    hostile("a boosted loop", NODE, tree, "hist_gradient_boosting", "left", 0),
    hostile("a boosted child out of range", NODE, tree, "hist_gradient_boosting", "right", 10**6),
    hostile("a boosted feature", NODE, tree, "hist_gradient_boosting", "feature_idx", 10**6),
    hostile("a type outside the list", "Burglar", lambda: skops.io.dumps({"a": Burglar})),
    hostile(
        "a function of the system", "system", with_schema, partial(another_type, "os", "system")
    ),
    hostile("a getter of attributes", "attrgetter", getter),
    hostile("a loader that is none", UNREAD, with_schema, partial(another_loader, "ShellNode")),
    hostile(
        "a loader for functions",
        "DecisionTreeClassifier",
        with_schema,
        partial(another_loader, "FunctionNode"),
    ),
    hostile("a model inside itself", "RecursionError", with_schema, inside_itself),
    hostile("a schema of 100,000 levels", UNREAD, deep_schema),
    hostile("a bomb", "memory", bomb),
    hostile("arrays of 8 TB", "memory", announcing, 10**12),
    hostile("sparse items out of range", "leads out of itself", sparse_neighbours, "indices"),
    hostile("sparse rows out of range", "leads out of itself", sparse_neighbours, "indptr"),
    hostile(
        "support vectors that are not there",
        "not those it counts",
        vectors,
        "_n_support",
        lambda old: old * 10**6,
    ),
    hostile("a regressor", "no classifier", lambda: skops.io.dumps(irises_regressor())),
)
