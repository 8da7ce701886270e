"""The peers' recorded answers that are wrong, each beside the right one.

`tests/golden` tells how they were recorded.
"""

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.evidence import Clusters, Features, Originals
from service.ids import hash_ids, pack
from tests.golden.records import candidates, k_means, known, nearest, recorded, unlabelled

AGREED, DISPUTED = 0, 1  # the committee's first item and its second
CERTAIN = 0


def ranks(scores):
    return np.argsort(-scores, kind="stable").tolist()


def repeated(peer, n):
    """Evidence of a peer's points that are there twice each, none labelled."""
    probs = peer.inputs["repeated_probs"]
    return {
        "n": n,
        "features": Features.of(peer.inputs["repeated_points"]),
        "labelled_features": Features.of(np.empty((0, 2))),
        "probs": probs,
        "base": 1 - probs.max(axis=1),
        "k_means": k_means,
    }


def test_ml_research_labels_a_certain_item_among_the_first():
    peer = recorded("ml_research")
    ours = REGISTRY["entropy"].score(peer.inputs)

    assert np.isnan(peer.answers["entropy"][CERTAIN])
    assert CERTAIN in peer.answers["entropy_ranks"][:3]
    assert ranks(ours)[-1] == CERTAIN
    assert ours[CERTAIN] == 0


def test_ml_researchs_random_is_the_last_items():
    keys = hash_ids(pack([f"item {number}" for number in range(100)]))
    ours = [ranks(REGISTRY["random"].score({"keys": keys}, seed=seed))[:6] for seed in range(3)]

    assert recorded("ml_research").answers["random_of_100"].tolist() == [99, 98, 97, 96, 95, 94]
    assert len(set(map(tuple, ours))) == 3


@pytest.mark.parametrize("name", ["badge", "typiclust"])
def test_scikit_activeml_has_an_item_twice_in_a_batch(name):
    peer = recorded("scikit_activeml")
    theirs = peer.answers[f"repeated_{name}"].tolist()
    entry = REGISTRY[name]
    ours = [entry.pick(repeated(peer, n=12), seed=seed).rows.tolist() for seed in range(8)]

    assert any(len(set(batch)) < len(batch) for batch in theirs)
    assert all(sorted(batch) == list(range(12)) for batch in ours)


def test_modal_has_its_first_item_twice_in_a_ranked_batch():
    peer = recorded("modal")
    theirs = peer.answers["ranked_batch_cold_repeated"].tolist()
    ours = REGISTRY["ranked_batch"].pick(repeated(peer, n=12)).rows.tolist()

    assert theirs.count(theirs[0]) == 2
    assert ours[0] == theirs[0]
    assert sorted(ours) == list(range(12))


def test_baals_batch_bald_ranks_its_own_first_pick_last():
    peer = recorded("baal")
    theirs = peer.answers["batch_bald_ranks"].tolist()
    ours = REGISTRY["batch_bald"].pick({"n": 5, **known(peer.inputs)}).rows.tolist()

    assert theirs[-1] == DISPUTED == peer.answers["bald_ranks"][0]
    assert ours[0] == DISPUTED
    assert theirs[:4] != ours[:4]


def test_baal_takes_a_good_row_for_logits_where_another_row_is_short():
    peer = recorded("baal")
    good = peer.inputs["one_row_short"][:1]
    theirs = peer.answers["entropy_of_one_row_short"][0]
    ours = REGISTRY["entropy"].score({"probs": good})[0]

    assert theirs == pytest.approx(0.6191, abs=1e-4)
    assert ours == pytest.approx(0.3251, abs=1e-4)
    assert ours == pytest.approx(peer.answers["entropy_of_the_good_row"][0], abs=1e-15)


def test_fiftyones_hardness_is_of_logits_whatever_is_stored():
    theirs = recorded("formulas").answers["hardness_of_probabilities"][0]
    ours = REGISTRY["entropy"].score({"probs": np.array([[0.9, 0.1]])})[0]

    assert (theirs, ours) == pytest.approx((0.6191, 0.3251), abs=1e-4)


def test_small_text_counts_positions_among_the_unlabelled_as_rows_of_all():
    peer = recorded("small_text")
    theirs = peer.answers["greedy_coreset_scattered"]
    ours = unlabelled(peer)[REGISTRY["k_center"].pick(candidates(peer, 8)).rows]

    assert theirs.tolist() != ours.tolist()
    assert radius(peer, theirs) > 1.05 * radius(peer, ours)


def radius(peer, picks):
    """Return how far the farthest point is from what is labelled or picked."""
    points = peer.inputs["points"]
    centres = np.concatenate([peer.inputs["labelled"], picks])
    return np.linalg.norm(points[:, None] - points[None, centres], axis=2).min(axis=1).max()


def test_small_texts_contrastive_compares_an_item_with_unlabelled_ones():
    # Its neighbours are of all items, the item itself included; the paper's are the labelled.
    peer = recorded("small_text")
    rows, vectors = unlabelled(peer), peer.inputs["points"]
    given = candidates(peer, 1)
    given["labelled_neighbours"] = nearest(vectors[rows], vectors[peer.inputs["labelled"]], 3)
    ours = REGISTRY["contrastive"].score(given, k=3, metric="euclidean")
    right = recorded("scikit_activeml").answers["contrastive"]["picks"]

    assert rows[ours.argmax()] == right[0]
    assert peer.answers["contrastive"][0] != right[0]


