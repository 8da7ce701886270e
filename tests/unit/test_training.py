"""A training, carried out here with a real sandbox: the model, what it says of itself, refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest
import skops.io

from service.errors import (
    Cancelled,
    OutOfMemory,
    SubjectGone,
    TooFewLabels,
    UnusableLabels,
)
from service.estimators import Recipe
from service.files import model_name, part_name
from service.ids import pack
from service.operations import jobs, models, trainings
from service.operations.trainings import Training
from service.records import Labelling, Model, Part, Pool, new_id, now
from tests.models import irises
from workers.fitting import Task, accuracies, splits_of
from workers.sandbox.client import Sandbox
from workers.sandbox.starter import ZygoteProcess
from workers.training import lesson_of, train
from workers.untrusted.artifacts.skops import open_skops
from workers.workbench import Workbench

GIB = 2**30
KINDS = np.array(["setosa", "versicolor", "virginica"])[irises().labels]
BAYES = Recipe(estimator="naive_bayes", parameters={})
ROWS = (50, 0, 100)


@pytest.fixture(scope="module")
def zygote():
    with ZygoteProcess() as started:
        yield started


@pytest.fixture
def bench(backend, zygote):
    """A workbench whose sandbox is a real one."""
    return Workbench(backend, Sandbox(zygote.address, memory=GIB, file_bytes=GIB))


@pytest.fixture
def pool(backend):
    """The irises, in three parts."""
    made, start = Pool(id=new_id(), dtype="float64", item_shape=(4,)), 0
    for rows in ROWS:
        made = grown(backend, made, irises().items[start : start + rows])
        start += rows
    backend.storage.add(made)
    return made


def grown(backend, pool, items):
    """The pool with one more part, which is published."""
    part = Part(id=new_id(), job="j", rows=len(items), bytes=0, sha256="")
    packed = pack([f"iris {row}" for row in range(pool.total, pool.total + len(items))])
    with backend.files.staging("t") as staged:
        np.save(staged / "features.npy", items)
        np.save(staged / "ids.npy", packed.blob)
        np.save(staged / "id_ends.npy", packed.ends)
        backend.files.publish(staged, part_name(pool.id, part.id))
    return replace(pool, parts=(*pool.parts, part))


def label(backend, pool, labels):
    """Label rows of a pool."""
    said = {row: Labelling(json.dumps(each), "", now()) for row, each in labels.items()}
    backend.labels.put(pool.id, said)


def named(*rows):
    """The labels of some irises, by row."""
    return {int(row): str(KINDS[row]) for row in rows}


def submitted(backend, pool, recipe=BAYES, **options):
    """A training that was accepted, and that a worker has taken."""
    job = trainings.submit(backend, Training(pool=pool.id, recipe=recipe, **options))
    return jobs.claim(backend, job.id, job.ticket)


def trained(bench, job):
    """The model that a training makes, as it is remembered."""
    found = train(bench, job)["model"]
    model = models.get(bench.backend, found["id"])
    assert model.document() == found
    return model


def test_a_model_is_fitted_on_the_labelled_items_alone(bench, pool):
    rows = range(20, 90)
    label(bench.backend, pool, named(*rows))
    job = submitted(bench.backend, pool, seed=5, name="flowers")
    model = trained(bench, job)
    codes = irises().labels[20:90]
    task = Task(BAYES, irises().items[20:90], codes, 5)
    folds = list(accuracies(task, splits_of(task, 5)))
    names, counts = np.unique(KINDS[20:90], return_counts=True)
    assert model.training == {
        "pool": pool.id,
        "job": job.id,
        "recipe": BAYES.document(),
        "seed": 5,
        "labels": 70,
        "class_counts": [
            {"label": each, "count": count}
            for each, count in zip(names.tolist(), counts.tolist(), strict=True)
        ],
        "accuracy": {"mean": np.mean(folds), "deviation": np.std(folds), "folds": folds},
        "left_out": {"labels": 0, "folds": 0, "reasons": []},
        "warnings": [],
    }
    assert (model.name, model.format, model.estimator) == ("flowers", "skops", "GaussianNB")
    assert model.classes == ("setosa", "versicolor", "virginica")
    assert (model.item_values, model.probabilities, model.members) == (4, True, None)
    assert bench.backend.storage.progress(job.id) == (6, 6)


def test_a_model_is_an_ordinary_artifact(bench, pool):
    label(bench.backend, pool, named(*range(60)))
    forest = Recipe(estimator="random_forest", parameters={"n_estimators": 7}, scaling="min_max")
    model = trained(bench, submitted(bench.backend, pool, forest))
    assert model.estimator == "Pipeline(MinMaxScaler, RandomForestClassifier)"
    assert model.members == 7
    path = bench.backend.files.path(model_name(model.id))
    assert path.stat().st_size == model.bytes
    with path.open("rb") as file:
        assert open_skops(file).classes == model.classes


@pytest.mark.parametrize("names", [(1, 7, -3), (False, True, False), ("é", "b", "a b")])
def test_classes_are_the_labels_themselves(bench, pool, names):
    label(bench.backend, pool, {row: names[irises().labels[row]] for row in range(60)})
    model = trained(bench, submitted(bench.backend, pool, folds=0))
    assert list(model.classes) == sorted(set(names))
    assert {type(each) for each in model.classes} == {type(names[0])}
    assert model.training["accuracy"] is None
    assert model.training["left_out"] == {"labels": 0, "folds": 0, "reasons": []}


def test_labels_of_items_that_came_later_are_left_out_and_told(bench, pool):
    label(bench.backend, pool, named(*range(60)))
    job = submitted(bench.backend, pool)
    larger = grown(bench.backend, pool, irises().items[:10])
    bench.backend.storage.replace(pool, larger)
    label(bench.backend, pool, dict.fromkeys(range(150, 153), "setosa") | named(60, 61))
    training = trained(bench, job).training
    assert training["labels"] == 62
    assert training["left_out"]["labels"] == 3
    assert "3 labelled items came" in training["left_out"]["reasons"][0]


@pytest.mark.parametrize(
    ("single", "folds", "said"),
    [
        (1, 0, "has one label: the model is fitted on it"),
        (3, 3, "has 3 labels, so there are 3 folds, not 5"),
    ],
)
def test_a_rare_class_is_fitted_on_and_limits_cross_validation(bench, pool, single, folds, said):
    rows = [np.flatnonzero(irises().labels == kind) for kind in range(3)]
    label(bench.backend, pool, named(*rows[0][:20], *rows[1][:20], *rows[2][:single]))
    model = trained(bench, submitted(bench.backend, pool))
    assert "virginica" in model.classes
    left_out = model.training["left_out"]
    assert left_out["folds"] == 5 - folds
    assert f'The class "virginica" {said}' in left_out["reasons"][0]
    assert (model.training["accuracy"] is None) == (folds == 0)


def test_folds_that_leave_too_little_to_fit_on_are_not_made(bench, pool):
    label(bench.backend, pool, named(*range(9)))
    knn = Recipe(estimator="knn", parameters={"n_neighbors": 9})
    training = trained(bench, submitted(bench.backend, pool, knn, folds=2)).training
    assert training["accuracy"] is None
    assert training["left_out"]["folds"] == 2


def test_a_fold_that_cannot_be_fitted_costs_the_accuracy_and_not_the_model(bench, pool):
    rows = [np.flatnonzero(irises().labels == kind) for kind in range(2)]
    label(bench.backend, pool, named(*rows[0][:4], *rows[1][:4]))
    knn = Recipe(estimator="knn", parameters={"n_neighbors": 7})
    bagging = Recipe(estimator="bagging", parameters={}, base=knn)
    training = trained(bench, submitted(bench.backend, pool, bagging, folds=2)).training
    assert training["accuracy"] is None
    assert "A fold could not be fitted" in training["left_out"]["reasons"][0]


def test_what_scikit_learn_warns_of_is_told(bench, pool):
    label(bench.backend, pool, named(*range(60)))
    mlp = Recipe(estimator="mlp", parameters={"max_iter": 1})
    [said] = trained(bench, submitted(bench.backend, pool, mlp, folds=0)).training["warnings"]
    assert "the optimization hasn't converged" in said


@pytest.mark.parametrize(
    ("labels", "kind", "said"),
    [
        ({}, TooFewLabels, "it has no labels"),
        ({0: "a", 1: "a"}, TooFewLabels, "one class only"),
        ({0: "a", 1: 1}, UnusableLabels, "texts and whole numbers"),
        ({0: True, 1: 1}, UnusableLabels, "booleans and whole numbers"),
        ({0: 1.5, 1: 2.5}, UnusableLabels, "the labels are fractions"),
        ({0: 1.0, 1: 2}, UnusableLabels, "fractions and whole numbers"),
        ({0: "a" * 2000, 1: "b"}, UnusableLabels, "at most 1024 letters"),
        ({0: 2**60, 1: 1}, UnusableLabels, "cannot be classes"),
    ],
)
def test_labels_that_are_no_classes_are_refused_before_and_after(bench, pool, labels, kind, said):
    backend = bench.backend
    label(backend, pool, named(*range(20)))
    job = submitted(backend, pool)
    backend.labels.clear(pool.id)
    label(backend, pool, labels)
    with pytest.raises(kind, match=said):
        trainings.submit(backend, Training(pool=pool.id, recipe=BAYES))
    with pytest.raises(kind, match=said):
        train(bench, job)
    assert backend.storage.page(Model, None, 10) == ([], None)


@pytest.mark.parametrize("others", [("a", "b"), ("b", "c")])
def test_a_label_that_ends_in_a_zero_is_refused_and_not_cut_short(bench, pool, others):
    label(bench.backend, pool, {0: "a\0", 1: others[0], 2: others[1]})
    with pytest.raises(UnusableLabels, match="a character of zero"):
        train(bench, submitted(bench.backend, pool))


def test_a_pool_that_was_deleted_meanwhile_is_not_fitted_on(bench, pool):
    label(bench.backend, pool, named(*range(60)))
    job = submitted(bench.backend, pool)
    bench.backend.storage.remove(pool)
    with pytest.raises(SubjectGone):
        train(bench, job)


def test_a_training_that_is_cancelled_stops_and_keeps_nothing(bench, pool):
    label(bench.backend, pool, named(*range(60)))
    job = submitted(bench.backend, pool)
    jobs.cancel(bench.backend, job.id)
    with pytest.raises(Cancelled):
        train(bench, job)
    assert bench.backend.storage.page(Model, None, 10) == ([], None)
    assert not [*(bench.backend.files.root / "staging").iterdir()]


def with_room(bench, room):
    settings = replace(bench.backend.settings, sandbox_memory=room)
    return replace(bench, backend=replace(bench.backend, settings=settings))


def test_a_fit_that_needs_too_much_memory_ends_as_such(bench, pool):
    label(bench.backend, pool, named(*range(60)))
    small = with_room(bench, 2**24)
    job = submitted(
        bench.backend,
        pool,
        Recipe(
            estimator="mlp",
            parameters={
                "hidden_layer_sizes": [4096, 4096],
                "max_iter": 1,
            },
        ),
        folds=0,
    )
    with pytest.raises(OutOfMemory, match="sandbox_memory"):
        train(small, job)


def test_labels_that_all_take_as_much_as_the_longest_are_held_within_the_same_memory(bench):
    pool = Pool(id=new_id(), dtype="float64", item_shape=(1,))
    pool = grown(bench.backend, pool, np.zeros((30_000, 1)))
    bench.backend.storage.add(pool)
    words = [f"{'x' * 1_000}{code}" for code in range(2)]
    label(bench.backend, pool, {row: words[row % 2] for row in range(30_000)})
    small = with_room(bench, 2**26)  # and they take 120 MB
    with pytest.raises(OutOfMemory, match="shorter labels"):
        lesson_of(small.backend, submitted(bench.backend, pool), pool)


def test_a_model_too_large_to_be_written_down_ends_as_such(bench, pool, monkeypatch):
    def unwritable(*given):
        try:
            raise MemoryError
        finally:
            raise ValueError("I/O operation on closed file")

    label(bench.backend, pool, named(*range(60)))
    monkeypatch.setattr(skops.io, "dump", unwritable)
    with pytest.raises(OutOfMemory, match="sandbox_memory"):
        train(bench, submitted(bench.backend, pool))
