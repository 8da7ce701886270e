"""The life of a child: it opens what it was given, confines itself, does one thing and ends."""

import errno
import json
import math
import os
import re
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from service.errors import ModelCrashed, OutOfMemory, ServiceError, TooLarge
from workers.sandbox import confinement, kernel
from workers.sandbox.messages import RESULT_NAME, Entry, Request, encode

CRASH_CHARACTERS = 500
DETAIL_CHARACTERS = 2000
FAULT_CHARACTERS = 500
FAULTS_CHARACTERS = 6000  # of at most 6 bytes each, in a datagram
SPARE_CPU_SECONDS = 5

_FOLDERS = re.compile(r"(?<![\w.])(?:/[\w.+@~-]+)+/")
_ALLOCATION_FAILED = re.compile(r"bad_alloc|[Ff]ailed to allocate memory")


def live(
    request: Request, channel: socket.socket, entries: Mapping[str, Entry], parent: int
) -> NoReturn:
    """Be the child of a zygote, from its fork to its end."""
    code = 1
    try:
        code = _perform(request, channel, entries, parent)
    finally:
        os._exit(code)  # whatever happened: nothing of the zygote's runs twice


def _perform(
    request: Request, channel: socket.socket, entries: Mapping[str, Entry], parent: int
) -> int:
    kernel.die_with_parent(parent)
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    out_of_memory = encode({"problem": OutOfMemory(_no_memory(request)).problem()})
    try:
        inputs = _open(request.inputs)
        os.chdir(request.scratch)
        _keep_only(channel.fileno(), *(file.fileno() for file in inputs.values()))
        _confine(request)
        kernel.die_with_parent(parent)  # becoming another user made the kernel forget it
        result = _call(entries, request, inputs, channel)
        _write_result(result)
    except MemoryError:
        channel.send(out_of_memory)
    except BaseException as error:  # noqa: BLE001 - the edge: a child's errors end here
        channel.send(encode({"problem": _problem(error, request)}))
    else:
        channel.send(encode({"result": RESULT_NAME}))
    return 0


def _open(paths: Mapping[str, str]) -> dict[str, BinaryIO]:
    return {name: Path(path).open("rb") for name, path in paths.items()}


def _keep_only(*kept: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    opened = {int(link.name) for link in Path("/proc/self/fd").iterdir()}
    for descriptor in opened - {0, 1, 2, *kept}:
        with suppress(OSError):  # the one that read this list is closed already
            os.close(descriptor)


def _confine(request: Request) -> None:
    os.umask(0o077)
    # Time on every processor counts; the deadline itself is the zygote's to keep.
    processors = os.cpu_count() or 1
    confinement.confine(
        memory=request.memory,
        file_bytes=request.file_bytes,
        cpu_seconds=math.ceil(request.deadline * processors) + SPARE_CPU_SECONDS,
        user=confinement.user_to_become(),
        gpu=request.gpu,
    )


def _call(
    entries: Mapping[str, Entry],
    request: Request,
    inputs: dict[str, BinaryIO],
    channel: socket.socket,
) -> dict[str, Any]:
    def send(message: dict[str, Any]) -> None:
        channel.send(encode({"message": message}))

    if request.entry not in entries:
        raise LookupError(f"there is no entry named {request.entry!r}")
    return entries[request.entry](request.arguments, inputs, send)


def _write_result(result: dict[str, Any]) -> None:
    with Path(RESULT_NAME).open("x") as file:
        file.write(json.dumps(result, allow_nan=False))


def _problem(error: BaseException, request: Request) -> dict[str, Any]:
    if not isinstance(error, ServiceError):
        error = _classify(error, request)
    problem = error.problem()
    problem["detail"] = _shorten(problem["detail"], DETAIL_CHARACTERS)
    problem["errors"] = list(_first_faults(problem["errors"]))
    return problem


def _first_faults(faults: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    left = FAULTS_CHARACTERS
    for fault in faults:
        shortened = {place: _shorten(text, FAULT_CHARACTERS) for place, text in fault.items()}
        left -= sum(map(len, shortened.values()))
        if left < 0:
            return
        yield shortened


def _classify(error: BaseException, request: Request) -> ServiceError:
    text = " ".join(str(error).split())
    out_of_memory = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if out_of_memory or _ALLOCATION_FAILED.search(text):
        return OutOfMemory(_no_memory(request))
    if isinstance(error, OSError) and _met_file_limit(error, request.file_bytes):
        return TooLarge(f"A file passes the {request.file_bytes} bytes that one may have here.")
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror  # without the file's name
    text = f"{type(error).__name__}: {_FOLDERS.sub('', text)}"
    return ModelCrashed(_shorten(text, CRASH_CHARACTERS))


def _met_file_limit(error: OSError, most: int) -> bool:
    # Some writers tell only how much they could not write.
    return error.errno == errno.EFBIG or any(
        file.stat(follow_symlinks=False).st_size >= most for file in os.scandir()
    )


def _no_memory(request: Request) -> str:
    return (
        f"More than the {request.memory} bytes of memory that one request may use were needed: "
        "send a smaller file or model, or raise the limit."
    )


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
