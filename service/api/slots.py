"""Slots: what keeps slow requests from taking every thread of a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app

from service.errors import TooBusy
from service.settings import Settings

WAITERS = "shortlist-waiters"
UPLOADS = "shortlist-uploads"
BODIES = "shortlist-bodies"
SECONDS_FOR_A_SLOT = 1.0


def slots(settings: Settings) -> dict[str, threading.BoundedSemaphore]:
    """Return the slots of a process, each for a quarter of its threads at the most."""
    wanted = {
        WAITERS: settings.max_waiters,
        UPLOADS: settings.max_bodies,
        BODIES: settings.max_bodies,
    }
    most = settings.api_threads // 4
    return {name: threading.BoundedSemaphore(min(most, each)) for name, each in wanted.items()}


@contextmanager
def slot(name: str) -> Iterator[None]:
    """Hold a thread for a body that may come slowly; raise TooBusy where too many are held."""
    held: threading.BoundedSemaphore = current_app.extensions[name]
    if not held.acquire(timeout=SECONDS_FOR_A_SLOT):
        raise TooBusy(
            "Too many bodies come in at once (max_bodies); try again", headers={"Retry-After": "2"}
        )
    try:
        yield
    finally:
        held.release()
