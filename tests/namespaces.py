"""Hosts to test with: network namespaces of their own, joined by a hub that is one too.

Nothing of the machine's own network is touched. A test enters the hub to speak with the hosts.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import until

CLONE_NEWNET = 0x40000000
HUB = "10.77.0.1"
IP = shutil.which("ip") or ""


def command(*words):
    return subprocess.run([IP, *words], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Host:
    """A namespace with an address, of which the hub holds the other end of the wire."""

    name: str
    address: str
    hub: str
    started: list = field(default_factory=list)

    @property
    def pids(self):
        """The processes that run there."""
        return [int(pid) for pid in command("netns", "pids", self.name).split()]

    def start(self, *arguments, **options):
        """Start a program there."""
        words = [IP, "netns", "exec", self.name, *arguments]
        self.started.append(subprocess.Popen(words, **options))
        return self.started[-1]

    def shortlist(self, *arguments, **options):
        """Start a command of Shortlist's there."""
        return self.start(sys.executable, "-P", "-m", "service.cli", *arguments, **options)

    @contextlib.contextmanager
    def entered(self):
        """Be there, with this thread, for as long as the context lasts."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as home:
            with Path(f"/run/netns/{self.name}").open() as there:
                enter(libc, there)
            try:
                yield
            finally:
                enter(libc, home)

    def vanish(self):
        """Pull the plug: not a word gets out any more, and everything stops."""
        command("-n", self.hub, "link", "set", self.name, "down")
        self.kill()

    def kill(self):
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.wait()
        until(lambda: not self.pids)


def enter(libc, namespace):
    if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def network(*names):
    """Make a hub, and hosts that reach it; give all of them, the hub first."""
    if os.geteuid() != 0 or not IP:
        pytest.skip("network namespaces need root, and `ip` of iproute2")
    own = f"sl{os.getpid()}"
    hub = Host(f"{own}hub", HUB, f"{own}hub")
    hosts = [Host(f"{own}{name}", f"10.77.0.{i + 2}", hub.name) for i, name in enumerate(names)]
    try:
        try:
            join(hub, hosts)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        yield [hub, *hosts]
    finally:
        for host in [*hosts, hub]:
            if Path(f"/run/netns/{host.name}").exists():
                host.kill()
                command("netns", "del", host.name)


def join(hub, hosts):
    command("netns", "add", hub.name)
    command("-n", hub.name, "link", "set", "lo", "up")
    command("-n", hub.name, "link", "add", "bridge", "type", "bridge")
    command("-n", hub.name, "addr", "add", f"{hub.address}/24", "dev", "bridge")
    command("-n", hub.name, "link", "set", "bridge", "up")
    for host in hosts:
        command("netns", "add", host.name)
        wire = ("type", "veth", "peer", "name", "wire", "netns", host.name)
        command("-n", hub.name, "link", "add", host.name, *wire)
        command("-n", hub.name, "link", "set", host.name, "master", "bridge", "up")
        command("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "wire")
        for link in ("wire", "lo"):
            command("-n", host.name, "link", "set", link, "up")
