"""A kept connection among many in one process: a request goes out, and others go on meanwhile."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

Document = dict[str, Any]

PATIENCE = 120.0


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds."""

    status: int
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        """Return the document that answers."""
        return json.loads(self.body)


class Talk:
    """One connection to one service, opened again where the server has closed it."""

    def __init__(self, url: str) -> None:
        self.place = urlsplit(url)
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def ask(
        self, method: str, path: str, document: Document | None = None, **headers: str
    ) -> Answer:
        """Send a request; return its answer."""
        body = b"" if document is None else json.dumps(document).encode()
        kind = {} if document is None else {"Content-Type": "application/json"}
        sent = self.head(method, path, len(body), {**kind, **headers}) + body
        began = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            status, answer = await self.exchange(sent)
        return Answer(status, answer, time.perf_counter() - began)

    def head(self, method: str, path: str, length: int, headers: Mapping[str, str]) -> bytes:
        """Return what stands before a body."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.place.netloc}"]
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
        if length or method != "GET":
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def exchange(self, sent: bytes) -> tuple[int, bytes]:
        """Send bytes; return the status and the body that come back."""
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(
                self.place.hostname, self.place.port
            )
        self.writer.write(sent)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        named = dict(line.split(": ", 1) for line in lines[1:] if line)
        body = await self.reader.readexactly(int(named.get("content-length", 0)))
        if named.get("connection") == "close":
            self.close()
        return status, body
