"""What every storage promises; the stand-in and Redis are held to the same."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.records import (
    ACTIVE,
    SUCCEEDED,
    Job,
    Model,
    Pool,
    Predictions,
    Ranking,
    new_id,
)

ROWS = st.sets(st.integers(0, 40))
ON_ONE_STORAGE = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def job(**given):
    return Job(id=new_id(), task="score", request={"a": [1, "ü"]}, **given)


def bitmap(rows):
    bits = "".join("1" if row in rows else "0" for row in range(48))
    return bytes(int(bits[start : start + 8], 2) for start in range(0, 48, 8))


def members(stored):
    bits = "".join(f"{byte:08b}" for byte in stored or b"")
    return {row for row, bit in enumerate(bits) if bit == "1"}


def test_a_record_comes_back_as_it_was(storage):
    model = Model(id="m", format="onnx", bytes=3, classes=("a", 1, True), item_shape=(2, 3))
    storage.add(model)

    assert model == storage.get(Model, "m")
    assert storage.get(Model, "n") is None
    assert storage.get(Pool, "m") is None


def test_predictions_come_back_as_they_were_and_are_found_by_their_pool(storage):
    mine = Predictions(
        id="m",
        job="j",
        pool="p",
        form="members",
        parts=("a", "b"),
        total=9,
        items=7,
        whole=False,
        classes=("bus", 1, True),
        members=3,
        dtype="float16",
        empty=0,
        bytes=5,
        sha256="",
    )
    storage.add(mine)

    assert mine == storage.get(Predictions, "m")
    assert [mine] == storage.indexed(Predictions, "pool:p")
    assert storage.indexed(Predictions, "pool:q") == []
    assert storage.indexed(Job, "pool:p") == []


def test_an_id_is_taken_once(storage):
    storage.add(Pool(id="p", name="first", created_at="2026"))

    assert not storage.add(Pool(id="p", name="second", created_at="2027"))
    assert storage.get(Pool, "p").name == "first"


def test_only_one_of_many_replaces_a_record(storage):
    old = Pool(id="p")
    storage.add(old)

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(lambda n: storage.replace(old, replace(old, name=str(n))), range(8)))

    assert sum(won) == 1
    assert str(won.index(True)) == storage.get(Pool, "p").name


def test_a_write_that_is_tried_again_succeeds_again(storage):
    old, new = Pool(id="p", created_at="1"), Pool(id="p", created_at="1", name="new")

    assert storage.add(old)
    assert storage.add(old)
    assert storage.replace(old, new)
    assert storage.replace(old, new)


def test_a_record_that_has_gone_is_neither_replaced_nor_removed(storage):
    pool = Pool(id="p")
    storage.add(pool)

    assert storage.remove(replace(pool, name="whatever it is by now"))
    assert not storage.remove(pool)
    assert not storage.replace(pool, replace(pool, name="again"))
    assert storage.page(Pool, None, 10) == ([], None)


def test_pages_give_every_record_once_and_the_newest_first(storage):
    pools = [Pool(id=f"p{n}", created_at=f"2026-{n // 3}") for n in range(10)]
    for pool in pools:
        storage.add(pool)

    seen, after = [], None
    while True:
        found, after = storage.page(Pool, after, 3)
        seen += found
        if after is None:
            break

    assert seen == pools[::-1]


def test_records_added_meanwhile_do_not_disturb_the_pages_that_follow(storage):
    for n in range(4):
        storage.add(Pool(id=f"p{n}", created_at=f"2026-{n}"))
    _, after = storage.page(Pool, None, 2)
    storage.add(Pool(id="new", created_at="2027"))

    found, _ = storage.page(Pool, after, 5)

    assert [pool.id for pool in found] == ["p1", "p0"]


def test_a_record_is_found_in_its_indexes_as_long_as_it_is_in_them(storage):
    first, second = job(pool="p", created_at="1"), job(pool="p", created_at="2")
    storage.add(second)
    storage.add(first)
    assert [first, second] == storage.indexed(Job, ACTIVE)

    storage.replace(first, replace(first, state=SUCCEEDED))
    assert [second] == storage.indexed(Job, ACTIVE)
    assert [each.created_at for each in storage.indexed(Job, "pool:p")] == ["1", "2"]

    storage.remove(second)
    assert storage.indexed(Job, ACTIVE) == []
    assert storage.indexed(Ranking, "pool:p") == []


def test_a_job_has_come_as_far_as_all_its_runs_together(storage):
    def advance(run):
        for done in range(1, 11):
            storage.set_run_progress("j", run, done, 50)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(advance, range(4)))
    assert storage.progress("j") == (40, 50)

    storage.set_run_progress("j", 2, 1, 50)
    assert storage.progress("j") == (31, 50), "a run begins anew"
    assert storage.progress("k") is None


def test_a_poll_gives_a_job_and_how_far_it_has_come(storage):
    job = Job(id="j", task="score", request={})
    assert storage.poll("j") == (None, None)
    storage.add(job)
    assert storage.poll("j") == (job, None)
    storage.set_progress("j", 3, None)
    assert storage.poll("j") == (job, (3, None))


def test_progress_is_remembered_also_without_a_total(storage):
    assert storage.progress("j") is None
    storage.set_progress("j", 3, None)
    assert storage.progress("j") == (3, None)
    storage.set_progress("j", 4, 9)
    assert storage.progress("j") == (4, 9)


def test_a_job_is_held_until_nobody_says_so_any_more(storage):
    assert not storage.is_held("j")
    storage.hold("j", 100)
    assert storage.is_held("j")
    assert not storage.is_held("k")


@given(first=ROWS, add=ROWS, remove=ROWS)
@ON_ONE_STORAGE
def test_a_set_is_merged_as_sets_are(storage, first, add, remove):
    storage.put_bits("p", "s", bitmap(first))
    storage.merge_bits("p", "s", bitmap(add), bitmap(remove))

    assert (first | add) - remove == members(storage.bits("p", "s"))
    assert storage.bit_names("p") == ["s"]


def test_a_merge_with_a_shorter_bitmap_keeps_the_tail(storage):
    storage.put_bits("p", "s", bitmap({0, 47}))
    storage.merge_bits("p", "s", b"\x40", b"\x80")

    assert {1, 47} == members(storage.bits("p", "s"))


def test_a_merge_makes_a_set_that_is_new(storage):
    storage.merge_bits("p", "s", b"", b"")

    assert storage.bit_names("p") == ["s"]
    assert set() == members(storage.bits("p", "s"))


def test_a_set_is_removed_once_and_not_found_afterwards(storage):
    storage.put_bits("p", "s", bitmap({1}))

    assert storage.remove_bits("p", "s")
    assert not storage.remove_bits("p", "s")
    assert storage.bits("p", "s") is None
    assert storage.bit_names("p") == []


def test_a_pool_is_forgotten_with_its_sets_and_no_other(storage):
    for pool in ("p", "q"):
        storage.put_bits(pool, "s", bitmap({2}))

    storage.forget_pool("p")

    assert storage.bit_names("p") == []
    assert storage.bit_names("q") == ["s"]


def test_what_is_remembered_under_a_key_is_not_replaced(storage):
    assert storage.remember("k", {"n": 1}, 100) is None
    assert storage.remember("k", {"n": 2}, 100) == {"n": 1}
    storage.overwrite("k", {"n": 3}, 100)
    assert storage.remember("k", {"n": 4}, 100) == {"n": 3}
    storage.forget("k")
    assert storage.remember("k", {"n": 5}, 100) is None


def test_an_index_knows_how_many_are_in_it(storage):
    mine = [job(pool="p"), job(pool="p"), job(pool="q")]
    for record in mine:
        storage.add(record)
    storage.replace(mine[0], replace(mine[0], state=SUCCEEDED))

    assert (storage.count(Job, "pool:p"), storage.count(Job, ACTIVE)) == (2, 2)
    storage.remove(mine[1])
    assert (storage.count(Job, "pool:p"), storage.count(Job, ACTIVE)) == (1, 1)
    assert storage.count(Job, "pool:nobody's") == 0


def test_the_progress_of_a_job_is_forgotten_with_that_of_its_runs(storage):
    storage.set_run_progress("j", 0, 3, 10)

    storage.forget_progress("j")
    assert storage.progress("j") is None

    storage.set_run_progress("j", 1, 1, 10)
    assert storage.progress("j") == (1, 10)


def test_an_amount_is_added_to_only_while_it_is_remembered(storage):
    storage.add_to_tally("bytes", 5)
    assert storage.tally("bytes") is None

    storage.put_tally("bytes", 7, 100)
    storage.add_to_tally("bytes", 5)
    storage.add_to_tally("bytes", -2)
    assert storage.tally("bytes") == 10

    storage.put_tally("bytes", 1, 100)
    assert storage.tally("bytes") == 1


def test_pages_of_an_index_give_only_what_is_in_it(storage):
    mine = [job(pool="p", created_at=str(n)) for n in range(3)]
    for record in [*mine, job(pool="q", created_at="9")]:
        storage.add(record)

    first, after = storage.page(Job, None, 2, "pool:p")
    second, end = storage.page(Job, after, 2, "pool:p")

    assert mine[::-1] == first + second
    assert end is None
