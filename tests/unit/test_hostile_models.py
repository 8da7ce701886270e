"""A damaged or hostile artifact is refused with a reason, and never crashes what reads it."""

import json
import pickle
from io import BytesIO

import numpy as np
import pytest
import skops.io
from scipy.sparse import csr_matrix
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from service.errors import ModelRefused, ServiceError
from tests.models import (
    digits,
    features,
    fitted,
    forest,
    inspect,
    irises,
    predict,
    rewritten,
    run,
    saved,
)
from workers.untrusted.models import pass_on_lack_of_memory, predict_parts


class Burglar:
    """Runs code when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def with_nodes(content, field, edit):
    """A skops file with the nodes of its first tree changed by `edit(nodes)`."""
    done = []

    def change(name, member):
        if done or not name.endswith(".npy"):
            return member
        array = np.load(BytesIO(member))
        if field not in (array.dtype.names or ()):
            return member
        done.append(name)
        edit(array)
        target = BytesIO()
        np.save(target, array)
        return target.getvalue()

    changed = rewritten(content, change)
    assert done
    return changed


def looping(nodes):
    nodes["left_child"][0] = 0


def outside(nodes):
    nodes["right_child"][0] = 10**9


def before_the_first(nodes):
    nodes["right_child"][0] = -2


def far_feature(nodes):
    nodes["feature"][0] = 10**6


def negative_feature(nodes):
    nodes["feature"][0] = -3


TREE_EDITS = [looping, outside, before_the_first, far_feature, negative_feature]


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "gradient_boosting", "voting"])
@pytest.mark.parametrize("edit", TREE_EDITS)
def test_a_tampered_tree_is_refused(edit, name, tmp_path):
    content = with_nodes(saved(fitted(name), "skops"), "left_child", edit)
    with pytest.raises(ModelRefused, match="Node 0 of a tree points"):
        inspect(content, "skops", tmp_path)


@pytest.mark.parametrize("field", ["left", "right", "feature_idx"])
def test_a_tampered_boosting_tree_is_refused(field, tmp_path):
    def edit(nodes):
        nodes[field][0] = 10**6

    content = with_nodes(saved(fitted("hist_gradient_boosting"), "skops"), "is_leaf", edit)
    with pytest.raises(ModelRefused, match="Node 0 of a tree points"):
        inspect(content, "skops", tmp_path)


def test_a_boosting_tree_with_categories_it_does_not_hold_is_refused(tmp_path):
    def edit(nodes):
        nodes["is_categorical"][0] = 1
        nodes["bitset_idx"][0] = 10**6

    content = with_nodes(saved(fitted("hist_gradient_boosting"), "skops"), "is_leaf", edit)
    with pytest.raises(ModelRefused, match="categories it does not hold"):
        inspect(content, "skops", tmp_path)


def test_a_tree_that_counts_none_of_its_nodes_is_refused(tmp_path):
    def count(name, member):
        if name != "schema.json":
            return member
        schema = json.loads(member)
        tree = schema["content"]["content"]["tree_"]["content"]["content"]
        tree["node_count"] |= {"content": "0", "__id__": 1}
        return json.dumps(schema).encode()

    with pytest.raises(ModelRefused, match="tree of the model is empty"):
        inspect(rewritten(saved(fitted("decision_tree"), "skops"), count), "skops", tmp_path)


def test_a_forest_whose_trees_are_wider_than_its_items_is_refused(tmp_path):
    model = forest().fit(digits().items[:50], digits().labels[:50])
    model.estimators_[3] = forest().fit(np.tile(digits().items[:50], 9), digits().labels[:50])[0]
    with pytest.raises(ModelRefused, match="made for 576 values an item, the model for 64"):
        inspect(saved(model, "skops"), "skops", tmp_path)


def test_a_tampered_search_tree_is_grown_again(tmp_path):
    model = KNeighborsClassifier(algorithm="kd_tree").fit(irises().items, irises().labels)
    expected = model.predict_proba(irises().items)
    state = list(model._tree.__getstate__())
    state[1] = np.full_like(state[1], 10**9)
    model._tree.__setstate__(tuple(state))
    (found,) = predict(saved(model, "skops"), "skops", [irises().items], tmp_path)
    assert (found == expected).all()


@pytest.mark.parametrize("form", [np.asarray, csr_matrix])
@pytest.mark.parametrize("build", [KNeighborsClassifier, SVC])
def test_sound_sparse_items_and_support_vectors_are_taken(build, form, tmp_path):
    model = build().fit(form(irises().items), irises().labels)
    assert inspect(saved(model, "skops"), "skops", tmp_path)["classes"] == [0, 1, 2]


def test_support_vectors_of_a_kernel_are_among_its_columns(tmp_path):
    model = SVC(kernel="precomputed").fit(irises().items @ irises().items.T, irises().labels)
    assert inspect(saved(model, "skops"), "skops", tmp_path)["item_values"] == 150
    model.support_[0] = 150
    with pytest.raises(ModelRefused, match="not those it counts"):
        inspect(saved(model, "skops"), "skops", tmp_path)


def test_a_pickle_named_skops_is_refused_without_being_opened(tmp_path):
    with pytest.raises(ModelRefused, match="no zip archive"):
        inspect(pickle.dumps(Burglar()), "skops", tmp_path)


def test_a_pickle_named_onnx_is_refused_without_being_opened(tmp_path):
    with pytest.raises(ModelRefused, match="cannot be read as onnx"):
        inspect(pickle.dumps(Burglar()), "onnx", tmp_path)


@pytest.mark.parametrize("format", ["onnx", "skops", "joblib"])
def test_an_empty_file_is_refused(format, tmp_path):
    with pytest.raises(ModelRefused, match="The file is empty"):
        inspect(b"", format, tmp_path)


@pytest.mark.parametrize("format", ["skops", "joblib"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_a_file_that_ends_early_is_refused(kept, format, tmp_path):
    content = saved(fitted("random_forest"), format)
    with pytest.raises(ModelRefused, match="Save the model again"):
        inspect(content[: int(len(content) * kept)], format, tmp_path)


@pytest.mark.parametrize(
    "schema", [b"", b"[]", b"{}", b'{"protocol": 99}', b"[" * 100_000, b'{"protocol": true}']
)
def test_a_schema_that_makes_no_sense_is_refused(schema, tmp_path):
    def edit(name, member):
        return schema if name == "schema.json" else member

    with pytest.raises(ModelRefused, match="cannot be read as skops"):
        inspect(rewritten(saved(fitted("decision_tree"), "skops"), edit), "skops", tmp_path)


def test_types_outside_the_list_are_named(tmp_path):
    content = skops.io.dumps({"a": Burglar})
    with pytest.raises(ModelRefused, match="Burglar") as caught:
        inspect(content, "skops", tmp_path)
    assert caught.value.faults[0].detail.endswith("Burglar is not taken")


def test_a_method_hidden_in_a_file_is_refused(tmp_path):
    model = make_pipeline(FunctionTransformer(fitted("mlp").predict), fitted("mlp"))
    with pytest.raises(ModelRefused, match=r"MLPClassifier\.predict\."):
        inspect(saved(model, "skops"), "skops", tmp_path)


def test_a_part_that_ends_early_is_no_fault_of_the_model(tmp_path):
    contents = {
        "model": saved(fitted("random_forest"), "skops"),
        "part_0": features(digits().items)[:-1],
    }
    arguments = {"format": "skops", "parts": ["p0"], "block": 64}
    with pytest.raises(ServiceError, match="features of part p0 end before row 1797") as caught:
        run(predict_parts, arguments, contents, tmp_path)
    assert caught.value.code == "internal_error"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("FAIL : std::bad_alloc")])
def test_a_lack_of_memory_is_not_blamed_on_the_file(error):
    with pytest.raises(MemoryError):
        pass_on_lack_of_memory(error)
