"""Many clients in one process: each keeps a connection, and asks again as soon as it is answered.

One thread waits for all of them and sends bytes that are made beforehand, so that the clients take
as little of the processors as they can; what they take is measured and told.
"""

import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 30.0
LARGEST_READ = 1 << 18
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


class BadAnswer(Exception):
    """An answer was not 200, or could not be read."""


@dataclass(frozen=True)
class Load:
    """What clients got: how many answers, in how long, and each one's seconds.

    `own` are the seconds of processor time that the clients themselves took.
    """

    answers: int
    seconds: float
    latencies: Sequence[float]
    own: float

    @property
    def rate(self) -> float:
        """Return the answers a second."""
        return self.answers / self.seconds


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which this part of ordered values lies."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def seconds_from_now(seconds: float) -> Callable[[], bool]:
    """Return what says whether so many seconds have yet to pass."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end


class Client:
    """One connection that is kept, with one request at a time on its way."""

    def __init__(self, place: tuple[str, int], requests: Sequence[bytes], first: int) -> None:
        self.line = socket.create_connection(place, PATIENCE)
        self.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.turn = first
        self.sent = 0.0
        self.answer = b""

    def ask(self) -> None:
        """Send the next request."""
        self.answer = b""
        self.sent = time.perf_counter()
        self.line.sendall(self.requests[self.turn % len(self.requests)])
        self.turn += 1

    def is_answered(self) -> bool:
        """Read what has come; return whether the answer is whole."""
        came = self.line.recv(LARGEST_READ)
        self.answer = self.answer + came if self.answer else came
        head = self.answer.find(HEAD_END)
        if not came or (head >= 0 and not self.answer.startswith(b"HTTP/1.1 200 ")):
            raise BadAnswer(self.answer[:400].decode(errors="replace"))
        if head < 0:
            return False
        at = self.answer.index(LENGTH) + len(LENGTH)
        length = int(self.answer[at : self.answer.index(b"\r", at)])
        return len(self.answer) >= head + len(HEAD_END) + length


def request_of(url: str, path: str) -> bytes:
    """Return the bytes of a reading of a path."""
    return f"GET {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()


def put_load(url: str, paths: Sequence[str], *, clients: int, going: Callable[[], bool]) -> Load:
    """Have so many clients read these paths in turn while it goes on; return what they got."""
    netloc = urlsplit(url)
    place = (str(netloc.hostname), int(netloc.port or 80))
    requests = [request_of(url, path) for path in paths]
    crowd = [Client(place, requests, number) for number in range(clients)]
    try:
        return measured(crowd, going)
    finally:
        for client in crowd:
            client.line.close()


def measured(crowd: Sequence[Client], going: Callable[[], bool]) -> Load:
    """Let clients ask while it goes on; return what they got."""
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for client in crowd:
            selector.register(client.line, selectors.EVENT_READ, client)
        own, began = time.thread_time(), time.perf_counter()
        for client in crowd:
            client.ask()
        while going():
            for key, _ in selector.select(PATIENCE):
                client = key.data
                if client.is_answered():
                    latencies.append(time.perf_counter() - client.sent)
                    client.ask()
        own, seconds = time.thread_time() - own, time.perf_counter() - began
    return Load(len(latencies), seconds, latencies, own)
