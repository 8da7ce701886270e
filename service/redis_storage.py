"""Records, exclusion sets and progress on Redis or Valkey."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar, cast

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from service.record_scripts import (
    ADD_KNOWN,
    READ_VERSIONS,
    WRITE_RECORD,
    WRITE_RUN_PROGRESS,
    merge,
)
from service.records import LABELLED, Document, Job, Record, new_id
from service.redis_server import Server
from service.storage import Place, Versioned
from service.workspaces import DEFAULT, key_of

R = TypeVar("R", bound=Record)

SECONDS_TO_ANSWER = 10
PATIENCE = 4
QUICK_RETRIES = 6
"""Retries that take a second together; every further one takes a second."""

RUN_PROGRESS_SECONDS = 7 * 86_400
"""How long a job's runs are remembered after the last word of them."""


def connect(url: str, patience: int = PATIENCE) -> redis.Redis:
    """Return a client that rides out that the server is away for about `patience` seconds."""
    return Server.from_url(
        url,
        # A server that does not answer at all is not asked again: that would be patience squared.
        retry=Retry(
            ExponentialBackoff(cap=1.0, base=0.02),
            QUICK_RETRIES + patience,
            supported_errors=(redis.exceptions.ConnectionError,),
        ),
        socket_connect_timeout=SECONDS_TO_ANSWER,
        socket_timeout=SECONDS_TO_ANSWER,
        driver_info=None,  # to tell the client's version costs 3 ms in every new process
    )


def version_key(key: str) -> str:
    """Return where the version of what a key holds stands; the scripts know it too."""
    return f"{key}:version"


def text_of(record: Record) -> str:
    """Return a record as the text under which it is stored and compared."""
    return json.dumps(record.document(), sort_keys=True)


def entry_of(record: Record) -> str:
    """Return a record's entry in lists, which sort by time and then by id."""
    return f"{record.created_at} {record.id}"


def far(text: bytes | None) -> tuple[int, int | None] | None:
    """Return how far a job has come, as it is stored."""
    if text is None:
        return None
    done, total = json.loads(text)
    return done, total


