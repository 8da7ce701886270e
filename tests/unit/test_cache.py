"""What a process remembers is bounded, and what was asked for last stays longest."""

from concurrent.futures import ThreadPoolExecutor

from service.cache import Cache


def test_what_was_not_asked_for_the_longest_goes_first():
    cache = Cache(30)
    for key in "abc":
        cache.put(key, key.upper(), 10)
    assert cache.get("a") == "A"

    cache.put("d", "D", 10)

    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_a_new_value_stands_in_the_place_of_the_old_and_of_its_bytes():
    cache = Cache(30)
    cache.put("a", 1, 20)
    cache.put("a", 2, 5)
    cache.put("b", 3, 25)

    assert (cache.get("a"), cache.get("b"), cache.bytes) == (2, 3, 30)


def test_what_is_larger_than_all_that_may_be_kept_is_not_kept_nor_what_it_replaces():
    cache = Cache(10)
    cache.put("a", 1, 10)
    cache.put("a", 2, 11)

    assert (cache.get("a"), cache.bytes) == (None, 0)


def test_many_threads_keep_within_the_bound():
    cache = Cache(100)

    def work(number):
        for step in range(500):
            cache.put((number, step % 7), step, step % 40)
            cache.get((number, step % 5))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    assert cache.bytes == sum(size for _, size in cache.kept.values())
    assert cache.bytes <= 100
