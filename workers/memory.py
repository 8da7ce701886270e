"""How much memory a step may take, so that one that takes too much fails by itself.

A process that the kernel kills takes its job along, and the job is tried again, to the same end.
"""

import mmap
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import dgemm

from service.errors import OutOfMemory

WARMED = 256
"""Rows of a matrix that is too large to be multiplied without a buffer."""

FIT_LESS = "fit on fewer features, fewer or shorter labels, or a smaller estimator"


@contextmanager
def limited_memory(room: int, instead: str = FIT_LESS) -> Iterator[None]:
    """Let what is done inside map `room` bytes more than are mapped now; raise OutOfMemory, which
    says what to do instead, where it needs more.

    Files that are mapped count too: map them before. Libraries of linear algebra end the process
    where they find no room for their own buffers, so they make those first.
    """
    warm()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (least(address_space() + room, *before), before[1]))
    try:
        yield
    except Exception as error:
        if any(isinstance(each, MemoryError) for each in story(error)):
            raise OutOfMemory(
                f"More than {room} bytes of memory were needed (sandbox_memory): {instead}"
            ) from error
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def story(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what led to it: a library that tidies up in vain hides what was first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def reserve(room: int) -> None:
    """Raise MemoryError where there are no `room` bytes left.

    Libraries in C that do not look whether they got any memory end the process: look for them.
    """
    np.empty(room, dtype=np.uint8)


def least(*limits: int) -> int:
    """Return the least of some limits, of which some may be none."""
    return min(limit for limit in limits if limit != resource.RLIM_INFINITY)


def let_go(array: npt.NDArray[Any]) -> None:
    """Give back the memory that a mapped file takes; it stays readable, from the file again."""
    holder: Any = array
    while isinstance(holder, np.ndarray):
        holder = holder.base
    if isinstance(holder, mmap.mmap):
        holder.madvise(mmap.MADV_DONTNEED)


def address_space() -> int:
    """Return how many bytes this process has mapped."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def warm() -> None:
    """Let numpy's and scipy's linear algebra make their buffers."""
    square = np.ones((WARMED, WARMED))
    np.dot(square, square)
    dgemm(1.0, square, square)
