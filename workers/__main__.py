"""`python -m workers`: one worker, in the foreground, as the environment describes it."""

import gc
import logging
import os
import signal
import sys
from functools import partial

from service.settings import SANDBOX_ADDRESS, InvalidSettings, Settings
from workers.sandbox.starter import ZygoteProcess

GIVES_WAY = 5
"""How nice a worker is, and all that it starts: who waits for an answer goes before."""


def main() -> None:
    """Work until a signal says to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment(os.environ)
    if not settings.redis_url:
        raise InvalidSettings("SHORTLIST_REDIS_URL is not set; `shortlist worker` finds the server")
    os.nice(GIVES_WAY)
    # RQ handles signals once it works; until then one must not leave the zygote's files behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    zygote = ZygoteProcess()
    try:
        zygote.begin()
        work(settings, zygote)
    finally:
        zygote.stop()


def work(settings: Settings, zygote: ZygoteProcess) -> None:
    """Work, once both the sandbox and we ourselves have imported every library."""
    # Only here, while the zygote imports its own: each takes more than a second.
    from service.backend import open_backend
    from service.redis_storage import connect
    from workers.workbench import PATIENCE
    from workers.worker import Worker, tidy

    if settings.compute:
        import distributed  # noqa: F401 - so that each job need not
    backend = open_backend(settings, PATIENCE, forking=True)
    backend.files.aside(partial(tidy, backend))
    zygote.await_ready()
    os.environ[SANDBOX_ADDRESS] = str(zygote.address)
    worker = Worker(backend, connect(settings.redis_url, PATIENCE), zygote)
    # What stands now outlives every job: a collection in a work-horse would only copy its pages.
    gc.collect()
    gc.freeze()
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    try:
        main()
    except InvalidSettings as error:
        sys.exit(f"shortlist: {error}")
