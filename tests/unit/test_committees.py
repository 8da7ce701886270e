"""The formulas of committees, against plain Python and what others computed."""

import itertools
import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from service.acquisition import ALIASES, REGISTRY
from service.acquisition.functions import committees
from service.acquisition.registry import Size

ORACLES = Path(__file__).resolve().parents[2].parent / "shared/oracles/oracles.json"
GENERATOR = np.random.default_rng(5)
MEMBERS = GENERATOR.dirichlet(np.full(4, 0.3), (6, 30))
MEMBERS[:, 0] = np.eye(4)[1]
MEMBERS[:3, 1], MEMBERS[3:, 1] = np.eye(4)[0], np.eye(4)[1]
TARGETS = GENERATOR.dirichlet(np.full(4, 0.3), (6, 9))
VOTES = np.array([[0, 0, 3, -1, -1], [0, 1, 2, -1, 4], [0, 1, 1, -1, -1], [0, 0, 0, -1, 4]])


def score(name, members=MEMBERS, **parameters):
    return REGISTRY[name].score({"member_probs": members}, **parameters)


def epig(members, targets):
    return REGISTRY["epig"].score({"member_probs": members, "target_member_probs": targets})


def entropy(probs):
    return -math.fsum(p * math.log(p) for p in probs if p > 0)


def divergence(probs, others):
    return math.fsum(p * math.log(p / q) for p, q in zip(probs, others, strict=True) if p > 0)


@pytest.fixture
def oracle():
    if not ORACLES.exists():
        pytest.skip("the golden values are not part of the project; they stand beside a checkout")
    return json.loads(ORACLES.read_text())


def test_vote_entropy_is_that_of_the_votes_that_were_cast():
    found = REGISTRY["vote_entropy"].score({"votes": VOTES})

    assert np.allclose([0, math.log(2), math.log(4)], found[:3], rtol=0, atol=1e-15)
    assert np.isnan(found[3])
    assert found[4] == 0.0


def test_a_normalised_vote_entropy_is_one_where_every_member_votes_otherwise():
    found = REGISTRY["vote_entropy"].score({"votes": VOTES}, normalised=True)

    assert np.allclose([0, 0.5, 1], found[:3], rtol=0, atol=1e-15)


def test_a_committee_of_one_agrees():
    for name in ("vote_entropy", "variation_ratio"):
        assert REGISTRY[name].score({"votes": VOTES[:1]})[:3].tolist() == [0, 0, 0]
    assert REGISTRY["vote_entropy"].score({"votes": VOTES[:1]}, normalised=True)[0] == 0
    for name in ("bald", "max_kl", "mean_std"):
        assert not score(name, MEMBERS[:1]).any()


def test_variation_ratio_is_the_share_that_the_favourite_lacks():
    found = REGISTRY["variation_ratio"].score({"votes": VOTES})

    assert found.tolist()[:3] == [0.0, 0.5, 0.75]
    assert np.isnan(found[3])
    assert found[4] == 0.0


def test_votes_are_counted_as_by_hand():
    votes = np.random.default_rng(1).integers(-1, 12, (15, 200))
    shares, ends = committees.shares_of(votes)

    for item, column in enumerate(votes.T.tolist()):
        counts = Counter(vote for vote in column if vote >= 0)
        found = shares[ends[item] - len(counts) : ends[item]]
        by_hand = [counts[each] / sum(counts.values()) for each in sorted(counts)]
        assert found.tolist() == by_hand


def test_consensus_entropy_is_that_of_the_mean():
    by_hand = [entropy(row) for row in MEMBERS.mean(axis=0).tolist()]

    assert np.allclose(by_hand, score("consensus_entropy"), rtol=0, atol=1e-14)


def test_bald_is_the_mean_divergence_from_the_mean():
    mean = MEMBERS.mean(axis=0)
    by_hand = [
        sum(divergence(member[item], mean[item]) for member in MEMBERS.tolist()) / len(MEMBERS)
        for item in range(len(mean))
    ]

    assert np.allclose(by_hand, score("bald"), rtol=0, atol=1e-14)
    assert score("bald")[0] == 0.0
    assert score("bald")[1] == pytest.approx(math.log(2), abs=1e-15)
    assert ALIASES["mean_kl"] == "bald"


