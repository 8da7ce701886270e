"""Compute what peers that are not run here would answer; write formulas.json.

FiftyOne's brain 0.24.0, Encord Active 0.1.84, ALaaS 0.2.1, modAL's dropout strategies and libact
0.1.6 by their formulas, as their sources had them, in our own plain numpy. Recorded with
scikit-learn 1.9.1 (k-means alone) and numpy 2.4.6 on Python 3.11.
"""

import numpy as np
from recording import committee, points, probabilities, write
from sklearn.cluster import KMeans

DUPLICATE = 1e-5


def centred_cosine_distances(vectors):
    """FiftyOne's default index: cosine distances of vectors less their mean."""
    centred = vectors - vectors.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return np.clip(1 - unit @ unit.T, 0, 2)


def uniqueness(vectors):
    """FiftyOne: four neighbours without the item itself are asked for, and the first is dropped."""
    distances = centred_cosine_distances(vectors)
    np.fill_diagonal(distances, np.inf)
    nearest = np.sort(distances, axis=1)[:, :4]
    found = (nearest[:, 1:] * [0.6, 0.3, 0.1]).mean(axis=1)
    return found / found.max()


def representativeness(labels, distances):
    """FiftyOne: the distance to the cluster's centre over the largest in the cluster."""
    largest = np.array([distances[labels == each].max() for each in range(labels.max() + 1)])
    return distances / largest[labels]


def mistakenness(probs, labels):
    """FiftyOne, from confidence: near one where the model is sure and the label is another."""
    sign = np.where(probs.argmax(axis=1) == labels, -1, 1)
    return (sign * probs.max(axis=1) + 1) / 2


def hardness(logits):
    """FiftyOne: the entropy of the softmax of what is stored as logits."""
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return -(probs * np.log(probs)).sum(axis=1)


def singularity(vectors):
    """Encord Active: of thirty neighbours, the distance to the first that is not the same."""
    lengths = np.linalg.norm(vectors, axis=1)
    distances = np.clip(1 - vectors @ vectors.T / np.outer(lengths, lengths), 0, 2)
    scores = np.full(len(vectors), np.nan)
    seen = np.zeros(len(vectors), dtype=bool)
    for item, row in enumerate(distances):
        if seen[item]:
            continue
        near = np.argsort(row, kind="stable")[:30]
        same = near[(row[near] < DUPLICATE) & (near != item) & ~seen[near] & (near > item)]
        scores[same], seen[same] = 0.0, True
        other = near[row[near] >= DUPLICATE]
        if len(other):
            scores[item] = row[other[0]]
    return scores


def encord(probs):
    """Encord Active's functions of one row of probabilities; the last two are lowest first."""
    with np.errstate(all="ignore"):
        bits = np.nan_to_num(probs * np.log2(probs))
    return {
        "encord_entropy": -bits.sum(axis=1),
        "encord_least_confidence": 1 - probs.max(axis=1),
        "encord_margin": np.sort(probs)[:, -1] - np.sort(probs)[:, -2],
        "encord_variance": probs.var(axis=1),
    }


def committees(members):
    """ALaaS and modAL of dropout, libact of a committee."""
    mean = members.mean(axis=0)
    with np.errstate(all="ignore"):
        divergences = (members * np.log(members / mean)).sum(axis=2).mean(axis=0)
        entropies = np.nansum(-members * np.log(members), axis=0).mean(axis=1)
    return {
        "alaas_variation_ratio_ranks": np.argsort(-(1 - mean.max(axis=1))),
        "alaas_mean_std": members.std(axis=0).mean(axis=1),
        "modal_dropout_variation_ratio": 1 - mean.max(axis=1),
        "modal_dropout_max_entropy": entropies,
        "libact_kl_divergence": divergences,
    }


def main():
    vectors = points()
    vectors[7] = vectors[3]
    cloud = np.random.default_rng(13).normal(size=(120, 2)).round(3)
    clusters = KMeans(20, random_state=1234, n_init=1).fit(cloud)
    distances = np.linalg.norm(cloud - clusters.cluster_centers_[clusters.labels_], axis=1)
    same = np.concatenate([np.tile([[1.0, 2.0, 0.5, 0.1]], (40, 1)), points()[:20]])
    labels = np.arange(12) % 4
    inputs = {
        "points": vectors,
        "clusters": clusters.labels_,
        "centre_distances": distances,
        "probs": probabilities(),
        "labels": labels,
        "member_probs": committee(),
        "forty_alike": same,
    }
    answers = {
        "uniqueness": uniqueness(vectors),
        "representativeness": representativeness(clusters.labels_, distances),
        "mistakenness": mistakenness(inputs["probs"], labels),
        "hardness_of_probabilities": hardness(np.array([[0.9, 0.1], [0.5, 0.5]])),
        "singularity_of_forty_alike": singularity(same),
        **encord(inputs["probs"]),
        **committees(inputs["member_probs"]),
    }
    write("formulas", ("scikit-learn",), inputs, answers)


if __name__ == "__main__":
    main()
