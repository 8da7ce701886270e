"""Evidence of every kind for any function, made up once and not to be changed."""

import numpy as np

from service.acquisition.evidence import (
    EVIDENCE,
    Clusters,
    Features,
    Neighbours,
    Originals,
    Picks,
    Ragged,
)
from service.acquisition.signature import Matrix

MEMBERS, WIDTH, LABELLED, TARGETS = 5, 6, 9, 7

ITEMS_SECOND = ("member_probs", "votes", "member_values", "annotations", "bases")


def evidence(needs, *, items=60, classes=4, seed=0, n=10):
    """Evidence for a function of `items` items, with certain, even and tied rows."""
    made = predictions(items, classes, seed) | surroundings(items, classes, seed)
    made |= {"n": n, "generator": np.random.default_rng(seed), "k_means": k_means}
    assert made.keys() == EVIDENCE.keys(), "make the new kind of evidence here"
    for value in made.values():
        freeze(value)
    return {name: made[name] for name in needs}


def freeze(value):
    """Make the arrays of some evidence read-only."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    for part in getattr(value, "__dict__", {}).values():
        freeze(part)
    for part in value if isinstance(value, tuple) else ():
        freeze(part)


def probabilities(generator, items, classes):
    """Rows of probabilities: the first certain, the second even, the third and fourth alike."""
    probs = generator.dirichlet(np.full(classes, 0.5), size=items)
    probs[:1] = np.eye(classes)[0]
    probs[1:2] = 1 / classes
    probs[3:4] = probs[2:3]
    return probs


def ragged(generator, items, classes, least):
    """Zero, or `least`, to four rows of probabilities for each item."""
    ends = np.cumsum(generator.integers(least, 5, items))
    rows = int(ends[-1]) if items else 0
    return Ragged(generator.dirichlet(np.full(classes, 0.5), size=rows), ends.astype(np.int64))


def predictions(items, classes, seed):
    """What a model may say of items."""
    generator = np.random.default_rng(seed)
    members = generator.dirichlet(np.full(classes, 0.5), size=(MEMBERS, items))
    members[:, :1] = np.eye(classes)[0]
    votes = members.argmax(axis=2).astype(np.int64)
    votes[0, 5:7] = -1
    values = generator.normal(size=(MEMBERS, items))
    objects = ragged(generator, items, classes, least=0)
    return {
        "probs": probabilities(generator, items, classes),
        "member_probs": members,
        "votes": votes,
        "objects": objects,
        "object_scores": generator.random(len(objects.values)),
        "object_ends": objects.ends,
        "tokens": ragged(generator, items, classes, least=1),
        "label_probs": generator.random((items, classes)),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "member_values": values,
        "base": generator.random(items),
        "bases": generator.random((3, items)),
        "target_member_probs": generator.dirichlet(np.full(classes, 0.5), size=(MEMBERS, TARGETS)),
    }


def surroundings(items, classes, seed):
    """What the items and their labels say."""
    generator = np.random.default_rng(seed + 1)
    vectors = generator.normal(size=(items, WIDTH)).astype(np.float32)
    vectors[4:5] = vectors[3:4]
    labelled = generator.normal(size=(LABELLED, WIDTH)).astype(np.float32)
    labels = generator.integers(-1, classes, items)
    annotations = generator.integers(-1, classes, (3, items))
    return {
        "keys": generator.integers(0, 2**63, items).astype(np.uint64),
        "features": Features.of(vectors),
        "neighbours": nearest(vectors, vectors, k=3, own=True),
        "originals": Originals(
            np.where(np.arange(items) == 4, 3, -1),
            np.where(items > 1, generator.random(items) + 0.1, np.inf),
        ),
        "clustering": clusters(vectors),
        "amounts": generator.random(items) + 0.5,
        "groups": generator.integers(-1, 3, items),
        "labels": labels,
        "annotations": annotations,
        "labelled_neighbours": nearest(vectors, labelled, k=3, own=False),
        "labelled_features": Features.of(labelled),
        "labelled_probs": generator.dirichlet(np.full(classes, 0.5), size=LABELLED),
        "labelled_values": generator.normal(size=LABELLED),
        "label_counts": np.bincount(labels[labels >= 0], minlength=classes),
        "unlabelled_probs": generator.random(items),
        "given_features": labelled[:3].astype(np.float64),
    }


def nearest(vectors, others, *, k, own):
    """Return the k nearest others of each vector, by looking at every pair."""
    distances = np.sqrt(((vectors[:, None] - others[None]).astype(np.float64) ** 2).sum(axis=2))
    if own:
        np.fill_diagonal(distances, np.inf)
    rows = np.argsort(distances, axis=1, kind="stable")[:, : min(k, len(others) - own)]
    return Neighbours(rows, np.take_along_axis(distances, rows, axis=1))


def clusters(vectors):
    """Return clusters of vectors."""
    if not len(vectors):
        return Clusters(np.empty(0, np.int64), np.empty(0), np.empty(0))
    labels, centres = k_means(Features.of(vectors), 3, None, 0)
    distances = np.sqrt(((vectors - centres[labels]) ** 2).sum(axis=1))
    near = np.array([distances[labels == each].min() for each in range(len(centres))])
    return Clusters(labels, distances, near)


def k_means(features, count, weights, seed):
    """Lloyd's algorithm from the first distinct vectors: a stand-in for the workers' own."""
    vectors = features.at(np.arange(len(features))).astype(np.float64)
    weights = np.ones(len(vectors)) if weights is None else np.asarray(weights) + 1e-12
    order = np.random.default_rng(seed).permutation(len(vectors))
    _, first = np.unique(vectors[order], axis=0, return_index=True)
    centres = vectors[order[np.sort(first)[:count]]]
    for _ in range(20):
        labels = ((vectors[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        used, labels = np.unique(labels, return_inverse=True)
        centres = np.stack(
            [
                np.average(vectors[labels == k], axis=0, weights=weights[labels == k])
                for k in range(len(used))
            ]
        )
    return labels.astype(np.int64), centres


def evidence_for(entry, **options):
    """Evidence for a registered function: of no more functions than it builds on."""
    found = evidence(entry.needs, **options)
    return found | {"bases": found["bases"][: entry.of[1]]} if "bases" in found else found


def taken(found, places):
    """Evidence of some of the items, in the order named, as a worker gives it of a block.

    Rows that name items still name the same ones, wherever these stand now.
    """
    some = {
        name: entries(name, value, places) if EVIDENCE[name].per_item else value
        for name, value in found.items()
        if name not in ("object_scores", "object_ends")
    }
    if "object_scores" in found:
        rows, ends = spread(found["object_ends"], places)
        some |= {"object_scores": found["object_scores"][rows], "object_ends": ends}
    for value in some.values():
        freeze(value)
    return some


def permuted(found, order):
    """Evidence of all items in another order, rows that name items renumbered to match."""
    moved = taken(found, order)
    places = np.argsort(order)
    if "neighbours" in moved:
        near = moved["neighbours"]
        moved["neighbours"] = Neighbours(places[near.rows], near.distances)
    if "originals" in moved:
        originals = moved["originals"]
        rows = np.where(originals.rows < 0, -1, places[originals.rows])
        moved["originals"] = Originals(rows, originals.distances)
    return moved


def entries(name, value, places):
    """Return the entries of some items in one kind of evidence."""
    if name in ITEMS_SECOND:
        return np.ascontiguousarray(value[:, places])
    if isinstance(value, Features):
        return Features.of(value.at(places))
    if isinstance(value, Ragged):
        rows, ends = spread(value.ends, places)
        return Ragged(value.values[rows], ends)
    if isinstance(value, Neighbours | Originals):
        return type(value)(value.rows[places], value.distances[places])
    if isinstance(value, Clusters):
        return Clusters(value.labels[places], value.distances[places], value.nearest)
    return value[places]


def spread(ends, places):
    """Return the rows that belong to some items, and where each item's rows end among them."""
    lengths = np.diff(ends, prepend=0)
    rows = [np.arange(ends[place] - lengths[place], ends[place]) for place in places]
    return np.concatenate([np.empty(0, np.int64), *rows]), np.cumsum(lengths[places])


def contents(value):
    """Return the bytes of all arrays in some evidence."""
    if isinstance(value, np.ndarray):
        return [value.tobytes()]
    if isinstance(value, Features):
        return contents(value.arrays)
    parts = value if isinstance(value, tuple) else getattr(value, "__dict__", {}).values()
    return [each for part in parts for each in contents(part)]


def usual(entry, *, classes=4):
    """Parameters with which a function can score this evidence: what is required, and what to do
    with items without objects, of which there are some."""
    made = {
        parameter.name: required(parameter, classes)
        for parameter in entry.parameters
        if parameter.tunable.required
    }
    if "empty" in {parameter.name for parameter in entry.parameters}:
        made["empty"] = "score"
    return made


def required(parameter, classes):
    """A value for a required parameter."""
    if parameter.kind is Matrix:
        return tuple(map(tuple, (1 - np.eye(classes)).tolist()))
    return parameter.default


def chosen(picks):
    """Return what a strategy picked, as lists."""
    assert isinstance(picks, Picks)
    return picks.rows.tolist()
