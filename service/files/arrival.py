"""A new file that grows as its bytes come in: what came before is hashed and written meanwhile."""

import errno
import fcntl
import hashlib
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PIECE = 4 * 1024**2
PIECES = 3
"""One is filled, one hashed, and one written."""
LARGE = 8 * PIECE
"""Bytes from which on a file is written past the page cache."""


class Arrival:
    """A new file, and the SHA-256 of its bytes; it holds a few pieces of them in memory.

    A large one goes to the disk past the page cache, where the disk allows it: to find a page for
    each 4 KiB takes the processor longer than all else that is done with them.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.open("xb", buffering=0)
        self.digest = hashlib.sha256()
        self.size = self.filled = self.turn = 0
        self.pieces = [memoryview(mmap.mmap(-1, PIECE)) for _ in range(PIECES)]
        self.work: list[list[Future[Any]]] = [[] for _ in range(PIECES)]
        self.hasher, self.writer = ThreadPoolExecutor(1), ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hasher.shutdown()
        self.writer.shutdown()
        self.file.close()

    def add(self, block: bytes) -> None:
        """Take the next bytes; wait where too many are still to be hashed and written."""
        rest = memoryview(block)
        while rest:
            some = rest[: PIECE - self.filled]
            self.pieces[self.turn][self.filled : self.filled + len(some)] = some
            self.filled += len(some)
            rest = rest[len(some) :]
            if self.filled == PIECE:
                self.pass_on()

    def finish(self) -> str:
        """Force all that came to the disk; return its SHA-256, in hex."""
        self.pass_on()
        for work in self.work:
            await_all(work)
        os.fsync(self.file)
        return self.digest.hexdigest()

    def pass_on(self) -> None:
        """Have a piece hashed and written, and go on with the one that has waited longest."""
        piece = self.pieces[self.turn][: self.filled]
        self.work[self.turn] = [
            self.hasher.submit(self.digest.update, piece),
            self.writer.submit(self.write, piece, self.size),
        ]
        self.size += self.filled
        self.filled, self.turn = 0, (self.turn + 1) % PIECES
        await_all(self.work[self.turn])

    def write(self, piece: memoryview, start: int) -> None:
        """Write a piece behind those before it."""
        file = self.file.fileno()
        if start == LARGE and len(piece) == PIECE:
            go_past_cache(file, wanted=True)
        if len(piece) < PIECE:  # only whole pieces may go past the cache
            go_past_cache(file, wanted=False)
        while piece:
            try:
                piece = piece[os.write(file, piece) :]
            except OSError as error:
                if error.errno != errno.EINVAL or not go_past_cache(file, wanted=False):
                    raise


def await_all(work: list[Future[Any]]) -> None:
    """Return once all is done; raise what any of it raised."""
    for each in work:
        each.result()


def go_past_cache(file: int, *, wanted: bool) -> bool:
    """Have what is written to a file go past the page cache, or not; return whether that is new."""
    direct = getattr(os, "O_DIRECT", 0)
    before = fcntl.fcntl(file, fcntl.F_GETFL)
    after = before | direct if wanted else before & ~direct
    if after == before:
        return False
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, after)
    except OSError:  # not every file system can
        return False
    return True
