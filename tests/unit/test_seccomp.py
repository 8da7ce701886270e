"""The filter of system calls, run here instruction by instruction, for machines we have not."""

import errno
import os
import struct

import pytest

from workers.sandbox.seccomp import CLONE_THREAD, MACHINES, compile_filter

PID = 4242
ALLOWED = 0x7FFF0000
NOT_PERMITTED = 0x00050000 | errno.EPERM
NO_SUCH_CALL = 0x00050000 | errno.ENOSYS
KILLED = 0x80000000

NUMBERS = {  # the same calls, by architecture
    "x86_64": {
        "read": 0,
        "sendto": 44,
        "socket": 41,
        "execve": 59,
        "ptrace": 101,
        "openat": 257,
        "fchmodat": 268,
    },
    "aarch64": {
        "read": 63,
        "sendto": 206,
        "socket": 198,
        "execve": 221,
        "ptrace": 117,
        "openat": 56,
        "fchmodat": 53,
    },
}


@pytest.fixture(params=sorted(MACHINES))
def name(request):
    return request.param


@pytest.fixture
def machine(name):
    return MACHINES[name]


def decide(machine, number, *arguments, audit=None):
    program = list(struct.iter_unpack("=HBBI", compile_filter(machine, PID)))
    arguments += (0,) * (6 - len(arguments))
    call = struct.pack("=iIQ6Q", number, audit or machine.audit, 0, *arguments)
    accumulator = step = 0
    while True:
        code, true, false, value = program[step]
        step += 1
        if code == 0x06:
            return value
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", call, value)
            continue
        met = {
            0x15: accumulator == value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }[code]
        step += true if met else false


@pytest.mark.parametrize("call", ["socket", "execve", "ptrace"])
def test_what_reaches_outside_is_not_permitted(name, machine, call):
    assert decide(machine, NUMBERS[name][call]) == NOT_PERMITTED


@pytest.mark.parametrize("call", ["read", "sendto"])
def test_work_on_what_is_open_passes(name, machine, call):
    assert decide(machine, NUMBERS[name][call]) == ALLOWED


def test_threads_are_made_and_processes_are_not(machine):
    assert decide(machine, machine.clone, CLONE_THREAD | 0x100) == ALLOWED
    assert decide(machine, machine.clone, 0x11) == NOT_PERMITTED
    assert decide(machine, machine.clone3) == NO_SUCH_CALL


def test_signals_go_to_oneself_only(machine):
    for number in (machine.kill, machine.tgkill):
        assert decide(machine, number, PID) == ALLOWED
        assert decide(machine, number, PID + 1) == NOT_PERMITTED


def test_limits_are_read_of_oneself_only(machine):
    assert decide(machine, machine.prlimit64, 0) == ALLOWED
    assert decide(machine, machine.prlimit64, os.getppid()) == NOT_PERMITTED


def test_no_file_lets_others_run_it_as_its_owner(name, machine):
    openat, fchmodat = NUMBERS[name]["openat"], NUMBERS[name]["fchmodat"]
    for mode, answer in ((0o755, ALLOWED), (0o4755, NOT_PERMITTED), (0o2755, NOT_PERMITTED)):
        assert decide(machine, fchmodat, 3, 0, mode) == answer
        for flags in (os.O_CREAT | os.O_WRONLY, os.O_TMPFILE):
            assert decide(machine, openat, 3, 0, flags, mode) == answer
    assert decide(machine, openat, 3, 0, os.O_RDONLY, 0o4755) == ALLOWED
    assert decide(machine, machine.openat2) == NO_SUCH_CALL


def test_calls_by_the_rules_of_another_architecture_end_the_process(machine):
    assert decide(machine, 0, audit=0x40000003) == KILLED


def test_the_second_numbering_of_x86_is_closed():
    assert decide(MACHINES["x86_64"], 0x40000000 + 41) == NOT_PERMITTED
    assert decide(MACHINES["x86_64"], 0x40000000) == NOT_PERMITTED
