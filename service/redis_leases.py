"""Leases on Redis or Valkey; what has to happen at once is in the scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import redis

from service.errors import TooBusy
from service.lease_scripts import PRELUDE, SCRIPTS
from service.records import (
    LABELLED,
    LEASED,
    MOST_OVERLAP,
    Annotation,
    Completion,
    Decision,
    Document,
    Lease,
    LeaseSummary,
    Release,
    Spoken,
    Standing,
)
from service.redis_storage import version_key
from service.workspaces import DEFAULT, key_of

ABANDONED = 10_000
"""Milliseconds after which a decision is no longer being put by the call that brought it."""

FULL = -1
"""What the script answers in place of a time where there are too many leases."""

STATIC = ("id", "pool", "ranking", "annotator", "overlap", "created_at")


class RedisLeases:
    """The leases of a workspace's pools, in one Redis database."""

    def __init__(self, connection: redis.Redis, workspace: str = DEFAULT) -> None:
        self.key = partial(key_of, workspace=workspace)
        self.redis = cast("Any", connection)
        self.scripts = {
            name: self.redis.register_script(PRELUDE + text) for name, text in SCRIPTS.items()
        }

    def run(self, script: str, pool: str, *arguments: Any) -> Any:
        """Return what a script on the leases of a pool answers."""
        keys = [
            self.key("leases", pool),
            self.key("bits", pool, LABELLED),
            self.key("bits", pool, LEASED),
            self.key("lease"),
        ]
        return self.scripts[script](keys=keys, args=arguments)

    def sweep(self, pool: str) -> None:
        """Free what leases of a pool that ran out held."""
        while self.run("sweep", pool):
            pass

    def standing(self, pool: str, annotator: str, overlap: int) -> Standing:
        """Return what may be had of a pool by an annotator, for a walk; `take` decides."""
        self.sweep(pool)
        of_pool = self.key("leases", pool)
        found = self.redis.mget(
            self.key("bits", pool, LEASED),
            f"{of_pool}:closed",
            f"{of_pool}:full:{overlap}",
            f"{of_pool}:own:{annotator}",
            f"{of_pool}:decided",
        )
        return Standing(*(bitmap or b"" for bitmap in found))

    def take(
        self,
        lease: Lease,
        candidates: Mapping[int, Document],
        *,
        n: int,
        seconds: float,
        labelled_too: bool,
        all_there_are: bool,
        most: int,
    ) -> Lease | None:
        """Return the lease with the first `n` candidates that may be had, fewer only of all.

        Return None, and take nothing, where fewer were found and these are not all candidates. A
        lease that gets nothing is not kept. Raise TooBusy where the pool has `most` leases already.
        """
        document = {name: getattr(lease, name) for name in STATIC}
        pairs = [word for row, said in candidates.items() for word in (row, json.dumps(said))]
        answer = self.run(
            "take",
            lease.pool,
            lease.id,
            f"{lease.created_at} {lease.id}",
            json.dumps(document),
            lease.annotator,
            lease.overlap,
            int(seconds * 1000),
            n,
            int(labelled_too),
            int(all_there_are),
            most,
            *pairs,
        )
        if answer is None:
            return None
        ends, *held = answer
        if ends == FULL:
            raise TooBusy(
                f"The pool has {most} leases already (max_leases): try again when some have ended",
                headers={"Retry-After": "30"},
            )
        return replace(lease, expires_at=time_of(ends), items=items_of(held[0] if held else []))

    def get(self, id: str) -> Lease | None:
        """Return a lease, for a day also one that has ended, or None."""
        text = self.redis.hget(self.key("lease", id), "document")
        if text is None:
            return None
        lease = Lease(**json.loads(text))
        ends, held, done, ended = self.run("read", lease.pool, id)
        return replace(
            lease,
            expires_at=time_of(ends),
            items=items_of(held),
            completed=items_of(done),
            ended=ended.decode() or None,
        )

    def page(
        self, pool: str, after: str | None, limit: int
    ) -> tuple[list[LeaseSummary], str | None]:
        """Return the leases of a pool that hold items, the newest first, and where to go on."""
        self.sweep(pool)
        of_pool = self.key("leases", pool)
        beyond = f"({after}" if after else "+"
        entries = self.redis.zrange(
            f"{of_pool}:list", beyond, "-", desc=True, bylex=True, offset=0, num=limit + 1
        )
        ids = [entry.decode().split(" ", 1)[1] for entry in entries[:limit]]
        with self.redis.pipeline(transaction=True) as pipe:
            for id in ids:
                pipe.hget(self.key("lease", id), "document")
                pipe.zscore(f"{of_pool}:ends", id)
                pipe.hlen(self.key("lease", id, "held"))
            found = pipe.execute()
        summaries = [
            LeaseSummary(replace(Lease(**json.loads(text)), expires_at=time_of(ends)), held)
            for text, ends, held in zip(found[::3], found[1::3], found[2::3], strict=True)
            if text is not None and ends is not None
        ]
        return summaries, entries[limit - 1].decode() if len(entries) > limit else None

    def renew(self, lease: Lease, seconds: float) -> str | None:
        """Let a lease end some seconds from now; return when, or None where it has ended before."""
        return time_of(self.run("renew", lease.pool, lease.id, int(seconds * 1000)))

    def complete(self, lease: Lease, said: Mapping[int, Spoken]) -> Completion | None:
        """Keep what the annotator of a lease says of some of its rows, all or none.

        What was said so before is no fault. Return None where the lease has ended.
        """
        words = [each for row, spoken in said.items() for each in (row, spoken.text, spoken.kind)]
        answer = self.run("complete", lease.pool, lease.id, *words)
        if answer is None:
            return None
        labelled, held, ends, refused = answer
        return Completion(labelled, held, time_of(ends), tuple(map(int, refused)))

    def release(self, lease: Lease, rows: Sequence[int], token: str) -> Release | None:
        """Give back rows of a lease, all or none; a second try with a token changes nothing.

        Return None where the lease has ended.
        """
        answer = self.run("release", lease.pool, lease.id, token, *rows)
        if answer is None:
            return None
        released, held, ends, refused = answer
        return Release(released, held, time_of(ends), tuple(map(int, refused)))

    def decisions(self, pool: str, rows: Sequence[int]) -> dict[int, Decision]:
        """Return the labels that are still to be put, of some rows."""
        if not rows:
            return {}
        found = self.redis.hmget(self.key("leases", pool, "decisions"), list(rows))
        said = {row: json.loads(text) for row, text in zip(rows, found, strict=True) if text}
        return {row: Decision(each["t"], tuple(each["a"])) for row, each in said.items()}

    def abandoned(self, pool: str) -> list[int]:
        """Return the rows of the labels that nobody has put in a while."""
        found = self.redis.hgetall(self.key("leases", pool, "decisions"))
        if not found:
            return []
        seconds, microseconds = self.redis.time()
        latest = seconds * 1000 + microseconds // 1000 - ABANDONED
        return [int(row) for row, text in found.items() if json.loads(text)["at"] <= latest]

    def forget_decisions(self, pool: str, rows: Sequence[int]) -> None:
        """Forget labels that have been put."""
        if rows:
            self.redis.hdel(self.key("leases", pool, "decisions"), *rows)

    def annotations(self, pool: str, start: int, limit: int) -> tuple[list[Annotation], int]:
        """Return what annotators said, from a place on, the oldest first, and how many there are.

        Items that an annotator completed without a label are among it.
        """
        key = self.key("leases", pool, "annotations")
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.lrange(key, start, start + limit - 1)
            pipe.llen(key)
            texts, total = pipe.execute()
        found = [json.loads(text) for text in texts]
        return [
            Annotation(int(each["r"]), each["a"], each["t"], each["l"], str(time_of(each["at"])))
            for each in found
        ], total

    def forget_pool(self, pool: str) -> None:
        """Forget all leases of a pool, and what annotators said of its items."""
        of_pool = self.key("leases", pool)
        leases = [
            id.decode()
            for word in ("ends", "ended")
            for id in self.redis.zrange(f"{of_pool}:{word}", 0, -1)
        ]
        annotators = [each.decode() for each in self.redis.smembers(f"{of_pool}:annotators")]
        words = ("claims", "ends", "ended", "list", "annotations", "decisions", "annotators")
        bitmaps = ("closed", "decided", *(f"full:{k}" for k in range(1, MOST_OVERLAP + 1)))
        owned = [f"own:{annotator}" for annotator in annotators]
        for id in leases:
            of_lease = self.key("lease", id)
            self.redis.unlink(of_lease, f"{of_lease}:held", f"{of_lease}:done")
        leased = self.key("bits", pool, LEASED)
        self.redis.unlink(
            leased,
            version_key(leased),
            *(f"{of_pool}:{word}" for word in (*words, *bitmaps, *owned)),
        )


def time_of(milliseconds: float | None) -> str | None:
    """Return a time of the server's clock as it is written everywhere, and None for none."""
    if not milliseconds:
        return None
    told = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def items_of(held: Sequence[bytes]) -> dict[int, Document]:
    """Return a hash of rows and what a reading said of them, in the order of the ranking."""
    pairs = zip(held[::2], held[1::2], strict=True)
    found = {int(row): json.loads(said) for row, said in pairs}
    return dict(sorted(found.items(), key=lambda pair: pair[1]["rank"]))
