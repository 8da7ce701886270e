"""A large array sent as one upload, from few bytes that are sent again and again."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

PATIENCE = 120.0
BLOCK_ROWS = 2_048
LARGEST_ANSWER = 1 << 16


@dataclass(frozen=True)
class Array:
    """An array of float32 (items, width), of which only the first block is in memory."""

    items: int
    width: int

    @property
    def head(self) -> bytes:
        """Return what stands before the values in an .npy file."""
        empty = np.lib.format.header_data_from_array_1_0(np.empty((0, self.width), np.float32))
        empty["shape"] = (self.items, self.width)
        written = Written()
        np.lib.format.write_array_header_1_0(written, empty)
        return written.bytes

    @property
    def bytes(self) -> int:
        """Return the size of the file."""
        return len(self.head) + self.items * self.width * 4

    def blocks(self) -> Iterator[memoryview]:
        """Yield the file's bytes."""
        yield memoryview(self.head)
        random = np.random.default_rng(0).random((BLOCK_ROWS, self.width), dtype=np.float32)
        block = memoryview(random).cast("B")
        for start in range(0, self.items, BLOCK_ROWS):
            yield block[: min(BLOCK_ROWS, self.items - start) * self.width * 4]


class Written:
    """A file in memory, of which only the writing is needed."""

    def __init__(self) -> None:
        self.bytes = b""

    def write(self, text: bytes) -> None:
        """Keep some bytes."""
        self.bytes += text


@dataclass(frozen=True)
class Sent:
    """What an upload took, until its answer was there, and the job that was made of it."""

    seconds: float
    job: str


def send(url: str, pool: str, array: Array) -> Sent:
    """Send an array to a pool as an .npy file of items."""
    return send_to(url, f"/v1/pools/{pool}/items", array)


def send_to(url: str, path: str, array: Array) -> Sent:
    """Send an array as an .npy file."""
    place = urlsplit(url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n"
        f"Content-Type: application/x-npy\r\nContent-Length: {array.bytes}\r\n\r\n"
    )
    with socket.create_connection((place.hostname or "", place.port or 80), PATIENCE) as line:
        began = time.perf_counter()
        line.sendall(head.encode())
        for block in array.blocks():
            line.sendall(block)
        answer = b""
        while came := line.recv(LARGEST_ANSWER):
            answer += came
        seconds = time.perf_counter() - began
    return Sent(seconds, json.loads(answer.partition(b"\r\n\r\n")[2])["id"])
