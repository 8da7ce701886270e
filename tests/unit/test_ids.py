"""Ids are exact: what is found is what was put in, to the last byte."""

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


def test_ids_that_differ_by_a_blank_a_case_or_a_digit_differ():
    packed = ids.pack(["d1", "d10", "D1", "d1 ", " d1", "d1\0", "\u00e9", "e\u0301"])

    assert find([*packed.at(np.arange(8)), "d"], packed) == [0, 1, 2, 3, 4, 5, 6, 7, -1]


def test_the_hash_of_an_id_does_not_depend_on_its_neighbours():
    alone = ids.hash_ids(ids.pack(["short"]))[0]
    beside = ids.hash_ids(ids.pack(["x" * 500, "short", "y"]))[1]

    assert alone == beside


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


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (8, 12), (99, 101)])
def test_numbered_items_are_named_by_their_row(start, stop):
    packed = ids.numbered(start, stop)

    assert [str(row) for row in range(start, stop)] == packed.at(np.arange(stop - start))


def test_many_ids_are_found_across_blocks():
    names = [f"image-{n}" for n in range(100_000)]
    packed = ids.pack(names)

    assert find([names[0], names[-1], names[31_767], "image-"], packed) == [0, 99_999, 31_767, -1]
