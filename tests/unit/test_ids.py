"""Ids are exact: what is found is what was put in, to the last byte."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ids

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
UNIQUE = st.lists(TEXT, unique=True, max_size=60)


def index_of(packed):
    return ids.build_index(ids.hash_ids(packed))


def find(wanted, packed):
    asked = ids.pack(wanted)
    return ids.find(asked, ids.hash_ids(asked), packed, index_of(packed)).tolist()


@given(UNIQUE)
def test_every_id_comes_back_and_is_found_where_it_is(names):
    packed = ids.pack(names)

    assert names == packed.at(np.arange(len(names)))
    assert list(range(len(names))) == find(names, packed)


@given(UNIQUE, UNIQUE)
def test_an_id_that_is_not_there_is_not_found(there, asked):
    rows = {name: row for row, name in enumerate(there)}

    assert [rows.get(name, -1) for name in asked] == find(asked, ids.pack(there))


@given(UNIQUE, st.data())
def test_ids_are_taken_and_joined_in_any_order(names, data):
    rows = data.draw(st.lists(st.integers(0, len(names) - 1), max_size=20)) if names else []
    chosen = np.array(rows, dtype=np.int64)
    half = len(rows) // 2

    packed = ids.pack(names)
    taken = packed.take(chosen)
    pieces = [packed.take(chosen[:half]), packed.take(chosen[half:])]

    assert taken.texts() == [names[row] for row in rows]
    assert ids.join(pieces).texts() == taken.texts()
    assert [bytes(row).rstrip(b"\0") for row in ids.padded(packed, chosen)] == [
        names[row].encode().rstrip(b"\0") for row in rows
    ]


@given(st.lists(st.sampled_from(["a", "a\0", "\0", "\0\0", "b" * 8, "c" * 17]), max_size=9))
def test_ids_of_the_character_that_parts_them_come_back_whole(names):
    assert ids.pack(names).texts() == names


def test_ids_that_differ_by_a_blank_a_case_or_a_digit_differ():
    packed = ids.pack(["d1", "d10", "D1", "d1 ", " d1", "d1\0", "\u00e9", "e\u0301"])

    assert find([*packed.at(np.arange(8)), "d"], packed) == [0, 1, 2, 3, 4, 5, 6, 7, -1]


def test_the_hash_of_an_id_does_not_depend_on_its_neighbours():
    alone = ids.hash_ids(ids.pack(["short"]))[0]
    beside = ids.hash_ids(ids.pack(["x" * 500, "short", "y"]))[1]

    assert alone == beside


def test_a_long_id_takes_no_room_for_its_neighbours():
    names = ["l" * 60_000, "m" * 513, "n" * 512, *(str(number) for number in range(30_000))]
    tracemalloc.start()
    hashes = ids.hash_ids(ids.pack(names))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 100 * 1024**2  # all of them padded would take 1.8 GB
    for row in (0, 1, 2, 3, 30_002):
        assert hashes[row] == ids.hash_ids(ids.pack([names[row]]))[0]


def test_the_hash_of_an_id_is_the_same_in_every_version():
    # Random scores and stored indexes are made of it: a change here is a change of the format.
    assert [len(set(ids.hash_ids(ids.pack(["a"] * 3)).tolist()))] == [1]
    assert int(ids.hash_ids(ids.pack(["frame-1"]))[0]) == 5613759898946990788


def test_ids_with_equal_hashes_are_told_apart_by_their_bytes():
    packed = ids.pack(["a", "b", "c", "a"])
    same = ids.IdIndex(np.zeros(4, dtype=np.uint64), np.arange(4, dtype=np.uint32))
    asked = ids.pack(["c", "b", "z"])

    found = ids.find(asked, np.zeros(3, dtype=np.uint64), packed, same)

    assert found.tolist() == [2, 1, -1]
    assert ids.first_duplicate(packed, same) == (0, 3)


@given(UNIQUE, st.data())
def test_the_first_id_that_stands_twice_is_found(names, data):
    if not names:
        return
    at = data.draw(st.integers(0, len(names) - 1))
    packed = ids.pack([*names, names[at]])

    assert (at, len(names)) == ids.first_duplicate(packed, index_of(packed))
    assert ids.first_duplicate(ids.pack(names), index_of(ids.pack(names))) is None


@pytest.mark.parametrize(
    ("tops", "differing"), [(1, 4_000), (3, 4_000), (300, 8), (300, 4_000), (4_000, 8)]
)
@pytest.mark.parametrize("seed", range(3))
def test_an_index_is_in_order_whatever_hashes_share(tops, differing, seed):
    # What differs in the last bits only is told apart after the sort: a few, or all again.
    random = np.random.default_rng(seed)
    hashes = random.integers(0, tops, 4_000).astype(np.uint64) << np.uint64(50)
    hashes[:differing] |= random.integers(0, 4, differing).astype(np.uint64)
    order = np.argsort(hashes, kind="stable")

    index = ids.build_index(hashes)

    assert index.rows.tolist() == order.tolist()
    assert index.hashes.tolist() == hashes[order].tolist()


@given(UNIQUE, UNIQUE)
def test_the_first_id_that_others_have_too_is_found(ours, theirs):
    here, there = ids.pack(ours), ids.pack(theirs)
    shared = [row for row, name in enumerate(ours) if name in theirs]
    expected = (shared[0], theirs.index(ours[shared[0]])) if shared else None

    assert expected == ids.first_common(here, index_of(here), there, index_of(there))


def test_equal_hashes_of_different_ids_are_not_taken_for_the_same_id(monkeypatch):
    def same(packed):
        return np.zeros(len(packed), dtype=np.uint64)

    monkeypatch.setattr(ids, "hash_ids", same)
    here, there = ids.pack(["a", "b", "c"]), ids.pack(["x", "c", "y", "b"])

    assert ids.first_common(here, index_of(here), there, index_of(there)) == (1, 3)
    assert ids.first_common(there, index_of(there), here, index_of(here)) == (1, 2)
    other = ids.pack(["d"])
    assert ids.first_common(other, index_of(other), there, index_of(there)) is None


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (8, 12), (99, 101), (9, 100_002)])
def test_numbered_items_are_named_by_their_row(start, stop):
    packed = ids.numbered(start, stop)

    assert [str(row) for row in range(start, stop)] == packed.at(np.arange(stop - start))


def test_many_ids_are_found_across_blocks():
    names = [f"image-{n}" for n in range(100_000)]
    packed = ids.pack(names)

    assert find([names[0], names[-1], names[31_767], "image-"], packed) == [0, 99_999, 31_767, -1]
