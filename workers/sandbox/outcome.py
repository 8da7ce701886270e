"""What came of a request, as told by those who are not believed: messages, exit, files.

Everything is read with limits, and a child can raise only the errors that a client's bytes can
cause.
"""

import os
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from service.errors import (
    InvalidOutput,
    InvalidRequest,
    MalformedBody,
    ModelCrashed,
    ModelRefused,
    OutOfMemory,
    ServiceError,
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedFormat,
    UploadRefused,
)
from service.problems import from_problem
from workers.sandbox.messages import RESULT_BYTES, RESULT_NAME, Exit, decode

BELIEVED = (
    InvalidOutput,
    InvalidRequest,
    MalformedBody,
    ModelCrashed,
    ModelRefused,
    OutOfMemory,
    TimedOut,
    TooLarge,
    UnsupportedFormat,
    UploadRefused,
)


@dataclass
class Story:
    """What has been heard from a child and of it so far."""

    problem: dict[str, Any] | None = None
    has_result: bool = False
    exit: Exit | None = None


def note(datagram: bytes, story: Story, on_message: Callable[[dict[str, Any]], None]) -> None:
    """Add one datagram to the story, or pass on the message in it."""
    try:
        [(kind, content)] = decode(datagram).items()
    except ValueError:
        raise ModelCrashed("What the sandbox's process said cannot be read.") from None
    if kind == "message" and isinstance(content, dict):
        on_message(content)
    elif kind == "problem" and isinstance(content, dict):
        story.problem = content
    elif kind == "result":
        story.has_result = True
    elif kind == "exit":
        story.exit = _parse_exit(content)


def _parse_exit(content: Any) -> Exit:
    try:
        return Exit(**content)
    except TypeError:  # only a child that forges its own end says this
        return Exit(code=1, signal=None, timed_out=False)


def conclude(story: Story, scratch: Path, deadline: float) -> dict[str, Any]:
    """Return the result that a story ended with, or raise what it ended with instead."""
    ending = story.exit
    if ending is None:
        raise Unavailable("The sandbox ended in the middle of a request: try again.")
    if story.problem is not None:
        raise _believe(story.problem)
    if ending.timed_out or ending.signal == signal.SIGXCPU:
        raise too_late(deadline)
    if ending.signal == signal.SIGKILL:
        raise OutOfMemory(
            "The process that held these bytes was killed, as the machine does when its memory "
            "ends: send a smaller file or model, or give the machine more."
        )
    if ending.signal is not None or ending.code != 0 or not story.has_result:
        raise ModelCrashed(f"The process that held these bytes {_tell(ending)}, without a result.")
    return _read_result(scratch)


def _tell(ending: Exit) -> str:
    if ending.signal is None:
        return f"ended with status {ending.code}"
    try:
        return f"was ended by {signal.Signals(ending.signal).name}"
    except ValueError:
        return f"was ended by signal {ending.signal}"


def too_late(deadline: float) -> TimedOut:
    """Return the error that says so."""
    return TimedOut(f"The deadline of {deadline:g} seconds passed: send less, or raise it.")


def _believe(problem: dict[str, Any]) -> ServiceError:
    try:
        error = from_problem(problem)
    except (TypeError, KeyError, ValueError):
        return ModelCrashed("What the sandbox's process said cannot be read.")
    if isinstance(error, BELIEVED):
        return error
    return ModelCrashed(f"The process that held these bytes failed: {error.detail}")


def _read_result(scratch: Path) -> dict[str, Any]:
    with open_output(scratch, RESULT_NAME) as file:
        content = file.read(RESULT_BYTES + 1)
    if len(content) > RESULT_BYTES:
        raise InvalidOutput(f"The result passes {RESULT_BYTES} bytes.")
    try:
        return decode(content)
    except ValueError as error:
        raise InvalidOutput(f"The result cannot be read: {error}.") from error


def open_output(scratch: Path, name: str) -> BinaryIO:
    """Open a file that a child was to write; anything else in its place is refused."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(scratch / name, flags)
    except OSError as error:
        raise InvalidOutput(f"There is no readable file {name} in the output.") from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        os.close(descriptor)
        raise InvalidOutput(f"{name} in the output is not a plain file.")
    return os.fdopen(descriptor, "rb")
