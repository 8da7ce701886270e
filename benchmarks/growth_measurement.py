"""One work measured at one size, in a process that is forked for it alone."""

import ctypes
import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.growth_pool import GrowthPool
from benchmarks.growth_work import WORKS, Work, scratch
from benchmarks.measurement import REFERENCES, RESET_PEAK, kilobytes

LIBRARY = ctypes.CDLL(None)
REPEATS, SHORT = 5, 1.5
"""A work is done so often, if that takes no more than so many seconds together."""


@dataclass(frozen=True)
class Measured:
    """Seconds of the processor, seconds of the clock, and megabytes beyond what was held before."""

    seconds: float
    elapsed: float
    megabytes: float


def in_a_fork(work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a process of its own; raise where that fails."""
    gc.freeze()  # what is imported is not looked through again at every collection
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=answer, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise ChildProcessError(f"{work.__name__}{arguments} failed") from None
    finally:
        process.join()


def answer(line: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Send what a function returns."""
    line.send(work(*arguments))


def measure(name: str, directory: Path, items: int, few: int) -> Measured:
    """Return the medians of doing a work; it is done once on a small pool before, unmeasured."""
    small, pool = (GrowthPool(directory / str(size), size) for size in (few, items))
    with scratch(small):
        WORKS[name](small)()
    with scratch(pool):
        work = WORKS[name](pool)
        found = [once(work)]
        while len(found) < REPEATS and sum(each.elapsed for each in found) < SHORT:
            found.append(once(work))
    fields = ("seconds", "elapsed", "megabytes")
    return Measured(*(statistics.median(getattr(each, of) for each in found) for of in fields))


def once(work: Work) -> Measured:
    """Do a work; what it mapped of files is not counted as memory that it needs."""
    gc.collect()
    LIBRARY.malloc_trim(0)  # what was freed is not held for what comes next
    REFERENCES.write_text(RESET_PEAK)
    before, mapped = kilobytes("VmRSS"), kilobytes("RssFile")
    began, busy = time.perf_counter(), time.process_time()
    held = work()
    seconds, elapsed = time.process_time() - busy, time.perf_counter() - began
    more = kilobytes("VmHWM") - before - max(0, kilobytes("RssFile") - mapped)
    del held
    return Measured(seconds, elapsed, max(0, more) / 1024)
