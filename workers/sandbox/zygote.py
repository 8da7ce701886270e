"""The zygote: a process without secrets that has imported what children need, and makes them.

It imports and never uses: a parent that has used OpenMP deadlocks its children. One connection is
one request is one child; the connection closes when the child has ended, and the child is killed
when its client's end closes or its deadline passes. One loop waits for all of it and blocks on
nothing.
"""

import argparse
import encodings
import gc
import importlib
import json
import logging
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from workers.sandbox import confinement, kernel
from workers.sandbox.child import live
from workers.sandbox.messages import MESSAGE_BYTES, Entry, Exit, Request, decode, encode

WAITING_CLIENTS = 128
MEBIBYTE = 1024 * 1024

log = logging.getLogger(__name__)


@dataclass
class Child:
    """A child at work, from its fork until it has been waited for."""

    connection: socket.socket
    pid: int
    handle: int
    deadline: float
    timed_out: bool = False


class Zygote:
    """The loop that takes requests and looks after the children that serve them."""

    def __init__(self, listener: socket.socket, entries: Mapping[str, Entry]) -> None:
        self._listener = listener
        self._entries = entries
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._watch(listener, self._accept)

    def serve(self) -> NoReturn:
        """Serve until killed."""
        while True:
            for key, _ in self._selector.select(self._until_next_deadline()):
                # What an earlier event of the same round gave up or replaced is not called.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()
            self._kill_the_late()

    def _watch(self, source: socket.socket | int, act: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, act)

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            connection, _ = self._listener.accept()
            connection.setblocking(True)  # for the child; here, each call says not to wait
            self._watch(connection, partial(self._start, connection))

    def _start(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        try:
            request = Request(**decode(connection.recv(MESSAGE_BYTES, socket.MSG_DONTWAIT)))
            self._fork(connection, request)
        except (OSError, ValueError, TypeError) as error:
            log.warning("a request was not taken: %s", error)
            connection.close()

    def _fork(self, connection: socket.socket, request: Request) -> None:
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            live(request, connection, self._entries, own)
        ends = time.monotonic() + request.deadline
        child = Child(connection, pid, os.pidfd_open(pid), ends)
        self._children.append(child)
        self._watch(connection, partial(self._kill, child))  # nothing more is sent: it has closed
        self._watch(child.handle, partial(self._bury, child))

    def _until_next_deadline(self) -> float | None:
        waiting = [child.deadline for child in self._children if not child.timed_out]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _kill_the_late(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.deadline <= now and not child.timed_out:
                child.timed_out = True
                _end(child)

    def _kill(self, child: Child) -> None:
        self._selector.unregister(child.connection)
        _end(child)

    def _bury(self, child: Child) -> None:
        _end(child)  # what is left of its process group, while its id is still its own
        _, status = os.waitpid(child.pid, 0)
        self._children.remove(child)
        self._selector.unregister(child.handle)
        os.close(child.handle)
        with suppress(KeyError):  # its client's end has closed
            self._selector.unregister(child.connection)
        say = partial(self._say_farewell, child.connection, _describe(status, child))
        self._selector.register(child.connection, selectors.EVENT_WRITE, say)

    def _say_farewell(self, connection: socket.socket, ending: Exit) -> None:
        self._selector.unregister(connection)
        with suppress(OSError):  # nobody is there to hear it
            connection.send(encode({"exit": asdict(ending)}), socket.MSG_DONTWAIT)
        connection.close()


def _end(child: Child) -> None:
    with suppress(ProcessLookupError):  # it may not have made its group yet
        os.killpg(child.pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(child.handle, signal.SIGKILL)


def _describe(status: int, child: Child) -> Exit:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return Exit(code=None, signal=-code, timed_out=child.timed_out)
    return Exit(code=code, signal=None, timed_out=child.timed_out)


def main(arguments: Sequence[str] | None = None) -> None:
    """Import the entries, then listen and serve until killed or until the parent dies."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, partial(_leave, options))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # whatever its starter held back
    kernel.die_with_parent(options.parent, signal.SIGTERM)
    entries = importlib.import_module(options.entries).ENTRIES
    _import_encodings()
    if not confinement.isolate_network():
        log.warning("no network of its own for the sandbox: not permitted here")
    # New namespaces made the kernel forget the first time.
    kernel.die_with_parent(options.parent, signal.SIGTERM)
    kernel.set_inspectable(allowed=False)  # an ordinary user's children are that user too
    _rehearse()
    gc.collect()
    gc.freeze()  # children share what never changes
    listener = _listen(options.address)
    _report_ready(options.ready)
    Zygote(listener, entries).serve()


def _leave(options: argparse.Namespace, *_signal: object) -> NoReturn:
    # Also the directory: its owner may be the one that has died.
    options.address.unlink(missing_ok=True)
    with suppress(OSError):
        options.address.parent.rmdir()
    os._exit(0)


def _import_encodings() -> None:
    """Import what Python imports at first use: nobody may be unable to read the interpreter."""
    for module in pkgutil.iter_modules(encodings.__path__, "encodings."):
        with suppress(ImportError):  # some are for Windows
            importlib.import_module(module.name)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers.sandbox.zygote")
    parser.add_argument("--address", type=Path, required=True, help="where to listen")
    parser.add_argument("--entries", required=True, help="the module with ENTRIES")
    parser.add_argument("--parent", type=int, required=True, help="die when this process does")
    parser.add_argument("--ready", type=int, required=True, help="a pipe to write to when ready")
    return parser.parse_args(arguments)


def _rehearse() -> None:
    """Put up the walls once, so that a machine that refuses them is known before any request."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _confine_once(writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    if not said:
        sys.exit("the sandbox cannot confine its children here, and serves nobody")
    for name, stands in json.loads(said).items():
        if not stands:
            log.warning("the sandbox cannot confine %s on this machine", name.replace("_", " "))


def _confine_once(writer: int) -> NoReturn:
    try:
        walls = confinement.confine(
            memory=64 * MEBIBYTE,
            file_bytes=MEBIBYTE,
            cpu_seconds=60,
            user=confinement.user_to_become(),
        )
        os.write(writer, json.dumps(asdict(walls)).encode())
    except OSError as error:
        log.warning("the sandbox cannot confine its children: %s", error)
    finally:
        os._exit(0)


def _listen(address: Path) -> socket.socket:
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(address))
    listener.setblocking(False)
    listener.listen(WAITING_CLIENTS)
    return listener


def _report_ready(pipe: int) -> None:
    os.write(pipe, b"1")
    os.close(pipe)


if __name__ == "__main__":
    main()
