"""Readings remember what they were told, and never answer by what is so no longer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.backend import backend_on
from service.errors import ExclusionSetNotFound, PoolNotFound, RankingNotFound
from service.operations import exclusions, labels, leases, pools, rankings, remembered
from service.operations.leases import Demand
from service.operations.rankings import Query
from service.records import LABELLED, LEASED, Pool
from service.workspaces import key_of
from tests.leasing import pool_of, ranking_of
from tests.unit.test_pools import arrival

IDS = [f"i{row}" for row in range(30)]
SOME = st.lists(st.sampled_from(IDS), max_size=8)
NAMES = st.sampled_from(["a", "b"])


@pytest.fixture
def pool(backend):
    return pool_of(backend, IDS)


@pytest.fixture
def ranking(backend, pool):
    return ranking_of(backend, pool, range(len(IDS)))


@pytest.fixture
def other(backend, connection):
    """The backend of another process, which remembers for itself."""
    return backend_on(connection, backend.settings)


@pytest.fixture
def readers(backend, other, connection):
    """The backends of two processes, and of one that remembers nothing."""
    forgetful = replace(backend.settings, reading_cache_bytes=0)
    return backend, other, backend_on(connection, forgetful)


def read(backend, ranking, **query):
    return rankings.read(backend, ranking, Query(**{"n": 100, **query}))


def ids(reading):
    return [row.id for row in reading.items]


class Plain:
    """The sets of the pool as Python's own sets."""

    def __init__(self):
        self.sets = {"a": set(), "b": set()}
        self.labelled = set()

    def put(self, backend, pool, name, ids):
        exclusions.put(backend, pool, name, ids)
        self.sets[name] = set(ids)

    def add(self, backend, pool, name, ids):
        exclusions.change(backend, pool, name, add=ids, remove=[])
        self.sets[name] |= set(ids)

    def remove(self, backend, pool, name, ids):
        exclusions.change(backend, pool, name, add=[], remove=ids)
        self.sets[name] -= set(ids)

    def renew(self, backend, pool, name, ids):
        exclusions.delete(backend, pool, name)
        self.put(backend, pool, name, ids)

    def label(self, backend, pool, name, ids):
        entries = {id: labels.Entry(None if name == "b" else "x") for id in ids}
        labels.put_entries(backend, pool, entries, source="", at=labels.in_list)
        changed = self.labelled.difference if name == "b" else self.labelled.union
        self.labelled = set(changed(ids))


DOINGS = st.tuples(
    st.sampled_from(["put", "add", "remove", "renew", "label"]), NAMES, SOME, st.booleans()
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    doings=st.lists(DOINGS, max_size=8),
    named=SOME,
    sets=st.sampled_from([(), ("a",), ("b",), ("a", "b")]),
)
def test_every_process_sees_what_any_wrote_before_it_was_asked(
    readers, pool, ranking, *, doings, named, sets
):
    backend, other, _ = readers
    plain = Plain()
    for name in ("a", "b"):
        plain.put(backend, pool, name, [])
    backend.labels.clear(pool)
    for doing, name, chosen, here in doings:
        getattr(plain, doing)(backend if here else other, pool, name, chosen)
        out = set(named).union(plain.labelled, *(plain.sets[each] for each in sets))
        for reader in readers:
            found = read(reader, ranking, exclude=tuple(named), exclude_sets=sets)
            assert ids(found) == [id for id in reversed(IDS) if id not in out]
            assert (found.eligible, found.excluded) == (len(IDS) - len(out), len(out))


def test_a_set_that_nobody_changed_is_not_read_again(backend, pool, ranking):
    exclusions.put(backend, pool, "a", IDS[:3])
    read(backend, ranking, exclude_sets=("a",))
    [before] = remembered.sets(backend, pool, ["a"])
    read(backend, ranking, exclude_sets=("a",))
    [after] = remembered.sets(backend, pool, ["a"])

    assert after is before


