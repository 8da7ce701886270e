"""What every registered acquisition function promises: tested by being there."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.acquisition import REGISTRY
from service.acquisition.registry import EVIDENCE, UnusableFunction, describe

ITEMS = 60
QUICK = settings(max_examples=40, deadline=None)


@pytest.fixture(params=sorted(REGISTRY))
def entry(request):
    return REGISTRY[request.param]


def evidence(needs, seed=0, items=ITEMS, classes=4):
    """Evidence of every kind, with certain, even and tied rows, not to be changed."""
    generator = np.random.default_rng(seed)
    probs = generator.dirichlet(np.full(classes, 0.5), size=items)
    probs[0] = np.eye(classes)[0]
    probs[1] = 1 / classes
    probs[2] = probs[3]
    made = {"probs": probs, "keys": generator.integers(0, 2**63, items).astype(np.uint64)}
    assert made.keys() == EVIDENCE.keys(), "give the new kind of evidence here"
    for array in made.values():
        array.flags.writeable = False
    return {name: made[name] for name in needs}


def test_a_score_is_one_finite_float64_an_item(entry):
    scores = entry.score(evidence(entry.needs))

    assert np.float64 == scores.dtype
    assert scores.shape == (ITEMS,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_items_have_scores_too(entry, items):
    given_evidence = {
        name: array[:items] for name, array in evidence(entry.needs, items=ITEMS).items()
    }

    assert (items,) == entry.score(given_evidence).shape


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_any_number_of_classes_from_two_on_will_do(entry, classes):
    assert np.isfinite(entry.score(evidence(entry.needs, classes=classes))).all()


@given(order=st.permutations(range(ITEMS)))
@QUICK
def test_scores_follow_their_items(order):
    for entry in REGISTRY.values():
        found = evidence(entry.needs)
        moved = {name: array[list(order)] for name, array in found.items()}

        assert np.array_equal(entry.score(moved), entry.score(found)[list(order)])


@given(cut=st.integers(1, ITEMS - 1))
@QUICK
def test_blocks_give_the_scores_of_the_whole_to_the_last_bit(cut):
    for entry in REGISTRY.values():
        found = evidence(entry.needs)
        first = entry.score({name: array[:cut] for name, array in found.items()})
        second = entry.score({name: array[cut:] for name, array in found.items()})

        assert np.array_equal(np.concatenate([first, second]), entry.score(found))


def test_an_even_item_is_labelled_sooner_than_a_certain_one(entry):
    if "probs" not in entry.needs:
        pytest.skip(f"{entry.name} looks at no probabilities")
    scores = entry.score(evidence(entry.needs))

    assert scores[1] == scores.max()
    assert scores[0] == scores.min()
    assert scores[2] == scores[3]


def test_no_score_is_a_negative_zero_and_raw_is_the_fields_own_quantity(entry):
    scores = entry.score(evidence(entry.needs))

    assert not (np.signbit(scores) & (scores == 0)).any()
    for score in scores.tolist():
        raw = entry.raw(score)
        assert abs(raw) == abs(score)
        assert (raw == score) == (entry.raw_direction == "higher" or score == 0)
        assert not (raw == 0 and math.copysign(1, raw) < 0)


def test_every_parameter_changes_the_scores_and_stays_within_its_bounds(entry):
    found = evidence(entry.needs)
    for parameter in entry.parameters:
        other = (
            not parameter.default
            if parameter.kind is bool
            else parameter.kind(parameter.default + 1)
        )
        changed = entry.score(found, **{parameter.name: other})

        assert np.isfinite(changed).all()
        assert not np.array_equal(changed, entry.score(found))


def test_every_text_that_a_client_reads_is_there(entry):
    assert entry.summary.endswith(".")
    assert len(entry.description) > 20
    assert entry.formula
    assert entry.reference
    assert set(entry.needs) <= EVIDENCE.keys()


def test_a_function_that_could_not_be_offered_is_refused_at_import():
    def untold(probs):
        return probs

    def needy(luck):
        """Text.

        Formula: x
        Reference: y
        """
        return luck

    def undecided(probs, *, k: int):
        """Text.

        Formula: x
        Reference: y
        """
        return probs * k

    def unbounded(probs, *, k: int = 1):
        """Text.

        Formula: x
        Reference: y
        """
        return probs * k

    def unsourced(probs):
        """Text.

        Formula: x
        """
        return probs

    for function, reason in [
        (untold, "docstring"),
        (needy, "not evidence"),
        (undecided, "no default"),
        (unbounded, "Annotated"),
        (unsourced, "Reference"),
    ]:
        with pytest.raises(UnusableFunction, match=reason):
            describe(function, None)


def test_a_name_is_given_once():
    from service.acquisition.registry import acquisition

    def entropy(probs):
        """Another.

        Formula: x
        Reference: y
        """
        return probs

    with pytest.raises(UnusableFunction, match="two acquisition functions"):
        acquisition()(entropy)
    assert inspect.getmodule(REGISTRY["entropy"].function).__name__.endswith("probabilities")
