"""Labels: what each label's identity is, and how they are read back."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from service import ranking
from service.api.label_files import cell
from service.classes import identity, text_of
from service.errors import InvalidRequest, PoolNotFound
from service.operations import labels, pools
from service.operations.labels import Entry
from service.records import now
from service.schemas.labels import moment, read_entries, read_plain
from tests.unit.test_pools import arrival

LABELS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["1", "1.0", "true", "null", "NaN", '"', '"a"', "[", " 1", "", "{}"]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


@pytest.fixture
def pool(backend):
    made = pools.create(backend, "p")
    pools.append(backend, made.id, arrival(backend, made, *"abcde"))
    return made.id


@given(LABELS, LABELS)
def test_two_labels_have_one_text_only_if_they_are_one_class(a, b):
    assert (text_of(a) == text_of(b)) == (identity(a) == identity(b))
    assert identity(json.loads(text_of(a))) == identity(a)


@given(LABELS)
def test_a_cell_tells_every_label_from_every_other(label):
    text = cell(label)
    try:
        read = json.loads(text)
    except ValueError:
        read = text
    assert (type(read), read) == (type(label), label)


@given(st.sets(st.integers(0, 80_000), max_size=20), st.integers(0, 80_000))
def test_the_rows_of_a_bitmap_are_walked_from_one_on(rows, start):
    bitmap = ranking.bitmap_of(np.array(sorted(rows), dtype=np.int64), 80_001)

    found = [row for group in ranking.walk_rows(bitmap, start) for row in group.tolist()]

    assert found == sorted(row for row in rows if row >= start)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000000Z"),
        ("2026-01-31T09:30:00.5+01:00", "2026-01-31T08:30:00.500000Z"),
        ("2026-01-31T09:30:00.123456789-00:30", "2026-01-31T10:00:00.123456Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2026-02-30T09:30:00Z", None),
        ("2026-01-31T09:30:00", None),
        ("2026-01-31 09:30:00Z", None),
        ("2026-01-31T09:30Z", None),
        ("2026-W05-6T09:30:00Z", None),
        ("2026-01-31T24:30:00Z", None),
        ("٢٠٢٦-01-31T09:30:00Z", None),
        (1_769_000_000, None),
        (None, None),
    ],
)
def test_a_time_is_kept_in_utc(text, kept):
    assert moment(text) == kept


def test_every_time_has_the_length_that_the_storage_counts_on():
    assert len(now()) == len(moment("0001-01-01T00:00:00Z")) == 27


def test_labels_have_a_source_and_a_time(backend, pool):
    before = now()
    labels.put(backend, pool, {"a": "cat"}, source="anna")
    labels.put_entries(
        backend,
        pool,
        {"b": Entry("dog", "ben", "2026-01-31T09:30:00.000000Z"), "c": Entry(1.0), "d": Entry("")},
        source="model",
    )
    found, total, following = labels.page(backend, pool, start=0, limit=10)

    assert (total, following) == (4, None)
    assert [(each["id"], each["label"], each["source"]) for each in found] == [
        ("a", "cat", "anna"),
        ("b", "dog", "ben"),
        ("c", 1, "model"),
        ("d", "", "model"),
    ]
    assert found[1]["time"] == "2026-01-31T09:30:00.000000Z"
    assert before <= found[0]["time"] <= found[2]["time"] <= now()
    assert datetime.fromisoformat(found[0]["time"]).tzinfo == UTC


def test_labels_set_changed_and_removed_in_one_request_are_counted(backend, pool):
    labels.put(backend, pool, {"a": 1, "b": 1.0, "c": "1", "d": True})
    assert labels.put(backend, pool, {"a": "x", "c": None, "e": True}) == 4

    counts = labels.classes(backend, pool)

    assert labels.listed(counts)[0] == {"label": True, "count": 2}
    assert {(type(each["label"]), each["label"]) for each in labels.listed(counts)} == {
        (bool, True),
        (int, 1),
        (str, "x"),
    }
    assert (counts.distinct, counts.labelled) == (3, 4)


def test_an_unknown_id_sets_nothing_and_is_named(backend, pool):
    with pytest.raises(InvalidRequest) as refused:
        labels.put(backend, pool, {"a": 1, "nobody": 2})

    assert [fault.pointer for fault in refused.value.faults] == ["/labels/1/id"]
    assert labels.classes(backend, pool).labelled == 0


def test_pages_of_labels_lead_on_in_pool_order(backend, pool):
    labels.put(backend, pool, {"e": 1, "c": 2, "a": 3})

    first, total, following = labels.page(backend, pool, start=0, limit=2)
    rest, _, end = labels.page(backend, pool, start=following, limit=2)

    assert [each["id"] for each in first + rest] == ["a", "c", "e"]
    assert (total, following, end) == (3, 4, None)


def test_all_labels_are_read_a_few_at_a_time(backend, monkeypatch):
    monkeypatch.setattr(ranking, "SLICE", 1)
    made = pools.create(backend, "p")
    names = [f"item {n}" for n in range(20)]
    pools.append(backend, made.id, arrival(backend, made, *names))
    labels.put(backend, made.id, dict.fromkeys(names[2:], "x"))

    groups = list(labels.every(backend, made.id))

    assert [len(group) for group in groups] == [6, 8, 4]
    assert [each["id"] for group in groups for each in group] == names[2:]


def test_labels_of_no_pool_are_not_there(backend):
    for call in (labels.every, labels.classes, labels.delete):
        with pytest.raises(PoolNotFound):
            call(backend, "nope")


ENTRIES = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b", "c", "d", 1]), "label": LABELS | st.none() | st.just([])},
    optional={"source": st.just("anna")},
)


@given(st.lists(ENTRIES | st.just("x") | st.just({"id": "e", "source": "ben"}), max_size=6))
def test_labels_read_all_at_once_are_those_read_one_by_one(values):
    def outcome(given):
        try:
            entries = read_entries(given)
        except ValidationError as refused:
            return refused.messages
        return [(id, type(each.label), each) for id, each in entries.items()]

    # What is no list is read as it comes.
    assert outcome(values) == outcome(iter(values))
    assert read_plain([{"id": "a", "label": "x"}, {"id": "b", "label": None}]) is not None
