"""What never changes: files written once, under names the server made.

A publication is a directory that is filled under a temporary name, forced to disk, and renamed.
Whoever reads it sees all of it or nothing, also when the writer dies half-way.
"""

import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import StorageFull

STAGING = "staging"
UPLOADS = "uploads"
WORK = "work"
RESERVE = 256 * 1024**2
OPEN_ARRAYS = 256
LOOK_AGAIN = 64


class Files:
    """A directory of publications, and the arrays of it that are mapped now."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.arrays: OrderedDict[str, npt.NDArray[Any]] = OrderedDict()
        self.lock = threading.Lock()
        self.opened = 0
        for name in (STAGING, UPLOADS, WORK):
            (self.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, name: str) -> Path:
        """Return where a name made by the server stands."""
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"{name} leads out of the storage directory")
        return path

    @contextmanager
    def staging(self, token: str) -> Iterator[Path]:
        """Give an empty directory to fill; what is not published from it is removed."""
        path = self.path(f"{STAGING}/{token}-{os.urandom(4).hex()}")
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def forget_staging_of(self, token: str) -> None:
        """Remove what a writer that died left under a token."""
        for path in (self.root / STAGING).glob(f"{token}-*"):
            shutil.rmtree(path, ignore_errors=True)

    def publish(self, staged: Path, name: str) -> None:
        """Move a staged file or directory to its name, forced to disk first.

        Where the name is taken already, the same content stands there, and goes on standing.
        """
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in [staged, *staged.rglob("*")]:
            force(path)
        try:
            staged.rename(target)
        except OSError:
            if not target.exists():
                raise
        for path in target.parents:
            if path.is_relative_to(self.root):
                force(path)

    def exists(self, name: str) -> bool:
        """Return whether something was published under a name."""
        return self.path(name).exists()

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a published array, mapped and read-only."""
        with self.lock:
            if name in self.arrays:
                self.arrays.move_to_end(name)
                return self.arrays[name]
        array: npt.NDArray[Any] = np.load(self.path(name), mmap_mode="r", allow_pickle=False)
        with self.lock:
            self.arrays[name] = array
            self.opened += 1
            if self.opened % LOOK_AGAIN == 0:
                self.let_go_of_removed()
            while len(self.arrays) > OPEN_ARRAYS:
                self.arrays.popitem(last=False)
        return array

    def let_go_of_removed(self) -> None:
        """Unmap what another process has removed, so that the disk gets its space back."""
        for name in [name for name in self.arrays if not self.path(name).exists()]:
            del self.arrays[name]

    def remove(self, name: str) -> None:
        """Remove what was published under a name, if anything was."""
        path = self.path(name)
        with self.lock:
            for known in [key for key in self.arrays if key == name or key.startswith(f"{name}/")]:
                del self.arrays[known]
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def uploads(self, older_than: float) -> list[str]:
        """Return the tokens of the request bodies that have stood for so many seconds."""
        return [path.name for path in (self.root / UPLOADS).iterdir() if age(path) > older_than]

    def work(self) -> list[str]:
        """Return the jobs whose workers share, or shared, what they have done."""
        return [path.name for path in (self.root / WORK).iterdir()]

    def forget_staging(self, older_than: float) -> list[str]:
        """Remove what writers that died left under temporary names; return which."""
        removed = []
        for path in (self.root / STAGING).iterdir():
            if age(path) > older_than:
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path.name)
        return removed


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


def part_name(pool: str, part: str) -> str:
    """Return the name of a part's directory."""
    return f"pools/{pool}/{part}"


def model_name(model: str) -> str:
    """Return the name of a model's artifact."""
    return f"models/{model}"


def predictions_name(model: str, part: str) -> str:
    """Return the name of what a model says of a part."""
    return f"predictions/{model}/{part}"


def members_name(model: str, part: str) -> str:
    """Return the name of what each member of a model that is a committee says of a part."""
    return f"predictions/{model}/{part}-members"


def given_name(pool: str, predictions: str) -> str:
    """Return the name of the directory of predictions that a client gave."""
    return f"pools/{pool}/predictions/{predictions}"


def ranking_name(ranking: str) -> str:
    """Return the name of a ranking's directory."""
    return f"rankings/{ranking}"


def upload_name(token: str) -> str:
    """Return the name of a request body that waits for a worker."""
    return f"{UPLOADS}/{token}"


def work_name(job: str) -> str:
    """Return the name of the directory of what the workers at one job share until it ends."""
    return f"{WORK}/{job}"


def simulation_name(simulation: str) -> str:
    """Return the name of a simulation's directory."""
    return f"simulations/{simulation}"
