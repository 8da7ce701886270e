"""What a client, the zygote and a child say to one another: one JSON object in each datagram."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

MESSAGE_BYTES = 64 * 1024
RESULT_BYTES = 16 * 1024 * 1024
RESULT_NAME = "result.json"

Send = Callable[[dict[str, Any]], None]
Entry = Callable[[dict[str, Any], dict[str, BinaryIO], Send], dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """What a client asks of the zygote: one call of one entry, in a child of its own."""

    entry: str
    arguments: dict[str, Any]
    inputs: dict[str, str]
    scratch: str
    memory: int
    deadline: float
    file_bytes: int
    gpu: bool = False


@dataclass(frozen=True)
class Exit:
    """How a child ended, as its parent saw it."""

    code: int | None
    signal: int | None
    timed_out: bool


def encode(message: Mapping[str, Any]) -> bytes:
    """Return the datagram that says this; ValueError when it is too long for one."""
    content = json.dumps(message, allow_nan=False).encode()
    if len(content) > MESSAGE_BYTES:
        raise ValueError(
            f"a message of {len(content)} bytes passes the {MESSAGE_BYTES} that one may have: "
            "send what is large as a file"
        )
    return content


def decode(content: bytes) -> dict[str, Any]:
    """Return the object that a datagram, or a result, holds; ValueError when it holds none."""
    try:
        message = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(message, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - what was sent is wrong, not its use
    return message


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
