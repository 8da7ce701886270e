"""Our batches beside the peers' recorded ones, wherever the peers are right.

`tests/golden` tells how they were recorded.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.targets import pure_radius
from tests.golden.records import candidates, k_means, recorded, unlabelled

CLIPPED = 1e-5  # scikit-activeml lifts every probability to 1e-7 before it takes the logarithm


@dataclass(frozen=True)
class SamePicks:
    """A peer's picks that are ours, with what to ask for.

    `labelled` is what is labelled: the recorded items, nothing, or the peer's first pick alone,
    where it starts from the item of the least mean distance to all, and ours from the mean.
    """

    peer: str
    answer: str
    ours: str
    n: int
    parameters: dict[str, Any] = field(default_factory=dict)
    labelled: str = "recorded"


WIDE = {"gamma": 1 / 4}
"""scikit-learn's default, one over the width of the vectors, with which the peer was run."""

SAME_PICKS = [
    SamePicks("scikit_activeml", "core_set", "k_center", 6),
    SamePicks("scikit_activeml", "greedy_sampling_x", "k_center", 6),
    SamePicks("scikit_activeml", "greedy_sampling_x_unlabelled", "k_center", 6, labelled="first"),
    SamePicks("scikit_activeml", "greedy_sampling_y", "greedy_y", 6),
    SamePicks("scikit_activeml", "greedy_sampling_i", "igs", 6),
    SamePicks("scikit_activeml", "max_herding", "max_herding", 4, WIDE),
    SamePicks("scikit_activeml", "max_herding_unlabelled", "max_herding", 6, WIDE, "nothing"),
    SamePicks("scikit_activeml", "max_herding_narrow", "max_herding", 3, {"gamma": 2.0}),
    SamePicks("scikit_activeml", "prob_cover", "prob_cover", 3, {"delta": 0.35}, "nothing"),
    SamePicks("scikit_activeml", "badge", "badge", 1),
    SamePicks("small_text", "greedy_coreset", "k_center", 8),
    SamePicks("modal", "ranked_batch", "ranked_batch", 10),
    SamePicks("modal", "ranked_batch_cold", "ranked_batch", 10, labelled="first"),
    SamePicks("apricot", "facility_location", "facility_location", 8, labelled="nothing"),
]


@pytest.mark.parametrize("same", SAME_PICKS, ids=lambda same: f"{same.peer}-{same.answer}")
def test_the_picks_are_the_peers(same):
    peer = recorded(same.peer)
    theirs = peer.answers[same.answer]
    theirs = (theirs["picks"] if isinstance(theirs, dict) else theirs)[: same.n]
    first = theirs[:1] if same.labelled == "first" else []
    labelled = peer.inputs["labelled"] if same.labelled == "recorded" else first
    rest = np.setdiff1d(np.arange(30), labelled)
    given = candidates(peer, same.n - len(first), None if same.labelled == "recorded" else first)
    picks = REGISTRY[same.ours].pick(given, **same.parameters)

    assert rest[picks.rows].tolist() == theirs[len(first) :].tolist()


@pytest.mark.parametrize(
    ("answer", "ours", "parameters"),
    [
        ("core_set", "k_center", {}),
        ("greedy_sampling_y", "greedy_y", {}),
        ("greedy_sampling_i", "igs", {}),
        ("prob_cover_labelled", "prob_cover", {"delta": 0.35}),
    ],
)
def test_a_steps_score_is_what_the_peer_goes_by(answer, ours, parameters):
    peer = recorded("scikit_activeml")
    theirs = np.nanmax(peer.answers[answer]["utilities"], axis=1)
    picks = REGISTRY[ours].pick(candidates(peer, len(theirs)), **parameters)

    assert np.abs(picks.scores - theirs).max() < 1e-12


@pytest.mark.parametrize(
    ("answer", "steps", "parameters"),
    [("max_herding", 5, WIDE), ("max_herding_narrow", 4, {"gamma": 2.0})],
)
def test_max_herdings_steps_raise_the_mean_likeness_as_much(answer, steps, parameters):
    # At the last of these steps two items gain the same, and the peer draws one of them.
    peer = recorded("scikit_activeml")
    theirs = np.nanmax(peer.answers[answer]["utilities"][:steps], axis=1)
    picks = REGISTRY["max_herding"].pick(candidates(peer, steps), **parameters)

    assert np.abs(picks.scores - theirs).max() < 1e-12


