"""What a request in the sandbox gives back, whatever the code in it does."""

import json
import os
import signal
import socket
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from service.errors import (
    Cancelled,
    Fault,
    InvalidOutput,
    ModelCrashed,
    OutOfMemory,
    TimedOut,
    TooLarge,
    Unavailable,
    UploadRefused,
)
from workers.sandbox import landlock
from workers.sandbox.client import Sandbox
from workers.sandbox.outcome import open_output
from workers.sandbox.starter import ZygoteProcess

MEBIBYTE = 1024 * 1024
NOBODY = 65534
is_root = os.geteuid() == 0


@pytest.fixture(scope="module")
def zygote():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHORTLIST_REDIS_URL", "redis://:swordfish@localhost")
        with ZygoteProcess("tests.sandbox_entries") as started:
            yield started


@pytest.fixture
def sandbox(zygote):
    return Sandbox(zygote.address, memory=256 * MEBIBYTE, file_bytes=8 * MEBIBYTE)


@pytest.fixture
def call(sandbox, tmp_path):
    def run(entry, *, inputs=None, deadline=30, on_message=None, tick=None, **arguments):
        scratch = Path(tempfile.mkdtemp(dir=tmp_path))
        callbacks = {"on_message": on_message, "tick": tick}
        return sandbox.run(
            entry,
            arguments=arguments,
            inputs=inputs or {},
            scratch=scratch,
            deadline=deadline,
            **{name: callback for name, callback in callbacks.items() if callback},
        )

    return run


@pytest.fixture
def next_request_succeeds(zygote, call):
    before = zygote.pid
    yield
    assert call("nothing") == {}
    assert zygote.alive()
    assert zygote.pid == before


