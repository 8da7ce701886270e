"""Pools while they are deleted: whatever comes then leaves nothing behind."""

from dataclasses import replace

import numpy as np
import pytest

from service.errors import PoolNotFound, TooLarge
from service.files import part_name
from service.ids import build_index, hash_ids, pack
from service.operations import exclusions, labels, pools
from service.operations.arrivals import Arrival
from service.records import DELETED, Part, Pool


def arrival(backend, pool, *names, job="j"):
    """Write a part and return it as it wants to enter the pool."""
    packed = pack(names)
    index = build_index(hash_ids(packed))
    part = Part(id=f"part of {job}", job=job, rows=len(names), bytes=1, sha256="")
    with backend.files.staging("t") as staged:
        for name, array in {
            "ids": packed.blob,
            "id_ends": packed.ends,
            "id_hashes": index.hashes,
            "id_rows": index.rows,
        }.items():
            np.save(staged / f"{name}.npy", array)
        backend.files.publish(staged, part_name(pool.id, part.id))
    return Arrival(
        part=part,
        dtype="float32",
        item_shape=(2,),
        metadata={},
        ids=packed,
        index=index,
        numbered_from=None,
    )


@pytest.fixture
def pool(backend):
    made = pools.create(backend, "p")
    pools.append(backend, made.id, arrival(backend, made, "a", "b", "c"))
    return pools.get(backend, made.id)


def keys(backend, pool):
    return [key for key in backend.storage.redis.scan_iter() if pool.id.encode() in key]


def test_a_deleted_pool_leaves_nothing(backend, pool):
    labels.put(backend, pool.id, {"a": 1})
    exclusions.put(backend, pool.id, "s", ["b"])

    pools.delete(backend, pool.id)

    assert keys(backend, pool) == []
    assert not backend.files.exists(f"pools/{pool.id}")
    with pytest.raises(PoolNotFound):
        pools.delete(backend, pool.id)


def test_what_is_written_while_a_pool_is_deleted_leaves_nothing(backend, pool, monkeypatch):
    def delete_first(*arguments):
        pools.delete(backend, pool.id)
        return write(*arguments)

    for owner, name, call in (
        (backend.labels, "put", lambda: labels.put(backend, pool.id, {"a": 1})),
        (backend.storage, "put_bits", lambda: exclusions.put(backend, pool.id, "s", ["b"])),
        (
            backend.storage,
            "merge_bits",
            lambda: exclusions.change(backend, pool.id, "s", add=["b"], remove=[]),
        ),
    ):
        backend.storage.add(pool)
        backend.files.remove(f"pools/{pool.id}")
        arrival(backend, pool, "a", "b", "c")
        write = getattr(owner, name)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, delete_first)
            with pytest.raises(PoolNotFound):
                call()
        assert keys(backend, pool) == []


def test_a_deletion_that_was_cut_short_is_gone_on_with(backend, pool):
    labels.put(backend, pool.id, {"a": 1})
    backend.storage.replace(pool, replace(pool, deleted=True))

    with pytest.raises(PoolNotFound):
        pools.get(backend, pool.id)
    assert pools.page(backend, None, 10) == ([], None)
    assert [found.id for found in backend.storage.indexed(Pool, DELETED)] == [pool.id]

    pools.finish_deletions(backend)

    assert keys(backend, pool) == []
    assert not backend.files.exists(f"pools/{pool.id}")


def test_of_two_attempts_at_a_job_one_part_enters(backend, pool):
    first = arrival(backend, pool, "d", job="k")
    assert pools.append(backend, pool.id, first) == first.part
    again = replace(first, part=replace(first.part, id="another"))

    assert pools.append(backend, pool.id, again) == first.part
    assert pools.get(backend, pool.id).total == 4


def test_a_pool_has_at_most_so_many_parts(backend, pool):
    narrow = replace(backend, settings=replace(backend.settings, max_pool_parts=1))

    with pytest.raises(TooLarge, match="max_pool_parts"):
        pools.append(narrow, pool.id, arrival(narrow, pool, "d", job="k"))


def test_ten_thousand_labels_and_one_are_written_alike(backend):
    made = pools.create(backend, "p")
    names = [f"item {n}" for n in range(10_000)]
    pools.append(backend, made.id, arrival(backend, made, *names))

    assert labels.put(backend, made.id, dict.fromkeys(names, "x")) == 10_000
    assert labels.put(backend, made.id, {names[5]: None}) == 9_999
    halves = {name: None if n % 2 else n for n, name in enumerate(names)}
    assert labels.put(backend, made.id, halves) == 5_000
    found, total, _ = labels.page(backend, made.id, start=0, limit=3)
    assert total == 5_000
    assert [(each["id"], each["label"]) for each in found] == [(f"item {n}", n) for n in (0, 2, 4)]