def test_facility_location_gains_as_much_at_each_step():
    peer = recorded("apricot")
    picks = REGISTRY["facility_location"].pick(candidates(peer, 8, labelled=[]))

    assert np.abs(30 * picks.scores - peer.answers["facility_location"]["gains"]).max() < 1e-9


def test_the_radius_of_pure_balls_is_the_peers_up_to_its_grid():
    peer = recorded("scikit_activeml")
    found = peer.answers["pure_radius"]
    unit = candidates(peer, 1, labelled=[])["features"].normalised()
    radius = pure_radius(unit, 30, lambda some: k_means(some, 3, None, 0)[0])

    assert found["radius"] <= radius <= found["radius"] + found["step"]


def test_the_same_clusters_give_the_same_items():
    peer = recorded("scikit_activeml")
    given = candidates(peer, 3, labelled=[])
    given["base"] = REGISTRY["entropy"].score(given)
    picks = REGISTRY["clue"].pick(given, seed=0)

    assert sorted(picks.rows.tolist()) == sorted(peer.answers["clue"]["picks"].tolist())


def test_typiclust_picks_the_peers_items_of_clusters_twice_as_large_as_k():
    # In a smaller one its authors look at half of the items at most, which the peer does not.
    peer = recorded("scikit_activeml")
    given = candidates(peer, 3, labelled=[])
    labels, _ = k_means(given["features"], 3, None, 0)
    large = np.flatnonzero(np.bincount(labels) >= 10)
    ours = REGISTRY["typiclust"].pick(given, seed=0, k=5).rows
    theirs = peer.answers["typiclust"]["picks"]

    assert len(large) == 2
    assert sorted(labels[ours]) == sorted(labels[theirs]) == [0, 1, 2]
    assert set(ours[np.isin(labels[ours], large)]) == set(theirs[np.isin(labels[theirs], large)])


def test_batch_bald_knows_as_much_of_the_members_at_each_step():
    peer = recorded("scikit_activeml")
    theirs = peer.answers["batch_bald"]
    given = {"n": 4, "member_probs": peer.inputs["member_probs"]}
    picks = REGISTRY["batch_bald"].pick(given, samples=4**4)

    assert picks.rows.tolist() == np.nanargmax(theirs, axis=1).tolist()
    assert np.abs(picks.scores - np.nanmax(theirs, axis=1)).max() < CLIPPED


def test_badges_lengths_are_the_gradients():
    # Their first chances are the squared lengths of the gradients, over the sum of them all.
    peer = recorded("scikit_activeml")
    rows = unlabelled(peer)
    residuals = peer.inputs["point_probs"][rows].copy()
    residuals[np.arange(len(rows)), residuals.argmax(axis=1)] -= 1
    lengths = (residuals**2).sum(axis=1) * (peer.inputs["points"][rows] ** 2).sum(axis=1)
    pick = REGISTRY["badge"].pick(candidates(peer, 1))
    chances = peer.answers["badge"]["utilities"][0][rows]

    assert np.allclose(lengths / lengths.sum(), chances, rtol=1e-12, atol=0)
    assert pick.scores[0] ** 2 == pytest.approx(chances.max() * lengths.sum(), rel=1e-12)


def test_falcun_likes_to_begin_with_the_same_items():
    # Ours draws more sharply: it stretches diversity over 0 to 1 before the first draw as well.
    peer = recorded("scikit_activeml")
    given, rows = candidates(peer, 1), unlabelled(peer)
    firsts = [int(REGISTRY["falcun"].pick(given, seed=seed).rows[0]) for seed in range(2000)]
    times = np.bincount(firsts, minlength=len(rows))
    chances = peer.answers["falcun"]["utilities"][0][rows]

    assert np.argsort(-times)[:3].tolist() == np.argsort(-chances)[:3].tolist()
    assert times.max() / 2000 > chances.max()
