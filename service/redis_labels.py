"""Labels on Redis or Valkey: each pool's in blocks of rows, with what is counted of them.

    labels:POOL:BLOCK     a hash: row to time, label as JSON, newline, source
    labels:POOL           the set of the blocks that there are
    bits:POOL:labelled    the bitmap of the labelled rows, which readings leave out
    classes:POOL          a sorted set: each distinct label, by how many items have it
    classes:POOL:pending  a sorted set: what is still to be added to these counts, if anything
    labelled:POOL         how many items are labelled

Few labels are one script. Many are a *load*: copies of the blocks that they touch are changed a
step at a time, beside those that everyone reads, and one short step puts them in their place.
Until then the copies' keys begin with load:POOL, which is itself the lock: one load at a time. What
is written meanwhile is written to both, so that these stay true, which the last step leans on:

    load:POOL:classes     how many more items have each label in the copies than in the blocks
    load:POOL:flips       the bitmap of the rows that are labelled in one and not in the other

docs/decisions/0010 says why.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import redis

from service.errors import TooBusy, Unavailable
from service.label_scripts import (
    ABANDON,
    BEGIN,
    BLOCK,
    CLEAR,
    COMMIT,
    COUNT,
    PUT,
    STAGE,
    STEP,
    TIME_LENGTH,
)
from service.records import LABELLED, ClassCounts, Labelling, new_id
from service.workspaces import DEFAULT, key_of

SECONDS_PER_STEP = 60
"""For how long a load is believed to be alive that takes no step."""
SECONDS_TO_LOAD = 1_800
SECONDS_TO_WAIT = 60
SECONDS_KEPT = 2 * SECONDS_TO_LOAD
"""How long the copies stay of a load whose process died."""
PAUSE = 0.05


class RedisLabels:
    """The labels of a workspace's pools, in one Redis database."""

    def __init__(self, connection: redis.Redis, workspace: str = DEFAULT) -> None:
        self.key = partial(key_of, workspace=workspace)
        self.redis = cast("Any", connection)
        script = self.redis.register_script
        self.put_few, self.begin_load, self.stage = script(PUT), script(BEGIN), script(STAGE)
        self.commit, self.abandon, self.clear_all = script(COMMIT), script(ABANDON), script(CLEAR)
        self.add_pending = script(COUNT)

    def keys(self, pool: str) -> list[str]:
        """Return the keys that every script gets."""
        return [
            self.key("labels", pool),
            self.key("bits", pool, LABELLED),
            self.key("classes", pool),
            self.key("labelled", pool),
            self.key("load", pool),
        ]

    def put(self, pool: str, labels: Mapping[int, Labelling | None]) -> int:
        """Set, or with None remove, the labels of some rows, all at once; return how many stand."""
        if len(labels) <= STEP:
            return int(self.put_few(keys=self.keys(pool), args=arguments(sorted(labels), labels)))
        while True:
            labelled = self.load(pool, labels)
            if labelled is not None:
                return labelled

    def load(self, pool: str, labels: Mapping[int, Labelling | None]) -> int | None:
        """Write many labels beside what stands, and then all at once; None where that was cleared.

        Raise TooBusy where another load of the pool goes on for too long.
        """
        keys, token = self.keys(pool), new_id()
        rows = np.sort(np.fromiter(labels, dtype=np.int64, count=len(labels)))
        end = time.monotonic() + SECONDS_TO_LOAD
        self.begin(keys, token)
        try:
            self.finish_counts(keys)
            for start in range(0, len(rows), STEP):
                if time.monotonic() > end:
                    raise Unavailable("Setting the labels took too long; none was set")
                args = step_of(rows[start : start + STEP].tolist(), labels)
                if not self.stage(keys=keys, args=[token, SECONDS_PER_STEP, SECONDS_KEPT, *args]):
                    return None
            labelled = int(self.commit(keys=keys, args=[token]))
            self.finish_counts(keys)
        finally:
            self.abandon(keys=keys, args=[token])
        return None if labelled < 0 else labelled

    def begin(self, keys: Sequence[str], token: str) -> None:
        """Wait for a load of the same pool to end, and begin one."""
        end = time.monotonic() + SECONDS_TO_WAIT
        while not self.begin_load(keys=keys, args=[token, SECONDS_PER_STEP]):
            if time.monotonic() > end:
                raise TooBusy(
                    "Many labels of this pool are being set already; try again",
                    headers={"Retry-After": "5"},
                )
            time.sleep(PAUSE)

    def read(self, pool: str, rows: Sequence[int]) -> list[str | None]:
        """Return the labels of some rows of a pool as JSON, None where there is none."""
        return [found and found.label for found in self.labellings(pool, rows)]

    def labellings(self, pool: str, rows: Sequence[int]) -> list[Labelling | None]:
        """Return the labels of some rows of a pool with their sources and times."""
        places: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row // BLOCK, []).append(place)
        with self.redis.pipeline(transaction=False) as pipe:
            for block, chosen in places.items():
                pipe.hmget(self.key("labels", pool, str(block)), [rows[place] for place in chosen])
            answers = pipe.execute()
        found: list[Labelling | None] = [None] * len(rows)
        for chosen, answer in zip(places.values(), answers, strict=True):
            for place, text in zip(chosen, answer, strict=True):
                found[place] = None if text is None else labelling_of(text.decode())
        return found

    def count(self, pool: str) -> int:
        """Return how many items of a pool are labelled."""
        return int(self.redis.get(self.key("labelled", pool)) or 0)

    def classes(self, pool: str, most: int) -> ClassCounts:
        """Return the distinct labels and their counts, the most frequent first."""
        keys = self.keys(pool)
        _, _, classes, labelled, _ = keys
        while True:
            with self.redis.pipeline(transaction=True) as pipe:
                pipe.exists(f"{classes}:pending")
                pipe.zrevrange(classes, 0, most - 1, withscores=True)
                pipe.zcard(classes)
                pipe.get(labelled)
                pending, found, distinct, total = pipe.execute()
            if not pending:
                counts = tuple((label.decode(), int(count)) for label, count in found)
                return ClassCounts(counts, distinct, int(total or 0))
            self.finish_counts(keys)

    def finish_counts(self, keys: Sequence[str]) -> None:
        """Add what is pending to the counts, a step at a time."""
        while self.add_pending(keys=keys):
            pass

    def clear(self, pool: str) -> None:
        """Remove all labels of a pool."""
        self.clear_all(keys=self.keys(pool))


def arguments(rows: Iterable[int], labels: Mapping[int, Labelling | None]) -> list[Any]:
    """Return rows and what is to be stored of them, by turns."""
    found: list[Any] = []
    for row in rows:
        labelling = labels[row]
        found += (row, "" if labelling is None else text_of(labelling))
    return found


def step_of(rows: Sequence[int], labels: Mapping[int, Labelling | None]) -> list[Any]:
    """Return rows that ascend, which entry each gets, and what there is of entries, once each."""
    places: dict[Labelling | None, int] = {}
    codes = [places.setdefault(labels[row], len(places) + 1) for row in rows]
    packed = [np.array(numbers, dtype="<u4").tobytes() for numbers in (rows, codes)]
    return [*packed, *("" if each is None else text_of(each) for each in places)]


def text_of(labelling: Labelling) -> str:
    """Return a label as it is stored."""
    return f"{labelling.time}{labelling.label}\n{labelling.source}"


def labelling_of(text: str) -> Labelling:
    """Return a label from what is stored."""
    label, _, source = text[TIME_LENGTH:].partition("\n")
    return Labelling(label, source, text[:TIME_LENGTH])
