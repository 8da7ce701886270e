"""The processes that a benchmark has started, as the kernel tells of them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PROCESSES = Path("/proc")
RESET_PEAK = "5"
PARENT, USER_TICKS, SYSTEM_TICKS = 1, 11, 12
WEB = "service.processes.webserver"
TICKS = os.sysconf("SC_CLK_TCK")


def web_processes() -> list[int]:
    """Return the processes that serve the API of a service that this one has started."""
    return [pid for pid in descendants(os.getpid()) if WEB in command_line(pid)]


def descendants(pid: int) -> list[int]:
    """Return the processes that one has started, and that those have."""
    every = [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()]
    children = [each for each in every if fields(each)[PARENT : PARENT + 1] == [str(pid)]]
    return [each for child in children for each in (child, *descendants(child))]


def fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name; none once the process has ended."""
    try:
        return (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_line(pid: int) -> str:
    """Return the words with which a process was started."""
    try:
        return (PROCESSES / str(pid) / "cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processor_seconds(pid: int) -> float:
    """Return the seconds of processor time that a process has had."""
    found = fields(pid)
    return (int(found[USER_TICKS]) + int(found[SYSTEM_TICKS])) / TICKS


def processor_time_of(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that some work takes in this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has now."""
    return kilobytes(pid, "VmRSS") * 1024


def own_memory(pid: int) -> int:
    """Return the bytes of memory that a process has and no file; none once it has ended."""
    try:
        return kilobytes(pid, "RssAnon") * 1024
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0


def high_water(pid: int) -> int:
    """Return the most bytes of memory that a process has had since it was last forgotten."""
    return kilobytes(pid, "VmHWM") * 1024


def forget_high_water(pid: int) -> None:
    """Begin anew to watch how much memory a process has."""
    (PROCESSES / str(pid) / "clear_refs").write_text(RESET_PEAK)


def kilobytes(pid: int, name: str) -> int:
    """Return a number of a process's status."""
    lines = (PROCESSES / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
