"""The sandbox as a trusted work-horse sees it: a call that returns a result or raises an error."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from service.errors import ModelCrashed, TooLarge, Unavailable
from service.files import check_space
from workers.sandbox.confinement import NOBODY
from workers.sandbox.messages import MESSAGE_BYTES, Request, encode
from workers.sandbox.outcome import Story, conclude, note, too_late

TICK = 0.25
SECONDS_TO_CONNECT = 5.0
SECONDS_TO_END = 2.0
FILES_IN_SCRATCH = 1000


def ignore(_message: dict[str, Any]) -> None:
    """Take a message and do nothing with it."""


def nothing() -> None:
    """Do nothing, between two looks at a child."""


class Sandbox:
    """Runs entries in confined children of the zygote that listens at an address.

    `memory` is what a child may add to the zygote's address space, `file_bytes` what one file may
    have, `scratch_bytes` what all files in the scratch directory may take (twice that unless said).
    """

    def __init__(
        self, address: Path, *, memory: int, file_bytes: int, scratch_bytes: int | None = None
    ) -> None:
        self._address = address
        self._memory = memory
        self._file_bytes = file_bytes
        self._scratch_bytes = 2 * file_bytes if scratch_bytes is None else scratch_bytes

    def run(
        self,
        entry: str,
        *,
        arguments: dict[str, Any],
        inputs: Mapping[str, Path],
        scratch: Path,
        deadline: float,
        scratch_bytes: int | None = None,
        gpu: bool = False,
        on_message: Callable[[dict[str, Any]], None] = ignore,
        tick: Callable[[], None] = nothing,
    ) -> dict[str, Any]:
        """Return what the entry returned; its files are in `scratch`, an empty directory.

        They may take `scratch_bytes` together. With `gpu` it may use one. `on_message` gets what
        the entry sends; `tick` is called four times a second, and what it raises ends the child,
        which is gone afterwards.
        """
        room = min(self._scratch_bytes, scratch_bytes or self._scratch_bytes)
        request = Request(
            entry=entry,
            arguments=arguments,
            inputs={name: str(path.resolve(strict=True)) for name, path in inputs.items()},
            scratch=str(scratch.resolve(strict=True)),
            memory=self._memory,
            deadline=deadline,
            file_bytes=min(self._file_bytes, room),
            gpu=gpu,
        )

        def watch() -> None:
            _weigh(scratch, room)  # first: what comes then may wait for a Redis on a full disk
            tick()

        _hand_over(scratch)
        story = Story()
        with closing(self._ask(request)) as connection:
            try:
                _listen(connection, request, story, on_message, watch)
            finally:
                _see_it_end(connection)
        return conclude(story, scratch, deadline)

    def _ask(self, request: Request) -> socket.socket:
        datagram = encode(asdict(request))
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.settimeout(SECONDS_TO_CONNECT)
            connection.connect(str(self._address))
            connection.send(datagram)
        except OSError as error:
            connection.close()
            raise Unavailable("The sandbox cannot be reached: restart the worker.") from error
        return connection


def _listen(
    connection: socket.socket,
    request: Request,
    story: Story,
    on_message: Callable[[dict[str, Any]], None],
    watch: Callable[[], None],
) -> None:
    ends = time.monotonic() + request.deadline + SECONDS_TO_END
    ticks = 0.0
    heard = True
    while heard:
        if time.monotonic() >= ends:
            raise too_late(request.deadline)
        if time.monotonic() >= ticks:
            watch()
            ticks = time.monotonic() + TICK
        heard = _hear(connection, story, on_message, wait=ticks - time.monotonic())


def _weigh(scratch: Path, room: int) -> None:
    check_space(scratch)
    taken = files = 0
    for directory, _, names in os.walk(scratch):
        files += 1
        for name in names:
            files += 1
            with suppress(FileNotFoundError):  # removed meanwhile
                taken += 512 * (Path(directory) / name).lstat().st_blocks
            if taken > room or files > FILES_IN_SCRATCH:
                raise TooLarge(
                    f"What was written here passes {room} bytes "
                    f"or {FILES_IN_SCRATCH} files: send less at once."
                )


def _hand_over(scratch: Path) -> None:
    scratch.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(scratch, NOBODY, NOBODY)


def _hear(
    connection: socket.socket,
    story: Story,
    on_message: Callable[[dict[str, Any]], None],
    *,
    wait: float,
) -> bool:
    """Take what is said next, if anything is; return False once nobody is left to say more.

    A child could forge its own exit, and work on behind it. The end of the connection cannot be
    forged: zygote and child both hold it, and the zygote lets go when the child has been buried.
    """
    connection.settimeout(max(wait, 0.001))
    try:
        datagram = connection.recv(MESSAGE_BYTES)
    except TimeoutError:
        return True
    except OSError:
        return False
    if datagram:
        note(datagram, story, on_message)
    return bool(datagram)


def _see_it_end(connection: socket.socket) -> None:
    ends = time.monotonic() + SECONDS_TO_END
    with suppress(OSError, ModelCrashed):
        connection.shutdown(socket.SHUT_WR)
        while time.monotonic() < ends and _hear(connection, Story(), ignore, wait=TICK):
            pass
