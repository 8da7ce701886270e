"""Request bodies: JSON read strictly, everything else streamed to disk unopened."""

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Request

from service.backend import Backend
from service.errors import LengthRequired, MalformedBody, TooLarge, UnsupportedFormat
from service.files import check_space, upload_name
from service.files.arrival import Arrival
from service.operations import usage
from service.strictjson import members

BLOCK = 1024 * 1024
LOOK_AT_DISK = 64 * BLOCK
LONGEST_NUMBER = 40
LONGEST_LINE = BLOCK
ESCAPED_SURROGATES = (b"\\ud", b"\\uD")
DIGEST_HEADERS = ("Repr-Digest", "Content-Digest")


def check_encoding(request: Request) -> None:
    """Raise UnsupportedFormat for a body that would have to be unpacked."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedFormat(f"Content-Encoding {encoding} is not taken: send the body unpacked")


def read_json(request: Request, limit: int, setting: str = "max_json_bytes") -> Any:
    """Return a JSON body; raise for what is no JSON, too large, or says two things at once."""
    if request.mimetype != "application/json":
        sent = request.mimetype or "without one"
        raise UnsupportedFormat(f"Send the body as Content-Type: application/json, not {sent}")
    check_encoding(request)
    body = request.stream.read(limit + 1)
    if len(body) > limit:
        raise TooLarge(f"A JSON body has at most {limit} bytes here ({setting})")
    check_complete(request, len(body))
    return parse_json(body)


def parse_json(body: bytes) -> Any:
    """Return what strict JSON says; raise MalformedBody for anything else."""
    try:
        found = STRICT.decode(body.decode())
        if any(begun in body for begun in ESCAPED_SURROGATES):
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise MalformedBody("A text in the body holds half of a surrogate pair") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedBody(f"The body is no JSON: {error.msg} at {where}") from error
    except RecursionError as error:
        raise MalformedBody("The body is nested too deep") from error
    except ValueError as error:
        raise MalformedBody(str(error)) from error
    return found


def number(text: str) -> float:
    """Return a number; raise where it is none, or larger than any that can be kept."""
    value = float(text)
    if not math.isfinite(value):
        raise MalformedBody(f"{text[:LONGEST_NUMBER]} is no number that JSON can hold")
    return value


def whole_number(text: str) -> int:
    """Return a whole number; raise where it has more than 64 bits."""
    if len(text) > LONGEST_NUMBER or not -(2**63) <= int(text) < 2**63:
        raise MalformedBody(f"{text[:LONGEST_NUMBER]} is a whole number of more than 64 bits")
    return int(text)


STRICT = json.JSONDecoder(
    object_pairs_hook=members, parse_constant=number, parse_float=number, parse_int=whole_number
)
"""Made once: of a body of lines each is parsed by itself."""


@dataclass(frozen=True)
class Received:
    """A body that stands on disk."""

    bytes: int
    sha256: str


def read_lines(request: Request, limit: int, setting: str) -> Iterator[bytes]:
    """Yield the lines of a body as they come; raise, at the end, where it is not all there."""
    check_encoding(request)
    announced = announced_digest(request)
    check_announced(request, announced)
    digest, size, rest = hashlib.sha256(), 0, b""
    while block := request.stream.read(BLOCK):
        size += len(block)
        if size > limit:
            raise TooLarge(f"A body has at most {limit} bytes here ({setting})")
        if announced:
            digest.update(block)
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise TooLarge(f"A line has at most {LONGEST_LINE} bytes")
        yield from lines
    check_complete(request, size)
    check_digest(Received(size, digest.hexdigest()), announced)
    if rest:
        yield rest


def check_announced(request: Request, digest: bytes | None) -> None:
    """Raise LengthRequired for a body of which nobody could tell whether it is all there."""
    if request.content_length is None and digest is None:
        # A chunked body that its sender gave up half-way looks just like one that is complete.
        raise LengthRequired(
            "Send a Content-Length, or a Repr-Digest of the whole body: without either nobody "
            "could tell whether it is all there"
        )


def receive(request: Request, backend: Backend, token: str) -> Received:
    """Stream a body to this machine's disk, as a draft under a token.

    Raise, and leave nothing, where it is not all there.
    """
    check_encoding(request)
    limit = backend.settings.max_upload_bytes
    digest = announced_digest(request)
    check_announced(request, digest)
    if (request.content_length or 0) > limit:
        raise past_limit(limit)
    room = usage.room(backend, request.content_length or 0)
    path = backend.files.draft(upload_name(token))
    try:
        received = write(request, path, min(limit, room))
        check_digest(received, digest)
        usage.take_in(backend, received.bytes)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return received


def write(request: Request, path: Path, limit: int) -> Received:
    """Write a body to a new file, forced to disk."""
    size = 0
    with Arrival(path) as arrival:
        while block := request.stream.read(BLOCK):
            if size % LOOK_AT_DISK < BLOCK:
                check_space(path)
            size += len(block)
            if size > limit:
                raise past_limit(limit)
            arrival.add(block)
        check_complete(request, size)
        return Received(size, arrival.finish())


def past_limit(limit: int) -> TooLarge:
    """Return the error for an upload that is too long, or for which no room is left."""
    return TooLarge(
        f"An upload has at most {limit} bytes here: what one may have (max_upload_bytes), or what"
        " is left to the workspace (max_workspace_bytes)"
    )


def check_complete(request: Request, size: int) -> None:
    """Raise MalformedBody where a body ended before the length it was announced with."""
    if request.content_length is not None and size != request.content_length:
        raise MalformedBody(f"The body ended after {size} of {request.content_length} bytes")


def announced_digest(request: Request) -> bytes | None:
    """Return the SHA-256 that the request says its body has (RFC 9530), if it says one."""
    for header in DIGEST_HEADERS:
        found = re.search(r"sha-256\s*=\s*:([^:]*):", request.headers.get(header, ""))
        if found:
            return found[1].encode()
    return None


def check_digest(received: Received, announced: bytes | None) -> None:
    """Raise MalformedBody where a body is not the one that was announced."""
    if announced not in (None, base64.b64encode(bytes.fromhex(received.sha256))):
        raise MalformedBody(
            f"The body has {received.bytes} bytes and the SHA-256 {received.sha256} (hex), which "
            "is not the sha-256 that was announced with it"
        )
