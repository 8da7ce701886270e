"""The installation under attack: started, killed as a whole and started again, stopped."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

from service.backend import open_backend
from service.processes import embedded
from service.settings import Settings
from tests import untold
from tests.conftest import until
from tests.processes import command_line, descendants, kill

PATIENCE = 60.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    """One `shortlist serve`, at one address for all its lives."""

    def __init__(self, root, **settings):
        self.data_dir, self.temporary = root / "data", root / "temporary"
        for place in (self.data_dir, self.temporary):
            place.mkdir(parents=True)
        self.settings = {f"SHORTLIST_{name.upper()}": str(text) for name, text in settings.items()}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = (root / "log").open("ab")
        self.process = None

    def start(self):
        """Start everything, and return once the API answers."""
        environment = {**untold(os.environ), **self.settings, "TMPDIR": str(self.temporary)}
        command = [sys.executable, "-P", "-m", "service.cli", "serve", "--port", str(self.port)]
        (self.data_dir / "url").unlink(missing_ok=True)  # one that was killed left it
        self.process = subprocess.Popen(
            [*command, "--data-dir", str(self.data_dir)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        until(lambda: (self.data_dir / "url").exists() or self.process.poll() is not None)
        assert self.process.poll() is None, "the installation does not start"

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        """Kill every process at once; return how many there were."""
        victims = descendants(self.pid)
        for pid in (self.pid, *victims):
            with contextlib.suppress(ProcessLookupError):
                kill(pid)
        self.process.wait(PATIENCE)
        until(lambda: not any(command_line(pid) for pid in victims))
        return len(victims)

    def stop(self):
        """Stop everything in order; return the exit status, and how many processes remain."""
        family = descendants(self.pid)
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while (left := [pid for pid in family if command_line(pid)]) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.05)
        self.log.close()
        return status, len(left)

    @property
    def backend(self):
        """The records and files themselves, past the API."""
        return open_backend(Settings(data_dir=self.data_dir, redis_url=embedded.url(self.data_dir)))
