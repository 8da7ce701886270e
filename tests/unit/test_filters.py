"""Metadata filters, against plain Python, over parts that have some columns and lack others."""

import json

import numpy as np
import pytest

from service.errors import InvalidRequest
from service.files import Files, part_name
from service.filters import Condition, check, matching
from service.items import Items
from service.records import Part, Pool

CITIES = ["Oslo", "Bergen", None, "Oslo"]
SPEEDS = [3.0, None, -1.5, 10.0]
WET = [True, False, None, True]


@pytest.fixture
def items(tmp_path):
    """Two parts: one with a city and whether it is wet, one with a city and a speed."""
    files = Files(tmp_path)
    parts = (
        write(files, "a", city=strings(CITIES), wet=booleans(WET)),
        write(files, "b", speed=numbers(SPEEDS), city=strings(CITIES[::-1])),
    )
    kinds = {"city": "string", "wet": "boolean", "speed": "number"}
    return Items(files, Pool(id="p", parts=parts, metadata=kinds))


def strings(values):
    texts = sorted({value for value in values if value is not None})
    return np.array([-1 if v is None else texts.index(v) for v in values], dtype=np.int32), texts


def numbers(values):
    return np.array([np.nan if value is None else value for value in values]), None


def booleans(values):
    return np.array([-1 if value is None else value for value in values], dtype=np.int8), None


def write(files, name, **columns):
    with files.staging("t") as staged:
        for number, (array, texts) in enumerate(columns.values()):
            np.save(staged / f"metadata_{number}.npy", array)
            if texts is not None:
                (staged / f"metadata_{number}.json").write_text(json.dumps(texts))
        files.publish(staged, part_name("p", name))
    return Part(id=name, job="j", rows=4, bytes=0, sha256="", metadata=tuple(columns))


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (Condition("city", among=("Oslo",)), [0, 3, 4, 7]),
        (Condition("city", among=("Bergen", "Rome")), [1, 6]),
        (Condition("city", among=("Rome",)), []),
        (Condition("city", among=()), []),
        (Condition("wet", among=(True,)), [0, 3]),
        (Condition("wet", among=(False,)), [1]),
        (Condition("wet", among=(True, False)), [0, 1, 3]),
        (Condition("speed", among=(3,)), [4]),
        (Condition("speed", minimum=-1.5), [4, 6, 7]),
        (Condition("speed", maximum=3), [4, 6]),
        (Condition("speed", minimum=0, maximum=5), [4]),
        (Condition("speed", minimum=5, maximum=0), []),
    ],
)
def test_items_without_a_value_meet_no_condition(items, condition, rows):
    check(items.pool, [condition])

    assert rows == np.flatnonzero(matching(items, [condition], 8)).tolist()


def test_every_condition_must_be_met(items):
    both = [Condition("city", among=("Oslo",)), Condition("speed", minimum=0)]

    assert np.flatnonzero(matching(items, both, 8)).tolist() == [4, 7]
    assert matching(items, [], 8).sum() == 8


def test_parts_that_came_later_are_left_out(items):
    assert np.flatnonzero(matching(items, [Condition("city", among=("Oslo",))], 4)).tolist() == [
        0,
        3,
    ]


@pytest.mark.parametrize(
    "condition",
    [
        Condition("town", among=("Oslo",)),
        Condition("city", among=(1,)),
        Condition("city", minimum=1),
        Condition("wet", among=(1,)),
        Condition("wet", among=("true",)),
        Condition("speed", among=(True,)),
        Condition("speed", among=(False,)),
        Condition("speed", among=("3",)),
    ],
)
def test_a_condition_that_no_item_could_be_held_against_is_refused(items, condition):
    with pytest.raises(InvalidRequest) as refusal:
        check(items.pool, [condition])

    assert f"/where/{condition.column}" == refusal.value.faults[0].pointer


def test_metadata_is_read_back_without_what_was_not_given(items):
    found = items.metadata(np.array([7, 4, 0, 2]))

    assert found == [
        {"speed": 10.0, "city": "Oslo"},
        {"speed": 3.0, "city": "Oslo"},
        {"city": "Oslo", "wet": True},
        {},
    ]
