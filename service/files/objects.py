"""What a bucket holds, by paths below a URL, through fsspec; its absences are ridden out."""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from service.errors import Unavailable

T = TypeVar("T")

SECONDS_TO_CONNECT, SECONDS_TO_ANSWER = 5, 30
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
HOPELESS = (FileNotFoundError, FileExistsError, PermissionError)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
log = logging.getLogger("shortlist")


class Objects:
    """The objects below a URL such as `s3://bucket/prefix`.

    Its library runs threads, which do not survive a fork: it is loaded at once and used only when
    something is asked, by each process anew. The process `clean` forks others and never uses it.
    `patience` is for how many seconds a bucket that cannot be reached is asked again.
    """

    def __init__(self, url: str, patience: float, clean: int | None = None) -> None:
        import fsspec  # only where there is a bucket

        self.protocol = url.partition("://")[0]
        self.kind: Any = fsspec.get_filesystem_class(self.protocol)
        self.root = str(self.kind._strip_protocol(url)).rstrip("/")  # noqa: SLF001 - as fsspec does
        self.patience = patience
        self.clean = clean
        self.failures = failures_of(self.protocol)
        self.options = options_of(self.protocol)
        self.user: int | None = None
        self.lock = threading.Lock()

    def within(self, folder: str) -> "Objects":
        """Return what is below a path, by paths below that."""
        inner = copy(self)
        inner.root = self.at(folder)
        return inner

    def read(self, path: str) -> bytes:
        """Return an object; raise FileNotFoundError where there is none."""
        return bytes(self.ask(lambda system: system.cat_file(self.at(path))))

    def read_all(self, paths: Sequence[str]) -> list[bytes]:
        """Return those of some objects that there are."""
        if not paths:
            return []
        places = [self.at(path) for path in paths]
        found = self.ask(lambda system: system.cat(places, on_error="return"))
        for each in found.values():
            if isinstance(each, Exception) and not isinstance(each, FileNotFoundError):
                raise Unavailable("The bucket cannot be read", headers=RETRY) from each
        return [bytes(each) for each in found.values() if not isinstance(each, Exception)]

    def write(self, path: str, content: bytes) -> None:
        """Make or replace an object."""
        self.ask(lambda system: system.pipe_file(self.at(path), content))

    def create(self, path: str, content: bytes) -> None:
        """Make an object; raise FileExistsError where there is one."""
        self.ask(lambda system: system.pipe_file(self.at(path), content, mode="create"))

    def upload(self, file: Path, path: str) -> None:
        """Make an object of a file."""
        self.ask(lambda system: system.put_file(str(file), self.at(path)))

    def download(self, path: str, file: Path) -> None:
        """Write an object into a file; raise FileNotFoundError where there is none."""
        self.ask(lambda system: system.get_file(self.at(path), str(file)))

    def exists(self, path: str) -> bool:
        """Return whether there is an object at a path or below it."""
        return bool(self.ask(lambda system: system.exists(self.at(path))))

    def below(self, path: str) -> list[str]:
        """Return the paths of all objects at a path and below it."""
        found = self.ask(lambda system: system.find(self.at(path)))
        return [self.path_of(each) for each in found]

    def size(self, path: str) -> int:
        """Return how many bytes the objects below a path have."""
        found = self.ask(lambda system: system.find(self.at(path), detail=True))
        return sum(each["size"] for each in found.values())

    def directly_below(self, path: str) -> list[str]:
        """Return the paths of what stands directly below a path, objects or not."""
        try:
            found = self.ask(lambda system: system.ls(self.at(path), detail=False))
        except FileNotFoundError:
            return []
        return [each for each in map(self.path_of, found) if each != path]

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects, those that there are."""
        if not paths:
            return
        places = [self.at(path) for path in paths]
        try:
            self.ask(lambda system: system.rm(places))
        except FileNotFoundError:  # some systems mind
            return

    def age(self, path: str) -> float:
        """Return for how many seconds an object has stood; none where it has just gone."""
        try:
            made = self.ask(lambda system: system.modified(self.at(path)))
        except FileNotFoundError:
            return 0.0
        return time.time() - float(made.timestamp())

    def at(self, path: str) -> str:
        """Return a path as the file system knows it."""
        return f"{self.root}/{path}"

    def path_of(self, place: str) -> str:
        """Return what the file system knows as a path below the URL."""
        return place.rstrip("/").removeprefix(f"{self.root}/")

    def ask(self, act: Callable[[Any], T]) -> T:
        """Return what comes of asking; raise Unavailable after too many failures."""
        deadline, pause = time.monotonic() + self.patience, FIRST_PAUSE
        while True:
            try:
                return act(self.system())
            except HOPELESS:
                raise
            except self.failures as error:
                if isinstance(error, OSError) and error.errno in FULL:
                    raise
                if time.monotonic() + pause > deadline:
                    raise Unavailable("The bucket cannot be reached", headers=RETRY) from error
                log.warning("the bucket cannot be reached: %s", type(error).__name__)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def system(self) -> Any:
        """Return this process's own file system."""
        if os.getpid() == self.clean:
            raise RuntimeError("a process that forks others must not use the bucket")
        with self.lock:
            if self.user != os.getpid():
                self.used = self.kind(**self.options)
                self.user = os.getpid()
        return self.used


RETRY = {"Retry-After": "2"}


@cache
def descriptions() -> Any:
    """Return a session that has read what AWS says of its services: once, for all who are forked.

    A connection is then made in half the time. Nothing of it is a connection, or a key.
    """
    from aiobotocore.session import AioSession  # it comes with s3fs

    session = AioSession()
    loader = session.get_component("data_loader")
    for name in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", name)
    for name in ("partitions", "endpoints", "sdk-default-configuration", "_retry"):
        loader.load_data(name)
    return session


def options_of(protocol: str) -> dict[str, Any]:
    """Return how a file system is to behave: it shares descriptions, and remembers nothing."""
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if protocol == "s3":
        options["session"] = descriptions()
        options["config_kwargs"] = {
            "connect_timeout": SECONDS_TO_CONNECT,
            "read_timeout": SECONDS_TO_ANSWER,
            "retries": {"max_attempts": 1},
        }
    return options


def failures_of(protocol: str) -> tuple[type[Exception], ...]:
    """Return what a file system raises when its bucket cannot be reached or does not manage."""
    if protocol != "s3":
        return (OSError,)
    from aiohttp import ClientError as HTTPError  # these come with s3fs
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, HTTPError, BotoCoreError, ClientError)
