"""The server, for a command that needs it for a moment: that which runs, or else its own."""

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.processes import embedded
from service.processes.children import CannotStart, Child
from service.settings import Settings

SECONDS_TO_START, SECONDS_TO_STOP = 30.0, 10.0
PAUSE = 0.02


@contextmanager
def reached(settings: Settings) -> Iterator[Settings]:
    """Give the settings with a server that answers; one that was started for this is stopped."""
    if settings.redis_url:
        from service.processes import external  # imports redis, which the embedded way does without

        external.check(settings.redis_url)
        yield settings
        return
    known = dataclasses.replace(settings, redis_url=embedded.url(settings.data_dir))
    if embedded.answers(settings.data_dir):
        yield known
        return
    lock = embedded.claim(settings.data_dir)
    server = Child(embedded.command(settings.data_dir, lock))
    server.start()
    try:
        await_answer(settings, server)
        yield known
    finally:
        server.terminate()
        if server.process is not None:
            server.process.wait(SECONDS_TO_STOP)
        embedded.forget(settings.data_dir)
        os.close(lock)


def await_answer(settings: Settings, server: Child) -> None:
    """Wait until a server answers; raise CannotStart where it ends, or takes too long."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not embedded.answers(settings.data_dir):
        if server.collect() is not None or time.monotonic() > deadline:
            raise CannotStart(
                f"the embedded server did not start; {settings.data_dir}/redis/log says why"
            )
        time.sleep(PAUSE)
