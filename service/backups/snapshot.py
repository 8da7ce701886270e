"""All that a Redis or Valkey holds, as of one moment, while it goes on serving.

The server is asked as a replica asks it (SYNC): it forks, and sends what it held then. A server of
our own, which nobody else knows, reads that, and is asked at leisure.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from service.backups.refusal import Refused
from service.processes import embedded
from service.processes.children import Child, Command
from service.redis_storage import connect

PIECE = 2**20
SECONDS_OF_SILENCE = 120
"""A server that is about to fork, or forks, sends line feeds meanwhile."""
SECONDS_TO_STOP = 30
PAUSE = 0.02
MARK_BYTES = 40
ENDLESS = b"$EOF:"


@contextmanager
def taken(url: str, home: Path) -> Iterator[str]:
    """Give the address of a server of our own, in a new directory, that holds what another holds
    now."""
    (home / "redis").mkdir(parents=True, mode=0o700)
    fetch(url, home / "redis" / "dump.rdb")
    lock = embedded.claim(home)
    server = Child(reading(embedded.command(home, lock)))
    server.start()
    try:
        await_answer(home, server)
        yield f"{embedded.url(home)}?db={database_of(url)}"
    finally:
        server.terminate()
        if server.process is not None:
            server.process.wait(SECONDS_TO_STOP)
        embedded.forget(home)
        os.close(lock)


def reading(command: Command) -> Command:
    """Return the command of a server that reads what it finds, and writes nothing."""
    arguments = (*command.arguments, "--appendonly", "no")
    return Command("snapshot", arguments, command.environment, command.files)


def await_answer(home: Path, server: Child) -> None:
    """Wait until the server has read what it found, however long that takes."""
    while not embedded.answers(home):
        if server.collect() is not None:
            said = (home / "redis" / "log").read_text(errors="replace").strip()
            raise Refused(
                "what this Redis sends cannot be read by the embedded server: back it up by its own"
                f" means. The server's last words: {said.rpartition(chr(10))[2]}"
            )
        time.sleep(PAUSE)


def database_of(url: str) -> int:
    """Return the number of the database that an address names."""
    options = connect(url).connection_pool.connection_kwargs
    return int(options.get("db") or 0)


def fetch(url: str, target: Path) -> None:
    """Write what a server holds now into a file, in the form in which servers send it."""
    pool = connect(url).connection_pool
    connection: Any = pool.make_connection()
    connection.connect()
    try:
        for words in (("capa", "eof"), ("rdb-only", "1")):
            connection.send_command("REPLCONF", *words)
            connection.read_response()
        connection.send_command("SYNC")
        socket = connection._sock  # noqa: SLF001 - what comes now is no answer that it would read
        socket.settimeout(SECONDS_OF_SILENCE)
        with target.open("wb") as file:
            receive(socket, file)
    except (redis.RedisError, OSError) as error:
        raise Refused(
            f"this Redis does not send what it holds ({error}): back it up by its own means"
        ) from None
    finally:
        connection.disconnect()


def receive(socket: Any, file: Any) -> None:
    """Write what a server sends after SYNC: so many bytes, or all up to a mark that it names."""
    header = header_of(socket)
    if header.startswith(ENDLESS):
        receive_until(socket, file, header.removeprefix(ENDLESS)[:MARK_BYTES])
        return
    left = int(header[1:])
    while left:
        piece = received(socket, min(PIECE, left))
        file.write(piece)
        left -= len(piece)


def header_of(socket: Any) -> bytes:
    """Return the line in which a server says how much it will send."""
    line = b""
    while not line:
        while (byte := received(socket, 1)) != b"\n":
            line += byte
        line = line.strip()
    if not line.startswith(b"$"):
        raise OSError(line.decode(errors="replace"))
    return line


def receive_until(socket: Any, file: Any, mark: bytes) -> None:
    """Write all up to a mark."""
    held = b""
    while not held.endswith(mark):
        held += received(socket, PIECE)
        file.write(held[:-MARK_BYTES])
        held = held[-MARK_BYTES:]


def received(socket: Any, most: int) -> bytes:
    """Return some bytes; raise OSError where there will be none."""
    piece = bytes(socket.recv(most))
    if not piece:
        raise ConnectionError("it closed the connection")
    return piece
