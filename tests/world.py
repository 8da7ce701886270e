"""One small world: a pool with features, metadata and labels, and every kind of predictions of it.

What each function should make of it is computed here by looking at every pair of items, and
compared with what the service answers.
"""

import io
import json
from dataclasses import dataclass, field

import numpy as np

from service.acquisition import REGISTRY
from service.acquisition.evidence import (
    EVIDENCE,
    PREDICTIONS,
    Clusters,
    Neighbours,
    Originals,
    Ragged,
)
from service.acquisition.features import Features
from service.ids import hash_ids, pack
from service.operations.questions import GIVES
from service.schemas.functions import function_of
from tests.evidence import nearest
from workers.clustering import k_means
from workers.discriminator import unlabelled_probs

ITEMS, WIDTH, CLASSES, MEMBERS = 90, 5, ("ant", "bee", "cat"), 4
COSTS = [[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [3.0, 1.0, 0.0]]
GENERATOR_SEED = 11


@dataclass
class World:
    """The values of everything, in pool order."""

    generator: np.random.Generator = field(
        default_factory=lambda: np.random.default_rng(GENERATOR_SEED)
    )

    def __post_init__(self):
        draw = self.generator
        self.ids = [f"item-{row:03}" for row in range(ITEMS)]
        self.features = draw.normal(size=(ITEMS, WIDTH)).astype(np.float32)
        self.features[7] = self.features[3]
        self.cost = draw.uniform(1, 5, ITEMS)
        self.city = draw.integers(0, 4, ITEMS)
        self.labelled = np.sort(draw.choice(ITEMS, 12, replace=False))
        self.labels = {int(row): CLASSES[row % 3] for row in self.labelled}
        self.members = draw.dirichlet([0.6] * 3, size=(ITEMS, MEMBERS))
        self.probs = self.members.mean(axis=1)
        self.votes = draw.integers(-1, 3, (ITEMS, MEMBERS)).astype(np.int32)
        self.lengths = draw.integers(1, 4, ITEMS)
        self.rows = draw.dirichlet([0.6] * 3, size=int(self.lengths.sum()))
        self.label_probs = draw.random((ITEMS, 3))
        self.mean, self.std = draw.normal(size=ITEMS), draw.uniform(0.1, 1, ITEMS)
        self.member_values = draw.normal(size=(ITEMS, MEMBERS))

    @property
    def eligible(self):
        """The rows that have no label."""
        return np.setdiff1d(np.arange(ITEMS), self.labelled)

    def pool_body(self):
        """The pool as JSON."""
        items = [
            {
                "id": id,
                "features": self.features[row].astype(float).tolist(),
                "metadata": {"cost": self.cost[row], "city": f"city {self.city[row]}"},
            }
            for row, id in enumerate(self.ids)
        ]
        return {"items": items}

    def labels_body(self, numeric):
        """The labels as JSON; numbers where a function looks at values."""
        return {
            "labels": [
                {"id": self.ids[row], "label": row / 10 if numeric else label}
                for row, label in self.labels.items()
            ]
        }

    def predictions_body(self, kind):
        """One kind of predictions as an archive."""
        arrays = {
            "probs": {"probs": self.probs},
            "members": {"members": self.members},
            "votes": {"votes": self.votes},
            "objects": {"values": self.rows, "ends": np.cumsum(self.lengths)},
            "tokens": {"values": self.rows, "ends": np.cumsum(self.lengths)},
            "multilabel": {"label_probs": self.label_probs},
            "regression": {"mean": self.mean, "std": self.std},
            "regression_members": {"values": self.member_values},
        }[kind]
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()


def asked(name):
    """The function as a client asks for it, with all that it requires."""
    entry = REGISTRY[name]
    given = {
        "items": ["item-001", "item-050"],
        "targets": ["item-002", "item-003", "item-060"],
        "costs": COSTS,
        "cardinality": 1.5,
        "column": "city" if "groups" in entry.needs else "cost",
    }
    parameters = {p.name: given[p.name] for p in entry.parameters if p.name in given}
    function = {"name": name, "parameters": parameters}
    low = entry.of[0]
    if low:
        function["of"] = [{"name": each} for each in ("margin", "entropy")[:low]]
    return function


def kind_for(name):
    """The kind of predictions that gives all that a function, and what it builds on, needs."""
    function = function_of(asked(name), 4)
    needs = {
        need
        for each in ([function] if function.entry.kind == "aggregation" else function.walk())
        for need in each.entry.needs
    }
    predicted = {need for need in needs if EVIDENCE[need].source == PREDICTIONS}
    if "labelled_probs" in needs:
        predicted |= {"probs"}
    if not predicted:
        return None
    return next(kind for kind, given in GIVES.items() if predicted <= given)


def expected_scores(world, name):
    """What a function should score every item."""
    function = function_of(asked(name), 4)
    rows = np.arange(ITEMS)
    return score(world, function, rows)


def score(world, function, rows):
    evidence = evidence_of(world, function, rows)
    told = function.entry.call(evidence, function.parameters)
    return np.asarray(told[0] if function.entry.names_originals else told, dtype=np.float64)


def expected_picks(world, name, n):
    """The ids that a strategy should pick from what is not labelled, and the step scores."""
    function = function_of(asked(name), 4)
    rows = world.eligible
    evidence = evidence_of(world, function, rows) | {"n": n}
    picks = function.entry.pick(evidence, **function.parameters)
    return [world.ids[rows[place]] for place in picks.rows], picks.scores


def evidence_of(world, function, rows):
    """All that a function needs of some rows, found the plain way."""
    return {
        need: make(world, need, function, rows)
        for need in function.entry.needs
        if need not in ("n", "generator")
    }


def base(world, function, rows):
    scores = score(world, function, np.arange(ITEMS))
    least = function.least(len(CLASSES))
    return np.maximum(scores - (scores.min() if least is None else least), 0)[rows]


def make(world, need, function, rows):
    """One kind of evidence."""
    makers = {**predicted(world, function), **surrounding(world, function)}
    if need == "base":
        return base(world, function.of[0], rows)
    if need == "bases":
        return np.stack([base(world, each, rows) for each in function.of])
    return makers[need](rows)


def ragged(world, rows):
    ends = np.cumsum(world.lengths)
    values = [world.rows[ends[row] - world.lengths[row] : ends[row]] for row in rows]
    return Ragged(np.concatenate(values), np.cumsum(world.lengths[rows]))


def predicted(world, function):
    """Makers of what predictions say."""
    members = world.members.transpose(1, 0, 2)
    several = kind_for(function.name) == "regression_members"
    inner = function.of[0] if function.entry.kind == "aggregation" else None
    find = world.ids.index
    return {
        "probs": lambda rows: members.mean(axis=0)[rows],
        "member_probs": lambda rows: members[:, rows],
        "votes": lambda rows: members.argmax(axis=2)[:, rows],
        "objects": lambda rows: ragged(world, rows),
        "tokens": lambda rows: ragged(world, rows),
        "object_ends": lambda rows: ragged(world, rows).ends,
        "object_scores": lambda rows: inner.entry.score(
            {"probs": ragged(world, rows).values}, **inner.parameters
        ),
        "label_probs": lambda rows: world.label_probs[rows],
        "mean": lambda rows: (world.member_values.mean(axis=1) if several else world.mean)[rows],
        "std": lambda rows: (world.member_values.std(axis=1) if several else world.std)[rows],
        "member_values": lambda rows: world.member_values.T[:, rows],
        "target_member_probs": lambda _: members[
            :, [find(each) for each in function.parameters["targets"]]
        ],
    }


def surrounding(world, function):
    """Makers of what items, labels and the request say."""
    said, vectors = function.parameters, world.features
    labels = np.array(
        [CLASSES.index(world.labels[row]) if row in world.labels else -1 for row in range(ITEMS)]
    )
    space = Features.of(vectors)
    near = world.labelled
    return {
        "keys": lambda rows: hash_ids(pack(world.ids))[rows],
        "features": space.take,
        "neighbours": lambda rows: neighbours(vectors, vectors, said, own=True, rows=rows),
        "labelled_neighbours": lambda rows: neighbours(
            vectors, vectors[near], said, own=False, rows=rows
        ),
        "originals": lambda rows: copies(vectors, said["threshold"], rows),
        "clustering": lambda rows: clusters(space, said, rows),
        "amounts": lambda rows: world.cost[rows],
        "groups": lambda rows: first_seen(world.city[rows]),
        "labels": lambda rows: labels[rows],
        "annotations": lambda rows: labels[None, rows],
        "labelled_features": lambda _: space.take(near),
        "labelled_probs": lambda _: world.members.mean(axis=1)[near],
        "labelled_values": lambda _: near / 10,
        "label_counts": lambda _: np.bincount(labels[labels >= 0], minlength=3),
        "unlabelled_probs": lambda rows: unlabelled_probs(space, near, said["seed"])[rows],
        "given_features": lambda _: vectors[
            [world.ids.index(each) for each in said["items"]]
        ].astype(float),
        "k_means": lambda _: k_means,
    }


def first_seen(values):
    """Codes of values in the order in which they are met."""
    known = {}
    return np.array([known.setdefault(value, len(known)) for value in values.tolist()])


def unit(vectors):
    return vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)


