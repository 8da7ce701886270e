"""The processes of an installation, as the kernel tells of them: found, measured, killed."""

import os
import signal
from pathlib import Path


def status_fields(pid):
    """The fields of /proc/PID/stat after the name: state, parent, …; empty once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [] if fields[0] in "ZX" else fields


def children_of(parent):
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if status_fields(pid)[1:2] == [str(parent)]]


def descendants(pid):
    return {pid}.union(*(descendants(child) for child in children_of(pid)))


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def named(parent, words):
    """The children of a process whose command line has these words."""
    return sorted(pid for pid in children_of(parent) if words in command_line(pid))


def workers(serve):
    """The workers of an installation."""
    return named(serve, "-m workers ")


def busy(serve):
    """The workers that have a work-horse, and which."""
    horses = {worker: named(worker, "-m workers ") for worker in workers(serve)}
    return {worker: found[0] for worker, found in horses.items() if found}


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def resident(pid):
    """The bytes of memory that a process has now."""
    return kilobytes(pid, "VmRSS") * 1024


def high_water(pid):
    """The most bytes of memory that a process has had."""
    return kilobytes(pid, "VmHWM") * 1024


def kilobytes(pid, name):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
