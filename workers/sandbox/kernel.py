"""The calls into the kernel that Python has no name for."""

import ctypes
import os
import signal

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

_SET_DEATH_SIGNAL = 1
_SET_DUMPABLE = 4
_SET_SECCOMP = 22
_SET_NO_NEW_PRIVILEGES = 38
_SECCOMP_FILTER = 2
_CAPABILITY_VERSION = 0x20080522


def syscall(number: int, *arguments: object) -> int:
    """Return what a system call returned, for those that the C library has no name for."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return _checked(library.syscall(ctypes.c_long(number), *words))


def die_with_parent(parent: int, by: int = signal.SIGKILL) -> None:
    """Have the kernel send a signal when the parent dies, also if it has died already."""
    _prctl(_SET_DEATH_SIGNAL, by)
    if os.getppid() != parent:
        os.kill(os.getpid(), by)


def set_inspectable(*, allowed: bool) -> None:
    """Say whether other processes of this user may look into this one."""
    _prctl(_SET_DUMPABLE, int(allowed))


def refuse_new_privileges() -> None:
    """Have no later program run with more rights than this one."""
    _prctl(_SET_NO_NEW_PRIVILEGES, 1)


def filter_system_calls(program: ctypes.Structure) -> None:
    """Let a BPF program decide on every further system call of this process."""
    _prctl(_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(program))


def unshare(flags: int) -> None:
    """Leave the namespaces that the flags name, for new ones."""
    _checked(ctypes.CDLL(None, use_errno=True).unshare(flags))


def drop_capabilities() -> None:
    """Give up every capability."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(ctypes.CDLL(None, use_errno=True).capset(header, none))


def _prctl(option: int, *arguments: object) -> None:
    words = [ctypes.c_ulong(word) if isinstance(word, int) else word for word in arguments]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    _checked(ctypes.CDLL(None, use_errno=True).prctl(option, *words))


def _checked(returned: int) -> int:
    if returned < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return returned
