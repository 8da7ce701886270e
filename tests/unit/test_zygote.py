"""The life of a zygote: who ends when somebody else does, and what its children can use."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.errors import TimedOut, Unavailable
from workers.sandbox import starter
from workers.sandbox.client import Sandbox
from workers.sandbox.outcome import open_output
from workers.sandbox.starter import ZygoteProcess

MEBIBYTE = 1024 * 1024
NOBODY = 65534
ENTRIES = "tests.sandbox_entries"
SECONDS = 20

# A process that asks for an endless child, and says who everybody is.
ASK = """
import sys
from pathlib import Path
from workers.sandbox.client import Sandbox

def ask(address, scratch):
    sandbox = Sandbox(Path(address), memory=2**28, file_bytes=2**20)
    say = lambda message: print(message["pid"], flush=True)
    sandbox.run("loop", arguments={}, inputs={}, scratch=Path(scratch), deadline=60, on_message=say)
"""
ASK_OF_ANOTHERS = ASK + "ask(*sys.argv[1:])"
ASK_OF_ITS_OWN = (
    ASK
    + f"""
from workers.sandbox.starter import ZygoteProcess
with ZygoteProcess({ENTRIES!r}) as zygote:
    print(zygote.pid, flush=True)
    ask(zygote.address, sys.argv[1])
"""
)
OWN = """
import sys, time
from workers.sandbox import starter
starter.short_directory = lambda: sys.argv[1]
print(starter.owned_directory()[0].name, flush=True)
time.sleep(60)
"""
SERVE_AS_NOBODY = f"""
import os, sys
import {ENTRIES}
from workers.sandbox import zygote
zygote._import_encodings()
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
zygote.main(["--entries", {ENTRIES!r}, *sys.argv[1:]])
"""


@pytest.fixture
def zygote():
    with ZygoteProcess(ENTRIES) as process:
        yield process


@pytest.fixture
def folder():
    # Not pytest's own, which is long for a socket and closed to other users.
    path = Path(tempfile.mkdtemp())
    yield path
    shutil.rmtree(path)


def ask(address, scratch, entry, *, inputs=None, deadline=30, **arguments):
    sandbox = Sandbox(address, memory=512 * MEBIBYTE, file_bytes=8 * MEBIBYTE)
    return sandbox.run(
        entry, arguments=arguments, inputs=inputs or {}, scratch=scratch, deadline=deadline
    )


def gone(pid):
    """Say whether a process has ended: it is not there, or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(*pids):
    ends = time.monotonic() + SECONDS
    while not all(map(gone, pids)):
        assert time.monotonic() < ends, f"of {pids} some still run"
        time.sleep(0.01)


@contextmanager
def started(script, *arguments, **options):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def test_killing_the_client_ends_its_child(zygote, tmp_path):
    with started(ASK_OF_ANOTHERS, zygote.address, tmp_path) as client:
        child = int(client.stdout.readline())
        client.kill()
        wait_until_gone(child)
    assert ask(zygote.address, tmp_path, "nothing") == {}


def test_killing_the_starter_ends_zygote_and_child_and_leaves_nothing(tmp_path, folder):
    with started(ASK_OF_ITS_OWN, tmp_path, env={**os.environ, "TMPDIR": str(folder)}) as owner:
        zygote, child = int(owner.stdout.readline()), int(owner.stdout.readline())
        owner.kill()
        wait_until_gone(zygote, child)
    assert list(folder.iterdir()) == []


def test_interrupting_the_starter_ends_zygote_and_child_and_leaves_nothing(tmp_path, folder):
    with started(
        ASK_OF_ITS_OWN,
        tmp_path,
        env={**os.environ, "TMPDIR": str(folder)},
        stderr=subprocess.DEVNULL,
    ) as owner:
        zygote, child = int(owner.stdout.readline()), int(owner.stdout.readline())
        owner.send_signal(signal.SIGINT)
        owner.wait(SECONDS)
        wait_until_gone(zygote, child)
    assert list(folder.iterdir()) == []


def test_stopping_ends_the_children_and_removes_the_directory(tmp_path):
    zygote = ZygoteProcess(ENTRIES)
    zygote.start()
    directory = zygote.address.parent
    with started(ASK_OF_ANOTHERS, zygote.address, tmp_path, stderr=subprocess.DEVNULL) as client:
        child = int(client.stdout.readline())
        zygote.stop()
        wait_until_gone(child)
        assert client.wait(SECONDS) != 0
    assert not directory.exists()
    assert not zygote.alive()


def test_a_dead_zygote_is_told_and_can_be_revived(zygote, tmp_path):
    address = zygote.address
    os.kill(zygote.pid, signal.SIGKILL)
    wait_until_gone(zygote.pid)
    with pytest.raises(Unavailable):
        ask(address, tmp_path, "nothing")
    assert not zygote.alive()
    zygote.revive()
    assert zygote.address == address
    assert ask(address, tmp_path, "nothing") == {}
    running = zygote.pid
    zygote.revive()
    assert zygote.pid == running


