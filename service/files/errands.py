"""Errands: what a process that forks others leaves to a process of its own."""

import logging
import os
from collections.abc import Callable

from service.errors import ServiceError

log = logging.getLogger("shortlist")


class Errands:
    """Processes that each do one thing, for which nobody waits."""

    def __init__(self) -> None:
        self.running: set[int] = set()

    def send(self, act: Callable[[], None]) -> None:
        """Have something done in a process of its own; what it raises is logged."""
        self.running = {pid for pid in self.running if not has_ended(pid)}
        pid = os.fork()
        if pid == 0:
            run(act)
        self.running.add(pid)


def run(act: Callable[[], None]) -> None:
    """Do something, and end this process."""
    try:
        act()
    except (ServiceError, OSError):
        log.exception("an errand failed; what it left is done by a later sweep")
    finally:
        os._exit(0)


def has_ended(pid: int) -> bool:
    """Return whether a child has ended, and let it go."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
