"""What is promised of files, wherever they are kept and whichever machine asks for them."""

import json
import os
import subprocess
import sys
import threading
from copy import copy
from pathlib import Path

import numpy as np
import pytest

from service.files import Files, upload_name
from service.files.bucket import BucketFiles
from service.files.objects import Objects
from tests.buckets import objects_url, serving
from tests.conftest import until


@pytest.fixture(scope="module")
def connections():
    """Two machines' connections to one bucket."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        made = [Objects(objects_url(), 5) for _ in range(2)]
        for each in made:
            each.system()
        yield made


def machines(connections, place, limit):
    """Two machines with directories of their own, and a new place in the bucket."""
    made = [
        BucketFiles(place / name, copy(each), limit)
        for name, each in zip(("one", "two"), connections, strict=True)
    ]
    root = objects_url().removeprefix("s3://")
    for each in made:
        each.objects.root = root
    return made


@pytest.fixture(params=["directory", "bucket"])
def hosts(request, tmp_path):
    """Two machines that share their files."""
    if request.param == "directory":
        return [Files(tmp_path), Files(tmp_path)]
    return machines(request.getfixturevalue("connections"), tmp_path, 2**30)


@pytest.fixture
def one(hosts):
    return hosts[0]


@pytest.fixture
def two(hosts):
    return hosts[1]


def publish(files, name, **arrays):
    with files.staging("test") as staged:
        for key, array in arrays.items():
            np.save(staged / f"{key}.npy", np.asarray(array))
        files.publish(staged, name)


def publish_file(files, name, content):
    with files.staging("test") as staged:
        (staged / "any").write_bytes(content)
        files.publish(staged / "any", name)


def test_what_one_publishes_the_other_reads(one, two):
    publish(one, "pools/p/a", scores=[1.0, 2.0], order=[1, 0])
    publish_file(one, "models/m", b"forest")

    assert two.array("pools/p/a/scores.npy").tolist() == [1.0, 2.0]
    assert two.path("models/m").read_bytes() == b"forest"
    assert two.path("pools/p/a/order.npy").is_file()
    names = {path.name for path in two.path("pools/p/a").iterdir()}
    assert names == {"scores.npy", "order.npy"}
    with pytest.raises(ValueError, match="read-only"):
        two.array("pools/p/a/scores.npy")[0] = 3


def test_what_was_not_published_is_not_there(one, two):
    assert not two.exists("models/m")
    assert not two.path("models/m").exists()
    assert two.names("pools/p") == frozenset()
    with pytest.raises(FileNotFoundError):
        two.array("pools/p/a/scores.npy")
    publish(one, "pools/p/a", scores=[1.0])
    assert not two.exists("pools/p/a/other.npy")
    with pytest.raises(FileNotFoundError):
        two.array("pools/p/a/other.npy")


def test_what_exists_and_what_is_directly_below_are_known_everywhere(one, two):
    publish(one, "predictions/m/p", probs=[1.0])
    publish(one, "predictions/m/q-members", member_probs=[1.0])
    publish_file(one, "work/j/runs/3.json", b"{}")

    assert two.exists("predictions/m/p")
    assert two.exists("predictions/m/p/probs.npy")
    assert two.exists("work/j/runs/3.json")
    assert not two.exists("predictions/m/q")
    assert two.names("predictions/m") == {"p", "q-members"}
    assert two.names("predictions/m/p") == {"probs.npy"}
    assert two.names("work/j/runs") == {"3.json"}
    assert two.names("work/j/runs/3.json") == frozenset()
    assert two.work() == ["j"]


def test_a_name_that_is_taken_keeps_what_stands_there(one, two):
    publish(one, "pools/p/a", scores=[1.0])
    publish(two, "pools/p/a", scores=[2.0])

    assert one.array("pools/p/a/scores.npy").tolist() == [1.0]
    assert two.array("pools/p/a/scores.npy").tolist() == [1.0]


def test_of_several_who_publish_at_once_one_does(one, two):
    threads = [
        threading.Thread(target=publish, args=(files, "pools/p/a"), kwargs={"x": [n]})
        for n, files in enumerate([one, two, one, two])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = {int(files.array("pools/p/a/x.npy")[0]) for files in (one, two)}
    assert len(found) == 1
    assert two.names("pools/p") == {"a"}


def test_what_one_removes_is_gone_for_the_other_too(one, two):
    for name in ("predictions/m/p", "predictions/m/p-members", "predictions/m2/p"):
        publish(one, name, x=[1])
    two.path("predictions/m/p")

    two.remove("predictions/m/p")
    assert not one.exists("predictions/m/p")
    assert one.exists("predictions/m/p-members")
    one.remove("predictions/m")
    assert not two.exists("predictions/m/p-members")
    assert two.exists("predictions/m2/p")
    one.remove("predictions/never")


def test_what_is_published_anew_is_read_anew(one, two):
    publish(one, "pools/p/a", x=[1])
    one.remove("pools/p/a")
    publish(one, "pools/p/a", x=[2])

    assert one.array("pools/p/a/x.npy").tolist() == [2]
    assert two.array("pools/p/a/x.npy").tolist() == [2]


def test_what_is_removed_while_it_is_read_goes_on_being_read(one, two):
    publish(one, "pools/p/a", x=np.arange(1000))
    array = two.array("pools/p/a/x.npy")

    one.remove("pools/p")

    assert array.sum() == 499_500


def test_a_request_body_is_there_for_all_once_it_is_handed_over(one, two):
    name = upload_name("t")
    one.draft(name).write_bytes(b"body")
    one.hand_over(name)

    assert two.path(name).read_bytes() == b"body"
    assert two.uploads(older_than=-60) == ["t"]
    assert two.uploads(older_than=3600) == []
    two.remove(name)
    assert one.uploads(older_than=-60) == []
    assert not one.exists(name)


def test_a_draft_that_was_not_handed_over_can_be_removed(one):
    one.draft(upload_name("t")).write_bytes(b"half a body")
    assert one.uploads(older_than=-60) == ["t"]

    one.remove(upload_name("t"))

    assert one.uploads(older_than=-60) == []


@pytest.mark.parametrize("name", ["../x", "pools/../../x", "/etc/passwd"])
@pytest.mark.parametrize("act", ["path", "draft", "exists", "names", "remove", "array"])
def test_no_name_leads_out(one, name, act):
    with pytest.raises(ValueError, match="leads out"):
        getattr(one, act)(name)
    with one.staging("t") as staged, pytest.raises(ValueError, match="leads out"):
        one.publish(staged, name)


READER = """
import sys
from pathlib import Path
import numpy as np
from service.files.bucket import BucketFiles
from service.files.objects import Objects
files = BucketFiles(Path(sys.argv[1]), Objects(sys.argv[2], 5), int(sys.argv[3]))
for part in sys.argv[4:]:
    assert (np.asarray(files.array(f"pools/p/{part}/x.npy")) == int(part)).all(), part
