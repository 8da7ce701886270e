"""Scores of items beside what is labelled, and of the labels themselves."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.evidence import Neighbours
from service.acquisition.features import Features
from service.acquisition.functions.annotators import TEMPERATURES, Crowd, best_temperature, misfit
from service.acquisition.registry import RELABELLING
from workers.neighbours import Neighbourhood

ORACLES = Path(__file__).resolve().parents[2].parent / "shared/oracles/oracles.json"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden/activelab.json").read_text())
NOBODY = Neighbours(np.empty((4, 0), dtype=np.int64), np.empty((4, 0)))


def contrastive(probs, rows, known):
    near = Neighbours(np.asarray(rows), np.zeros(np.shape(rows)))
    evidence = {"probs": np.asarray(probs), "labelled_neighbours": near}
    return REGISTRY["contrastive"].score({**evidence, "labelled_probs": np.asarray(known)})


def activelab(probs, annotations):
    return REGISTRY["activelab"].score({"probs": probs, "annotations": annotations})


def case(name):
    given = GOLDEN["inputs"][name]
    return np.array(given["probs"]), np.array(given["annotations"])


def test_what_is_furthest_from_any_label_comes_first():
    vectors = np.array([[0.0], [1], [5], [9]])
    pool = Features.of(vectors)
    near = Neighbourhood(pool, pool.take(np.array([0, 3])), 2, "euclidean").of(np.arange(4))
    first = Neighbours(near.rows[:, :1], near.distances[:, :1])
    entry = REGISTRY["distance_to_labelled"]

    assert entry.score({"labelled_neighbours": first}).tolist() == [0, 1, 4, 0]
    assert entry.score({"labelled_neighbours": near}, k=2).tolist() == [4.5, 4.5, 4.5, 4.5]


def test_with_nothing_labelled_all_are_alike():
    known = np.empty((0, 2))
    even = np.full((4, 2), 0.5)
    evidence = {"probs": even, "labelled_neighbours": NOBODY, "labelled_probs": known}

    assert REGISTRY["distance_to_labelled"].score(evidence).tolist() == [0] * 4
    assert REGISTRY["contrastive"].score(evidence).tolist() == [0] * 4


def test_contrastive_is_the_divergence_from_the_neighbours_to_the_item():
    probs, known = [[0.9, 0.1], [0.5, 0.5]], [[0.5, 0.5], [0.2, 0.8]]

    found = contrastive(probs, [[0, 1], [0, 0]], known)

    half = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)
    fifth = 0.2 * np.log(0.2 / 0.9) + 0.8 * np.log(0.8 / 0.1)
    assert np.allclose(found, [(half + fifth) / 2, 0], rtol=1e-6, atol=1e-15)
    assert found[1] == 0


def test_contrastive_is_finite_where_classes_are_ruled_out():
    found = contrastive([[1.0, 0], [0, 1]], [[0], [0]], [[1.0, 0]])

    assert found[0] == 0
    assert found[1] == pytest.approx(-np.log(1e-7), rel=1e-5)


def test_contrastive_of_the_oracles_labelled_items_is_least_for_themselves():
    if not ORACLES.exists():
        pytest.skip("the golden values are not part of the project; they stand beside a checkout")
    oracle = json.loads(ORACLES.read_text())
    probs, labelled = np.array(oracle["P"]), np.array(oracle["lab"])
    pool = Features.of(np.array(oracle["X"])[: len(probs)])
    near = Neighbourhood(pool, pool.take(labelled), 1, "euclidean").of(np.arange(len(probs)))

    found = REGISTRY["contrastive"].score(
        {"probs": probs, "labelled_neighbours": near, "labelled_probs": probs[labelled]}
    )

    assert found[labelled].tolist() == [0] * len(labelled)
    assert (np.delete(found, labelled) > 0).all()


def test_discriminative_is_the_probability_of_being_unlabelled():
    told = np.array([0.25, 0.75])
    found = REGISTRY["discriminative"].score({"unlabelled_probs": told})

    assert found.tolist() == told.tolist()
    assert found is not told


def test_mistakenness_is_high_where_the_model_is_sure_of_another_class():
    entry = REGISTRY["mistakenness"]
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [1, 0], [1, 0], [0.5, 0.5]])

    found = entry.score({"probs": probs, "labels": np.array([1, 0, 1, 0, -1])})

    assert np.allclose(found[:4], [0.95, 0.05, 1, 0])
    assert np.isnan(found[4])
    assert entry.purpose == RELABELLING
    assert entry.skips


@pytest.mark.parametrize("name", GOLDEN["inputs"])
def test_activelab_is_cleanlabs_where_that_counts_annotations_by_class(name):
    found = activelab(*case(name))

    assert np.allclose(-found, GOLDEN["answers"]["put right"][name], rtol=0, atol=1e-9)


def test_cleanlab_itself_agrees_where_no_temperature_is_fitted():
    found = activelab(*case("one annotation each"))
    theirs = GOLDEN["answers"]["as it is"]["one annotation each"]

    assert np.allclose(-found, theirs, rtol=0, atol=1e-9)


def test_activelab_without_annotations_is_the_oracles():
    if not ORACLES.exists():
        pytest.skip("the golden values are not part of the project; they stand beside a checkout")
    oracle = json.loads(ORACLES.read_text())
    probs = np.array(oracle["P"])

    for annotations in (np.full((3, 12), -1), np.empty((0, 12), dtype=int)):
        found = activelab(probs, annotations)
        assert np.allclose(-found, oracle["activelab_unlabelled"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", GOLDEN["inputs"])
def test_activelab_follows_its_items_to_the_last_bit(name):
    probs, annotations = case(name)
    order = np.random.default_rng(1).permutation(len(probs))

    moved = activelab(probs[order], annotations[:, order])

    assert moved.tobytes() == activelab(probs, annotations)[order].tobytes()


def test_an_annotator_who_gave_nothing_changes_nothing():
    probs, annotations = case("few abstain")
    silent = np.vstack([annotations, np.full(len(probs), -1)])

    assert activelab(probs, silent).tolist() == activelab(probs, annotations).tolist()


def test_disagreement_is_looked_at_again_before_agreement():
    probs, annotations = case("few abstain")
    probs = np.vstack([probs, probs[:1], probs[:1]])
    alike, unlike = np.array([[1], [1], [1], [1]]), np.array([[0], [1], [2], [1]])

    found = activelab(probs, np.hstack([annotations, alike, unlike]))

    assert found[-1] > found[-2]


@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_items_and_ties_without_end_are_scored(items):
    even = np.full((items, 3), 1 / 3)

    for annotations in ([[0], [1]], [[2], [2]], [[0], [-1]]):
        found = activelab(even, np.repeat(annotations, items, axis=1))
        assert found.shape == (items,)
        assert np.isfinite(found).all()


def test_the_temperature_is_the_best_of_those_tried_at_either_end():
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 3, 50)
    for sharp in (1e-3, 40.0):
        probs = np.exp(sharp * (np.eye(3)[truth] + generator.normal(size=(50, 3)) * (sharp > 1)))
        crowd = Crowd(probs / probs.sum(axis=1, keepdims=True), np.stack([truth, truth]))
        shares, logs = crowd.tally / 2, np.log(crowd.probs)

        best = best_temperature(crowd)

        assert best == (TEMPERATURES[0] if sharp < 1 else TEMPERATURES[-1])
        assert misfit(shares, logs, best) <= min(misfit(shares, logs, t) for t in TEMPERATURES)
