"""What every registered batch strategy promises: tested by being there."""

import inspect
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from service.acquisition import REGISTRY
from service.acquisition.evidence import Features
from service.acquisition.registry import BATCH, RANKING, Size
from tests.evidence import WIDTH, evidence

STRATEGIES = sorted(name for name, entry in REGISTRY.items() if entry.kind == BATCH)

MAY_STOP_EARLY = {"group_cap", "mutually_unique"}
"""Strategies that document that they may pick fewer than are wanted and there."""

WITHOUT_LABELS = {
    "labelled_features": Features.of(np.empty((0, WIDTH), dtype=np.float32)),
    "labelled_values": np.empty(0),
    "labelled_probs": np.empty((0, 4)),
    "label_counts": np.zeros(4, dtype=np.int64),
}


@pytest.fixture(params=STRATEGIES)
def entry(request):
    return REGISTRY[request.param]


def with_other(entry, others, **sizes):
    """Evidence for a strategy, some of it replaced."""
    found = evidence(entry.needs, **sizes)
    return found | {name: value for name, value in others.items() if name in found}


def all_alike(items):
    """Evidence in which no item can be told from another."""
    return {
        "features": Features.of(np.full((items, WIDTH), 0.3, dtype=np.float32)),
        "probs": np.tile([0.4, 0.3, 0.2, 0.1], (items, 1)),
        "member_probs": np.tile([0.4, 0.3, 0.2, 0.1], (5, items, 1)),
        "base": np.full(items, 0.5),
        "mean": np.full(items, 0.5),
        "groups": np.zeros(items, dtype=np.int64),
    }


def check(entry, picks, candidates, wanted):
    """Assert what is true of any selection."""
    rows, scores = picks.rows, picks.scores
    assert np.int64 == rows.dtype
    assert np.float64 == scores.dtype
    assert rows.shape == scores.shape == (len(rows),)
    assert len(set(rows.tolist())) == len(rows)
    assert set(rows.tolist()) <= set(range(candidates))
    assert np.isfinite(scores).all()
    assert not np.signbit(scores[scores == 0]).any(), "nothing is less than nothing"
    if entry.name in MAY_STOP_EARLY:
        assert len(rows) <= min(wanted, candidates)
    else:
        assert len(rows) == min(wanted, candidates)


@pytest.mark.parametrize("wanted", [0, 1, 10, 60, 75])
def test_as_many_different_items_are_picked_as_are_wanted_and_there(entry, wanted):
    check(entry, entry.pick(evidence(entry.needs, n=wanted)), 60, wanted)


@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_candidates_or_none_are_no_trouble(entry, items):
    check(entry, entry.pick(evidence(entry.needs, items=items)), items, 10)


@pytest.mark.parametrize("items", [1, 5, 40])
def test_items_that_are_all_alike_are_picked_all_the_same(entry, items):
    found = entry.pick(with_other(entry, all_alike(items), items=items, n=items))

    check(entry, found, items, items)


def test_constant_features_are_no_trouble(entry):
    alike = {"features": all_alike(60)["features"]}

    check(entry, entry.pick(with_other(entry, alike)), 60, 10)


def test_features_of_zeros_are_no_trouble(entry):
    zeros = {"features": Features.of(np.zeros((60, WIDTH), dtype=np.float32))}

    check(entry, entry.pick(with_other(entry, zeros)), 60, 10)


def test_two_classes_will_do(entry):
    check(entry, entry.pick(evidence(entry.needs, classes=2)), 60, 10)


@pytest.mark.parametrize("width", [0, WIDTH])
@pytest.mark.parametrize("items", [0, 1, 60])
def test_nothing_has_to_be_labelled(entry, items, width):
    nothing = WITHOUT_LABELS | {"labelled_features": Features.of(np.empty((0, width)))}

    check(entry, entry.pick(with_other(entry, nothing, items=items)), items, 10)


