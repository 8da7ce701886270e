"""What the disk is asked: room, age, and to keep what was written."""

import os
import time
from pathlib import Path

from service.errors import StorageFull

RESERVE = 256 * 1024**2
WRITTEN_AT_ONCE = 32 * 1024**2
"""Bytes of a growing file that the disk is told of together."""


def check_space(path: Path) -> None:
    """Raise StorageFull where a disk has too little room left for anything but to go on.

    The records' log needs some, or the whole service stops for the sake of one upload.
    """
    disk = os.statvfs(path)
    if disk.f_bavail * disk.f_frsize < RESERVE:
        raise StorageFull(f"Less than {RESERVE} bytes are left on the disk; nothing was kept")


def size(path: Path) -> int:
    """Return how many bytes the files at and below a path have; what goes meanwhile counts not."""
    try:
        with os.scandir(path) as entries:
            return sum(map(size_of, entries))
    except FileNotFoundError:
        return 0
    except NotADirectoryError:
        return path.stat().st_size


def size_of(entry: "os.DirEntry[str]") -> int:
    """Return how many bytes an entry of a directory has, with all that is below it."""
    if entry.is_dir(follow_symlinks=False):
        return size(Path(entry.path))
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def age(path: Path) -> float:
    """Return for how many seconds a file has stood; none where it has just gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def begin_writing(file: int, start: int, length: int) -> None:
    """Have the disk begin to write some bytes of a file: else fsync, at the end, waits for all."""
    if hasattr(os, "posix_fadvise"):
        # Pages that nobody needs are written at once, and dropped once they are; those not yet
        # written stay, for the worker that will read them.
        os.posix_fadvise(file, start, length, os.POSIX_FADV_DONTNEED)


def force(path: Path) -> None:
    """Force a file's or directory's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