def test_modals_dropout_finds_variation_where_every_member_votes_alike():
    peer = recorded("formulas")
    ours = REGISTRY["variation_ratio"].score(known(peer.inputs))

    assert peer.answers["modal_dropout_variation_ratio"][AGREED] == 0.5
    assert ours[AGREED] == 0


def test_alaas_ranks_by_the_mean_and_not_by_votes():
    peer = recorded("formulas")
    evidence = known(peer.inputs)
    mean = {"probs": peer.inputs["member_probs"].mean(axis=0)}
    theirs = peer.answers["alaas_variation_ratio_ranks"].tolist()

    assert theirs == ranks(REGISTRY["least_confidence"].score(mean))
    assert theirs != ranks(REGISTRY["variation_ratio"].score(evidence))
    assert theirs[-1] != AGREED
    assert ranks(REGISTRY["variation_ratio"].score(evidence))[-1] == AGREED


def test_modals_dropout_entropy_prefers_agreement():
    peer = recorded("formulas")
    theirs = peer.answers["modal_dropout_max_entropy"]
    ours = REGISTRY["consensus_entropy"].score(known(peer.inputs))

    assert theirs[AGREED] == theirs.max() > theirs[DISPUTED] == 0
    assert ours[DISPUTED] > ours[AGREED]


def test_libacts_divergence_is_no_number_where_members_are_certain():
    peer = recorded("formulas")
    votes = np.array([0.4, 0.2, 0.2, 0.2])
    ours = REGISTRY["bald"].score(known(peer.inputs))

    assert np.isnan(peer.answers["libact_kl_divergence"][DISPUTED])
    assert ours[DISPUTED] == pytest.approx(-(votes * np.log(votes)).sum(), abs=1e-12)


def test_modals_top_items_are_in_no_order_or_the_wrong_one():
    peer = recorded("modal")
    ours = ranks(REGISTRY["least_confidence"].score(peer.inputs))[:4]

    assert peer.answers["top_4_uncertain"].tolist() != ours
    assert peer.answers["top_4_uncertain_tie_break"].tolist() == ours[::-1]


def test_modals_tie_break_asks_about_the_surest_item():
    peer = recorded("modal")
    decisions = peer.inputs["decisions"]
    ours = REGISTRY["binary_uncertainty"].score(
        {"label_probs": 1 / (1 + np.exp(-decisions))}, aggregation="max"
    )
    theirs = int(peer.answers["svm_binary_minimum_tie_break"][0][0])

    assert int(ours.argmax()) == peer.answers["svm_binary_minimum"]
    assert theirs == ours.argmin()


def test_modals_least_confidence_of_labels_is_a_sure_no():
    peer = recorded("modal")
    ours = REGISTRY["binary_uncertainty"].score(peer.inputs, aggregation="max")

    assert peer.answers["min_confidence"].argmin() == CERTAIN
    assert ranks(ours)[-1] == CERTAIN


@pytest.mark.parametrize("name", ["expected_improvement", "probability_of_improvement"])
def test_modals_improvement_on_what_is_known_exactly_is_no_number(name):
    peer = recorded("modal")
    ours = REGISTRY[name].score(known(peer.inputs))

    assert np.isnan(peer.answers[name][3])
    assert ours[3] == 0


def test_fiftyones_uniqueness_passes_over_the_nearest_neighbour():
    peer = recorded("formulas")
    theirs = peer.answers["uniqueness"]
    centred = peer.inputs["points"] - peer.inputs["points"].mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    ours = REGISTRY["uniqueness"].score({"neighbours": nearest(unit, unit, 3)})

    assert theirs[[3, 7]].min() > np.median(theirs)
    assert ours[[3, 7]].max() < np.median(ours)


def test_fiftyones_representativeness_is_the_wrong_way_round():
    peer = recorded("formulas")
    labels, distances = peer.inputs["clusters"], peer.inputs["centre_distances"]
    near = np.array([distances[labels == each].min() for each in range(20)])
    ours = REGISTRY["representativeness"].score({"clustering": Clusters(labels, distances, near)})

    for each in range(20):
        inside = np.flatnonzero(labels == each)
        if len(inside) > 1:
            assert distances[inside][peer.answers["representativeness"][inside].argmax()] == (
                distances[inside].max()
            )
            central = distances[inside][ours[inside].argmax()]
            assert central == pytest.approx(distances[inside].min(), rel=1e-12)


def test_encord_has_no_score_for_some_of_forty_that_are_alike():
    peer = recorded("formulas")
    alike = np.arange(60) < 40
    theirs = peer.answers["singularity_of_forty_alike"]
    rows = np.where(alike, 0, np.arange(60))
    ours = REGISTRY["singularity"].score({"originals": Originals(rows, np.full(60, 0.5))})

    assert np.isnan(theirs[alike]).sum() == 11
    assert np.isfinite(ours).all()