class RedisStorage:
    """What changes in a workspace, labels and leases apart, in one Redis database."""

    def __init__(self, connection: redis.Redis, workspace: str = DEFAULT) -> None:
        self.key = partial(key_of, workspace=workspace)
        # Typed as Any from here on: redis-py's answers are unions of its sync and async clients.
        self.redis = cast("Any", connection)
        self.write_record = self.redis.register_script(WRITE_RECORD)
        self.read_versions = self.redis.register_script(READ_VERSIONS)
        self.write_run_progress = self.redis.register_script(WRITE_RUN_PROGRESS)
        self.add_known = self.redis.register_script(ADD_KNOWN)

    def ping(self) -> None:
        """Return if the server answers."""
        self.redis.ping()

    def write(self, old: Record | None, new: Record | None, *, expected: str) -> bool:
        """Put a record in the place of another, with its indexes."""
        record = cast("Record", new or old)
        before = old.indexes() if old else frozenset()
        after = new.indexes() if new else frozenset()
        left = sorted(before - after)
        return bool(
            self.write_record(
                keys=[self.key(record.kind, record.id), self.key("list", record.kind)],
                args=[
                    expected,
                    text_of(new) if new else "",
                    entry_of(record),
                    new_id() if record.is_versioned else "",
                    len(left),
                    *left,
                    *sorted(after),
                ],
            )
        )

    def add(self, record: Record) -> bool:
        """Remember a new record; return False, and change nothing, where its id is taken."""
        return self.write(None, record, expected="")

    def get(self, kind: type[R], id: str) -> R | None:
        """Return a record, or None."""
        text = self.redis.get(self.key(kind.kind, id))
        return None if text is None else kind.from_document(json.loads(text))

    def replace(self, old: Record, new: Record) -> bool:
        """Put `new` in the place of `old`; return False, and change nothing, if `old` has gone."""
        return self.write(old, new, expected=text_of(old))

    def remove(self, record: Record) -> bool:
        """Forget a record whatever it is by now; return False where there was none."""
        return self.write(record, None, expected="*")

    def page(
        self, kind: type[R], after: str | None, limit: int, index: str | None = None
    ) -> tuple[list[R], str | None]:
        """Return records, all or those of an index, the newest first, and the `after` to go on."""
        entries = self.redis.zrange(
            self.key("list", kind.kind, *([index] if index else [])),
            f"({after}" if after else "+",
            "-",
            desc=True,
            bylex=True,
            offset=0,
            num=limit + 1,
        )
        more = len(entries) > limit
        return self.several(kind, entries[:limit]), entries[limit - 1].decode() if more else None

    def indexed(self, kind: type[R], index: str) -> list[R]:
        """Return the records found in an index, the oldest first."""
        return self.several(kind, self.redis.zrange(self.key("list", kind.kind, index), 0, -1))

    def several(self, kind: type[R], entries: Sequence[bytes]) -> list[R]:
        """Return the records of some entries, less those that have gone meanwhile."""
        if not entries:
            return []
        ids = [entry.decode().split(" ", 1)[1] for entry in entries]
        texts = self.redis.mget([self.key(kind.kind, id) for id in ids])
        return [kind.from_document(json.loads(text)) for text in texts if text is not None]

    def count(self, kind: type[R], index: str) -> int:
        """Return how many records are found in an index, at the same cost however many."""
        return int(self.redis.zcard(self.key("list", kind.kind, index)))

    def set_progress(self, job: str, done: int, total: int | None) -> None:
        """Remember how far a job has come; the total may not be known yet."""
        self.redis.set(self.key("progress", job), json.dumps([done, total]))

    def set_run_progress(self, job: str, run: int, done: int, total: int) -> None:
        """Remember how far one of a job's runs has come; the job has come as far as all together.

        Several workers may say so at once, and a run may begin anew.
        """
        self.write_run_progress(
            keys=[self.key("runs", job), self.key("progress", job)],
            args=[run, done, total, RUN_PROGRESS_SECONDS],
        )

    def progress(self, job: str) -> tuple[int, int | None] | None:
        """Return how far a job has come, or None."""
        return far(self.redis.get(self.key("progress", job)))

    def forget_progress(self, job: str) -> None:
        """Forget how far a job, and each of its runs, has come."""
        self.redis.delete(self.key("progress", job), self.key("runs", job))

    def poll(self, id: str) -> tuple[Job | None, tuple[int, int | None] | None]:
        """Return a job, or None, and how far it has come, or None, in one round trip."""
        text, progress = self.redis.mget(self.key(Job.kind, id), self.key("progress", id))
        return None if text is None else Job.from_document(json.loads(text)), far(progress)

    def hold(self, ticket: str, seconds: int) -> None:
        """Say that whoever has a ticket is alive and at work, for the next seconds."""
        self.redis.set(self.key("held", ticket), "", ex=seconds)

    def is_held(self, ticket: str) -> bool:
        """Return whether whoever has a ticket said of late that they are at work."""
        return bool(self.redis.exists(self.key("held", ticket)))

    def versions(self, places: Sequence[Place]) -> list[str | None]:
        """Return the version of what stands in each place, all as of one moment."""
        keys = [self.key(*place) for place in places]
        found = self.read_versions(keys=[each for key in keys for each in (key, version_key(key))])
        return [None if version is None else version.decode() for version in found]

    def versioned(self, place: Place) -> Versioned:
        """Return what stands in a place, with its version."""
        key = self.key(*place)
        content, version = self.redis.mget(key, version_key(key))
        if version is None:
            return Versioned(content, "" if content is None else None)
        return Versioned(content, version.decode())

    def bits(self, pool: str, name: str) -> bytes | None:
        """Return an exclusion set as a bitmap, row 0 in the highest bit of byte 0, or None."""
        return cast("bytes | None", self.redis.get(self.key("bits", pool, name)))

    def put_bits(self, pool: str, name: str, bitmap: bytes) -> None:
        """Make or replace an exclusion set."""
        with self.redis.pipeline(transaction=True) as pipe:
            key = self.key("bits", pool, name)
            pipe.mset({key: bitmap, version_key(key): new_id()})
            pipe.sadd(self.key("exclusions", pool), name)
            pipe.execute()

    def merge_bits(self, pool: str, name: str, add: bytes, remove: bytes) -> None:
        """Add rows to an exclusion set, made if it is new, and remove rows from it, at once."""
        target = self.key("bits", pool, name)
        change = self.key("change", pool, name)
        with self.redis.pipeline(transaction=True) as pipe:
            merge(pipe, target, change, add, remove)
            pipe.set(version_key(target), new_id())
            pipe.sadd(self.key("exclusions", pool), name)
            pipe.execute()

    def remove_bits(self, pool: str, name: str) -> bool:
        """Forget an exclusion set; return False where there was none."""
        with self.redis.pipeline(transaction=True) as pipe:
            key = self.key("bits", pool, name)
            pipe.delete(key, version_key(key))
            pipe.srem(self.key("exclusions", pool), name)
            _, removed = pipe.execute()
        return bool(removed)

    def bit_names(self, pool: str) -> list[str]:
        """Return the names of a pool's exclusion sets, in order; `labelled` is not among them."""
        return sorted(name.decode() for name in self.redis.smembers(self.key("exclusions", pool)))

    def forget_pool(self, pool: str) -> None:
        """Forget all exclusion sets of a pool, that of its labels too."""
        keys = [self.key("bits", pool, name) for name in (*self.bit_names(pool), LABELLED)]
        self.redis.delete(self.key("exclusions", pool), *keys, *map(version_key, keys))

    def remember(self, key: str, document: Document, seconds: int) -> Document | None:
        """Remember a document under a key; where it is taken, return what stands there instead."""
        stored = self.redis.set(
            self.key("once", key), json.dumps(document), nx=True, get=True, ex=seconds
        )
        return None if stored is None else cast("Document", json.loads(stored))

    def overwrite(self, key: str, document: Document, seconds: int) -> None:
        """Remember a document under a key, whatever stands there."""
        self.redis.set(self.key("once", key), json.dumps(document), ex=seconds)

    def forget(self, key: str) -> None:
        """Forget what stands under a key."""
        self.redis.delete(self.key("once", key))

    def put_tally(self, name: str, amount: int, seconds: int) -> None:
        """Remember an amount for some seconds, whatever was known of it."""
        self.redis.set(self.key("tally", name), amount, ex=seconds)

    def add_to_tally(self, name: str, amount: int) -> None:
        """Add to an amount, if it is still remembered."""
        self.add_known(keys=[self.key("tally", name)], args=[amount])

    def tally(self, name: str) -> int | None:
        """Return an amount, or None where it is no longer remembered."""
        text = self.redis.get(self.key("tally", name))
        return None if text is None else int(text)