def test_a_set_that_was_deleted_is_not_found_and_one_made_again_is_new(
    backend, other, pool, ranking
):
    exclusions.put(backend, pool, "a", IDS[:3])
    assert len(ids(read(backend, ranking, exclude_sets=("a",)))) == len(IDS) - 3

    exclusions.delete(other, pool, "a")
    with pytest.raises(ExclusionSetNotFound):
        read(backend, ranking, exclude_sets=("a",))

    exclusions.put(other, pool, "a", [])
    assert len(ids(read(backend, ranking, exclude_sets=("a",)))) == len(IDS)


def test_what_a_lease_held_is_free_once_it_ran_out(backend, other, connection, pool, ranking):
    demand = Demand(annotator="Ada", seconds=100, overlap=1, query=Query(n=2))
    held = leases.take(other, ranking, demand).lease
    assert read(backend, ranking, exclude_sets=(LEASED,)).excluded == 2

    connection.zadd(key_of("leases", pool, "ends"), {held.id: 1})
    assert read(backend, ranking, exclude_sets=(LEASED,)).excluded == 0


def test_what_was_deleted_is_not_found_by_a_process_that_remembers_it(
    backend, other, pool, ranking
):
    second = ranking_of(backend, pool, range(len(IDS)))
    for each in (ranking, second):
        read(backend, each)

    rankings.delete(other, second)
    with pytest.raises(RankingNotFound):
        read(backend, second)

    pools.delete(other, pool)
    with pytest.raises((PoolNotFound, RankingNotFound)):
        read(backend, ranking)


def test_a_pool_that_is_being_deleted_is_not_read(backend, other, pool, ranking):
    read(backend, ranking)
    found = pools.get(other, pool)
    other.storage.replace(found, replace(found, deleted=True))

    with pytest.raises(PoolNotFound):
        read(backend, ranking)


def test_a_pool_that_grew_is_known_by_all_its_ids(backend, other, pool, ranking):
    read(backend, ranking)
    grown = pools.get(other, pool)
    pools.append(other, pool, arrival(other, grown, "new", job="k"))

    assert read(backend, ranking, exclude=("new", "nobody")).unknown == ("nobody",)
    assert read(backend, ranking, exclude=("new",)).excluded == 0


def test_what_was_written_without_a_version_is_read_each_time(backend, connection, pool, ranking):
    exclusions.put(backend, pool, "a", [])
    key = key_of("bits", pool, "a")
    connection.delete(f"{key}:version")
    for rows in (1, 2):
        connection.setbit(key, rows, 1)
        assert read(backend, ranking, exclude_sets=("a",)).excluded == rows


def test_a_small_cache_changes_no_answer(backend, connection, pool, ranking):
    small = backend_on(connection, replace(backend.settings, reading_cache_bytes=1_200))
    for name in ("a", "b"):
        exclusions.put(backend, pool, name, IDS[:5] if name == "a" else IDS[3:9])
    for sets, out in ((("a",), 5), (("b",), 6), (("a", "b"), 9)) * 2:
        assert read(small, ranking, exclude_sets=sets).excluded == out
    assert small.cache.bytes <= 1_200


def test_the_sets_of_a_pool_are_listed_as_they_are_now(backend, other, pool):
    exclusions.put(other, pool, "a", IDS[:2])
    assert exclusions.listing(backend, pool)[2:] == [exclusions.ExclusionSet("a", 2)]
    exclusions.change(other, pool, "a", add=IDS[2:4], remove=[])
    found = exclusions.listing(backend, pool)
    assert [(each.name, each.size) for each in found] == [(LABELLED, 0), (LEASED, 0), ("a", 4)]


def test_many_pools_do_not_share_what_is_remembered(backend):
    made = [pool_of(backend, IDS) for _ in range(2)]
    found = [ranking_of(backend, each, np.arange(len(IDS))) for each in made]
    exclusions.put(backend, made[0], "a", IDS[:4])
    exclusions.put(backend, made[1], "a", [])

    assert [read(backend, each, exclude_sets=("a",)).excluded for each in found] == [4, 0]
    assert backend.storage.get(Pool, made[0]) == pools.get(backend, made[0])
