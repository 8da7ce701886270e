"""A model that does harm ends its own job with that reason, and no other."""

import re
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import indent
from urllib.parse import urlsplit

import pytest

from service.processes import embedded
from tests.client import Client
from tests.conftest import installation, until
from tests.processes import children_of, named, workers
from tests.scripted import scripted, shares_pool

MEBIBYTE = 1024**2
ROWS = 100
KEY = "swordfish-swordfish-swordfish"
SETTINGS = {
    "workers": 1,
    "job_timeout": 3,
    "sandbox_memory": 512 * MEBIBYTE,
    "max_upload_bytes": 32 * MEBIBYTE,
    "allow_joblib": "true",
    "api_key": KEY,
}


@dataclass(frozen=True)
class Place:
    """An installation, its worker, and what a model may not reach, by the names deeds have."""

    client: Client
    home: Path
    worker: int
    zygote: int
    known: dict[str, object]

    def wrote_outside(self):
        """Say whether a model left what it would have where it may not write."""
        return any(Path(where, "new").exists() for where in (self.home, "/dev/shm"))  # noqa: S108


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    with (
        socket.create_server(("127.0.0.1", 0)) as redis,
        installation(home, **SETTINGS) as (stranger, process),
    ):
        client = replace(stranger, key=KEY)
        (worker,) = workers(process.pid)
        (zygote,) = until(lambda: named(worker, "workers.sandbox.zygote"))
        known = {
            "home": home,
            "neighbour": a_neighbours_file(home, stranger),
            "keys": next((home / "redis").rglob("*.aof")),
            "socket": embedded.socket_path(home),
            "redis": redis.getsockname()[1],
            "api": urlsplit(client.url).port,
            "worker": worker,
        }
        yield Place(client, home, worker, zygote, known)
        assert workers(process.pid) == [worker]
        assert named(worker, "workers.sandbox.zygote") == [zygote]


def a_neighbours_file(home, client):
    """A file of a pool of another workspace."""
    command = [sys.executable, "-m", "service.cli", "keys", "--data-dir", str(home)]
    asked = ["create", "--workspace", "neighbour", "--scopes", "read,write"]
    said = subprocess.run([*command, *asked], capture_output=True, text=True, check=True).stdout
    pool = shares_pool(replace(client, key=said.split("\n")[0]), 5)
    return next((home / "workspaces" / "neighbour" / "pools" / pool).rglob("features.npy"))


@pytest.fixture(scope="module")
def client(place):
    return place.client


@pytest.fixture(scope="module")
def pool(client):
    return shares_pool(client, ROWS)


def scored(client, pool, deed, name=""):
    """The job of a model that does the deed, once it has ended."""
    model = client.model(scripted(deed, name), "joblib")
    body = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    return client.ended(client.post("/v1/scorings", body).json["id"])


