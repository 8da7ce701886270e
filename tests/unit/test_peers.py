"""Our scores beside the peers' recorded ones, wherever the peers are right.

`tests/golden` tells how they were recorded. Batches are in test_peers_batches.py, and what the
peers answer wrongly in test_peers_wrong.py.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from service.acquisition import REGISTRY
from tests.golden.records import candidates, known, nearest, recorded, unlabelled

BITS = 1 / np.log(2)
CLIPPED = 1e-5  # scikit-activeml lifts every probability to 1e-7 before it takes the logarithm
SINGLE = 1e-6  # baal's EPIG computes in float32
COSTS = ((0, 1, 2, 4), (1, 0, 1, 3), (5, 1, 0, 1), (9, 3, 1, 0))


@dataclass(frozen=True)
class Same:
    """A peer's answer that is ours times a factor plus a shift, and how near it is."""

    peer: str
    answer: str
    ours: str
    parameters: dict[str, Any] = field(default_factory=dict)
    times: float = 1.0
    plus: float = 0.0
    within: float = 1e-12


SAME = [
    Same("scikit_activeml", "least_confident", "least_confidence"),
    Same("scikit_activeml", "margin_sampling", "margin", plus=1.0),
    Same("scikit_activeml", "entropy", "entropy"),
    Same("scikit_activeml", "expected_cost", "expected_cost", {"costs": COSTS}),
    Same("scikit_activeml", "cost_margin", "cost_margin", {"costs": COSTS}),
    Same("scikit_activeml", "average_kl_divergence", "bald", within=CLIPPED),
    Same("scikit_activeml", "greedy_bald", "bald", within=CLIPPED),
    Same("scikit_activeml", "vote_entropy", "vote_entropy"),
    Same("scikit_activeml", "variation_ratios", "variation_ratio"),
    Same("modal", "uncertainty", "least_confidence"),
    Same("modal", "margin", "margin", times=-1.0),
    Same("modal", "entropy", "entropy"),
    Same("modal", "vote_entropy", "vote_entropy"),
    Same("modal", "consensus_entropy", "consensus_entropy"),
    Same("modal", "max_disagreement", "max_kl"),
    Same("small_text", "breaking_ties", "margin", times=-1.0),
    Same("small_text", "least_confidence", "least_confidence", times=-1.0, plus=1.0),
    Same("small_text", "prediction_entropy", "entropy"),
    Same("small_text", "bald", "bald", times=BITS, within=1e-6),
    Same("baal", "entropy", "entropy"),
    Same("baal", "margin", "margin", times=-1.0),
    Same("baal", "certainty", "least_confidence", times=-1.0, plus=1.0),
    Same("baal", "bald", "bald"),
    Same("baal", "epig", "epig", within=SINGLE),
    Same("ml_research", "breaking_ties", "margin"),
    Same("formulas", "encord_entropy", "entropy", times=BITS),
    Same("formulas", "encord_least_confidence", "least_confidence"),
    Same("formulas", "encord_margin", "margin", times=-1.0),
    Same("formulas", "encord_variance", "variance_probs", times=-1.0),
    Same("formulas", "alaas_mean_std", "mean_std"),
    Same("modal", "expected_improvement", "expected_improvement"),
    Same("modal", "expected_improvement_tradeoff", "expected_improvement", {"xi": 0.1}),
    Same("modal", "probability_of_improvement", "probability_of_improvement"),
    Same("modal", "upper_confidence_bound", "upper_confidence_bound", {"beta": 1.5}),
]


@pytest.mark.parametrize("same", SAME, ids=lambda same: f"{same.peer}-{same.answer}")
def test_the_numbers_are_the_peers(same):
    peer = recorded(same.peer)
    ours = REGISTRY[same.ours].score(known(peer.inputs), **same.parameters)
    theirs = peer.answers[same.answer]
    right = np.isfinite(theirs)

    assert right.sum() >= len(theirs) - 1
    assert np.abs(same.times * ours + same.plus - theirs)[right].max() < same.within


def test_members_disagree_by_the_deviation_of_their_values():
    peer = recorded("scikit_activeml")
    rest = unlabelled(peer)
    variance = REGISTRY["committee_variance"].score(
        {"member_values": peer.inputs["member_values"][:, rest]}
    )

    assert np.allclose(
        np.sqrt(variance), peer.answers["committee_deviation"][rest], rtol=0, atol=1e-12
    )


