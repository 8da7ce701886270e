"""Our keys in Redis as lines of a file, which any version of Redis or Valkey takes back.

A line is a JSON object: `key`, `type`, `value` and `expires`, in milliseconds of the epoch or null.
Bytes are written as the text that they are in Latin-1.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

import redis

from service.workspaces import is_ours

AT_ONCE = 256
ELEMENTS = 4_096
"""Elements of a large value that are written with one command."""


def write_keys(connection: redis.Redis, path: Path) -> int:
    """Write all keys of ours into a file; return how many there are."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for names in batches(our_keys(connection)):
            for line in lines(cast("Any", connection), names):
                file.write(json.dumps(line, ensure_ascii=False))
                file.write("\n")
                written += 1
    return written


def read_keys(connection: redis.Redis, path: Path) -> Iterator[int]:
    """Put the keys of a file into Redis; yield how many are there, now and then."""
    done = 0
    with path.open(encoding="utf-8") as file:
        while some := [*islice(file, AT_ONCE)]:
            with connection.pipeline(transaction=False) as pipe:
                for line in some:
                    put(pipe, json.loads(line))
                pipe.execute()
            done += len(some)
            yield done


def our_keys(connection: redis.Redis) -> Iterator[bytes]:
    """Yield the keys of all workspaces, once each where nothing changes meanwhile."""
    found = cast("Iterator[bytes]", connection.scan_iter(match="shortlist*", count=1_000))
    return (key for key in found if is_ours(key.decode()))


def batches(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Yield keys, some at a time."""
    while some := [*islice(keys, AT_ONCE)]:
        yield some


def lines(connection: Any, names: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """Yield what keys hold; what has just run out is left out."""
    with connection.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.type(name)
            pipe.pexpiretime(name)
        answers = pipe.execute()
        kinds = [kind.decode() for kind in answers[::2]]
        for name, kind in zip(names, kinds, strict=True):
            ask(pipe, kind, name)
        values = pipe.execute()
    for name, kind, expires, value in zip(names, kinds, answers[1::2], values, strict=True):
        if value or (kind == "string" and value is not None):
            yield {
                "key": text(name),
                "type": kind,
                "value": plain(kind, value),
                "expires": expires if expires > 0 else None,
            }


def ask(pipe: Any, kind: str, name: bytes) -> None:
    """Ask for all that a key holds."""
    match kind:
        case "hash":
            pipe.hgetall(name)
        case "set":
            pipe.smembers(name)
        case "zset":
            pipe.zrange(name, 0, -1, withscores=True)
        case "list":
            pipe.lrange(name, 0, -1)
        case _:
            pipe.get(name)


def plain(kind: str, value: Any) -> Any:
    """Return what a key holds as JSON can tell it."""
    match kind:
        case "hash":
            return [[text(field), text(each)] for field, each in value.items()]
        case "zset":
            return [[text(member), score] for member, score in value]
        case "set" | "list":
            return [text(each) for each in value]
        case _:
            return text(value)


def put(pipe: Any, line: dict[str, Any]) -> None:
    """Write a key as it was."""
    name, value = raw(line["key"]), line["value"]
    match line["type"]:
        case "hash":
            for some in pieces(value):
                pipe.hset(name, mapping={raw(field): raw(each) for field, each in some})
        case "zset":
            for some in pieces(value):
                pipe.zadd(name, {raw(member): score for member, score in some})
        case "set":
            for some in pieces(value):
                pipe.sadd(name, *map(raw, some))
        case "list":
            for some in pieces(value):
                pipe.rpush(name, *map(raw, some))
        case _:
            pipe.set(name, raw(value))
    if line["expires"] is not None:
        pipe.pexpireat(name, line["expires"])


def pieces(value: list[Any]) -> Iterator[list[Any]]:
    """Yield a large value in pieces."""
    for start in range(0, len(value), ELEMENTS):
        yield value[start : start + ELEMENTS]


def text(value: bytes) -> str:
    """Return bytes as a text that tells each of them."""
    return value.decode("latin-1")


def raw(value: str) -> bytes:
    """Return the bytes that a text tells."""
    return value.encode("latin-1")
