"""Copies of files are fetched once, bounded, and not taken from under whoever uses them."""

import os
import threading
import time

import pytest

from service.files.copies import Copies

BOUND = 8_000
SIZE = 1_000


@pytest.fixture
def copies(tmp_path):
    return Copies(tmp_path / "copies", BOUND)


def other(copies):
    """The same copies, as another process sees them."""
    return Copies(copies.root, copies.limit)


def writing(byte, calls=None):
    """What fetches a file of one byte, over and over."""

    def fetch(path):
        if calls is not None:
            calls.append(path)
        path.write_bytes(byte * SIZE)

    return fetch


def names(copies):
    return {path.parent.name for path in copies.root.rglob("file")}


def hold(copies, token, calls=None):
    return copies.hold(token, "file", SIZE, writing(token[:1].encode(), calls))


def use(copies, token, age=0):
    """Have a copy, used so many seconds ago."""
    path = hold(copies, token)
    copies.release(path)
    long_ago = time.time() - age
    os.utime(path, (long_ago, long_ago))


def test_a_copy_is_fetched_once(copies):
    calls = []
    paths = [hold(each, "a", calls) for each in (copies, copies, other(copies))]
    assert {path.read_bytes() for path in paths} == {b"a" * SIZE}
    assert len(calls) == 1


def test_who_wants_what_is_being_fetched_waits_for_it(copies):
    began, go_on, calls = threading.Event(), threading.Event(), []

    def slowly(path):
        path.write_bytes(b"half")
        began.set()
        go_on.wait(60)
        path.write_bytes(b"a" * SIZE)

    found = []
    first = threading.Thread(target=lambda: copies.hold("a", "file", SIZE, slowly))
    first.start()
    began.wait(60)
    second = threading.Thread(target=lambda: found.append(hold(other(copies), "a", calls)))
    second.start()
    assert not (copies.root / "a" / "file").exists()
    go_on.set()
    for thread in (first, second):
        thread.join()
    assert found[0].read_bytes() == b"a" * SIZE
    assert calls == []


def test_what_was_used_longest_ago_goes_first(copies):
    for age, token in enumerate("abcdefgh"):
        use(copies, token, age=100 - age)
    use(copies, "a")
    use(copies, "i")

    assert "a" in names(copies)
    assert not names(copies) & {"b", "c"}
    assert len(names(copies)) * SIZE <= BOUND


def test_what_somebody_holds_stays(copies):
    hold(other(copies), "b")
    mine = hold(copies, "a")
    long_ago = time.time() - 1000
    for token in "ab":
        os.utime(copies.root / token / "file", (long_ago, long_ago))
    for token in "cdefghijk":
        use(copies, token)

    assert mine.exists()
    assert {"a"} <= names(copies)


def test_a_mapped_copy_that_is_evicted_stays_readable(copies):
    with hold(copies, "a").open("rb") as file:
        copies.release(copies.root / "a" / "file")
        copies.evict(BOUND)
        assert "a" not in names(copies)
        assert file.read() == b"a" * SIZE


def test_a_fetch_that_fails_leaves_nothing_that_could_be_taken_for_a_copy(copies):
    def fail(path):
        path.write_bytes(b"half")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        copies.hold("a", "file", SIZE, fail)
    with pytest.raises(OSError, match="came with 4 bytes of 1000"):
        copies.hold("a", "file", SIZE, lambda path: path.write_bytes(b"half"))

    assert names(copies) == set()
    assert hold(copies, "a").read_bytes() == b"a" * SIZE


def test_a_copy_that_is_not_whole_is_fetched_again(copies):
    path = hold(copies, "a")
    path.write_bytes(b"")
    assert hold(copies, "a").read_bytes() == b"a" * SIZE


def test_what_was_published_here_is_a_copy_already(copies, tmp_path):
    (tmp_path / "staged").mkdir()
    (tmp_path / "staged" / "file").write_bytes(b"x" * SIZE)
    (tmp_path / "alone").write_bytes(b"y" * SIZE)
    copies.take(tmp_path / "staged", "a")
    copies.take(tmp_path / "alone", "b")

    calls = []
    assert hold(copies, "a", calls).read_bytes() == b"x" * SIZE
    assert copies.hold("b", "alone", SIZE, writing(b"z")).read_bytes() == b"y" * SIZE
    assert calls == []
    copies.forget("a")
    assert names(copies) == set()
