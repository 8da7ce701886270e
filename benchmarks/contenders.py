"""Strategies made ready to choose a batch: ours by their evidence, the peers' by theirs."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.mixture import CLASSES, Array, Mixture
from service.acquisition import REGISTRY
from service.acquisition.features import Features
from service.ranking import descending

Pick = Callable[[], Array]
"""Choose the batch: rows of the pool, in order. All that came before was making ready."""

Make = Callable[[str, Mixture, int], Pick]
"""Make a strategy ready: its name, the pool, and how many it will choose."""

OURS: dict[str, dict[str, Any]] = {
    "margin": {},
    "k_center": {},
    "ranked_batch": {},
    "badge": {},
    "falcun": {},
    "dmbal": {},
    "typiclust": {"k": 5},
    "k_means": {},
    "clue": {},
    "max_herding": {"gamma": 1.0},
    "facility_location": {},
    "prob_cover": {},
}
"""Ours by name, with the parameters by which a peer does the same."""

PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "margin": ("UncertaintySampling", {"method": "margin_sampling"}),
    "k_center": ("CoreSet", {}),
    "badge": ("Badge", {}),
    "falcun": ("Falcun", {}),
    "typiclust": ("TypiClust", {"k": 5}),
    "clue": ("Clue", {}),
    "max_herding": ("MaxHerding", {"metric_dict": {"gamma": 1.0}}),
    "prob_cover": ("ProbCover", {"n_classes": CLASSES}),
}
"""scikit-activeml's class for ours, and how it is made."""

PAIRWISE = ("max_herding", "prob_cover")
"""Peers that hold a number for each pair of items."""


def ours(name: str, pool: Mixture, n: int) -> Pick:
    """Return one of ours: it reads the mapped vectors itself, block by block."""
    from workers.clustering import k_means

    entry, rows = REGISTRY[name], pool.unlabelled
    probs = np.ascontiguousarray(pool.probs[rows])
    if entry.kind != "batch":
        return lambda: rows[descending(entry.score({"probs": probs}))[:n]]
    evidence = {"n": n, "probs": probs, "k_means": k_means}
    if entry.builds_on:
        evidence["base"] = base(entry.builds_on, probs)

    def pick() -> Array:
        vectors = Features.of(pool.vectors)
        split = {"features": vectors.take(rows), "labelled_features": vectors.take(pool.labelled)}
        return rows[entry.pick(evidence | split, **OURS[name]).rows]

    return pick


def base(name: str, probs: Array) -> Array:
    """Return the scores that a strategy builds on, less the least there can be."""
    entry = REGISTRY[name]
    scores = entry.score({"probs": probs})
    return np.maximum(scores - (scores.min() if entry.least is None else entry.least), 0)


def peer(name: str, pool: Mixture, n: int) -> Pick:
    """Return scikit-activeml's: it is given float64 in memory, and a model that is fitted."""
    import skactiveml.pool
    from skactiveml.classifier import SklearnClassifier

    made, options = PEERS[name]
    strategy = getattr(skactiveml.pool, made)(random_state=0, **options)
    vectors = pool.vectors.astype(np.float64)
    truth = np.full(len(vectors), np.nan)
    truth[pool.labelled] = pool.classes
    model = SklearnClassifier(pool.model(), classes=range(CLASSES)).fit(vectors, truth)
    asked: dict[str, Any] = {"batch_size": n}
    if made == "Clue":
        asked |= {"estimator": model, "fit_estimator": False}
    elif made in ("UncertaintySampling", "Badge", "Falcun"):
        asked |= {"clf": model, "fit_clf": False}
    return lambda: np.asarray(strategy.query(vectors, truth, **asked))
