"""A Dask cluster of its own on this machine: a scheduler and workers, each a process."""

import contextlib
import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from tests import untold
from tests.conftest import until

QUIET = ("--no-dashboard", "--host", "127.0.0.1")


def start_scheduler(port):
    """Start a scheduler; its process."""
    return start("dask_scheduler", "--port", str(port), "--no-show", *QUIET)


def start_worker(address, threads=1):
    """Start a worker, without a nanny that would start it anew; its process."""
    return start("dask_worker", address, "--nthreads", str(threads), "--no-nanny", *QUIET)


def start(program, *arguments):
    """Start a program of Dask's that keeps quiet."""
    command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
    environment = {**untold(os.environ), "DASK_LOGGING__DISTRIBUTED": "critical"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def free_port():
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(address):
    """Whether somebody listens at an address."""
    place = urlsplit(address)
    with socket.socket() as probe:
        return probe.connect_ex((place.hostname, place.port)) == 0


@contextlib.contextmanager
def cluster(workers=2, threads=1):
    """A cluster; give its address and its processes, the scheduler first."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    processes = [start_scheduler(port)]
    processes += [start_worker(address, threads) for _ in range(workers)]
    try:
        until(lambda: listens(address))
        yield address, processes
    finally:
        for each in processes:
            each.kill()
            each.wait()
