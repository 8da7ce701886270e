"""The filter of system calls: what confined code may ask the kernel for.

Written in classic BPF, run by the kernel at each call. What would reach other processes, the
network, other programs or memory that no limit counts is answered with "not permitted"; everything
else (files, memory, threads) passes. Threads are made and processes are not: both are `clone`, and
its flags tell. No file gets a mode that lets others run it as its owner. A call made by the rules
of another architecture, whose numbers mean other things, ends the process.
"""

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

from workers.sandbox import kernel

CLONE_THREAD = 0x00010000
SET_USER_OR_GROUP = 0o6000
MAKES_A_FILE = 0o100 | 0o20000000  # O_CREAT, and what is O_TMPFILE's own

_LOAD, _JUMP_EQUAL, _JUMP_FROM, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _ARGUMENT_BYTES = 0, 4, 16, 8
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


@dataclass(frozen=True)
class Machine:
    """What a filter must know of an architecture."""

    audit: int
    column: int
    clone: int
    kill: int
    tgkill: int
    prlimit64: int
    clone3: int
    openat2: int
    foreign_numbers: int | None


MACHINES = {
    "x86_64": Machine(0xC000003E, 0, 56, 62, 234, 302, 435, 437, foreign_numbers=0x40000000),
    "aarch64": Machine(0xC00000B7, 1, 220, 129, 131, 261, 435, 437, foreign_numbers=None),
}

# The number on x86_64, the number on aarch64.
_DENIED: dict[str, tuple[int, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "shutdown": (48, 210),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "fallocate": (285, 47),  # the limit on a file's size does not count it
    "personality": (135, 92),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "syslog": (103, 116),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
}

# The numbers, and the place of the mode among the arguments.
_CHANGE_MODE: dict[str, tuple[int | None, int | None, int]] = {
    "chmod": (90, None, 1),
    "fchmod": (91, 52, 1),
    "fchmodat": (268, 53, 2),
    "fchmodat2": (452, 452, 2),
    "creat": (85, None, 1),
}
# The numbers, and the place of the flags, which the mode follows.
_OPEN: dict[str, tuple[int | None, int | None, int]] = {
    "open": (2, None, 1),
    "openat": (257, 56, 2),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def install() -> bool:
    """Filter the calls of this process from now on; return False where no filter is written."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    program = compile_filter(machine, os.getpid())
    kernel.filter_system_calls(_Program(len(program) // 8, program))
    return True


def compile_filter(machine: Machine, pid: int) -> bytes:
    """Return the program for the process of this id: 8 bytes for each instruction."""
    refuse = _ERROR | errno.EPERM
    denied = [numbers[machine.column] for numbers in _DENIED.values()]
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, machine.audit, true=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        *_foreign(machine, refuse),
        *[step for number in denied if number is not None for step in _answer(number, refuse)],
        # "No such call" makes a library fall back to calls whose flags a filter can read.
        *_answer(machine.clone3, _ERROR | errno.ENOSYS),
        *_answer(machine.openat2, _ERROR | errno.ENOSYS),
        *_without_modes(machine, refuse),
        *_only_when(machine.clone, _JUMP_ANY_BIT, CLONE_THREAD, refuse),
        *_only_when(machine.kill, _JUMP_EQUAL, pid, refuse),
        *_only_when(machine.tgkill, _JUMP_EQUAL, pid, refuse),
        *_only_when(machine.prlimit64, _JUMP_EQUAL, 0, refuse),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _foreign(machine: Machine, refuse: int) -> list[bytes]:
    if machine.foreign_numbers is None:
        return []
    return [_step(_JUMP_FROM, machine.foreign_numbers, false=1), _step(_RETURN, refuse)]


def _answer(number: int, answer: int) -> list[bytes]:
    return [_step(_JUMP_EQUAL, number, false=1), _step(_RETURN, answer)]


def _only_when(number: int, test: int, value: int, refuse: int) -> list[bytes]:
    return [
        _step(_JUMP_EQUAL, number, false=4),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(test, value, false=1),
        _step(_RETURN, _ALLOW),
        _step(_RETURN, refuse),
    ]


def _without_modes(machine: Machine, refuse: int) -> list[bytes]:
    steps = []
    for *numbers, place in _CHANGE_MODE.values():
        if (number := numbers[machine.column]) is not None:
            steps += [_step(_JUMP_EQUAL, number, false=4), *_refuse_mode(place, refuse)]
    for *numbers, place in _OPEN.values():
        if (number := numbers[machine.column]) is not None:
            steps += [
                _step(_JUMP_EQUAL, number, false=6),
                _load(place),
                _step(_JUMP_ANY_BIT, MAKES_A_FILE, false=2),
                *_refuse_mode(place + 1, refuse),
            ]
    return steps


def _refuse_mode(place: int, refuse: int) -> list[bytes]:
    return [
        _load(place),
        _step(_JUMP_ANY_BIT, SET_USER_OR_GROUP, true=1),
        _step(_RETURN, _ALLOW),
        _step(_RETURN, refuse),
    ]


def _load(place: int) -> bytes:
    return _step(_LOAD, _FIRST_ARGUMENT + place * _ARGUMENT_BYTES)


def _step(code: int, value: int, *, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, true, false, value)