def test_the_variance_of_each_class_is_on_average_baals():
    peer = recorded("baal")
    variances = [
        REGISTRY["committee_variance"].score({"member_values": values})
        for values in np.moveaxis(peer.inputs["member_probs"], 2, 0)
    ]

    assert np.abs(np.mean(variances, axis=0) - peer.answers["variance"]).max() < 1e-12


def test_label_cardinality_is_compared_with_the_labelled_items_mean():
    peer = recorded("small_text_multilabel")
    usual = float(peer.inputs["labels"].sum(axis=1).mean())
    ours = REGISTRY["label_cardinality_inconsistency"].score(peer.inputs, cardinality=usual)

    assert np.abs(ours - peer.answers["label_cardinality_inconsistency"]).max() < 1e-12


def test_adaptive_is_small_texts_where_one_label_is_predicted():
    # small-text takes the gap of the two likeliest labels, which is only then the gap between the
    # predicted labels and the others; and it counts no gap as less than 0.01.
    peer = recorded("small_text_multilabel")
    probs = peer.inputs["label_probs"]
    usual = float(peer.inputs["labels"].sum(axis=1).mean())
    two = np.sort(probs, axis=1)[:, -2:]
    alike = (two[:, 0] <= 0.5) & (two[:, 1] > 0.5) & (two[:, 1] - two[:, 0] > 0.01)
    ours = REGISTRY["adaptive"].score(peer.inputs, cardinality=usual, smoothing=1.0)

    assert alike.sum() > 1
    assert np.allclose(ours[alike], peer.answers["adaptive"][alike], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["power", "gibbs", "soft_rank"])
def test_the_first_draw_has_baals_chances(name):
    # A score is the logarithm of the chance, up to a constant, plus the item's luck.
    peer = recorded("baal")
    keys = np.arange(len(peer.inputs["scores"]), dtype=np.uint64)
    luck = REGISTRY["power"].score({"bases": np.ones((1, len(keys))), "keys": keys})
    drawn = REGISTRY[name].score({"bases": peer.inputs["scores"][None], "keys": keys}, beta=2.0)
    chances = np.exp(drawn - luck)

    assert np.allclose(chances / chances.sum(), peer.answers[name], rtol=1e-9, atol=0)


def test_activelab_of_unlabelled_items_is_cleanlabs():
    peer = recorded("cleanlab")
    ours = REGISTRY["activelab"].score(
        {"probs": peer.inputs["probs"], "annotations": np.full((1, 12), -1)}
    )

    assert np.abs(-ours - peer.answers["unlabelled_alone"]).max() < 1e-12


def test_activelab_beside_items_labelled_once_is_cleanlabs():
    peer = recorded("cleanlab")
    single = peer.inputs["single_annotator"][:, 0].astype(np.int64)
    probs = np.concatenate([peer.inputs["labelled_probs"], peer.inputs["unlabelled_probs"]])
    labels = np.concatenate([single, np.full(len(probs) - len(single), -1)])
    ours = REGISTRY["activelab"].score({"probs": probs, "annotations": labels[None]})
    theirs = [peer.answers["labelled_by_one"], peer.answers["unlabelled_beside_one"]]

    assert np.abs(-ours - np.concatenate(theirs)).max() < 1e-12


def test_mistakenness_is_fiftyones():
    peer = recorded("formulas")
    ours = REGISTRY["mistakenness"].score(peer.inputs)

    assert np.abs(ours - peer.answers["mistakenness"]).max() < 1e-12


def test_density_over_all_others_is_modals_information_density():
    # modAL counts the item itself, at a similarity of one, among all of the items.
    peer = recorded("modal")
    count = len(peer.inputs["points"])
    ours = REGISTRY["density"].score(
        {"neighbours": nearest(peer.inputs["points"], peer.inputs["points"], count - 1)},
        k=count - 1,
        metric="euclidean",
    )

    assert np.allclose(
        (ours * (count - 1) + 1) / count, peer.answers["information_density"], rtol=0, atol=1e-12
    )


def test_contrastive_is_the_divergence_from_the_nearest_labelled():
    peer = recorded("scikit_activeml")
    given = candidates(peer, n=1)
    given["labelled_neighbours"] = nearest(
        peer.inputs["points"][unlabelled(peer)], peer.inputs["points"][peer.inputs["labelled"]], 3
    )
    ours = REGISTRY["contrastive"].score(given, k=3, metric="euclidean")
    theirs = peer.answers["contrastive"]["utilities"].ravel()[unlabelled(peer)]

    assert np.abs(ours - theirs).max() < CLIPPED
