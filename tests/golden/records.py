"""What was recorded of the peers, as arrays and as evidence."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from sklearn.cluster import KMeans

from service.acquisition.evidence import Features, Neighbours


def recorded(name):
    """Return a peer's inputs and answers, each by its name; NaN where it answered no number."""
    record = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return SimpleNamespace(inputs=arrays(record["inputs"]), answers=arrays(record["answers"]))


def arrays(content):
    """Return lists as arrays, of floats where there are nulls, and dictionaries by their names."""
    if isinstance(content, dict):
        return {name: arrays(each) for name, each in content.items()}
    if not isinstance(content, list):
        return content
    found = np.array(content)
    return found.astype(np.float64) if found.dtype == object else found


def known(inputs):
    """Return recorded inputs as evidence; the votes of members are for their likeliest class."""
    if "member_probs" in inputs:
        inputs = {"votes": inputs["member_probs"].argmax(axis=2), **inputs}
    if "best" in inputs:
        inputs = {"labelled_values": np.array([inputs["best"]]), **inputs}
    return inputs


def unlabelled(peer):
    """Return the rows of a peer's points that are not labelled."""
    return np.setdiff1d(np.arange(len(peer.inputs["points"])), peer.inputs["labelled"])


def candidates(peer, n, labelled=None):
    """Return evidence of a peer's points but for the labelled rows, the recorded ones if None."""
    inputs = peer.inputs
    known_values = inputs.get("labelled_values", np.zeros(4)) if labelled is None else np.empty(0)
    some = np.array(inputs["labelled"] if labelled is None else labelled, dtype=np.int64)
    rest = np.setdiff1d(np.arange(30), some)
    probs = inputs.get("point_probs", np.full((30, 4), 0.25))
    return {
        "n": n,
        "features": Features.of(inputs["points"][rest]),
        "labelled_features": Features.of(inputs["points"][some]),
        "probs": probs[rest],
        "labelled_probs": probs[some],
        "base": 1 - probs[rest].max(axis=1),
        "mean": inputs.get("values", np.zeros(30))[rest],
        "labelled_values": known_values,
        "k_means": k_means,
    }


def nearest(vectors, others, k):
    """Return the k nearest others of each vector, itself excepted where they are the same."""
    distances = np.sqrt(((vectors[:, None] - others[None]) ** 2).sum(axis=2))
    if vectors is others:
        np.fill_diagonal(distances, np.inf)
    rows = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbours(rows, np.take_along_axis(distances, rows, axis=1))


def k_means(features, count, weights, seed):
    """scikit-learn's k-means, as the peers have it, of as many clusters as can be told apart."""
    vectors = features.at(np.arange(len(features)))
    count = min(count, len(np.unique(vectors, axis=0)))
    found = KMeans(count, n_init=1, random_state=seed).fit(vectors, sample_weight=weights)
    return found.labels_.astype(np.int64), found.cluster_centers_
