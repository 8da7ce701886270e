"""What the disk is asked: room, age, and to keep what was written."""

import os
import time
from pathlib import Path

from service.errors import StorageFull

RESERVE = 256 * 1024**2


def check_space(path: Path) -> None:
    """Raise StorageFull where a disk has too little room left for anything but to go on.

    The records' log needs some, or the whole service stops for the sake of one upload.
    """
    disk = os.statvfs(path)
    if disk.f_bavail * disk.f_frsize < RESERVE:
        raise StorageFull(f"Less than {RESERVE} bytes are left on the disk; nothing was kept")


def age(path: Path) -> float:
    """Return for how many seconds a file has stood; none where it has just gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def force(path: Path) -> None:
    """Force a file's or directory's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
