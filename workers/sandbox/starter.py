"""A zygote's process, as the worker that owns it sees it: started, asked after, stopped."""

import fcntl
import os
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from service.errors import Unavailable

ENTRIES = "workers.untrusted.entries"
SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 5.0
OF_GPUS = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
"""Variables that say which GPUs may be used, and where their libraries are."""

SOCKET = "zygote"
PREFIX = "shortlist-zygote-"
NEW = "shortlist-new-"
LONGEST_DIRECTORY = 70  # bytes; a socket's whole path may have 107


def short_directory() -> str:
    """Return where temporary files go, or /tmp where a socket's path would be too long there."""
    found = tempfile.gettempdir()
    return found if len(os.fsencode(found)) <= LONGEST_DIRECTORY else "/tmp"  # noqa: S108 - mkdtemp


def owned_directory() -> tuple[Path, int]:
    """Make a private directory that is locked as long as this process lives; return it, and what
    holds the lock. Those of processes that were killed go."""
    parent = Path(short_directory())
    made = Path(tempfile.mkdtemp(prefix=NEW, dir=parent))
    lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    owned = made.with_name(PREFIX + made.name.removeprefix(NEW))
    made.rename(owned)  # only now do others ask whether it is locked
    for other in parent.glob(f"{PREFIX}*"):
        if other != owned:
            forget_if_left(other)
    return owned, lock


def forget_if_left(directory: Path) -> None:
    """Remove the directory of a zygote whose owner has died."""
    with suppress(OSError):  # it is another user's, or in use, or gone
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(lock)


class ZygoteProcess:
    """Owns one zygote and the private directory of its socket.

    Start it from the thread that lives as long as the worker: the kernel kills the zygote when
    that thread ends. A fork of the owner may use the address; it stops nothing.
    """

    def __init__(self, entries: str = ENTRIES) -> None:
        self._entries = entries
        self._owner = os.getpid()
        self._directory: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: int | None = None
        self._lock: int | None = None
        self._has_listened = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def address(self) -> Path:
        """Where the zygote listens: the same after a restart."""
        if self._directory is None:
            raise RuntimeError("the zygote was not started")
        return self._directory / SOCKET

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        """Say whether the process runs; asked of the owner only."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process and return when it listens."""
        self.begin()
        self.await_ready()

    def begin(self) -> None:
        """Start the process, which imports its libraries before it listens."""
        if self._directory is None:
            self._directory, self._lock = owned_directory()
        elif not self._directory.exists():
            self._directory.mkdir(mode=0o700)
        reader, writer = os.pipe()
        try:
            self._process = _spawn(self.address, self._entries, writer)
        finally:
            os.close(writer)
        self._ready = reader

    def await_ready(self) -> None:
        """Return when the process listens; end it, and raise Unavailable, where it does not."""
        reader, self._ready = self._ready, None
        if reader is None:
            return
        if _becomes_ready(reader):
            self._has_listened = True
            return
        if self._process is not None:
            _end(self._process)
        if not self._has_listened:
            self.stop()
        raise Unavailable("The sandbox did not start: its reason is in the worker's error output.")

    def revive(self) -> None:
        """Start the process again if it has died."""
        if not self.alive():
            self.start()

    def stop(self) -> None:
        """End the process, and with it all its children, and remove its directory."""
        if os.getpid() != self._owner:
            return
        if self._process is not None:
            _end(self._process)
        if self._ready is not None:
            os.close(self._ready)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._process = self._directory = self._ready = self._lock = None


def _spawn(address: Path, entries: str, ready: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "workers.sandbox.zygote"]
    command += ["--address", str(address), "--entries", entries]
    command += ["--parent", str(os.getpid()), "--ready", str(ready)]
    return subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
        command,
        env=_environment(),
        cwd="/",
        pass_fds=[ready],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # an interrupt at the keyboard is for the worker to handle
    )


def _becomes_ready(pipe: int) -> bool:
    try:
        readable, _, _ = select.select([pipe], [], [], SECONDS_TO_START)
        return bool(readable and os.read(pipe, 1))
    finally:
        os.close(pipe)


def _environment() -> dict[str, str]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "JOBLIB_MULTIPROCESSING": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Every allocator and thread of a library that starts at its import is one that a fork
        # copies half of, and every arena takes addresses from the limit on them.
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "ORT_DISABLE_TELEMETRY": "1",
    }
    for name in OF_GPUS:
        if name in os.environ:
            environment[name] = os.environ[name]
    source = Path(__file__).resolve().parents[2]
    if source != Path(sysconfig.get_path("purelib")):
        environment["PYTHONPATH"] = str(source)
    return environment


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_STOP)
    process.kill()
    process.wait()
