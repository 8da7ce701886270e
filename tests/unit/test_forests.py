"""Forests are asked in another order, in threads and from another form, and say the same bits."""

from contextlib import suppress
from dataclasses import fields, replace
from io import BytesIO

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from service.errors import InvalidOutput, ModelRefused
from service.files import Files, form_name, model_name
from service.operations import models
from service.records import Model
from tests.models import digits, features, fitted, inspect, quietly, run, saved
from workers.prediction import opened
from workers.untrusted.artifacts.forests import Walk, asked
from workers.untrusted.artifacts.prepared import map_array, open_prepared
from workers.untrusted.artifacts.sklearn import classifier_of
from workers.untrusted.models import inspect_model, predict_parts
from workers.versions import LEARNING, version_of

ROOM = 2**24
WORDS = np.array([f"digit {label}" for label in digits().labels])
FORESTS = {
    "random": (RandomForestClassifier, {}, digits().labels),
    "extra": (ExtraTreesClassifier, {}, digits().labels),
    "of words": (RandomForestClassifier, {}, WORDS),
    "weighted": (RandomForestClassifier, {"class_weight": "balanced"}, digits().labels),
    "shallow": (ExtraTreesClassifier, {"max_depth": 3}, digits().labels),
    "best first": (RandomForestClassifier, {"max_leaf_nodes": 20}, digits().labels),
    "of roots": (RandomForestClassifier, {"min_samples_split": 1_000}, digits().labels),
    "of one tree": (RandomForestClassifier, {"n_estimators": 1}, digits().labels),
}


def forest(name, rows=300):
    kind, settings, labels = FORESTS[name]
    model = kind(**{"n_estimators": 12, "random_state": 0, **settings})
    return model.fit(digits().items[:rows], labels[:rows])


def prepared(model):
    """What opens a model's form, and the form."""
    target = BytesIO()
    assert classifier_of(model).prepare(target, ROOM)
    return target.getvalue()


def opening(content, folder):
    (folder / "form").write_bytes(content)
    with (folder / "form").open("rb") as file:
        return open_prepared(file)


def ask_form(model, items, folder, **more):
    """What the worker writes of items, asked of a model's form."""
    arguments = {"format": "prepared", "parts": ["p"], "block": 500, **more}
    contents = {"model": prepared(model), "part_0": features(items)}
    run(predict_parts, arguments, contents, folder)
    return np.load(folder / "scratch" / "probs_0.npy")


@pytest.mark.parametrize("name", FORESTS)
@pytest.mark.parametrize("count", [1, 2, 17, 1_000])
def test_a_forest_is_walked_in_another_order_to_the_same_bits(name, count):
    model, items = forest(name), digits().items[:count]
    assert asked(model)(items).tobytes() == model.predict_proba(items).tobytes()


@pytest.mark.parametrize("name", FORESTS)
def test_a_form_says_what_the_forest_says_to_the_last_bit(name, tmp_path):
    model, items = forest(name), digits().items
    found = opening(prepared(model), tmp_path)
    assert found.predict(items).tobytes() == model.predict_proba(items).tobytes()
    assert found.classes == tuple(model.classes_.tolist())
    assert (found.estimator, found.item_values) == (type(model).__name__, 64)


def test_the_members_in_a_form_say_what_the_trees_say_to_the_last_bit(tmp_path):
    model, items = forest("random"), digits().items
    found = opening(prepared(model), tmp_path)
    expected = [tree.predict_proba(items) for tree in model.estimators_]
    assert found.members == len(expected)
    assert np.array_equal(found.predict_members(items), expected)


def test_the_arrays_of_a_form_are_used_where_they_stand(tmp_path):
    walk = Walk.of(forest("of one tree"))
    assert walk.missing_right.nbytes % 8, "what follows would be aligned by chance"
    (tmp_path / "form").write_bytes(prepared(forest("of one tree")))
    with (tmp_path / "form").open("rb") as file:
        found = Walk(*(map_array(file) for _ in fields(Walk)))
    for field in fields(Walk):
        array = getattr(found, field.name)
        assert array.flags.aligned
        assert not array.flags.owndata
        assert np.array_equal(array, getattr(walk, field.name))


def test_one_tree_is_no_committee_in_a_form_either(tmp_path):
    assert opening(prepared(forest("of one tree")), tmp_path).members is None


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_say_the_same_bits(threads, tmp_path):
    model, items = forest("random"), np.concatenate([digits().items] * 2)
    expected = model.predict_proba(items)
    assert ask_form(model, items, tmp_path, threads=threads).tobytes() == expected.tobytes()
    arguments = {"format": "skops", "parts": ["p"], "block": 1_024, "threads": threads}
    contents = {"model": saved(model, "skops"), "part_0": features(items)}
    run(predict_parts, arguments, contents, tmp_path / "scratch")
    found = np.load(tmp_path / "scratch" / "scratch" / "probs_0.npy")
    assert found.tobytes() == expected.tobytes()


