"""Processes that are kept running: started, watched, and ended with the one that started them."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

PR_SET_PDEATHSIG = 1
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY = 10.0
"""Seconds after which a process counts as having started well."""


class CannotStart(Exception):
    """Shortlist cannot start here; the message says what to do about it."""


@dataclass(frozen=True)
class Command:
    """What to run: its name in the log, its arguments, its variables, the files it inherits."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    files: tuple[int, ...] = ()


class Child:
    """One process that is kept running."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.failures = 0
        self.due = 0.0

    @property
    def running(self) -> bool:
        return self.process is not None

    def start(self) -> None:
        """Start the process: away from the terminal's signals, and bound to our own life."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - the commands are our own
            self.command.arguments,
            env=self.command.environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=self.command.files,
            start_new_session=True,
            preexec_fn=partial(begin, os.getpid()),  # noqa: PLW1509 - we have one thread
        )

    def collect(self) -> str | None:
        """Return how the process ended, if it has; what it left running is ended too."""
        if self.process is None or not has_ended(self.process.pid):
            return None
        self.kill()  # its group: the name stays ours until the process is waited for
        ending = describe(self.process.pid, self.process.wait())
        self.process = None
        return ending

    def postpone(self) -> float:
        """Return after how many seconds to start again: longer each time it ended early."""
        ended = time.monotonic()
        self.failures = 1 if ended - self.started > STEADY else self.failures + 1
        pause = min(FIRST_PAUSE * 2.0 ** (self.failures - 1), LONGEST_PAUSE)
        self.due = ended + pause
        return pause

    def terminate(self) -> None:
        """Ask the process to end in order."""
        if self.process is not None:
            self.process.terminate()

    def kill(self) -> None:
        """End the process, and those of its group, at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def begin(parent: int) -> None:
    """Prepare a new process for its own program: mortal, and open to every signal."""
    die_with_parent(parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, which started it, ends in whatever way."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def has_ended(pid: int) -> bool:
    """Say whether a child has ended, leaving it to be waited for."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it was waited for already
        return True


def describe(pid: int, status: int) -> str:
    """Return how a process ended, in words."""
    if status < 0:
        return f"process {pid} was killed by {signal.Signals(-status).name}"
    return f"process {pid} ended with status {status}"