def test_max_kl_is_the_divergence_of_the_oddest_member():
    mean = MEMBERS.mean(axis=0)
    by_hand = [
        max(divergence(member[item], mean[item]) for member in MEMBERS.tolist())
        for item in range(len(mean))
    ]

    assert np.allclose(by_hand, score("max_kl"), rtol=0, atol=1e-14)


def test_mean_std_is_over_the_members_then_over_the_classes():
    assert np.allclose(MEMBERS.std(axis=0).mean(axis=1), score("mean_std"), rtol=0, atol=1e-15)
    assert score("mean_std")[1] == 0.25


def test_members_that_agree_though_unsure_disagree_about_nothing():
    unsure = np.repeat([[[1 / 3] * 3, [0.1, 0.2, 0.7], [0.6, 0.4, 0.0]]], 7, axis=0)

    for name in ("bald", "max_kl", "mean_std"):
        assert score(name, unsure).tolist() == [0.0, 0.0, 0.0]


def test_epig_is_the_mean_information_about_a_targets_label():
    def information(item, target):
        pairs = list(itertools.product(range(4), repeat=2))
        joint = {
            (y, z): sum(MEMBERS[t, item, y] * TARGETS[t, target, z] for t in range(6)) / 6
            for y, z in pairs
        }
        left = [sum(joint[y, z] for z in range(4)) for y in range(4)]
        right = [sum(joint[y, z] for y in range(4)) for z in range(4)]
        return math.fsum(
            joint[y, z] * math.log(joint[y, z] / (left[y] * right[z]))
            for y, z in pairs
            if joint[y, z] > 0
        )

    by_hand = [sum(information(item, target) for target in range(9)) / 9 for item in range(30)]

    assert np.allclose(by_hand, epig(MEMBERS, TARGETS), rtol=0, atol=1e-14)


def test_an_item_tells_of_itself_what_bald_says_of_a_certain_committee():
    # Where each member is certain, the label of an item tells which members are right, and so does
    # the same label of the same item as a target: nothing is lost.
    certain = np.eye(3)[np.random.default_rng(2).integers(0, 3, (6, 10))]

    for item in range(10):
        found = epig(certain[:, item : item + 1], certain[:, item : item + 1])
        assert found == pytest.approx(score("bald", certain)[item], abs=1e-14)


@pytest.mark.parametrize("values", [1, 16, 200, 5_000])
def test_epig_is_the_same_piece_by_piece(monkeypatch, values):
    whole = epig(MEMBERS, TARGETS)

    monkeypatch.setattr(committees, "JOINT_VALUES", values)

    assert np.allclose(whole, epig(MEMBERS, TARGETS), rtol=0, atol=1e-14)


def test_epig_without_targets_is_refused():
    with pytest.raises(ValueError, match="no target items"):
        epig(MEMBERS, TARGETS[:, :0])


def test_the_work_of_epig_grows_with_its_targets():
    def work(**parameters):
        size = Size(
            items=1000,
            candidates=1000,
            labelled=0,
            n=0,
            width=0,
            classes=10,
            members=5,
            parameters={"targets": (), "sample": 100, **parameters},
        )
        return REGISTRY["epig"].work(size)

    assert work(sample=200) == 2 * work()
    assert work(targets=("a", "b")) == work() / 50


def test_the_oracles_agree(oracle):
    members = np.array(oracle["K"])
    votes = members.argmax(axis=2)

    for name in ("vote_entropy", "variation_ratio"):
        assert np.allclose(oracle[name], REGISTRY[name].score({"votes": votes}), atol=1e-12)
    assert np.allclose(oracle["bald"], score("bald", members), atol=1e-6)
    assert np.allclose(oracle["mean_kl"], score("bald", members), atol=1e-6)
    assert np.allclose(oracle["epig_vs_first6"], epig(members, members[:, :6]), atol=1e-6)
