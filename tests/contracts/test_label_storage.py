"""What the storage of labels promises, on a real Redis."""

import json
import threading
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import redis_labels
from service.errors import TooBusy
from service.label_scripts import BLOCK
from service.records import LABELLED, Labelling, now
from service.redis_labels import RedisLabels, step_of
from service.version_scripts import COUNTER
from tests.contracts.test_storage import members

TIMES = ("2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z")
SAID = st.builds(
    Labelling,
    st.sampled_from(['"cat"', "1", '"1"', "true", '"caf\u00e9"', "0.5"]),
    st.sampled_from(["", "anna", "ben\nand more"]),
    st.sampled_from(TIMES),
)
ROWS = st.sampled_from([0, 1, 7, 8, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
CHANGES = st.dictionaries(ROWS, st.none() | SAID, max_size=8)
DOINGS = st.one_of(
    st.tuples(st.sampled_from(["few", "many", "meanwhile"]), CHANGES, CHANGES),
    st.tuples(st.just("clear"), st.just({}), st.just({})),
)


def said(label, source="", time=TIMES[0]):
    return Labelling(json.dumps(label), source, time)


def in_steps_of(monkeypatch, n):
    """Let more than `n` labels be a load of steps of `n`."""
    monkeypatch.setattr(redis_labels, "STEP", n)


def state(labels, backend, pool="p"):
    """All that is stored of a pool's labels, as far as it can be asked for."""
    rows = sorted(members(backend.storage.bits(pool, LABELLED)))
    counts = labels.classes(pool, 100)
    stored = dict(zip(rows, labels.labellings(pool, rows), strict=True))
    return stored, dict(counts.counts), counts.distinct, counts.labelled, labels.count(pool)


def changed(model, changes):
    """What labels are after some changes, by the promise alone."""
    after = dict(model)
    for row, new in changes.items():
        old = after.pop(row, None)
        if new is not None:
            after[row] = old if old is not None and old[:2] == new[:2] else new
    return after


def check(labels, backend, model):
    counts = Counter(each.label for each in model.values())
    expected = (model, dict(counts), len(counts), len(model), len(model))
    assert state(labels, backend) == expected


def load(labels, changes, meanwhile=None):
    """Write changes as a load of steps of two rows, and others in between."""
    keys, rows = labels.keys("p"), sorted(changes)
    labels.begin(keys, "t")
    for start in range(0, len(rows), 2):
        if start == 2 and meanwhile:
            labels.put("p", meanwhile)
        step = step_of(rows[start : start + 2], changes)
        assert labels.stage(keys=keys, args=["t", 60, 60, *step])
    return labels.commit(keys=keys, args=["t"])


def test_labels_are_set_changed_and_removed_by_row(labels, backend):
    assert labels.put("p", {3: said("cat"), 9: said(1)}) == 2
    assert labels.put("p", {3: said("dog"), 9: None, 12: said(True)}) == 2

    assert labels.read("p", [0, 3, 9, 12]) == [None, '"dog"', None, "true"]
    assert labels.labellings("p", [12, 0]) == [said(True), None]
    assert labels.read("p", []) == []
    assert {3, 12} == members(backend.storage.bits("p", LABELLED))

    labels.clear("p")
    assert labels.read("p", [3]) == [None]
    assert set() == members(backend.storage.bits("p", LABELLED))
    assert labels.count("p") == 0
    assert labels.classes("p", 10).counts == ()


def test_the_most_frequent_labels_come_first(labels):
    labels.put("p", {row: said("b" if row % 3 else "a") for row in range(9)} | {9: said(1)})

    counts = labels.classes("p", 2)

    assert counts.counts == (('"b"', 6), ('"a"', 3))
    assert (counts.distinct, counts.labelled) == (3, 10)


def test_the_same_label_of_the_same_source_keeps_its_time(labels):
    labels.put("p", {1: said("a", "anna")})
    labels.put("p", {1: said("a", "anna", TIMES[1])})
    assert labels.labellings("p", [1]) == [said("a", "anna")]

    labels.put("p", {1: said("a", "ben", TIMES[1])})
    assert labels.labellings("p", [1]) == [said("a", "ben", TIMES[1])]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(DOINGS, max_size=8))
def test_labels_bitmap_and_counts_never_drift_apart(labels, backend, doings):
    labels.clear("p")
    model = {}
    for doing, changes, others in doings:
        if doing == "few":
            model = changed(model, changes)
            assert labels.put("p", changes) == len(model)
        elif doing == "many":
            model = changed(model, changes)
            assert load(labels, changes) == len(model)
        elif doing == "meanwhile":
            # What changes nothing that stands came, so to say, before the load.
            told = changed(model, others) if len(changes) > 2 else model
            late = {row: told.get(row) for row in others if told.get(row) != model.get(row)}
            early = dict(sorted(changes.items())[:2])
            rest = dict(sorted(changes.items())[2:])
            model = changed(changed(changed(model, early), late), rest)
            load(labels, changes, others)
            model = stamped(model, labels)
        else:
            labels.clear("p")
            model = {}
        check(labels, backend, model)
    labels.clear("p")
    assert set(backend.storage.redis.keys("*")) <= {COUNTER.encode()}


def stamped(model, labels):
    """A model with the times that are stored: where two write at once either's may stand."""
    stored = labels.labellings("p", list(model))
    return {
        row: each._replace(time=found.time)
        for (row, each), found in zip(model.items(), stored, strict=True)
    }


def test_a_load_is_seen_at_once_or_not_at_all(labels, backend):
    labels.put("p", {0: said("old"), 5: said("old")})
    before = state(labels, backend)
    changes = {0: said("new"), 1: said("new"), BLOCK: said("new"), 5: None}
    keys, rows = labels.keys("p"), sorted(changes)
    labels.begin(keys, "t")
    for row in rows:
        labels.stage(keys=keys, args=["t", 60, 60, *step_of([row], changes)])
        assert state(labels, backend) == before

    assert labels.commit(keys=keys, args=["t"]) == 3
    assert labels.read("p", [0, 1, 5, BLOCK]) == ['"new"', '"new"', None, '"new"']


def test_many_labels_are_a_load_and_leave_nothing_beside(labels, connection, monkeypatch):
    in_steps_of(monkeypatch, 3)
    changes = {row: said(row % 4) for row in range(0, 5 * BLOCK, BLOCK // 2)}

    assert labels.put("p", changes) == 10
    assert labels.put("p", changes) == 10
    assert labels.put("p", dict.fromkeys(changes)) == 0
    assert not [key for key in connection.keys("*") if b"load" in key or b"pending" in key]


def test_what_a_load_wrote_stays_for_good(labels, connection, monkeypatch):
    in_steps_of(monkeypatch, 3)
    labels.put("p", {row: said("a") for row in range(8)})
    labels.put("p", {row: said("b") for row in range(8)})

    assert {connection.ttl(key) for key in connection.keys("*")} == {-1}


def test_a_load_that_is_repeated_step_by_step_counts_nothing_twice(labels, backend):
    changes = {row: said("a") for row in range(4)}
    keys = labels.keys("p")
    labels.begin(keys, "t")
    for _ in range(2):
        labels.stage(keys=keys, args=["t", 60, 60, *step_of(list(changes), changes)])

    assert labels.commit(keys=keys, args=["t"]) == 4
    assert labels.commit(keys=keys, args=["t"]) == -1
    check(labels, backend, changes)


def test_what_a_load_left_that_died_is_gone_with_the_next(labels, backend, connection):
    keys = labels.keys("p")
    labels.begin(keys, "dead")
    labels.stage(keys=keys, args=["dead", 60, 60, *step_of([7], {7: said("lost")})])
    connection.delete(keys[-1])

    labels.put("p", {1: said("a")})
    assert load(labels, {2: said("b"), 3: said("b")}) == 3
    assert not labels.stage(keys=keys, args=["dead", 60, 60, *step_of([8], {8: said("lost")})])
    check(labels, backend, {1: said("a"), 2: said("b"), 3: said("b")})


def test_one_load_waits_for_another_and_gives_up_after_a_while(labels, monkeypatch):
    in_steps_of(monkeypatch, 3)
    monkeypatch.setattr(redis_labels, "SECONDS_TO_WAIT", 0)
    labels.begin(labels.keys("p"), "other")

    with pytest.raises(TooBusy):
        labels.put("p", {row: said("a") for row in range(4)})
    assert labels.put("p", {1: said("a")}) == 1


def test_a_load_begins_again_where_the_labels_are_cleared_meanwhile(labels, backend, monkeypatch):
    in_steps_of(monkeypatch, 3)
    labels.put("p", {100: said("old")})
    real, steps = labels.stage, []

    def cleared_first(**given):
        if not steps:
            labels.clear("p")
        steps.append(1)
        return real(**given)

    monkeypatch.setattr(labels, "stage", cleared_first)
    changes = {row: said("a") for row in range(4)}

    assert labels.put("p", changes) == 4
    check(labels, backend, changes)


def test_counts_that_are_still_to_be_added_are_added_before_they_are_read(
    labels, backend, monkeypatch
):
    labels.put("p", {row: said(f"old {row}") for row in range(10)})
    many = {row: said(row) for row in range(3 * redis_labels.STEP)}
    monkeypatch.setattr(labels, "finish_counts", lambda _: None)
    labels.put("p", many)
    monkeypatch.undo()
    labels.put("p", {0: said("last")})

    counts = labels.classes("p", 5)

    assert (counts.distinct, counts.labelled) == (len(many), len(many))
    assert dict(labels.classes("p", 99_999).counts) == {
        '"last"': 1,
        **{str(row): 1 for row in range(1, len(many))},
    }


def test_one_label_is_one_command(labels, connection):
    labels.put("p", {1: said("a")})
    before = connection.info("commandstats")["cmdstat_evalsha"]["calls"]
    sent = connection.info("stats")["total_commands_processed"]

    labels.put("p", {2: said("a")})

    assert connection.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1
    assert connection.info("stats")["total_commands_processed"] - sent < 20


def test_many_writers_at_once_lose_nothing(connection, backend, monkeypatch):
    in_steps_of(monkeypatch, 4)

    def write(number):
        labels = RedisLabels(connection)
        for turn in range(5):
            changes = {
                row: Labelling(str((row + turn) % 3), str(number), now())
                for row in range(number, number + (2 if number % 2 else 12))
            }
            labels.put("p", changes if turn < 4 or number % 3 else dict.fromkeys(changes))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    labels = RedisLabels(connection)
    rows = sorted(members(backend.storage.bits("p", LABELLED)))
    stored = dict(zip(rows, labels.labellings("p", rows), strict=True))
    assert None not in stored.values()
    check(labels, backend, stored)
