"""Copies on this machine of files that never change: bounded, and shared by its processes."""

import fcntl
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.files.disk import force

HELD = 128
"""Files that one process keeps others from evicting: those that it asked for last."""

SHARE_UNSEEN = 32
"""One part in so many of the bound may come in before a process looks again."""

YOUNG = 60.0
"""Seconds for which an empty directory is left to whoever is about to fill it."""

PARTIAL, GUARD = ".partial", ".guard"


class Copies:
    """Copies of files by a token and a name; those used longest ago go where room is needed.

    Whoever uses a copy holds a shared lock on it, so that none is evicted between its being found
    and its being opened; the kernel lets go of the locks of whoever dies. A copy that is being
    fetched stands under another name, with a guard beside it that is locked: others wait for it.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit
        self.unseen = limit
        self.held: OrderedDict[Path, int] = OrderedDict()
        self.lock = threading.Lock()
        root.mkdir(exist_ok=True, mode=0o700)

    def hold(self, token: str, name: str, size: int, fetch: Callable[[Path], None]) -> Path:
        """Return where a copy of so many bytes stands, fetched if it is not here."""
        path = self.root / token / name
        while not self.is_held(path, size):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.make_room(size)
            with locked(beside(path, GUARD)) as guard:
                if not is_whole(path, size):
                    bring(beside(path, PARTIAL), size, fetch).rename(path)
                guard.unlink()
        return path

    def is_held(self, path: Path, size: int) -> bool:
        """Keep a copy from being evicted; return False where it is not here."""
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        fcntl.flock(file, fcntl.LOCK_SH)
        if not is_same(file, path) or not is_whole(path, size):
            os.close(file)
            return False
        with suppress(FileNotFoundError):
            os.utime(path)
        with self.lock:
            surplus = [self.held.pop(path)] if path in self.held else []
            self.held[path] = file
            while len(self.held) > HELD:
                surplus.append(self.held.popitem(last=False)[1])
        for each in surplus:
            os.close(each)
        return True

    def release(self, path: Path) -> None:
        """Let a copy be evicted."""
        with self.lock:
            file = self.held.pop(path, None)
        if file is not None:
            os.close(file)

    def take(self, staged: Path, token: str) -> None:
        """Move a staged file, or a directory of files, to where it would be fetched to."""
        files = [path for path in [staged, *staged.rglob("*")] if path.is_file()]
        self.make_room(sum(path.stat().st_size for path in files))
        for path in files:
            force(path)
        target = self.root / token
        if staged.is_dir():
            staged.rename(target)
        else:
            target.mkdir(mode=0o700)
            staged.rename(target / staged.name)

    def forget(self, token: str) -> None:
        """Remove the copies of a token."""
        shutil.rmtree(self.root / token, ignore_errors=True)

    def make_room(self, size: int) -> None:
        """Evict, now and then, what was used longest ago, so that so many bytes have room."""
        self.unseen += size
        if self.unseen < self.limit // SHARE_UNSEEN:
            return
        self.unseen = size
        with suppress(BlockingIOError), locked(self.root / "lock", wait=False):
            self.evict(size)

    def evict(self, size: int) -> None:
        """Bring all copies below three quarters of the bound where they pass seven eighths."""
        found = sorted(self.standing())
        total = size + sum(each[1] for each in found)
        if total <= self.limit - self.limit // 8:
            return
        for _, bytes, path in found:
            if total <= self.limit - self.limit // 4:
                return
            part = path.name.endswith(PARTIAL)
            guard = path.with_name(path.name.removesuffix(PARTIAL) + GUARD) if part else path
            with (
                suppress(BlockingIOError, FileNotFoundError),
                locked(guard, wait=False, make=False),
            ):
                path.unlink()
                total -= bytes

    def standing(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each copy was used, its bytes and its place; remove old empty directories."""
        for directory, below, names in os.walk(self.root, topdown=False):
            place = Path(directory)
            if place == self.root:
                continue
            if not below and not names:
                with suppress(OSError):
                    if time.time() - place.stat().st_mtime > YOUNG:
                        place.rmdir()
            for name in (each for each in names if not each.endswith(GUARD)):
                with suppress(FileNotFoundError):
                    status = (place / name).stat()
                    yield status.st_mtime, status.st_size, place / name


def beside(path: Path, suffix: str) -> Path:
    """Return the place of what stands beside a copy."""
    return path.with_name(path.name + suffix)


def bring(partial: Path, size: int, fetch: Callable[[Path], None]) -> Path:
    """Fetch so many bytes to a place, forced to disk; return the place."""
    fetch(partial)
    if not is_whole(partial, size):
        raise OSError(f"{partial.name} came with {partial.stat().st_size} bytes of {size}")
    force(partial)
    return partial


def is_whole(path: Path, size: int) -> bool:
    """Return whether a file is there, with all its bytes."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def is_same(file: int, path: Path) -> bool:
    """Return whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(path: Path, *, wait: bool = True, make: bool = True) -> Iterator[Path]:
    """Hold a file alone, made if it is not there; raise BlockingIOError rather than not wait."""
    while True:
        file = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if is_same(file, path):  # and not one that was moved or removed meanwhile
                yield path
                return
        finally:
            os.close(file)
