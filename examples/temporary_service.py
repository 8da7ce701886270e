"""A service in a temporary directory, for as long as it is needed, and Ctrl-C that tidies it up."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

SECONDS_TO_START = 60
SECONDS_TO_STOP = 40
STOPPING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class CannotStart(Exception):
    """The service did not start."""


@contextmanager
def running_service(**settings: object) -> Iterator[str]:
    """Start a service in a temporary directory; stop it and remove the directory in any case.

    Its settings are nobody else's: those given by name, and the defaults.
    """
    with ExitStack() as everything:
        with uninterrupted():  # what was only just made must not be forgotten
            made = everything.enter_context(tempfile.TemporaryDirectory(prefix="shortlist-demo-"))
            directory = Path(made)
            process = start(directory, settings)
            everything.callback(stop, process)
        yield await_url(process, directory)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have Ctrl-C wait until this is done."""
    waiting: list[int] = []
    for number in STOPPING:
        signal.signal(number, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        heed_signals()
    if waiting:
        raise KeyboardInterrupt


def heed_signals() -> None:
    """Have every wish to stop end the demo as Ctrl-C does, tidily."""
    for number in STOPPING:
        signal.signal(number, signal.default_int_handler)


def start(directory: Path, settings: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start `shortlist serve` on a free port, with some settings and no others."""
    given = {f"SHORTLIST_{name.upper()}": str(value) for name, value in settings.items()}
    others = {name: text for name, text in os.environ.items() if "SHORTLIST_" not in name}
    command = [sys.executable, "-P", "-m", "service.cli", "serve"]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - the command is our own
            [*command, "--port", "0", "--data-dir", str(directory / "data")],
            env={**others, **given, "TMPDIR": str(directory)},
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops the service
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the service, which stops what it started."""
    with uninterrupted():
        process.terminate()
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_url(process: subprocess.Popen[bytes], directory: Path) -> str:
    """Return the address that the service writes into its data directory once it answers."""
    file, log = directory / "data" / "url", directory / "log"
    deadline = time.monotonic() + SECONDS_TO_START
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(f"the service did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)
    return file.read_text().strip()
