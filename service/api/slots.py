"""Slots: what keeps slow requests from taking every thread of a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from service.errors import TooBusy

WAITERS = "shortlist-waiters"
UPLOADS = "shortlist-uploads"
BODIES = "shortlist-bodies"
SECONDS_FOR_A_SLOT = 1.0


def slots(threads: int) -> dict[str, threading.BoundedSemaphore]:
    """Return the slots of a process with so many threads."""
    return {
        name: threading.BoundedSemaphore(max(1, threads // 4))
        for name in (WAITERS, UPLOADS, BODIES)
    }


@contextmanager
def slot(name: str) -> Iterator[None]:
    """Hold a thread for a body that may come slowly; raise TooBusy where too many are held."""
    held: threading.BoundedSemaphore = current_app.extensions[name]
    if not held.acquire(timeout=SECONDS_FOR_A_SLOT):
        raise TooBusy("Too many bodies come in at once; try again", headers={"Retry-After": "2"})
    try:
        yield
    finally:
        held.release()
