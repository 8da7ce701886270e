"""Where work that can be divided is done: in this process, in processes beside it, on a cluster.

joblib divides it, and the settings say which of its backends: none, `loky` and threads on this
machine, or `dask`. Whichever it is, the same work gives the same, bit for bit.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from os import getpid
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from service.errors import OutOfMemory
from service.records import new_id
from service.settings import Settings
from workers.cluster import Cluster, connected
from workers.sandbox.kernel import die_with_parent
from workers.watch import nothing

Work = Callable[[Any, Any], Any]
"""What is given to all, and what to one -> what comes of that one."""


@dataclass(frozen=True)
class Compute:
    """Where work is done, and how much of it at once; large arrays pass through `folder`.

    `jobs` counts the processes of this machine: with one, all is done here, in turn.
    """

    jobs: int = 1
    folder: Path | None = None
    cluster: Cluster | None = None

    @property
    def divides(self) -> bool:
        """Whether several things are done at once, and elsewhere."""
        return self.jobs > 1 or self.cluster is not None

    def each(
        self, work: Work, given: Any, asked: Iterable[Any], *, ordered: bool = True
    ) -> Iterator[Any]:
        """Yield what comes of each thing that is asked, in their order or as they end.

        `asked` is taken from as there is room. What one raises is raised, and the rest is dropped.
        """
        how = "generator" if ordered else "generator_unordered"
        parcel = Parcel(given)
        tasks = (delayed(by_itself)(work, parcel, each) for each in asked)
        if self.cluster is not None:
            yield from self.cluster.attend(partial(sent, self.cluster, tasks, parcel, how))
        elif self.jobs > 1:
            with parallel_config("loky", initializer=die_with_parent, initargs=(getpid(),)):
                parallel = Parallel(self.jobs, return_as=how, batch_size=1, temp_folder=self.folder)
                yield from whole(parallel(tasks))
        else:
            yield from (work(given, each) for each in asked)

    def once(self, work: Callable[[Any], Any], given: Any) -> Any:
        """Return what comes of work that is not divided: on the cluster if there is one."""
        if self.cluster is None:
            return work(given)
        [found] = self.each(partial(alone, work), given, [None])
        return found

    def dividing(self, work: Callable[[], Any]) -> Any:
        """Return what comes of work that divides itself by joblib, in threads or on the cluster."""
        if self.cluster is not None:
            [found] = self.cluster.attend(partial(divided, work, self.cluster))
            return found
        with parallel_config("threading", n_jobs=self.jobs):
            return work()


HERE = Compute()


@dataclass(frozen=True)
class Parcel:
    """What is given to all, under a name that is used once.

    A cluster names what it holds by its content, and may forget what was sent before just as the
    same is sent again.
    """

    content: Any
    name: str = field(default_factory=new_id)

    def __dask_tokenize__(self) -> str:
        return self.name


def by_itself(work: Work, parcel: Parcel, asked: Any) -> Any:
    """Do one thing in a process that does others too, on one thread, and not divided further.

    Products of matrices differ in their last bits by how many threads make them.
    """
    threadpool_limits(1)  # and not less for a while: others of the process would get more meanwhile
    with parallel_config("sequential"):
        return work(parcel.content, asked)


def sent(cluster: Cluster, tasks: Iterable[Any], parcel: Parcel, how: str) -> Iterator[Any]:
    """Yield what comes of tasks on a cluster, all of whose workers are given something first."""
    with parallel_config("dask", client=cluster.client, scatter=[parcel]):
        yield from Parallel(return_as=how, batch_size=1)(tasks)


def alone(work: Callable[[Any], Any], given: Any, _asked: None) -> Any:
    """Do the one thing there is."""
    return work(given)


def divided(work: Callable[[], Any], cluster: Cluster) -> Iterator[Any]:
    """Yield what comes of work that divides itself on a cluster."""
    with parallel_config("dask", client=cluster.client):
        yield work()


def whole(results: Iterator[Any]) -> Iterator[Any]:
    """Yield results; raise OutOfMemory where a process was killed at its work."""
    try:
        yield from results
    except TerminatedWorkerError as error:
        raise OutOfMemory(
            "A process beside the worker was killed, maybe for want of memory (fit_processes):"
            " ask for less, or let there be fewer of them"
        ) from error


@contextmanager
def open_compute(
    settings: Settings, folder: Path | None = None, look: Callable[[], None] = nothing
) -> Iterator[Compute]:
    """Give the place that the settings name, and leave nothing running there.

    `look` is called now and then while a cluster works, and may raise to stop it. Raise
    ComputeFailed where the cluster cannot be reached, or would not compute the same.
    """
    if settings.compute:
        with connected(settings.compute, look) as cluster:
            yield replace(HERE, cluster=cluster)
        return
    try:
        yield Compute(settings.fit_processes, folder)
    finally:
        if settings.fit_processes > 1:
            get_reusable_executor().shutdown(kill_workers=True)
