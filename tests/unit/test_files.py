"""Files are published whole or not at all, and only inside the storage directory."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from service.files import Files, part_name


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def publish(files, name, **arrays):
    with files.staging("test") as staged:
        for key, array in arrays.items():
            np.save(staged / f"{key}.npy", np.asarray(array))
        files.publish(staged, name)


def test_what_was_published_is_read_back_and_cannot_be_written(files):
    publish(files, part_name("p", "a"), scores=[1.0, 2.0])

    array = files.array("pools/p/a/scores.npy")

    assert array.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 3


def test_nothing_is_seen_of_what_was_not_published(files):
    class Stop(Exception):
        pass

    def write_half():
        with files.staging("test") as staged:
            (staged / "half").write_bytes(b"x")
            raise Stop

    with pytest.raises(Stop):
        write_half()

    assert list((files.root / "staging").iterdir()) == []
    assert not files.exists("pools/p/a")


def test_a_name_that_is_taken_keeps_what_stands_there(files):
    publish(files, "pools/p/a", scores=[1.0])
    publish(files, "pools/p/a", scores=[2.0])

    assert files.array("pools/p/a/scores.npy").tolist() == [1.0]


def test_what_was_removed_is_gone_also_from_the_arrays_kept_open(files):
    publish(files, "pools/p/a", scores=[1.0])
    files.array("pools/p/a/scores.npy")

    files.remove("pools/p")
    publish(files, "pools/p/a", scores=[2.0])

    assert files.array("pools/p/a/scores.npy").tolist() == [2.0]
    files.remove("pools/never")


@pytest.mark.parametrize("name", ["../x", "pools/../../x", "/etc/passwd"])
def test_no_name_leads_out(files, name):
    with pytest.raises(ValueError, match="leads out"):
        files.path(name)


def test_a_writer_that_dies_leaves_nothing_but_what_is_swept(files):
    script = (
        "import sys, time; from pathlib import Path; from service.files import Files\n"
        "with Files(Path(sys.argv[1])).staging('t') as staged:\n"
        "    (staged / 'half').write_bytes(b'x'); print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(files.root)], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)

    left = next((files.root / "staging").iterdir())
    assert files.forget_staging(older_than=3600) == []
    long_ago = time.time() - 7200
    os.utime(left, (long_ago, long_ago))
    assert [left.name] == files.forget_staging(older_than=3600)
    assert list((files.root / "staging").iterdir()) == []


def test_only_so_many_arrays_are_kept_open(files, monkeypatch):
    monkeypatch.setattr("service.files.directory.OPEN_ARRAYS", 2)
    for n in range(4):
        publish(files, f"pools/p/{n}", x=[n])
        assert [n] == files.array(f"pools/p/{n}/x.npy").tolist()

    assert len(files.arrays) == 2
