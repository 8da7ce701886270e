"""The port that clients connect to, and the processes that answer on it.

Its sockets are made by whoever starts the API and inherited by those who serve: a port is claimed
once and for all, and a connection made while they are started again waits instead of failing.
"""

import contextlib
import errno
import http.client
import ipaddress
import logging
import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from service.processes.children import CannotStart, die_with_parent
from service.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

BACKLOG = 1024
SHARES_OUT = sys.platform == "linux"
STOP_PATIENCE = 8  # seconds that a request may still take; shorter than the supervisor's
log = logging.getLogger("shortlist")


class Listener:
    """A claimed port: a socket for each process, among which the kernel shares connections out.

    On one socket that all share, whoever wakes first takes all that come at once, and keeps them.
    """

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.sockets = sockets

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @property
    def files(self) -> tuple[int, ...]:
        return tuple(each.fileno() for each in self.sockets)

    @property
    def address(self) -> tuple[str, int]:
        address, port = self.sockets[0].getsockname()[:2]
        return str(address), int(port)

    def close(self) -> None:
        """Let go of the port."""
        for each in self.sockets:
            each.close()


def listen(settings: Settings, *, port_is_given: bool) -> Listener:
    """Claim a port; a default port that is taken is replaced by a free one."""
    family, address = resolve(settings.host)
    try:
        return bind(family, address, settings.port, settings.api_processes)
    except OSError as error:
        if port_is_given or error.errno != errno.EADDRINUSE:
            raise CannotStart(
                f"cannot listen on port {settings.port} of {settings.host}: {error.strerror};"
                " choose another with --port or SHORTLIST_PORT (0 takes a free one)"
            ) from None
        listener = bind(family, address, 0, settings.api_processes)
        log.info("port %d is taken; using %d", settings.port, listener.address[1])
        return listener


def check_keys(settings: Settings) -> None:
    """Raise CannotStart where other machines can reach us, and nobody has a key; ask the server."""
    _, address = resolve(settings.host)
    if settings.api_key or ipaddress.ip_address(address).is_loopback:
        return
    from service.backend import open_backend  # imports redis, which the loopback way does without

    if not any(key.state == "live" for key in open_backend(settings).keys.all()):
        raise CannotStart(
            f"refusing to listen on {settings.host}: beyond this machine every client must show a"
            " key; make one with `shortlist keys create`, set SHORTLIST_API_KEY, or listen on"
            " 127.0.0.1"
        )


def bind(family: int, address: str, port: int, processes: int) -> Listener:
    """Return sockets that listen on one port, one where this system cannot share it out."""
    # The first is bound as if it were the only one: a port on which others listen is refused.
    sockets = [bound(family, address, port, shared=False)]
    try:
        port = sockets[0].getsockname()[1]
        for _ in range(processes - 1 if SHARES_OUT else 0):
            sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sockets.append(bound(family, address, port, shared=True))
        for each in sockets:
            each.listen(BACKLOG)
    except OSError:
        Listener(sockets).close()
        raise
    return Listener(sockets)


def bound(family: int, address: str, port: int, *, shared: bool) -> socket.socket:
    """Return a socket that has a port, with the options that its connections inherit."""
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Without, the body of an answer waits until its head is acknowledged, which clients put
        # off for 40 ms.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made


def resolve(host: str) -> tuple[int, str]:
    """Return the address family and the numeric address of a host."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {host!r}: {error.strerror}; set SHORTLIST_HOST to an address of"
            " this machine"
        ) from None
    family, _, _, _, address = found[0]
    return family, str(address[0])


def url(listener: Listener) -> str:
    """Return the address at which this machine reaches the API."""
    address, port = listener.address
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - read
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def is_live(url: str) -> bool:
    """Say whether the API answers."""
    return answers(url, "/livez")


def is_open(url: str) -> bool:
    """Say whether the API answers to whoever shows no key."""
    return answers(url, "/v1/limits")


def answers(url: str, path: str) -> bool:
    """Say whether the API has an answer to somebody without a key."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=0.25)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def serve(settings: Settings, listener: Listener) -> None:
    """Answer on the port until a signal says to stop."""
    from granian._granian import SocketHolder
    from granian.constants import HTTPModes, Interfaces  # only here: the supervisor needs neither
    from granian.log import LogLevels
    from granian.server.mp import MPServer

    holder = cast("Any", SocketHolder)  # its stub knows no arguments
    held = [holder(file, False, BACKLOG) for file in listener.files]
    draining = mmap.mmap(-1, 1)  # seen by all who are forked from here

    class Granian(MPServer):
        """Granian on sockets that listen already, one for each process."""

        def _init_shared_socket(self) -> None:
            self._sso = None

        def _spawn_worker(self, idx: int, *given: Any, **named: Any) -> Any:
            self._shd = held[idx % len(held)]
            return super()._spawn_worker(idx, *given, **named)

        def signal_handler_interrupt(self, *given: Any, **named: Any) -> None:
            del given, named
            drain(draining, settings.drain_seconds, super().signal_handler_interrupt)

    parent = os.getpid()
    Granian(
        "service.app:create_app",
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=settings.api_processes,
        blocking_threads=settings.api_threads,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_PATIENCE,
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
    ).serve(target_loader=lambda: load(settings, parent, draining), wrap_loader=False)


def drain(draining: mmap.mmap, seconds: int, stop: Callable[[], Any]) -> None:
    """Say to whoever asks that this service is not ready, and stop it so many seconds later."""
    if draining[0] or not seconds:
        stop()
        return
    draining[0] = True
    later = threading.Timer(seconds, stop)
    later.daemon = True
    later.start()


LOGGING = {
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "generic"},
        "access": {"class": "logging.StreamHandler", "formatter": "access"},
    }
}
"""Granian's lines go to the standard error, where everyone's go."""


def load(settings: Settings, parent: int, draining: mmap.mmap) -> "Flask":
    """Return the application, in a process that serves it."""
    for number in (signal.SIGINT, signal.SIGTERM):  # while loading, Granian's parent's would be
        signal.signal(number, signal.SIG_DFL)  # inherited, and would swallow them
    die_with_parent(parent)
    from service.app import create_app  # here, so that each process imports it for itself

    return create_app(settings, is_draining=lambda: bool(draining[0]))


if __name__ == "__main__":
    inherited = [socket.socket(fileno=int(file)) for file in sys.argv[1:]]
    serve(Settings.from_environment(os.environ), Listener(inherited))