def test_the_candidates_may_be_a_selection_of_several_parts_in_any_type(entry):
    if "features" not in entry.needs:
        pytest.skip("it looks at no features")
    generator = np.random.default_rng(8)
    stored = generator.integers(0, 255, (80, WIDTH))
    rows = np.sort(generator.choice(80, 60, replace=False))
    for kind in (np.uint8, np.float16, np.float32, np.float64):
        whole = {"features": Features.of(stored[rows].astype(kind))}
        arrays = Features.of(stored[:33].astype(kind), stored[33:].astype(kind)).arrays
        parts = {"features": Features(arrays, rows)}

        found = entry.pick(with_other(entry, parts))

        check(entry, found, 60, 10)
        assert found.rows.tolist() == entry.pick(with_other(entry, whole)).rows.tolist()


def test_the_same_is_picked_again(entry):
    first, second = (entry.pick(evidence(entry.needs)) for _ in range(2))

    assert first.rows.tolist() == second.rows.tolist()
    assert first.scores.tolist() == second.scores.tolist()


def test_another_seed_is_another_draw(entry):
    if "generator" not in entry.needs:
        pytest.skip("it draws nothing")
    found = evidence(entry.needs)

    assert len({tuple(entry.pick(found, seed=seed).rows.tolist()) for seed in range(20)}) > 1


def test_evidence_is_left_as_it_was(entry):
    found = evidence(entry.needs)
    values = {name: value.copy() for name, value in found.items() if isinstance(value, np.ndarray)}
    vectors = found["features"].at(range(60)) if "features" in found else None

    entry.pick(found)

    assert all(np.array_equal(value, found[name]) for name, value in values.items())
    assert vectors is None or np.array_equal(vectors, found["features"].at(range(60)))


def is_prefix(entry, seed):
    """Whether the five that are picked are the first five of ten."""
    five, ten = (entry.pick(evidence(entry.needs, seed=seed, n=n)) for n in (5, 10))
    return five.rows.tolist() == ten.rows[:5].tolist() and np.allclose(
        five.scores, ten.scores[:5], rtol=1e-12
    )


def test_fewer_are_the_first_of_more_exactly_where_it_is_said(entry):
    assert entry.prefix_consistent == all(is_prefix(entry, seed) for seed in range(12))


def test_one_is_the_first_of_many_where_it_is_said(entry):
    one, many = (
        entry.pick(with_other(entry, WITHOUT_LABELS, n=wanted)).rows.tolist() for wanted in (1, 10)
    )

    assert not entry.prefix_consistent or one == many[:1]


def test_work_is_told_and_grows_with_what_there_is_to_do(entry):
    parameters = {each.name: each.default for each in entry.parameters}
    size = Size(1000, 1000, 50, 20, 64, 4, 5, parameters)

    small, large = (
        entry.work(each) for each in (size, replace(size, items=4000, candidates=4000, n=80))
    )

    assert math.isfinite(small)
    assert 0 < small < large
    assert 0 <= entry.work(replace(size, candidates=0, items=0, labelled=0, n=0)) <= small


def test_the_docstring_says_everything(entry):
    texts = (entry.use, entry.avoid, entry.formula, entry.reference)

    assert entry.summary.endswith(".")
    assert len(entry.description) > 20
    assert all(len(text) > 10 for text in texts)
    assert inspect.getmodule(entry.function).__doc__
    assert all(each.tunable.help for each in entry.parameters)


def test_a_strategy_selects_what_to_label(entry):
    assert entry.purpose == RANKING
    assert (0, 1) == entry.of
    assert entry.builds_on is None or "base" in entry.needs
    assert entry.builds_on is None or entry.builds_on in REGISTRY
    assert {"n"} <= set(entry.needs)


def test_the_exceptions_say_in_their_text_that_there_may_be_fewer():
    assert set(STRATEGIES) >= MAY_STOP_EARLY
    for name in MAY_STOP_EARLY:
        assert re.search("fewer than n|shorter than", REGISTRY[name].description)
