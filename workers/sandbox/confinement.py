"""The walls around a child that opens clients' bytes.

Confined, always: address space, CPU time, the size of a file and the number of open ones, no core
dumps; first to go when the machine's memory ends; no secrets in the environment; no privileges,
and none to gain; not to be looked into by its siblings.

Confined, on x86-64 and 64-bit ARM (`seccomp`): no new sockets, no other programs, no other
processes, no signals to anybody else, no memory that outlives the process.

Confined, where the kernel has Landlock (5.13): of files, only the scratch directory can be written,
and only the interpreter and its libraries read.

Confined, where the zygote may make one: a network of its own, without any interface.

Started by root, a child runs as nobody, with the number of nobody's threads limited. Started by an
ordinary user it stays that user, so without Landlock it can read that user's files, and nothing but
the address space limits its threads. Not confined: the sum of what it writes (whoever asked for the
work watches that), and how hard it uses the processor and the disk until its deadline.

A child that may use a GPU can also open NVIDIA's devices, and its limit is on private memory that
it can write to instead of on addresses: CUDA reserves more of those than a machine has memory.
"""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from workers.sandbox import kernel, landlock, seccomp

NOBODY = 65534
OPEN_FILES = 256
THREADS_OF_NOBODY = 1024
KEPT_IN_ENVIRONMENT = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "JOBLIB_MULTIPROCESSING",
    "CUDA_VISIBLE_DEVICES",
)


@dataclass(frozen=True)
class Walls:
    """What this machine let us put up of the walls that not every machine has."""

    system_calls: bool
    files: bool


def user_to_become() -> int | None:
    """Return whom a child must become: nobody when we are root, else whoever we are (None)."""
    return NOBODY if os.geteuid() == 0 else None


def isolate_network() -> bool:
    """Move this process to a network without interfaces; return False where we may not."""
    is_root = os.geteuid() == 0
    try:
        kernel.unshare(kernel.CLONE_NEWNET | (0 if is_root else kernel.CLONE_NEWUSER))
    except OSError:
        return False
    if not is_root:
        kernel.drop_capabilities()  # a new user namespace gives them all, within itself
    return True


def confine(
    *, memory: int, file_bytes: int, cpu_seconds: int, user: int | None, gpu: bool = False
) -> Walls:
    """Put up the walls around this process, for good; the current directory is its scratch."""
    _offer_to_the_memory_killer()
    _clear_environment()
    _limit(file_bytes=file_bytes, cpu_seconds=cpu_seconds)
    _limit_memory(memory, gpu=gpu)
    files = landlock.restrict(gpu=gpu)
    if user is not None:
        _become(user)
    kernel.drop_capabilities()
    kernel.set_inspectable(allowed=False)
    kernel.refuse_new_privileges()
    return Walls(system_calls=seccomp.install(), files=files)


def _offer_to_the_memory_killer() -> None:
    kernel.set_inspectable(allowed=True)  # else the file is root's
    Path("/proc/self/oom_score_adj").write_text("1000")


def _clear_environment() -> None:
    for name in set(os.environ) - set(KEPT_IN_ENVIRONMENT):
        del os.environ[name]


def _limit_memory(memory: int, *, gpu: bool) -> None:
    # The libraries that the zygote imported are mapped here already, a gigabyte and more of
    # addresses and little memory; the limit is for what the child adds to them.
    mapped, *_, data, _ = Path("/proc/self/statm").read_text().split()
    kind, pages = (resource.RLIMIT_DATA, data) if gpu else (resource.RLIMIT_AS, mapped)
    _set_limit(kind, int(pages) * resource.getpagesize() + memory)


def _limit(*, file_bytes: int, cpu_seconds: int) -> None:
    _set_limit(resource.RLIMIT_FSIZE, file_bytes)
    _set_limit(resource.RLIMIT_CPU, cpu_seconds)
    _set_limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _set_limit(resource.RLIMIT_CORE, 0)


def _set_limit(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    limit = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (limit, limit))


def _become(user: int) -> None:
    # Counted for all processes of the user, so only for one who is nobody else.
    _set_limit(resource.RLIMIT_NPROC, THREADS_OF_NOBODY)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
