"""Labels on Redis or Valkey: a hash of rows, and the bitmap of those that it holds."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import redis

from service.records import LABELLED
from service.redis_storage import bitmap_of, key_of, merge

CHUNK = 10_000
FEW = 1_000


class RedisLabels:
    """The labels of all pools, in one Redis database."""

    def __init__(self, connection: redis.Redis) -> None:
        self.redis = cast("Any", connection)

    def put(self, pool: str, labels: Mapping[int, str | None]) -> None:
        """Set, or with None remove, the labels of some rows of a pool."""
        rows = list(labels.items())
        with self.redis.pipeline(transaction=True) as pipe:
            for start in range(0, len(rows), CHUNK):
                given = {
                    row: label for row, label in rows[start : start + CHUNK] if label is not None
                }
                taken = [row for row, label in rows[start : start + CHUNK] if label is None]
                if given:
                    pipe.hset(key_of("labels", pool), mapping=given)
                if taken:
                    pipe.hdel(key_of("labels", pool), *taken)
            self.mark(pipe, pool, labels)
            pipe.execute()

    def mark(self, pipe: Any, pool: str, labels: Mapping[int, str | None]) -> None:
        """Set and clear bits, one by one where they are few, else by whole bitmaps."""
        key = key_of("bits", pool, LABELLED)
        if len(labels) <= FEW:
            for row, label in labels.items():
                pipe.setbit(key, row, int(label is not None))
            return
        add = bitmap_of([row for row, label in labels.items() if label is not None])
        remove = bitmap_of([row for row, label in labels.items() if label is None])
        merge(pipe, key, key_of("change", pool, LABELLED), add, remove)

    def read(self, pool: str, rows: Sequence[int]) -> list[str | None]:
        """Return the labels of some rows of a pool."""
        if not rows:
            return []
        found = self.redis.hmget(key_of("labels", pool), list(rows))
        return [None if text is None else text.decode() for text in found]

    def clear(self, pool: str) -> None:
        """Remove all labels of a pool."""
        self.redis.delete(key_of("labels", pool), key_of("bits", pool, LABELLED))