def neighbours(vectors, others, said, *, own, rows):
    """The nearest of every pair; cosine distance is half the squared distance of unit vectors."""
    if said["metric"] == "euclidean":
        found = nearest(vectors, others, k=said["k"], own=own)
        return Neighbours(found.rows[rows], found.distances[rows])
    found = nearest(unit(vectors), unit(others), k=said["k"], own=own)
    return Neighbours(found.rows[rows], found.distances[rows] ** 2 / 2)


def copies(vectors, threshold, rows):
    """The first row within the threshold of each, and the distance to the nearest beyond."""
    far = 1 - unit(vectors) @ unit(vectors).T
    first = np.array([np.flatnonzero(far[row] <= threshold + 1e-12)[0] for row in range(ITEMS)])
    beyond = np.where(far > threshold + 1e-12, far, np.inf).min(axis=1)
    own = np.where(first == np.arange(ITEMS), -1, first)
    return Originals(own[rows], beyond[rows])


def clusters(space, said, rows):
    labels, centres = k_means(space, said["clusters"], None, said["seed"])
    vectors = space.at(np.arange(ITEMS)).astype(np.float64)
    far = np.sqrt(((vectors - centres[labels]) ** 2).sum(axis=1))
    near = np.array([far[labels == each].min() for each in range(len(centres))])
    return Clusters(labels[rows], far[rows], near)


def body_of(pool, name, sources, n):
    """The scoring of one function."""
    kind = kind_for(name)
    body = {"pool": pool, "acquisitions": [asked(name)]}
    if kind is not None:
        body["predictions"] = sources[kind]
    if REGISTRY[name].kind == "batch":
        body["batch"] = {"n": n}
    return json.loads(json.dumps(body))