print("read")
"""


@pytest.fixture
def bucket_hosts(connections, tmp_path):
    return machines(connections, tmp_path, 2**20)


def copied(files):
    """The files of which a machine has copies, and their bytes."""
    paths = [path for path in files.copies.root.rglob("*") if path.is_file()]
    return {path.name: path.stat().st_size for path in paths if path.name != "lock"}


def test_only_what_is_asked_for_is_fetched(bucket_hosts):
    one, two = bucket_hosts
    publish(one, "rankings/r", order=np.arange(10), scores=np.arange(10.0))

    two.array("rankings/r/order.npy")

    assert copied(two).keys() == {"order.npy"}


def test_processes_of_a_machine_share_its_bounded_copies_and_do_not_break_one_another(
    bucket_hosts,
):
    one, two = bucket_hosts
    parts = range(12)
    for part in parts:
        publish(one, f"pools/p/{part}", x=np.full(32 * 1024, part))  # 256 KiB: four fill the cache
    url, limit = f"s3://{two.objects.root}", str(two.copies.limit)
    command = [sys.executable, "-c", READER, two.root, url, limit]
    orders = [parts, reversed(parts)]
    readers = [
        subprocess.Popen([*command, *map(str, order)], stdout=subprocess.PIPE) for order in orders
    ]
    for reader in readers:
        assert reader.communicate(timeout=60)[0] == b"read\n"

    two.array("pools/p/0/x.npy")
    assert sum(copied_bytes(two)) <= two.copies.limit


def copied_bytes(files):
    return [path.stat().st_size for path in files.copies.root.rglob("*.npy")]


def test_what_a_publisher_that_died_left_is_not_seen_and_is_swept(bucket_hosts, monkeypatch):
    one, two = bucket_hosts
    publish(one, "pools/p/whole", x=[1])

    class Died(Exception):
        pass

    def die(*_):
        raise Died

    monkeypatch.setattr(one, "is_announced", die)
    with pytest.raises(Died):
        publish(one, "pools/p/half", x=[1])
    monkeypatch.undo()

    assert two.names("pools/p") == {"whole"}
    assert len(two.objects.below("content")) == 2
    assert two.forget_staging(older_than=3600) == []
    [note] = two.forget_staging(older_than=-60)
    assert note.startswith("pending/")
    assert two.objects.below("content/pools/p/half") == []
    assert two.objects.below("pending") == []
    assert two.array("pools/p/whole/x.npy").tolist() == [1]


def test_a_removal_that_died_half_way_is_finished_by_the_sweep(bucket_hosts, monkeypatch):
    one, two = bucket_hosts
    publish(one, "pools/p/a", x=[1])
    delete = one.objects.delete

    class Died(Exception):
        pass

    def die_at_content(paths):
        if any(path.startswith("content/") for path in paths):
            raise Died
        delete(paths)

    monkeypatch.setattr(one.objects, "delete", die_at_content)
    with pytest.raises(Died):
        one.remove("pools/p")
    monkeypatch.undo()

    assert not two.exists("pools/p/a")
    two.forget_staging(older_than=-60)
    assert two.objects.below("content") == []


def test_a_notice_that_was_read_before_the_removal_does_not_mislead(bucket_hosts):
    one, two = bucket_hosts
    publish(one, "predictions/m/p", probs=[1.0], other=[1.0])
    two.array("predictions/m/p/probs.npy")
    one.remove("predictions/m/p")
    publish(one, "predictions/m/p", probs=[1.0], other=[1.0])

    assert two.array("predictions/m/p/other.npy").tolist() == [1.0]


def test_a_notice_tells_what_is_there(bucket_hosts):
    one, _ = bucket_hosts
    publish_file(one, "models/m", b"forest")

    [notice] = json.loads(one.objects.read("published/models/m"))
    assert (notice["name"], notice["files"], notice["whole"]) == ("models/m", {"any": 6}, True)
    assert Path(one.objects.below("content/models/m")[0]).name == "any"


def test_a_process_that_forks_others_leaves_the_bucket_to_them(bucket_hosts):
    one, two = bucket_hosts
    publish(two, "pools/p/a", x=[1])
    one.objects.clean = os.getpid()

    with pytest.raises(RuntimeError, match="forks"):
        one.exists("pools/p/a")
    one.remove("pools/p")

    until(lambda: not two.exists("pools/p/a"))
    until(lambda: two.objects.below("content") == [])


def test_all_that_is_published_and_comes_in_is_counted_and_what_workers_share_is_not(one, two):
    assert one.size() == 0
    publish_file(one, "models/m", b"x" * 10)
    publish_file(two, "rankings/r", b"x" * 20)
    publish_file(one, "work/j/piece-1", b"x" * 40)
    publish_file(one.within("workspaces/other"), "models/m", b"x" * 80)
    one.draft(upload_name("waits")).write_bytes(b"x" * 160)
    one.hand_over(upload_name("waits"))
    assert one.size() == two.size() == 190
    assert two.within("workspaces/other").size() == 80

    one.draft(upload_name("comes")).write_bytes(b"x" * 320)
    assert one.size() == 510
    one.remove("rankings/r")
    one.remove(upload_name("comes"))
    assert one.size() == 170