def test_a_zygote_that_dies_in_the_middle_of_a_request_is_told(zygote, tmp_path):
    sandbox = Sandbox(zygote.address, memory=256 * MEBIBYTE, file_bytes=MEBIBYTE)
    with pytest.raises(Unavailable, match="try again"):
        sandbox.run(
            "loop",
            arguments={},
            inputs={},
            scratch=tmp_path,
            deadline=30,
            on_message=lambda _: os.kill(zygote.pid, signal.SIGKILL),
        )


def test_entries_that_cannot_be_imported_are_told_at_the_start(capfd, folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    zygote = ZygoteProcess("tests.no_such_entries")
    with pytest.raises(Unavailable, match="did not start"):
        zygote.start()
    assert "no_such_entries" in capfd.readouterr().err
    assert list(folder.iterdir()) == []


def test_a_fork_of_the_owner_stops_nothing(zygote, tmp_path):
    pid = os.fork()
    if pid == 0:
        zygote.stop()
        os._exit(0)
    os.waitpid(pid, 0)
    assert zygote.alive()
    assert ask(zygote.address, tmp_path, "nothing") == {}


def test_the_socket_is_in_a_directory_of_its_owner_only(zygote):
    facts = zygote.address.parent.stat()
    assert facts.st_mode & 0o777 == 0o700
    assert facts.st_uid == os.geteuid()


def test_a_zygote_has_imported_everything_and_runs_no_thread(zygote):
    assert len(list(Path(f"/proc/{zygote.pid}/task").iterdir())) == 1


@pytest.fixture
def served_by_nobody(folder):
    """The address and the scratch directory of a zygote that an ordinary user runs."""
    address, scratch = folder / "address" / "zygote", folder / "scratch"
    for path in (address.parent, scratch):
        path.mkdir()
        os.chown(path, NOBODY, NOBODY)
    folder.chmod(0o755)
    reader, writer = os.pipe()
    arguments = ["--address", address, "--parent", os.getpid(), "--ready", writer]
    with started(SERVE_AS_NOBODY, *arguments, pass_fds=[writer], env=starter._environment()):
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            assert ready.read() == b"1"
        yield address, scratch


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")
def test_an_ordinary_user_can_serve_too(served_by_nobody, folder, capfd):
    (folder / "given").write_text("x")
    result = ask(*served_by_nobody, "describe", inputs={"file": folder / "given"})
    assert result["contents"] == {"file": "x"}
    assert (folder / "scratch" / "output.bin").stat().st_uid == NOBODY
    (folder / "scratch" / "result.json").unlink()
    with pytest.raises(TimedOut):
        ask(*served_by_nobody, "loop", deadline=0.2)
    endings = ask(*served_by_nobody, "attempt", port=1, socket="socket")
    assert endings.pop("become root") == "OSError"  # a user namespace in which nobody is root
    assert endings.pop("more memory") == "ValueError"
    assert set(endings.values()) == {"PermissionError"}
    assert not capfd.readouterr().err  # no wall is missing


@pytest.fixture
def model(tmp_path):
    node = onnx.helper.make_node("Softmax", ["x"], ["y"])
    x, y = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2, 3]) for name in "xy"
    )
    made = onnx.helper.make_model(
        onnx.helper.make_graph([node], "softmax", [x], [y]),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(made, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_every_library_works_in_children_of_one_zygote(zygote, tmp_path, model):
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": np.arange(100_000)}), table)
    for round_ in range(3):
        scratch = tmp_path / str(round_)
        for entry in ("fit_forest", "fit_boosting"):
            probs = np.array(_fresh(zygote, scratch, entry)["probs"])
            np.testing.assert_allclose(probs.sum(axis=1), 1.0)
        assert _fresh(zygote, scratch, "fit_clusters")["inertia"] > 0
        output = _fresh(zygote, scratch, "run_onnx", inputs={"model": model})["output"]
        np.testing.assert_allclose(output, np.full((2, 3), 1 / 3), rtol=1e-6)
        assert _fresh(zygote, scratch, "read_parquet", inputs={"table": table})["rows"] == 100_000
        with open_output(scratch, "column.npy") as column:
            np.testing.assert_array_equal(np.load(column), np.arange(100_000))


def _fresh(zygote, scratch, entry, **options):
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    return ask(zygote.address, scratch, entry, **options)


def test_the_directories_of_owners_that_were_killed_go(monkeypatch, tmp_path):
    monkeypatch.setattr(starter, "short_directory", lambda: str(tmp_path))
    command = [sys.executable, "-c", OWN, str(tmp_path)]
    owners = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    killed, alive = (each.stdout.readline().strip() for each in owners)
    owners[0].kill()
    owners[0].wait()

    mine, lock = starter.owned_directory()

    assert {path.name for path in tmp_path.iterdir()} == {alive, mine.name}
    assert killed not in {alive, mine.name}
    os.close(lock)
    owners[1].kill()
    for each in owners:
        each.communicate()
