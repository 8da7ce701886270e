"""BatchBALD against every outcome of a batch written out, and against what others computed."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.functions import batch_bald

ORACLES = Path(__file__).resolve().parents[2].parent / "shared/oracles/oracles.json"


def pick(member_probs, n, **parameters):
    given = {"n": n, "member_probs": np.asarray(member_probs, float)}
    return REGISTRY["batch_bald"].pick(given, **parameters)


def made(members=4, items=8, classes=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.dirichlet(np.full(classes, 0.5), size=(members, items))


def information(member_probs, rows):
    """Return the mutual information of some items' labels and the member, outcome by outcome."""
    members, _, classes = member_probs.shape
    together, apart = 0.0, 0.0
    for labels in itertools.product(range(classes), repeat=len(rows)):
        each = [
            math.prod(member_probs[m, row, y] for row, y in zip(rows, labels, strict=True))
            for m in range(members)
        ]
        mean = sum(each) / members
        together -= mean * math.log(mean) if mean > 0 else 0.0
        apart -= sum(p * math.log(p) for p in each if p > 0) / members
    return together - apart


def by_enumeration(member_probs, n):
    """Return the greedy order, and the information of each prefix."""
    rows, scores = [], []
    for _ in range(n):
        left = [row for row in range(member_probs.shape[1]) if row not in rows]
        rows.append(max(left, key=lambda row: information(member_probs, [*rows, row])))
        scores.append(information(member_probs, rows))
    return rows, scores


@pytest.mark.skipif(not ORACLES.exists(), reason="the golden values are not beside the repository")
def test_the_order_and_the_scores_are_those_of_others():
    golden = json.loads(ORACLES.read_text())

    picks = pick(golden["K"], 4)

    assert golden["batchbald_order"] == picks.rows.tolist()
    assert np.allclose(golden["batchbald_scores"], picks.scores, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_each_step_is_the_best_of_all_outcomes_written_out(seed):
    member_probs = made(seed=seed)
    member_probs[:, 0] = np.eye(3)[0]
    rows, scores = by_enumeration(member_probs, 5)

    picks = pick(member_probs, 5)

    assert rows == picks.rows.tolist()
    assert np.allclose(scores, picks.scores, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_drawn_outcomes_come_close_to_all_of_them(seed):
    member_probs = made(members=5, items=9, seed=seed)
    exact = pick(member_probs, 7, samples=3**7)

    drawn = pick(member_probs, 7, samples=300, seed=seed)

    assert exact.rows[:6].tolist() == drawn.rows[:6].tolist()
    assert np.allclose(exact.scores, drawn.scores, rtol=0, atol=0.02)


def test_a_copy_tells_less_than_an_item_of_another_kind():
    member_probs = np.zeros((4, 3, 2))
    member_probs[:, :2, 0] = np.array([1, 1, 0, 0])[:, None]
    member_probs[:, 2, 0] = [0.9, 0.1, 0.9, 0.1]
    member_probs[..., 1] = 1 - member_probs[..., 0]

    picks = pick(member_probs, 3)

    assert [0, 2, 1] == picks.rows.tolist()
    assert math.log(2) == pytest.approx(picks.scores[0], abs=1e-15)
    assert picks.scores[1] == pytest.approx(picks.scores[2], abs=1e-12)


def test_no_batch_tells_more_than_which_member_it_is():
    picks = pick(made(members=3, items=50, classes=4), 50, samples=64)

    assert (np.diff(picks.scores) >= 0).all()
    assert math.log(3) * 0.9 < picks.scores[-1] <= math.log(3)


def test_beyond_the_limit_items_follow_by_bald_alone():
    member_probs = made(items=20)
    alone = np.array([information(member_probs, [row]) for row in range(20)])
    ranked = np.argsort(-alone).tolist()

    picks = pick(member_probs, 9, candidates_limit=6)

    assert set(ranked[:6]) == set(picks.rows[:6].tolist())
    assert ranked[6:9] == picks.rows[6:].tolist()
    assert [picks.scores[5]] * 3 == picks.scores[6:].tolist()
    assert pick(member_probs, 4, candidates_limit=6).rows.tolist() == picks.rows[:4].tolist()


def test_fewer_wanted_are_the_first_of_more_when_outcomes_are_drawn():
    member_probs = made(items=30)

    few, many = (pick(member_probs, n, samples=20, seed=3).rows.tolist() for n in (6, 15))

    assert many[:6] == few


def test_items_are_weighed_block_by_block(monkeypatch):
    member_probs = made(items=30)
    whole = pick(member_probs, 6)
    monkeypatch.setattr(batch_bald, "BLOCK_VALUES", 50)

    blocks = pick(member_probs, 6)

    assert whole.rows.tolist() == blocks.rows.tolist()
    assert np.allclose(whole.scores, blocks.scores, rtol=0, atol=1e-12)


def test_impossible_outcomes_are_never_drawn():
    chances = np.array([0.0, 0.5, 0.0, 0.5, 0.0])

    for seed in range(50):
        drawn = batch_bald.drawn(chances, np.random.default_rng(seed), 7)
        assert {1, 3} == set(drawn.tolist())
        assert abs((drawn == 1).sum() - 3.5) <= 0.5


@pytest.mark.parametrize("certain", [False, True])
def test_a_committee_that_agrees_has_nothing_to_tell(certain):
    one = np.eye(3)[np.zeros(40, int)] if certain else np.full((40, 3), 1 / 3)

    picks = pick(np.stack([one] * 4), 40, samples=5)

    assert list(range(40)) == sorted(picks.rows.tolist())
    assert np.allclose(0, picks.scores, atol=1e-12)


@pytest.mark.parametrize(("items", "n"), [(0, 5), (5, 0), (1, 1), (1, 9), (5, 9)])
@pytest.mark.parametrize("members", [1, 3])
def test_any_number_of_items_can_be_asked_for(members, items, n):
    picks = pick(made(members=members, items=items), n, candidates_limit=3)

    assert min(items, n) == len(set(picks.rows.tolist())) == len(picks.scores)
    assert np.int64 == picks.rows.dtype
    assert np.float64 == picks.scores.dtype