DEEDS = {
    "reads where nothing is": ("ctypes.string_at(0)", "crashed"),
    "ends its process": ("os._exit(0)", "crashed"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", None),
    "raises what nobody expects": ("raise SystemExit(3)", "crashed"),
    "recurses without end": ("return self.predict_proba(items)", "invalid_output"),
    "sleeps for ever in C": ("ctypes.PyDLL(None).sleep(10**6)", "timeout"),
    "computes for ever": ("while True: pass", "timeout"),
    "asks for too much memory": ("np.ones(10**9)", "out_of_memory"),
    "eats memory bit by bit": ("eaten = [bytes(10**6) for _ in range(10**6)]", "out_of_memory"),
    "gives nonsense": ("return np.full((len(items), 2), 0.7)", "invalid_output"),
    "gives nothing": ("return None", "invalid_output"),
    "gives what is no number": ("return np.full((len(items), 2), np.nan)", "invalid_output"),
}


@pytest.mark.parametrize(("deed", "reason"), DEEDS.values(), ids=DEEDS)
def test_a_model_that_does_harm_ends_its_own_job_only(client, pool, deed, reason):
    job = scored(client, pool, deed)
    assert (job["state"], job["attempts"]) == ("failed", 1), job
    assert job["reason"] in ([reason] if reason else ["crashed", "out_of_memory"]), job
    assert job["error"]["detail"]
    assert scored(client, pool, "pass", name=deed)["state"] == "succeeded"


TRACE = """
library = ctypes.CDLL(None, use_errno=True)
if library.ptrace(16, os.getppid(), None, None) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""
NOT_PERMITTED = "PermissionError"
SOUGHT = {
    "Redis by its socket": "socket.socket(socket.AF_UNIX).connect('{socket}')",
    "Redis by a port": "socket.create_connection(('127.0.0.1', {redis}))",
    "the API": "socket.create_connection(('127.0.0.1', {api}))",
    "the world": "socket.create_connection(('192.0.2.1', 443))",
    "whoever sends packets": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "the keys": "open('{keys}', 'rb').read()",
    "the data directory": "os.listdir('{home}')",
    "a neighbour's pool": "open('{neighbour}', 'rb').read()",
    "the password file": "open('/etc/passwd').read()",
    "its parent's environment": "open('/proc/%d/environ' % os.getppid(), 'rb').read()",
    "its worker's environment": "open('/proc/{worker}/environ', 'rb').read()",
    "its worker's memory": "open('/proc/{worker}/mem', 'rb').read(1)",
    "a place to write to": "open('{home}/new', 'w')",
    "memory to write to": "open('/dev/shm/new', 'w')",
    "a neighbour's file to remove": "os.remove('{neighbour}')",
    "processes without end": "while True: os.fork()",
    "another program": "subprocess.run(['/bin/sh', '-c', 'true'])",
    "a process to leave behind": "subprocess.Popen(['/bin/sleep', '99'], start_new_session=True)",
    "its parent to kill": "os.kill(os.getppid(), signal.SIGKILL)",
    "its worker to kill": "os.kill({worker}, signal.SIGKILL)",
    "everybody to kill": "os.kill(-1, signal.SIGKILL)",
    "its group to kill": "os.killpg(0, signal.SIGKILL)",
    "its group, named, to stop": "os.killpg(os.getpgrp(), signal.SIGSTOP)",
    "its parent to trace": TRACE,
    "a file to run as its owner": "open('x', 'w').close()\nos.chmod('x', 0o4755)",
    "a file made to run as its owner": "os.open('x', os.O_CREAT | os.O_WRONLY, 0o4755)",
    "to be root": "os.setuid(0)\nraise OSError('is root')",
}
"""What a model seeks, and how; each is not permitted."""

TAKEN = {
    "the key from its environment": ("os.environ['SHORTLIST_API_KEY']", "KeyError"),
    "the key from its first environment": (
        "assert b'SHORTLIST' in open('/proc/self/environ', 'rb').read(), 'nothing'",
        f"nothing|{NOT_PERMITTED}",
    ),
    "threads without end": (
        "while True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
        "can't start new thread",
    ),
    "the disk by one file": (
        "file = open('x', 'wb')\nwhile True: file.write(bytes(10**6))",
        "File too large|passes [0-9]* bytes",
    ),
    "the disk by many files": (
        "for n in range(10**6): open(str(n), 'wb').write(bytes(10**6))",
        "passes [0-9]* bytes|1000 files",
    ),
}
"""What a model would take, how, and what its job's failure says."""


@pytest.mark.parametrize("sought", SOUGHT)
def test_a_model_that_reaches_out_of_its_process_is_not_permitted(place, pool, sought):
    fails(place, pool, sought, SOUGHT[sought], NOT_PERMITTED)


@pytest.mark.parametrize("taken", TAKEN)
def test_a_model_that_takes_what_is_not_its_own_gets_none(place, pool, taken):
    fails(place, pool, taken, *TAKEN[taken])


def fails(place, pool, name, deed, words):
    """Have a model do a deed: its job fails with these words, and the next one succeeds."""
    lines = indent(deed.format(**place.known), 8 * " ").lstrip()
    job = scored(place.client, pool, lines, name)
    assert (job["state"], job["attempts"]) == ("failed", 1), job
    assert job["reason"] in ("invalid_output", "too_large"), job
    assert re.search(words, job["error"]["detail"]), job
    assert scored(place.client, pool, "pass", name)["state"] == "succeeded"
    assert not place.wrote_outside()
    assert children_of(place.zygote) == []
    assert Path(place.known["neighbour"]).exists()


def test_a_model_that_does_harm_when_it_is_opened_is_refused(client, pool):
    for deed, reason in (("ctypes.string_at(0)", "crashed"), ("np.ones(10**9)", "out_of_memory")):
        answer = client.post("/v1/models?format=joblib", harmful(deed), "application/octet-stream")
        job = client.ended(answer.json["id"])
        assert (job["state"], job["reason"]) == ("failed", reason), job
    assert scored(client, pool, "pass", name="after all")["state"] == "succeeded"


def harmful(deed):
    """A file that does the deed when it is opened."""
    return scripted(f"pass\n\n{deed}\n\nif True:\n    def nothing():\n        pass")
