"""The supervisor of `shortlist serve`: what it starts it watches, revives and in the end stops."""

import dataclasses
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from service.processes import bucket, embedded, layout, webserver
from service.processes.children import CannotStart, Child, Command
from service.settings import Settings

GRACE = 10.0  # seconds to end in order, for each kind of process
TICK, HOUR = 0.05, 3600.0  # seconds between two looks, while something is awaited and else
STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
WATCHED = STOPPING | {signal.SIGCHLD}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
log = logging.getLogger("shortlist")


def serve(settings: Settings, *, port_is_given: bool) -> int:
    """Run everything until a signal says to stop; return the exit status."""
    lock = embedded.claim(settings.data_dir)
    layout.check(settings.data_dir)
    if settings.redis_url:
        from service.processes import external  # imports redis, which the embedded way does without

        external.check(settings.redis_url)
        webserver.check_keys(settings)
    if settings.storage_url:
        bucket.check(settings.storage_url)
    with webserver.listen(settings, port_is_given=port_is_given) as listener:
        return Supervisor(settings, listener, lock).run()


class Supervisor:
    """The processes of one Shortlist, in the order in which they are started."""

    def __init__(self, settings: Settings, listener: webserver.Listener, lock: int) -> None:
        self.data_dir = settings.data_dir
        self.listener = listener
        self.settings = dataclasses.replace(
            settings, redis_url=settings.redis_url or embedded.url(settings.data_dir)
        )
        self.server = (
            None if settings.redis_url else Child(embedded.command(settings.data_dir, lock))
        )
        self.server_has_answered = False
        self.announced = False
        environment = environment_of(settings, port=listener.address[1])
        self.api = Child(api_command(listener.files, environment))
        self.workers = [
            Child(worker_command(number + 1, environment)) for number in range(settings.workers)
        ]

    @property
    def children(self) -> list[Child]:
        servers = [] if self.server is None else [self.server]
        return [*servers, self.api, *self.workers]

    def run(self) -> int:
        """Keep everything running until a signal says to stop; return the exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # they are awaited instead
        self.url_file.unlink(missing_ok=True)
        try:
            self.keep_running()
        finally:
            in_order = self.stop()
        return 0 if in_order else 1

    @property
    def url_file(self) -> Path:
        return self.data_dir / "url"

    def keep_running(self) -> None:
        while True:
            steady = self.revive() and self.announce()
            if await_signal(HOUR if steady else TICK):
                return
            self.collect()

    def revive(self) -> bool:
        """Start what does not run and is due, the embedded server first; say if all runs."""
        for child in self.children:
            if not child.running and child.due <= time.monotonic():
                child.start()
            if child is self.server and not self.server_answers():
                return False  # the others need it
        return all(child.running for child in self.children)

    def server_answers(self) -> bool:
        answering = embedded.answers(self.data_dir)
        if answering and not self.server_has_answered:
            webserver.check_keys(self.settings)
        self.server_has_answered |= answering
        return answering

    def announce(self) -> bool:
        """Say once, on the screen and in a file, that the API answers and where."""
        url = webserver.url(self.listener)
        if not self.announced and webserver.is_live(url):
            self.announced = True
            draft = self.url_file.with_name("url.new")
            draft.write_text(url + "\n")
            draft.replace(self.url_file)
            openly = "; it asks nobody for a key" if webserver.is_open(url) else ""
            sys.stdout.write(f"Shortlist is ready at {url} (Ctrl-C stops it{openly})\n")
            sys.stdout.flush()
        return self.announced

    def collect(self) -> None:
        """Take note of what has ended, and plan to start it again."""
        for child in self.children:
            ending = child.collect()
            if ending is None:
                continue
            if child is self.server and not self.server_has_answered:
                raise CannotStart(
                    f"the embedded server did not start: {ending};"
                    f" {self.data_dir}/redis/log says why"
                )
            pause = child.postpone()
            log.warning("%s: %s; starting it again in %.1f s", child.command.name, ending, pause)

    def stop(self) -> bool:
        """End everything, those that take work before those that do it; say if all in order."""
        self.listener.close()
        self.url_file.unlink(missing_ok=True)
        servers = [] if self.server is None else [self.server]
        drained = end([self.api], GRACE + self.settings.drain_seconds)
        in_order = drained and all(end(group) for group in (self.workers, servers))
        if not in_order:
            for child in self.children:
                child.kill()
            await_end(self.children, time.monotonic() + GRACE)
        if self.server is not None:
            embedded.forget(self.data_dir)
        return in_order


def end(children: Sequence[Child], grace: float = GRACE) -> bool:
    """Ask the processes to end, and kill those that do not; False when told to hurry."""
    for child in children:
        child.terminate()
    if not await_end(children, time.monotonic() + grace):
        return False
    for child in children:
        if child.running:
            log.warning("%s: did not end in %d s; killing it", child.command.name, grace)
            child.kill()
    return await_end(children, time.monotonic() + GRACE)


def await_end(children: Sequence[Child], deadline: float) -> bool:
    """Wait until the processes have ended or time is up; False when a signal comes first."""
    while True:
        for child in children:
            child.collect()
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not any(child.running for child in children):
            return True
        if await_signal(remaining):
            return False


def await_signal(seconds: float) -> bool:
    """Wait for a child's end or for time to pass; say whether a signal says to stop."""
    received = signal.sigtimedwait(WATCHED, seconds)
    return received is not None and received.si_signo in STOPPING


def environment_of(settings: Settings, *, port: int) -> dict[str, str]:
    """Return the variables of a process that serves or works for these settings."""
    known = dataclasses.replace(
        settings, port=port, redis_url=settings.redis_url or embedded.url(settings.data_dir)
    )
    return {**os.environ, **known.environment(), **ONE_THREAD}


def api_command(listening: tuple[int, ...], environment: dict[str, str]) -> Command:
    program = (sys.executable, "-P", "-m", "service.processes.webserver")
    return Command("API", (*program, *map(str, listening)), environment, listening)


def worker_command(number: int, environment: dict[str, str]) -> Command:
    return Command(f"worker {number}", (sys.executable, "-P", "-m", "workers"), environment)
