"""What every registered acquisition function promises: tested by being there.

Batch strategies select, and promise other things: they have tests of their own.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.acquisition import ALIASES, REGISTRY
from service.acquisition.evidence import EVIDENCE, Ragged
from service.acquisition.registry import (
    AGGREGATION,
    BATCH,
    COMPOSITION,
    SCORE,
    Size,
)
from service.acquisition.signature import Matrix, Numbers
from service.functions import Function
from tests.evidence import contents, evidence_for, permuted, taken, usual

ITEMS = 60
QUICK = settings(max_examples=40, deadline=None)

SCORING = [entry for entry in REGISTRY.values() if entry.kind != BATCH]
IN_BLOCKS = [entry for entry in SCORING if not entry.whole]


@pytest.fixture(params=SCORING, ids=[entry.name for entry in SCORING])
def entry(request):
    return request.param


@pytest.fixture(params=REGISTRY.values(), ids=list(REGISTRY))
def any_entry(request):
    return request.param


def scores_of(entry, found, *, classes=4, **parameters):
    """The scores of some evidence, without what else a function may say of the items."""
    answer = entry.call(found, usual(entry, classes=classes) | parameters)
    return answer[0] if entry.names_originals else answer


def assert_scores(entry, scores, items):
    """A score is one float64 an item, finite, unless the function may leave items unscored."""
    assert np.float64 == scores.dtype
    assert (items,) == scores.shape
    assert np.isfinite(scores[~np.isnan(scores)]).all()
    assert entry.skips or not np.isnan(scores).any()
    assert not (np.signbit(scores) & (scores == 0)).any()


def assert_same(left, right):
    """The scores are equal to the last bit."""
    assert left.tobytes() == right.tobytes()


def test_a_score_is_one_finite_float64_an_item(entry):
    assert_scores(entry, scores_of(entry, evidence_for(entry)), ITEMS)


@pytest.mark.parametrize("items", [0, 1, 2])
def test_few_items_have_scores_too(entry, items):
    assert_scores(entry, scores_of(entry, evidence_for(entry, items=items)), items)
    assert_scores(entry, scores_of(entry, taken(evidence_for(entry), np.arange(items))), items)


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_any_number_of_classes_from_two_on_will_do(entry, classes):
    found = evidence_for(entry, classes=classes)

    assert_scores(entry, scores_of(entry, found, classes=classes), ITEMS)


@given(order=st.permutations(range(ITEMS)))
@QUICK
def test_scores_follow_their_items(order):
    order = np.array(order)
    for entry in SCORING:
        found = evidence_for(entry)

        assert_same(scores_of(entry, permuted(found, order)), scores_of(entry, found)[order])


@pytest.mark.parametrize("classes", [2, 9])
@given(cut=st.integers(1, ITEMS - 1))
@QUICK
def test_blocks_give_the_scores_of_the_whole_to_the_last_bit(classes, cut):
    for entry in IN_BLOCKS:
        found = evidence_for(entry, classes=classes)
        parts = [
            scores_of(entry, taken(found, places), classes=classes)
            for places in (np.arange(cut), np.arange(cut, ITEMS))
        ]

        assert_same(np.concatenate(parts), scores_of(entry, found, classes=classes))


@pytest.mark.parametrize("classes", [2, 7, 8, 9, 40])
@pytest.mark.parametrize("entry", IN_BLOCKS, ids=lambda entry: entry.name)
def test_how_probabilities_lie_in_memory_makes_no_difference(entry, classes):
    found = evidence_for(entry, classes=classes)
    turned = {name: class_by_class(name, value) for name, value in found.items()}

    assert_same(scores_of(entry, turned, classes=classes), scores_of(entry, found, classes=classes))


def class_by_class(name, value):
    """The same probabilities, with those of one class side by side, as a worker gives them."""
    if name in ("objects", "tokens"):
        return Ragged(np.asfortranarray(value.values), value.ends)
    if name not in ("probs", "label_probs", "member_probs"):
        return value
    return np.ascontiguousarray(value.swapaxes(-1, -2)).swapaxes(-1, -2)


def test_no_evidence_is_changed(entry):
    found = evidence_for(entry)

    first = scores_of(entry, found)

    for name, value in evidence_for(entry).items():
        assert contents(value) == contents(found[name])
    assert_same(first, scores_of(entry, found))
    assert first.flags.writeable, "an answer is the caller's own, and no evidence"


def test_an_even_item_is_labelled_sooner_than_a_certain_one(entry):
    if entry.needs != ("probs",):
        pytest.skip(f"{entry.name} does not look at probabilities alone")
    scores = scores_of(entry, evidence_for(entry))

    assert scores[1] == scores.max()
    assert scores[0] == scores.min()
    assert scores[2] == scores[3]


def test_an_item_that_all_members_are_sure_of_is_labelled_last(entry):
    if not set(entry.needs) <= {"member_probs", "votes", "target_member_probs"}:
        pytest.skip(f"{entry.name} does not look at a committee alone")
    scores = scores_of(entry, evidence_for(entry))

    assert scores[0] == scores.min() == 0


def test_no_score_is_below_the_least_that_there_can_be(entry):
    if entry.least is None:
        pytest.skip(f"{entry.name} has no least score")
    for classes in (2, 4, 50):
        found = evidence_for(entry, classes=classes)
        defaults = {parameter.name: parameter.default for parameter in entry.parameters}
        parameters = defaults | usual(entry, classes=classes)
        least = Function(entry.name, parameters, of=(Function("margin"),)).least(classes)

        assert np.nanmin(scores_of(entry, found, classes=classes)) >= least


def test_a_raw_score_is_the_fields_own_quantity(entry):
    assert (entry.raw_name != entry.name) <= (entry.raw_direction == "lower")
    scores = scores_of(entry, evidence_for(entry))
    for score in scores[~np.isnan(scores)].tolist():
        raw = entry.raw(score)
        assert abs(raw) == abs(score)
        assert (raw == score) == (entry.raw_direction == "higher" or score == 0)
        assert not (raw == 0 and math.copysign(1, raw) < 0)


def test_every_parameter_changes_the_scores(entry):
    found = evidence_for(entry)
    steering = {name for need in entry.needs for name in EVIDENCE[need].asks}
    now = usual(entry)
    for parameter in entry.parameters:
        if parameter.name in steering:
            continue
        for value in others(parameter, now.get(parameter.name, parameter.default)):
            differences = [
                (
                    scores_of(entry, found, **chosen),
                    scores_of(entry, found, **chosen | {parameter.name: value}),
                )
                for chosen in choices(entry, parameter)
            ]

            assert any(one.tobytes() != other.tobytes() for one, other in differences), value
            for _, scores in differences:
                assert_scores(entry, scores, ITEMS)


def others(parameter, now):
    """Values that a parameter may have beside the one it has now."""
    tunable = parameter.tunable
    if parameter.kind is bool:
        return [not now]
    if parameter.kind is Matrix:
        return [tuple(tuple(float(row + column) for column in range(4)) for row in (4, 2, 7, 0))]
    if parameter.kind is Numbers:
        return [tuple(value / (place + 2) for place, value in enumerate(now or (1, 2, 3)))]
    if parameter.kind in (int, float):
        step = 1 if parameter.kind is int else 0.25
        return [now + (step if tunable.maximum is None or now + step <= tunable.maximum else -step)]
    return [each for each in tunable.choices if each not in (now, "refuse")]


def choices(entry, parameter):
    """Every way to choose among the choices of the parameters beside one."""
    beside = [
        each for each in entry.parameters if each.tunable.choices and each.name != parameter.name
    ]
    values = [[one for one in each.tunable.choices if one != "refuse"] for each in beside]
    names = [each.name for each in beside]
    return [dict(zip(names, each, strict=True)) for each in itertools.product(*values)]


def test_defaults_stay_within_their_bounds(any_entry):
    for parameter in any_entry.parameters:
        tunable = parameter.tunable
        if parameter.kind not in (int, float):
            continue
        assert tunable.minimum is None or parameter.default >= tunable.minimum
        assert tunable.maximum is None or parameter.default <= tunable.maximum
        assert tunable.over is None or parameter.default > tunable.over


def test_every_text_that_a_client_reads_is_there(any_entry):
    assert any_entry.summary.endswith(".")
    assert len(any_entry.description) > 20
    assert any_entry.use
    assert any_entry.avoid
    assert any_entry.formula
    assert any_entry.reference
    assert set(any_entry.needs) <= EVIDENCE.keys()
    assert all(parameter.tunable.help for parameter in any_entry.parameters)


def test_a_text_names_no_function_that_is_not_there(any_entry):
    known = {*REGISTRY, *ALIASES, *(parameter.name for parameter in any_entry.parameters)}
    known |= {"of", "n", "k", *EVIDENCE}
    known |= {value for each in any_entry.parameters for value in each.tunable.choices}
    texts = (any_entry.description, any_entry.use, any_entry.avoid, any_entry.formula)

    assert not {name for text in texts for name in text.split("`")[1::2]} - known


def test_a_kind_says_what_it_takes(any_entry):
    low, high = any_entry.of
    expected = {
        SCORE: (0, 0),
        AGGREGATION: (1, 1),
        COMPOSITION: (max(1, low), max(1, low, high)),
        BATCH: (0, 1),
    }

    assert expected[any_entry.kind] == any_entry.of
    assert (any_entry.prefix_consistent is None) == (any_entry.kind != BATCH)
    assert any_entry.kind != COMPOSITION or {"base", "bases"} & set(any_entry.needs)


def test_parameters_that_do_not_fit_are_refused_by_a_sentence(any_entry):
    if any_entry.fits is None:
        pytest.skip(f"{any_entry.name} takes any parameters that its schema allows")
    fitting, misfitting = (
        {
            parameter.name: numbers if parameter.kind is Numbers else parameter.default
            for parameter in any_entry.parameters
        }
        | usual(any_entry)
        for numbers in ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0, 4.0))
    )

    assert any_entry.fits(fitting, size(classes=4, labelled=9, functions=3)) is None
    sizes = (3, 10**6)
    assert any(
        any_entry.fits(misfitting, size(classes=classes, labelled=0, functions=3))
        for classes in sizes
    )


def size(*, classes, labelled, functions):
    """How much a scoring has to do."""
    return Size(
        items=ITEMS,
        candidates=ITEMS,
        labelled=labelled,
        n=10,
        width=6,
        classes=classes,
        members=5,
        functions=functions,
        parameters={},
    )
