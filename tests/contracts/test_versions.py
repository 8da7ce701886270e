"""A version is only ever that of one content, whoever writes, and in whatever way."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.label_scripts import STEP
from service.records import LABELLED, LEASED, Labelling, Lease, Pool, Ranking, Spoken, new_id, now
from service.redis_labels import RedisLabels
from service.redis_leases import RedisLeases
from service.redis_storage import RedisStorage
from service.storage import set_place
from tests.conftest import until
from tests.contracts.test_storage import bitmap

NAMES = ("s", "t", LABELLED, LEASED)
ON_ONE_STORAGE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Watch:
    """What every set of a pool held under every version it ever had."""

    def __init__(self, storage):
        self.storage = storage
        self.seen = {}

    def look(self):
        places = [set_place("p", name) for name in NAMES]
        versions = self.storage.versions(places)
        for place, version in zip(places, versions, strict=True):
            found = self.storage.versioned(place)
            assert version == found.version
            assert (found.content is None) == (version == "")
            assert self.seen.setdefault((place, version), found.content) == found.content


def said(text):
    return Labelling(f'"{text}"', "Ada", now())


class World:
    """All that writes sets of a pool."""

    def __init__(self, connection):
        self.storage = RedisStorage(connection)
        self.labels = RedisLabels(connection)
        self.leases = RedisLeases(connection)
        self.held = []

    def put(self, row):
        self.storage.put_bits("p", "s", bitmap({row}))

    def merge(self, row):
        self.storage.merge_bits("p", "t", bitmap({row}), bitmap({row + 1}))

    def remove(self, row):
        self.storage.remove_bits("p", "s" if row % 2 else "t")

    def forget(self, _):
        self.storage.forget_pool("p")

    def label(self, row):
        self.labels.put("p", {row: said("cat")})

    def unlabel(self, row):
        self.labels.put("p", {row: None})

    def load(self, row):
        """Many labels at once, with one of them set meanwhile."""
        stage, first = self.labels.stage, [lambda: self.labels.put("p", {row: said("dog")})]

        def step(**given):
            answer = stage(**given)
            while first:
                first.pop()()
            return answer

        self.labels.stage = step
        self.labels.put("p", {each: said("cat") for each in range(row, row + STEP + 2)})
        self.labels.stage = stage

    def clear(self, _):
        self.labels.clear("p")

    def take(self, row, seconds=100):
        wanted = Lease(id=new_id(), pool="p", ranking="r", annotator=new_id(), overlap=1)
        candidates = {each: {"id": f"i{each}", "rank": each + 1} for each in (row, row + 1)}
        given = {
            "n": 2,
            "seconds": seconds,
            "labelled_too": True,
            "all_there_are": True,
            "most": 100,
        }
        lease = self.leases.take(wanted, candidates, **given)
        self.held += [lease] if lease.items else []
        return lease

    def run_out(self, row):
        lease = self.take(row, seconds=0.001)
        until(lambda: not lease.items or self.leases.get(lease.id).ended)
        self.leases.sweep("p")

    def release(self, _):
        if self.held:
            self.leases.release(self.held[-1], list(self.held[-1].items)[:1], new_id())

    def complete(self, _):
        if self.held:
            lease = self.held.pop()
            self.leases.complete(lease, dict.fromkeys(lease.items, Spoken('"cat"', '"cat"')))

    def forget_leases(self, _):
        self.leases.forget_pool("p")
        self.held.clear()


WRITERS = sorted(name for name in vars(World) if not name.startswith("_"))


@pytest.fixture
def world(connection):
    return World(connection)


@pytest.mark.parametrize("name", ["put", "merge", "label", "load", "take"])
def test_what_writes_a_set_gives_it_another_version(world, name):
    places = [set_place("p", each) for each in NAMES]
    versions = [world.storage.versions(places)]
    for row in (1, 20):
        getattr(world, name)(row)
        versions.append(world.storage.versions(places))

    assert any(len({each[place] for each in versions}) == 3 for place in range(len(places)))


@given(st.lists(st.tuples(st.sampled_from(WRITERS), st.sampled_from([1, 3, 20])), max_size=12))
@ON_ONE_STORAGE
def test_no_version_of_a_set_comes_back_with_another_content(world, doings):
    for forget in ("forget", "forget_leases", "clear"):
        getattr(world, forget)(0)
    watch = Watch(world.storage)
    for name, row in doings:
        getattr(world, name)(row)
        watch.look()


@pytest.mark.parametrize("kind", [Pool, Ranking])
def test_a_record_has_another_version_after_every_write_and_none_when_it_has_gone(storage, kind):
    record = record_of(kind)
    place, versions = (kind.kind, "r"), []

    def look():
        [version] = storage.versions([place])
        found = storage.versioned(place)
        assert version == found.version
        versions.append(version)
        return found.content

    assert look() is None
    storage.add(record)
    assert b'"2026"' in look()
    changed = type(record)(**{**vars(record), "created_at": "2027"})
    storage.replace(record, changed)
    assert b'"2027"' in look()
    storage.remove(changed)
    assert look() is None
    storage.add(record)
    look()

    assert [versions[0], versions[3]] == ["", ""]
    assert len({versions[1], versions[2], versions[4]}) == 3


def record_of(kind):
    if kind is Pool:
        return Pool(id="r", created_at="2026")
    return Ranking(
        id="r",
        created_at="2026",
        job="j",
        pool="p",
        parts=(),
        total=0,
        ranked=0,
        form="score",
        purpose="",
        function={},
        source={},
        raw_name="",
        raw_direction="higher",
        summary={},
        versions={},
        submitted_at="",
        started_at="",
    )


def test_sets_of_every_storage_have_a_version_as_long_as_they_are_there(storage):
    place = set_place("p", "s")
    assert storage.versions([place, set_place("p", "t")]) == ["", ""]
    storage.put_bits("p", "s", bitmap({1}))
    first = storage.versioned(place)
    storage.merge_bits("p", "s", bitmap({2}), b"")
    second = storage.versioned(place)
    storage.remove_bits("p", "s")

    assert storage.versions([place]) == [""]
    assert len({"", first.version, second.version}) == 3
    assert first.content != second.content


def test_what_was_written_before_there_were_versions_has_none(connection):
    storage = RedisStorage(connection)
    connection.set("shortlist:bits:p:s", b"\x80")

    assert storage.versions([set_place("p", "s")]) == [None]
    assert storage.versioned(set_place("p", "s")) == (b"\x80", None)