def gone(pid):
    """Say whether a process has ended: it is not there, or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_result_messages_and_files_come_back(sandbox, tmp_path):
    given, scratch, heard = tmp_path / "given", tmp_path / "scratch", []
    given.write_text("what the client sent")
    given.chmod(0o600)
    scratch.mkdir()
    result = sandbox.run(
        "describe",
        arguments={"n": 1, "names": ["é"]},
        inputs={"file": given},
        scratch=scratch,
        deadline=30,
        on_message=heard.append,
    )
    assert result["arguments"] == {"n": 1, "names": ["é"]}
    assert result["contents"] == {"file": "what the client sent"}
    assert result["is a leader"]
    assert heard == [{"done": 1}, {"done": 2}]
    with open_output(scratch, "output.bin") as output:
        assert output.read() == b"written by a child"


def test_a_child_has_its_inputs_its_channel_and_no_other_descriptor(call, tmp_path):
    given = tmp_path / "given"
    given.write_text("x")
    descriptors = call("describe", inputs={"file": given})["descriptors"]
    assert len(descriptors) == 3 + 1 + 1 + 1  # streams, input, channel, and the list itself


@pytest.mark.skipif(not is_root, reason="an ordinary user's child stays that user")
def test_root_has_its_children_be_nobody(sandbox, tmp_path):
    result = sandbox.run("describe", arguments={}, inputs={}, scratch=tmp_path, deadline=30)
    assert result["user"] == NOBODY
    assert (tmp_path / "output.bin").stat().st_uid == NOBODY


def test_a_refusal_comes_back_as_the_same_error(call, next_request_succeeds):
    with pytest.raises(UploadRefused, match="two faults") as caught:
        call("refuse")
    assert caught.value.faults == (Fault("/0/id", "is empty"),)


def test_a_refusal_with_many_faults_comes_back_with_the_first(call, next_request_succeeds):
    with pytest.raises(UploadRefused) as caught:
        call("refuse_at_length")
    assert caught.value.faults[0].pointer == "/0/id"
    assert 1 < len(caught.value.faults) < 100


def test_a_child_cannot_raise_what_only_the_service_may(call, next_request_succeeds):
    with pytest.raises(ModelCrashed, match="says a child"):
        call("claim_what_is_not_its_to_say")


def test_an_exception_is_told_briefly_and_without_folders(call, next_request_succeeds):
    with pytest.raises(ModelCrashed, match=r"^KeyError: .*name\.txt is") as caught:
        call("fail")
    assert len(caught.value.detail) == 500
    assert "secret" not in caught.value.detail


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"entry": "read_null"}, ModelCrashed, "SIGSEGV"),
        ({"entry": "abort"}, ModelCrashed, "SIGABRT"),
        ({"entry": "leave"}, ModelCrashed, "status 3"),
        ({"entry": "leave_politely"}, ModelCrashed, "SystemExit: 4"),
        ({"entry": "end_by", "signal": int(signal.SIGKILL)}, OutOfMemory, "was killed"),
        ({"entry": "end_by", "signal": int(signal.SIGXCPU)}, TimedOut, "deadline"),
        ({"entry": "loop", "deadline": 0.3}, TimedOut, "0.3 seconds"),
        ({"entry": "sleep", "deadline": 0.3}, TimedOut, "0.3 seconds"),
        ({"entry": "eat_memory"}, OutOfMemory, "268435456 bytes"),
        ({"entry": "eat_memory_at_once", "bytes": 2**40}, OutOfMemory, "268435456 bytes"),
        ({"entry": "fill_a_file"}, TooLarge, "8388608 bytes"),
        ({"entry": "fill_a_file_with_numpy", "bytes": 2**25}, TooLarge, "8388608 bytes"),
        ({"entry": "fill_many_files"}, TooLarge, "16777216 bytes"),
        ({"entry": "fork_often"}, ModelCrashed, "PermissionError"),
        ({"entry": "start_threads", "n": 5000}, ModelCrashed, "can't start new thread"),
        ({"entry": "return_no_json"}, ModelCrashed, "ValueError"),
        ({"entry": "no_such_entry"}, ModelCrashed, "no entry named"),
        ({"entry": "write_the_result", "content": "[1]"}, InvalidOutput, "not a JSON object"),
        ({"entry": "write_the_result", "content": "[" * 50_000}, InvalidOutput, "nested"),
        ({"entry": "write_the_result", "content": '{"x": NaN}'}, InvalidOutput, "NaN"),
        ({"entry": "say", "text": "gibberish", "seconds": 60}, ModelCrashed, "cannot be read"),
        (
            {"entry": "say", "text": '{"problem": {"errors": 7}}', "seconds": 0},
            ModelCrashed,
            "be read",
        ),
    ],
)
def test_whatever_ends_a_child_is_named_and_harms_nobody(
    call, next_request_succeeds, asked, error, words
):
    with pytest.raises(error, match=words):
        call(**asked)


def test_a_child_that_forges_its_exit_is_waited_for(call, next_request_succeeds):
    forged = json.dumps({"exit": {"code": 0, "signal": None, "timed_out": False}})
    with pytest.raises(TimedOut):
        call("say", text=forged, seconds=60, deadline=0.3)


def test_nothing_outside_can_be_reached(call, tmp_path, monkeypatch, next_request_succeeds):
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as local:
        local.bind("socket")
        local.listen()
        port = tcp.getsockname()[1]
        endings = call("attempt", port=port, socket=str(tmp_path / "socket"))
    assert endings.pop("more memory") == "ValueError"
    assert set(endings.values()) == {"PermissionError"}


@pytest.mark.skipif(landlock.find_version() == 0, reason="this kernel has no Landlock")
def test_no_file_outside_can_be_opened(call, tmp_path, next_request_succeeds):
    tmp_path.chmod(0o777)
    (tmp_path / "secret").write_text("swordfish")
    endings = call("attempt_files", elsewhere=str(tmp_path))
    assert set(endings.values()) == {"PermissionError"}
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(not is_root, reason="an ordinary user's child stays that user")
def test_a_child_reads_the_input_whose_path_it_cannot_open(call, tmp_path):
    given = tmp_path / "given"
    given.write_text("x")
    given.chmod(0o600)
    assert call("describe", inputs={"file": given})["contents"] == {"file": "x"}
    with pytest.raises(ModelCrashed, match=r"^PermissionError: Permission denied$"):
        call("fail_to_open", path=str(given))


def test_a_secret_in_the_environment_reaches_neither_zygote_nor_child(zygote, call):
    if is_root:  # nobody else may look into a zygote
        assert "swordfish" not in Path(f"/proc/{zygote.pid}/environ").read_text()
    names = call("environment")["names"]
    assert set(names) == {
        "JOBLIB_MULTIPROCESSING",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    }


def test_threads_may_be_started(call):
    assert call("start_threads", n=8) == {"started": 8}


def test_tick_is_called_while_a_child_works(call):
    times = []
    call("rest", seconds=1, tick=lambda: times.append(time.monotonic()))
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= 3
    assert median(gaps) < 0.5


def test_what_tick_raises_ends_the_child_and_goes_on(call, next_request_succeeds):
    said = {}

    def cancel():
        if said:
            raise Cancelled("somebody asked for it")

    with pytest.raises(Cancelled):
        call("loop", on_message=said.update, tick=cancel)
    assert gone(said["pid"])


def test_one_request_runs_while_another_does(call):
    def run_another(_message):
        raise Cancelled(f"seen {call('nothing')}")

    with pytest.raises(Cancelled, match=r"seen \{\}"):
        call("loop", on_message=run_another)


def test_many_requests_at_once_each_get_their_own_result(call):
    results = {}

    def ask(number):
        results[number] = call("describe", number=number)["arguments"]["number"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number for number in range(12)}


def test_an_input_that_is_missing_is_the_callers_error(call, tmp_path, next_request_succeeds):
    with pytest.raises(FileNotFoundError):
        call("describe", inputs={"file": tmp_path / "missing"})


def test_arguments_that_fit_no_message_are_refused(call, next_request_succeeds):
    with pytest.raises(ValueError, match="send what is large as a file"):
        call("nothing", text="x" * 100_000)


def test_a_zygote_that_is_not_there_is_told(tmp_path):
    sandbox = Sandbox(tmp_path / "nobody", memory=1, file_bytes=1)
    with pytest.raises(Unavailable, match="restart the worker"):
        sandbox.run("nothing", arguments={}, inputs={}, scratch=tmp_path, deadline=1)


def test_only_plain_files_are_outputs(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.link(tmp_path / "file", tmp_path / "second name")
    for name in ("link", "folder", "pipe", "second name", "missing"):
        with pytest.raises(InvalidOutput, match=name):
            open_output(tmp_path, name)
