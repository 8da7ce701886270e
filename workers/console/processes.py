"""The runs of a simulation in several processes at once."""

import multiprocessing
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

from service.errors import JobFailure, ServiceError
from service.simulation import Plan
from workers.console.file import Told, data_of
from workers.simulation.names import estimator_names, function_names
from workers.simulation.replay import replay
from workers.simulation.trace import Trace

Workers = dict[Any, Any]
"""The processes by the connections to them."""


def replay_all(plan: Plan, told: Told, processes: int) -> Generator[Trace | None]:
    """Yield None for each round that is done, and the trace of each run as it ends.

    Raise what a run raises, with the run named. No process outlives this one.
    """
    waiting = list(range(len(plan.runs)))[::-1]
    with workers(plan, told, min(processes, len(waiting))) as busy:
        for connection in list(busy):
            connection.send(waiting.pop())
        while busy:
            for connection in ready(busy):
                said = answer(busy, connection)
                if isinstance(said, ServiceError):
                    raise said
                yield said
                if said is None:
                    continue
                if waiting:
                    connection.send(waiting.pop())
                else:
                    del busy[connection]


def ready(busy: Workers) -> list[Any]:
    """Wait until some processes have something to say, or died; return the connections to them."""
    return list(wait(list(busy)))


def answer(busy: Workers, connection: Any) -> Any:
    """Return what a process says; raise where it died."""
    try:
        return connection.recv()
    except EOFError:
        process = busy[connection]
        process.join()
        killed = (process.exitcode or 0) < 0
        why = "maybe for want of memory: take fewer --processes" if killed else "as is said above"
        raise JobFailure(f"A process ended with status {process.exitcode}, {why}") from None


@contextmanager
def workers(plan: Plan, told: Told, count: int) -> Iterator[Workers]:
    """Start processes, and end them whatever happens."""
    # Not forked: a process that has computed may hold locks that its copy would wait for.
    context = multiprocessing.get_context("spawn")
    started: Workers = {}
    # It lets interruptions through when it starts, as it does with the first process.
    resource_tracker.ensure_running()
    # They inherit it: an interruption is heard here, and they are ended here.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(plan, told, theirs), daemon=True)
            process.start()
            theirs.close()
            started[ours] = process
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield dict(started)
    finally:
        for process in started.values():
            process.kill()
            process.join()


def work(plan: Plan, told: Told, connection: Any) -> None:
    """Replay the runs that are asked for, until nobody asks any more."""
    data = data_of(told)
    with suppress(EOFError, BrokenPipeError):  # nobody is there any more
        while True:
            connection.send(played(plan, connection.recv(), data, connection))


def played(plan: Plan, number: int, data: Any, connection: Any) -> Trace | ServiceError:
    """Return the trace of a run, or why there is none."""
    run = plan.runs[number]
    try:
        return replay(plan, run, data, lambda _: connection.send(None))
    except ServiceError as error:
        estimator, function = estimator_names(plan)[run.recipe], function_names(plan)[run.function]
        return type(error)(f"{estimator} with {function}, seed {run.seed}: {error.detail}")
