"""Files in a directory: of one machine, or of a file system that several have mounted."""

import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.files.disk import age, force, size
from service.files.names import LASTING, STAGING, UPLOADS, WORK

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

    def within(self, folder: str) -> "Files":
        """Return the files of a folder, which sees no others."""
        return Files(self.root / folder)

    def local(self, name: str) -> Path:
        """Return the place of a name in the directory; raise ValueError where it leads out."""
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"{name} leads out of the storage directory")
        return path

    def path(self, name: str) -> Path:
        """Return where a name made by the server stands on this machine, to be read.

        Nothing is there where nothing was published under the name.
        """
        return self.local(name)

    def draft(self, name: str) -> Path:
        """Return where a file is to be written that `hand_over` publishes under the same name."""
        return self.local(name)

    def hand_over(self, name: str) -> None:
        """Publish a draft, forced to disk, for every machine."""
        force(self.local(name))
        force(self.local(name).parent)

    @contextmanager
    def staging(self, token: str) -> Iterator[Path]:
        """Give an empty directory to fill; what is not published from it is removed."""
        path = self.local(f"{STAGING}/{token}-{os.urandom(4).hex()}")
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def forget_staging_of(self, token: str) -> None:
        """Remove what a writer that died left under a token, on this machine."""
        for path in (self.root / STAGING).glob(f"{token}-*"):
            shutil.rmtree(path, ignore_errors=True)

    def publish(self, staged: Path, name: str) -> None:
        """Move a staged file or directory to its name, forced to disk first.

        Where the name is taken already, the same content stands there, and goes on standing.
        """
        target = self.local(name)
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
        return self.local(name).exists()

    def names(self, name: str) -> frozenset[str]:
        """Return the names of what is published directly under a name; none where nothing is."""
        try:
            return frozenset(each.name for each in self.local(name).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a published array, mapped and read-only."""
        with self.lock:
            if name in self.arrays:
                self.arrays.move_to_end(name)
                return self.arrays[name]
        array = self.mapped(name)
        with self.lock:
            self.arrays[name] = array
            self.opened += 1
            if self.opened % LOOK_AGAIN == 0:
                self.let_go_of_removed()
            while len(self.arrays) > OPEN_ARRAYS:
                self.arrays.popitem(last=False)
        return array

    def mapped(self, name: str) -> npt.NDArray[Any]:
        """Return a published array, mapped anew."""
        array: npt.NDArray[Any] = np.load(self.path(name), mmap_mode="r", allow_pickle=False)
        return array

    def let_go_of_removed(self) -> None:
        """Unmap what another process has removed, so that the disk gets its space back."""
        for name, array in list(self.arrays.items()):
            if isinstance(array, np.memmap) and not Path(str(array.filename)).exists():
                del self.arrays[name]

    def let_go(self, name: str) -> None:
        """Unmap the arrays at and below a name."""
        with self.lock:
            for known in [key for key in self.arrays if is_within(key, name)]:
                del self.arrays[known]

    def remove(self, name: str) -> None:
        """Remove what was published under a name, if anything was."""
        self.let_go(name)
        path = self.local(name)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def size(self) -> int:
        """Return how many bytes are published and wait to be read, those that workers share apart.

        It looks at every file there is.
        """
        return sum(size(self.root / place) for place in LASTING)

    def uploads(self, older_than: float) -> list[str]:
        """Return the tokens of the request bodies that have stood for so many seconds."""
        return [path.name for path in (self.root / UPLOADS).iterdir() if age(path) > older_than]

    def work(self) -> list[str]:
        """Return the jobs whose workers share, or shared, what they have done."""
        return [*self.names(WORK)]

    def forget_staging(self, older_than: float) -> list[str]:
        """Remove what writers that died left under temporary names; return which."""
        removed = []
        for path in (self.root / STAGING).iterdir():
            if age(path) > older_than:
                shutil.rmtree(path, ignore_errors=True)
                removed.append(path.name)
        return removed

    def aside(self, act: Callable[[], None]) -> None:
        """Do something with files where that may be done: here."""
        act()


def is_within(name: str, outer: str) -> bool:
    """Return whether a name is another one, or below it."""
    return name == outer or name.startswith(f"{outer}/")
