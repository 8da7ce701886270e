"""A Dask cluster, as one job uses it: connected to, checked, attended, left.

Whatever is sent there is a function of ours by its name, and plain data: its workers need the same
packages as this one, and neither Redis nor storage.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from service.errors import Cancelled, ComputeFailed
from workers.versions import computing_versions

PAUSE = 0.2
"""Seconds between two looks whether the cluster is there and the work still wanted."""

SECONDS_TO_CONNECT = 10
SECONDS_TO_LEAVE = 3
FEWEST_THREADS = 2
SECONDS_WITHOUT_WORKERS = 60
"""For how long a cluster may have no workers, as while they are started anew."""

Said = SimpleQueue[tuple[Any, BaseException | None] | None]
"""What a thread says: something that came, or how it ended."""

WORKING = frozenset({"executing", "long-running"})


@dataclass(frozen=True)
class Cluster:
    """A connection to a cluster by its address; `look` raises where the work shall stop."""

    address: str
    client: Any
    scheduler: str
    look: Callable[[], None]

    def attend(self, produce: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """Yield what comes from the cluster, and look after it while nothing does.

        What waits for the cluster waits in a thread: a scheduler that is gone answers nobody.
        """
        said: Said = SimpleQueue()
        Thread(target=speak, args=(produce, said), daemon=True).start()
        while (told := self.hear(said)) is not None:
            found, error = told
            if error is not None:
                raise self.reason(error) from error
            yield found

    def hear(self, said: Said) -> tuple[Any, BaseException | None] | None:
        """Return what is said next, once it is; raise where nothing will be, or shall."""
        manned = time.monotonic()
        while True:
            with suppress(Empty):
                return said.get(timeout=PAUSE)
            self.look()
            self.check()
            if self.client.scheduler_info()["workers"]:
                manned = time.monotonic()
            if time.monotonic() - manned > SECONDS_WITHOUT_WORKERS:
                raise failed(
                    self.address, f"has had no workers for {SECONDS_WITHOUT_WORKERS} seconds"
                )

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler went away, be it that another came in its place."""
        if self.client.status != "running":
            return True
        return bool(self.client.scheduler_info()["id"] != self.scheduler)

    def check(self) -> None:
        """Raise ComputeFailed where the cluster went away."""
        if self.is_lost:
            raise failed(self.address, "has gone away in the middle of the work")

    def reason(self, error: BaseException) -> BaseException:
        """Return why work ended that raised an error: itself, or what became of the cluster."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        if isinstance(error, KilledWorker):
            return failed(self.address, f"lost a worker at it again and again: {said_by(error)}")
        if self.is_lost:
            return failed(self.address, "has gone away in the middle of the work")
        if isinstance(error, FutureCancelledError):
            return failed(self.address, f"lost what it worked on: {said_by(error)}")
        return error


@dataclass(frozen=True)
class Ending:
    """Says how what is done within it ended; no error gets out, it is raised where it is heard."""

    said: Said

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.said.put(None if error is None else (None, error))
        return True


def speak(produce: Callable[[], Iterator[Any]], said: Said) -> None:
    """Say what is produced, one after another, and how that ended."""
    with Ending(said):
        for each in produce():
            said.put((each, None))


@contextmanager
def connected(address: str, look: Callable[[], None]) -> Iterator[Cluster]:
    """Give a cluster that computes what we would; what it still does at the end is dropped.

    Raise ComputeFailed where it cannot be reached, has no workers, or has other versions.
    """
    try:
        from distributed import Client  # takes a second, and most have no cluster
    except ImportError as error:
        raise ComputeFailed(
            f"SHORTLIST_COMPUTE names a Dask cluster ({address}), and Dask is not installed:"
            " install shortlist[dask]"
        ) from error
    try:
        client = Client(  # type: ignore[no-untyped-call]  # Dask's own gap
            address, timeout=SECONDS_TO_CONNECT, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise failed(address, f"cannot be reached: {said_by(error)}") from error
    try:
        wait_for_workers(client, address)
        compare(client, address)
        yield Cluster(address, client, client.scheduler_info()["id"], look)
    finally:
        with suppress(Exception):  # there may be nobody left to take leave of
            client.close(timeout=SECONDS_TO_LEAVE)  # type: ignore[no-untyped-call]


def wait_for_workers(client: Any, address: str) -> None:
    """Wait until a cluster can do two things at once; raise ComputeFailed where it cannot.

    With one thread joblib sees nothing to divide, and would do all the work here.
    """
    deadline = time.monotonic() + SECONDS_TO_CONNECT
    while sum(client.ncores().values()) < FEWEST_THREADS:
        if time.monotonic() > deadline:
            raise failed(
                address,
                f"has had fewer than {FEWEST_THREADS} threads for {SECONDS_TO_CONNECT} seconds:"
                " start workers",
            )
        time.sleep(PAUSE)


def compare(client: Any, address: str) -> None:
    """Raise ComputeFailed where a worker has other versions than this one."""
    ours = computing_versions()
    try:
        found = client.run(computing_versions)
    except ImportError as error:
        raise failed(address, f"has a worker without Shortlist: {said_by(error)}") from error
    except OSError as error:
        raise failed(address, f"has a worker that does not answer: {said_by(error)}") from error
    for worker, theirs in found.items():
        other = [name for name, number in ours.items() if theirs[name] != number]
        if other:
            told = ", ".join(f"{name} {theirs[name]} and not {ours[name]}" for name in other)
            raise failed(address, f"has a worker with {told} ({worker}): install the same")


def failed(address: str, why: str) -> ComputeFailed:
    """Return an error that names the setting and the address."""
    return ComputeFailed(f"The Dask cluster at {address} (SHORTLIST_COMPUTE) {why}")


def said_by(error: BaseException) -> str:
    """Return an error as one line."""
    return " ".join(f"{error}".split()) or type(error).__name__


def stay_wanted() -> None:
    """Raise Cancelled where nobody waits any more for what this worker of a cluster does."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    if task is None or task.state not in WORKING:
        raise Cancelled("Nobody waits for this any more")