def test_values_that_are_missing_go_the_way_they_do_in_the_forest(tmp_path):
    items = digits().items.astype(np.float64)
    items[::3, 20:40:3] = np.nan
    model = RandomForestClassifier(12, random_state=0).fit(items[:300], digits().labels[:300])
    expected = model.predict_proba(items)
    assert asked(model)(items).tobytes() == expected.tobytes()
    assert ask_form(model, items, tmp_path).tobytes() == expected.tobytes()


@pytest.mark.parametrize("wrong", [np.inf, 1e300])
def test_a_form_refuses_the_values_that_the_forest_refuses(wrong, tmp_path):
    items = digits().items[:5].astype(np.float64)
    items[3, 7] = wrong
    with pytest.raises(ValueError, match="infinity") as refused:
        quietly(forest("random").predict_proba, items)
    with pytest.raises(InvalidOutput) as failed:
        ask_form(forest("random"), items, tmp_path)
    assert str(refused.value).splitlines()[0] in failed.value.detail


def test_a_form_refuses_items_of_another_width(tmp_path):
    with pytest.raises(InvalidOutput, match="has 63 values, not 64"):
        ask_form(forest("random"), digits().items[:, :63], tmp_path)


def test_a_form_that_needs_more_room_than_there_is_is_not_written(tmp_path):
    content = saved(forest("random"), "skops")
    arguments = {"format": "skops", "limits": {"max_classes": 10}}
    for room, written in ((ROOM, True), (2**20, False)):
        said = run(inspect_model, {**arguments, "room": room}, {"model": content}, tmp_path)
        assert said["prepared"] is written
    assert not inspect(content, "skops", tmp_path)["prepared"]


@pytest.mark.parametrize("name", ["logistic_regression", "projected_forest", "bagging"])
def test_other_models_have_no_such_form(name):
    assert classifier_of(fitted(name)).prepare is None


@pytest.mark.parametrize("name", ["roots", "feature", "left"])
@pytest.mark.parametrize("wrong", [-(2**40), 2**40])
def test_a_damaged_form_never_leads_out_of_its_arrays(name, wrong, tmp_path):
    walk = Walk.of(forest("random"))
    array = getattr(walk, name).copy()
    array[1:] = wrong
    damaged = replace(walk, **{name: array})
    with suppress(IndexError):  # or else the answer is wrong, and that is all
        found = damaged.predict(digits().items[:50].astype(np.float32))
        assert found.shape == (50, 10)


def test_a_form_whose_arrays_do_not_fit_fails_the_model(tmp_path):
    content = prepared(forest("random")).replace(b'"item_values": 64', b'"item_values": 65')
    items = np.zeros((5, 65), dtype=np.float32)
    arguments = {"format": "prepared", "parts": ["p"], "block": 500}
    shortened = content[: len(content) // 2]
    with pytest.raises(ModelRefused):
        run(predict_parts, arguments, {"model": shortened, "part_0": features(items)}, tmp_path)


def test_thresholds_between_two_neighbouring_numbers_part_them():
    values = np.array([1.0], dtype=np.float32)
    for _ in range(63):
        values = np.append(values, np.nextafter(values[-1], np.float32(2)))
    items, labels = values[:, np.newaxis], np.arange(64) % 2
    model = ExtraTreesClassifier(12, random_state=0, bootstrap=False).fit(items, labels)
    assert asked(model)(items).tobytes() == model.predict_proba(items).tobytes()
    model = RandomForestClassifier(12, random_state=0, bootstrap=False).fit(items, labels)
    assert asked(model)(items).tobytes() == model.predict_proba(items).tobytes()


def test_a_pipeline_that_hands_its_forest_a_sparse_matrix_gives_what_it_gave():
    words = make_pipeline(OneHotEncoder(), RandomForestClassifier(12, random_state=0))
    items = digits().items[:, 20:24]
    words.fit(items, digits().labels)
    assert asked(words)(items).tobytes() == words.predict_proba(items).tobytes()


def test_a_walk_leaves_the_items_as_they_are():
    items = digits().items[:100].astype(np.float32)
    before = items.copy()
    Walk.of(forest("random")).predict(items)
    assert np.array_equal(items, before)


def published(files, name):
    with files.staging("t") as staged:
        (staged / "file").write_bytes(b"x")
        files.publish(staged / "file", name)


def test_a_model_is_opened_in_the_form_for_the_library_that_is_installed(tmp_path):
    files, model = Files(tmp_path), Model(id="m", format="skops", bytes=1)
    published(files, form_name("m", "0.1"))
    assert opened(files, model) == ("skops", model_name("m"))
    present = form_name("m", version_of(LEARNING))
    published(files, present)
    assert opened(files, model) == ("prepared", present)


def test_a_models_forms_go_with_it(backend):
    backend.storage.add(Model(id="m", format="skops", bytes=1))
    published(backend.files, form_name("m", "0.1"))
    models.delete(backend, "m")
    assert not backend.files.exists(form_name("m", "0.1"))
