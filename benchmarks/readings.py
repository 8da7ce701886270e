"""Readings: the top 100 of a ranking, less what is excluded.

A reading asks Redis in one round trip which version each exclusion set has, and the pool and the
ranking; what it has of that version it does not fetch again. It then walks the stored order past
what is left out. Time is the service's own: the app is called in this process, from the request's
environment to the last byte of the answer, on an embedded server and memory-mapped files; no
network is in it. A tenth of the pool is excluded. The small pool has 10,000 items.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.report import Row, is_quick, median_of, seconds_of, table
from benchmarks.server import Server
from benchmarks.stored import Laid, lay, opened
from service.backend import Backend
from service.operations import exclusions

SMALL, LARGE, QUICK = 10_000, 10_000_000, 100_000
N, SHARE = 100, 10
REPEATS, FEW = 301, 11
SET = "seen"
MOST_SECONDS, MOST_TIMES = 0.003, 2.0
BYTES = 256 * 1024**2


def main() -> None:
    """Measure, and print the table."""
    large = QUICK if is_quick(__doc__) else LARGE
    with opened(max_json_bytes=BYTES, max_ids=LARGE) as backend:
        server = Server(backend)
        alive = server.prepared("/livez")
        floor = median_of(lambda: server.answer(alive), REPEATS)
        small = Readings(backend, server, SMALL)
        big = Readings(backend, server, large)
        print(table([*compared(small, big, floor), *others(big)]))


class Readings:
    """A pool with a tenth of it excluded, ready to be read."""

    def __init__(self, backend: Backend, server: Server, total: int) -> None:
        self.backend, self.server, self.total = backend, server, total
        self.laid: Laid = lay(backend, total)
        rows = np.random.default_rng(1).choice(total, total // SHARE, replace=False)
        self.out = self.laid.ids.at(rows)
        exclusions.put(backend, self.laid.pool.id, SET, self.out)
        self.path = f"/v1/rankings/{self.laid.ranking.id}"

    def by_set(self) -> Callable[[], object]:
        """Return what reads the ranking less the set, after it has done so once."""
        asked = self.server.prepared(f"{self.path}/items?n={N}&exclude_set={SET}")
        self.server.answer(asked)
        return lambda: self.server.answer(asked)

    def by_ids(self, count: int, repeats: int) -> float:
        """Return the seconds of a reading less so many ids that stand in the request."""
        asked = self.server.prepared(f"{self.path}/query", {"n": N, "exclude": self.out[:count]})
        self.server.answer(asked)
        return median_of(lambda: self.server.answer(asked), repeats)

    def after_a_change(self, repeats: int) -> float:
        """Return the seconds of the first reading after the set has changed."""
        asked = self.server.prepared(f"{self.path}/items?n={N}&exclude_set={SET}")
        pool = self.laid.pool.id
        changes = [{"add": [id], "remove": []} for id in self.out[:repeats]]

        def change_and_read() -> float:
            exclusions.change(self.backend, pool, SET, **changes.pop())
            return median_of(lambda: self.server.answer(asked), 1)

        return float(np.median([change_and_read() for _ in range(repeats)]))


def compared(small: Readings, big: Readings, floor: float) -> list[Row]:
    """Return the rows of what is promised: the time, and that it does not follow the pool.

    Both pools are read by turns, so that whatever else the machine does hits both alike.
    """
    readings = (small.by_set(), big.by_set())
    times = np.array([[seconds_of(read) for read in readings] for _ in range(REPEATS)])
    few, many = np.median(times, axis=0).tolist()
    seen = big.total // SHARE
    return [
        Row(
            f"top {N} of {big.total:,} less a set of {seen:,}, p50",
            f"≤ {milliseconds(MOST_SECONDS)}",
            milliseconds(many),
            f"{milliseconds(floor)} for an answer that reads nothing (`/livez`)",
            many <= MOST_SECONDS,
        ),
        Row(
            f"the same of {small.total:,} less {small.total // SHARE:,}: how many times it takes",
            f"≤ {MOST_TIMES:g}",
            f"{many / few:.2f}",
            f"{milliseconds(few)} of {small.total:,}",
            many / few <= MOST_TIMES,
        ),
    ]


def others(big: Readings) -> list[Row]:
    """Return the rows of what nothing is promised of."""
    plain = median_of(big.by_set())
    return [
        Row(
            f"the same, the first after the set of {len(big.out):,} changed",
            "",
            milliseconds(big.after_a_change(FEW)),
            f"{milliseconds(plain)} when it has not",
        ),
        *(
            Row(
                f"top {N} of {big.total:,} less {count:,} ids in the request",
                "",
                milliseconds(big.by_ids(count, FEW)),
                f"{milliseconds(plain)} as a set",
            )
            for count in (N, len(big.out))
        ),
    ]


def milliseconds(seconds: float) -> str:
    """Return a time as it is written in tables."""
    return f"{1000 * seconds:.2f} ms"


if __name__ == "__main__":
    main()
