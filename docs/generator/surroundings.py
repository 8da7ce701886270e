"""Each kind of evidence of the items in the plane, found by looking at every pair of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from docs.generator.plane import Plane
from service.acquisition.distances import COSINE
from service.acquisition.evidence import Array, Clusters, Neighbours, Originals, Picks, Rows
from service.acquisition.features import directions
from service.functions import Function
from service.ids import hash_ids, pack
from workers.clustering import k_means
from workers.discriminator import unlabelled_probs

Maker = Callable[[Rows], Any]


def scores(plane: Plane, function: Function, rows: Rows) -> Array:
    """Return a function's scores of some items."""
    told = function.entry.call(evidence(plane, function, rows), function.parameters)
    found: Array = np.asarray(told[0] if function.entry.names_originals else told)
    return found


def picks(plane: Plane, function: Function, rows: Rows, n: int) -> Picks:
    """Return what a strategy picks of some items, by row, and the step scores."""
    given = evidence(plane, function, rows) | {"n": n, "k_means": k_means}
    found = function.entry.pick(given, **function.parameters)
    return Picks(rows[found.rows], found.scores)


def evidence(plane: Plane, function: Function, rows: Rows) -> dict[str, Any]:
    """Return all that a function needs of some items."""
    makers = predicted(plane, function) | near(plane, function) | asked(plane, function)
    wanted = (need for need in function.entry.needs if need in makers)
    return {need: makers[need](rows) for need in wanted}


def predicted(plane: Plane, function: Function) -> dict[str, Maker]:
    """Return how to make what a model, a committee or somebody's predictions say."""
    texts = plane.objects
    scored = function.of[0] if function.of else function
    return {
        "probs": lambda rows: plane.probs[rows],
        "member_probs": lambda rows: plane.member_probs[:, rows],
        "votes": lambda rows: plane.member_probs.argmax(axis=2)[:, rows],
        "objects": lambda _: texts,
        "tokens": lambda _: texts,
        "object_scores": lambda _: scored.entry.score({"probs": texts.values}, **scored.parameters),
        "object_ends": lambda _: texts.ends,
        "label_probs": lambda rows: plane.label_probs[rows],
        "mean": lambda rows: plane.mean[rows],
        "std": lambda rows: plane.std[rows],
        "member_values": lambda rows: plane.member_values[:, rows],
        "target_member_probs": lambda _: plane.member_probs[:, plane.targets],
    }


def near(plane: Plane, function: Function) -> dict[str, Maker]:
    """Return how to make what the places of items and labels say."""
    said, space, labelled = function.parameters, plane.features, plane.labelled
    classes = len(plane.centres)
    known = plane.labels[labelled]

    def neighbours(rows: Rows) -> Neighbours:
        far = distances(plane, said["metric"])
        np.fill_diagonal(far, np.inf)
        return nearest(far[rows], said["k"])

    def labelled_neighbours(rows: Rows) -> Neighbours:
        return nearest(distances(plane, said["metric"])[np.ix_(rows, labelled)], said["k"])

    return {
        "features": space.take,
        "neighbours": neighbours,
        "labelled_neighbours": labelled_neighbours,
        "clustering": lambda _: clusters(plane, said["clusters"], said["seed"]),
        "originals": lambda rows: originals(distances(plane, COSINE), said["threshold"], rows),
        "unlabelled_probs": lambda _: unlabelled_probs(space, labelled, said["seed"]),
        "labels": lambda rows: plane.labels[rows],
        "annotations": lambda rows: plane.annotations[:, rows],
        "labelled_features": lambda _: space.take(labelled),
        "labelled_probs": lambda _: plane.probs[labelled],
        "labelled_values": lambda _: plane.mean[labelled],
        "label_counts": lambda _: np.bincount(known, minlength=classes),
        "given_features": lambda _: space.at(plane.given),
        "keys": lambda rows: hash_ids(pack(plane.ids))[rows],
    }


def asked(plane: Plane, function: Function) -> dict[str, Maker]:
    """Return how to make what the request itself says, and the metadata that it names."""
    return {
        "amounts": lambda rows: plane.cost[rows],
        "groups": lambda rows: plane.group[rows],
        "base": lambda rows: base(plane, function.of[0])[rows],
        "bases": lambda rows: np.stack([base(plane, each) for each in function.of])[:, rows],
    }


def base(plane: Plane, function: Function) -> Array:
    """Return a function's scores of all items, less the least that they can be."""
    found = scores(plane, function, np.arange(len(plane.places)))
    least = function.least(len(plane.centres))
    return np.maximum(found - (found.min() if least is None else least), 0.0)


def distances(plane: Plane, metric: str) -> Array:
    """Return how far every item is from every other, (items, items)."""
    vectors = plane.features.at(np.arange(len(plane.places)))
    vectors = directions(vectors) if metric == COSINE else vectors
    squared = np.square(vectors[:, None] - vectors).sum(axis=2)
    return squared / 2 if metric == COSINE else np.sqrt(squared)


def nearest(far: Array, k: int) -> Neighbours:
    """Return the k nearest of each row of distances."""
    rows = np.argsort(far, axis=1, kind="stable")[:, :k]
    return Neighbours(rows, np.take_along_axis(far, rows, axis=1))


def clusters(plane: Plane, count: int, seed: int) -> Clusters:
    """Return the cluster of every item, and how far it is from its centre."""
    vectors = plane.features.at(np.arange(len(plane.places)))
    labels, centres = k_means(plane.features, count, None, seed)
    far = np.sqrt(np.square(vectors - centres[labels]).sum(axis=1))
    nearest = np.array([far[labels == each].min() for each in range(len(centres))])
    return Clusters(labels, far, nearest)


def originals(far: Array, threshold: float, rows: Rows) -> Originals:
    """Return the first item within the threshold of each, and the distance to what is beyond."""
    first = (far <= threshold).argmax(axis=1)
    first[first == np.arange(len(far))] = -1
    beyond = np.where(far > threshold, far, np.inf).min(axis=1)
    return Originals(first[rows], beyond[rows])
