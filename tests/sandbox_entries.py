"""Entries that behave well and badly, for the tests of the sandbox."""

import ctypes
import mmap
import os
import resource
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import skops.io
from sklearn.cluster import KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from service.errors import Fault, UploadRefused, WorkerLost


def describe(arguments, inputs, send):
    """Return what an entry can see of its call."""
    send({"done": 1})
    send({"done": 2})
    Path("output.bin").write_bytes(b"written by a child")
    return {
        "arguments": arguments,
        "contents": {name: file.read().decode() for name, file in inputs.items()},
        "user": os.getuid(),
        "pid": os.getpid(),
        "descriptors": [path.name for path in Path("/proc/self/fd").iterdir()],
        "is a leader": os.getpid() == os.getpgrp() == os.getsid(0),
    }


def nothing(arguments, inputs, send):
    return {}


def refuse(arguments, inputs, send):
    raise UploadRefused("the part has two faults", faults=[Fault("/0/id", "is empty")])


def refuse_at_length(arguments, inputs, send):
    faults = [Fault(f"/{row}/id", "é" * 400) for row in range(10_000)]
    raise UploadRefused("d" * 100_000, faults=faults)


def claim_what_is_not_its_to_say(arguments, inputs, send):
    raise WorkerLost("says a child")


def fail(arguments, inputs, send):
    raise KeyError("/etc/secret/folder/name.txt is\nmissing " + "x" * 1000)


def fail_to_open(arguments, inputs, send):
    Path(arguments["path"]).read_bytes()


def read_null(arguments, inputs, send):
    ctypes.string_at(0)


def abort(arguments, inputs, send):
    os.abort()


def leave(arguments, inputs, send):
    os._exit(3)


def leave_politely(arguments, inputs, send):
    sys.exit(4)


def end_by(arguments, inputs, send):
    signal.raise_signal(arguments["signal"])


def loop(arguments, inputs, send):
    send({"pid": os.getpid()})
    while True:
        pass


def sleep(arguments, inputs, send):
    send({"pid": os.getpid()})
    library = ctypes.PyDLL(None)  # keeps the interpreter's lock: no Python code runs meanwhile
    library.sleep(3600)


def rest(arguments, inputs, send):
    time.sleep(arguments["seconds"])
    return {"pid": os.getpid()}


def eat_memory(arguments, inputs, send):
    eaten = []
    while True:
        eaten.append(bytearray(1024 * 1024))


def reserve(arguments, inputs, send):
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, arguments["bytes"], flags=private, prot=0) as reserved:
        return {"reserved": len(reserved)}


def eat_memory_at_once(arguments, inputs, send):
    np.ones((arguments["bytes"],), dtype=np.uint8)


def fill_a_file(arguments, inputs, send):
    with Path("big").open("wb") as file:
        while True:
            file.write(bytes(1024 * 1024))


def fill_a_file_with_numpy(arguments, inputs, send):
    np.save("big.npy", np.zeros(arguments["bytes"], dtype=np.uint8))


def fill_many_files(arguments, inputs, send):
    for number in range(1_000_000):
        Path(str(number)).write_bytes(bytes(100_000))


def fork_often(arguments, inputs, send):
    made = 0
    for _ in range(50):
        if os.fork() == 0:
            time.sleep(3600)
        made += 1
    return {"made": made}


def start_threads(arguments, inputs, send):
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(arguments["n"])]
    for thread in threads:
        thread.start()
    done.set()
    for thread in threads:
        thread.join()
    return {"started": len(threads)}


def attempt(arguments, inputs, send):
    """Return how each of many forbidden things ended."""
    attempts = {
        "tcp": lambda: socket.create_connection(("127.0.0.1", arguments["port"]), 1),
        "unix": lambda: socket.socket(socket.AF_UNIX).connect(arguments["socket"]),
        "pair": socket.socketpair,
        "execute": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - must not succeed
        "fork": os.fork,
        "kill the parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
        "kill everybody": lambda: os.kill(-1, 0),
        "limit the parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU),
        "trace": lambda: _call("ptrace", 16, os.getppid(), None, None),
        "shared memory": lambda: _call("shmget", 0, 4096, 0o1600),
        "anonymous file": lambda: os.memfd_create("x"),
        "namespace": lambda: _call("unshare", 0x10000000),
        "more memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
        "become root": lambda: os.setuid(0),
        "read the parent's memory": lambda: Path(f"/proc/{os.getppid()}/mem").read_bytes(),
        "read the parent's environment": Path(f"/proc/{os.getppid()}/environ").read_bytes,
    }
    return {what: _ending(act) for what, act in attempts.items()}


def attempt_files(arguments, inputs, send):
    elsewhere = Path(arguments["elsewhere"])
    attempts = {
        "read": (elsewhere / "secret").read_bytes,
        "list": lambda: list(elsewhere.iterdir()),
        "write": lambda: (elsewhere / "new").write_bytes(b"x"),
        "change": lambda: (elsewhere / "secret").open("a"),
        "remove": (elsewhere / "secret").unlink,
        "write to memory": lambda: Path("/dev/shm/new").write_bytes(b"x"),  # noqa: S108 - refused
        "make a folder": lambda: Path("folder").mkdir(),
        "make a link": lambda: Path("link").symlink_to("/etc/hostname"),
        "make a pipe": lambda: os.mkfifo("pipe"),
    }
    return {what: _ending(act) for what, act in attempts.items()}


def _call(name, *words):
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*words) == -1:
        raise OSError(ctypes.get_errno(), "refused")


def _ending(act):
    try:
        act()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return "succeeded"


def environment(arguments, inputs, send):
    return {"names": sorted(os.environ)}


def write_the_result(arguments, inputs, send):
    """Say what a hostile child could, behind the back of the code around it."""
    Path("result.json").write_text(arguments["content"])
    os.write(_channel(), b'{"result": "result.json"}')
    os._exit(0)


def say(arguments, inputs, send):
    os.write(_channel(), arguments["text"].encode())
    time.sleep(arguments["seconds"])
    os._exit(0)


def _channel():
    links = {int(link.name) for link in Path("/proc/self/fd").iterdir()}
    return next(number for number in sorted(links) if number > 2 and _is_socket(number))


def _is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def return_no_json(arguments, inputs, send):
    return {"value": float("nan")}


def _digits():
    generator = np.random.default_rng(0)
    rows = generator.random((600, 8))
    return rows, (rows.sum(axis=1) > 4).astype(int)


def fit_forest(arguments, inputs, send):
    rows, labels = _digits()
    model = RandomForestClassifier(50, random_state=0, n_jobs=2).fit(rows, labels)
    model = skops.io.loads(skops.io.dumps(model), trusted=["sklearn.tree._tree.Tree"])
    return {"probs": model.predict_proba(rows[:2]).tolist()}


def fit_boosting(arguments, inputs, send):
    rows, labels = _digits()
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(rows, labels)
    return {"probs": model.predict_proba(rows[:2]).tolist()}


def fit_clusters(arguments, inputs, send):
    rows, _ = _digits()
    return {"inertia": float(KMeans(4, n_init=2, random_state=0).fit(rows).inertia_)}


def run_onnx(arguments, inputs, send):
    started = onnxruntime.InferenceSession(
        inputs["model"].read(), providers=["CPUExecutionProvider"]
    )
    return {"output": started.run(None, {"x": np.ones((2, 3), dtype=np.float32)})[0].tolist()}


def read_parquet(arguments, inputs, send):
    table = pq.read_table(inputs["table"])
    np.save("column.npy", table["a"].to_numpy())
    return {"rows": table.num_rows}


ENTRIES = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and name[0] != "_"
}
