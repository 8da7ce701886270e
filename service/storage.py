"""What changes: the promises of the storages behind records and exclusion sets, labels, and leases.

`RedisStorage`, `RedisLabels` and `RedisLeases` keep them; the tests' stand-in for the first is held
to the same promises by the same tests.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from service.records import (
    Annotation,
    ClassCounts,
    Completion,
    Decision,
    Document,
    Job,
    Labelling,
    Lease,
    LeaseSummary,
    Record,
    Release,
    Spoken,
    Standing,
)

R = TypeVar("R", bound=Record)

Place = tuple[str, ...]
"""Where something that has versions stands: a record's kind and id, or `bits`, a pool and a set."""


class Versioned(NamedTuple):
    """What stands in a place, None for nothing, and its version.

    The version is None where nobody wrote one: such content may change at any time.
    """

    content: bytes | None
    version: str | None


def set_place(pool: str, name: str) -> Place:
    """Return the place of an exclusion set."""
    return ("bits", pool, name)


class Storage(Protocol):
    """Records are replaced by compare-and-set; everything else is a small atomic write."""

    def ping(self) -> None:
        """Return if the storage answers."""

    def add(self, record: Record) -> bool:
        """Remember a new record; return False, and change nothing, where its id is taken."""

    def get(self, kind: type[R], id: str) -> R | None:
        """Return a record, or None."""

    def replace(self, old: Record, new: Record) -> bool:
        """Put `new` in the place of `old`; return False, and change nothing, if `old` has gone."""

    def remove(self, record: Record) -> bool:
        """Forget a record whatever it is by now; return False where there was none."""

    def page(
        self, kind: type[R], after: str | None, limit: int, index: str | None = None
    ) -> tuple[list[R], str | None]:
        """Return records, all or those of an index, the newest first, and the `after` to go on."""

    def indexed(self, kind: type[R], index: str) -> list[R]:
        """Return the records found in an index, the oldest first."""

    def count(self, kind: type[R], index: str) -> int:
        """Return how many records are found in an index, at the same cost however many."""

    def set_progress(self, job: str, done: int, total: int | None) -> None:
        """Remember how far a job has come; the total may not be known yet."""

    def set_run_progress(self, job: str, run: int, done: int, total: int) -> None:
        """Remember how far one of a job's runs has come; the job has come as far as all together.

        Several workers may say so at once, and a run may begin anew.
        """

    def progress(self, job: str) -> tuple[int, int | None] | None:
        """Return how far a job has come, or None."""

    def forget_progress(self, job: str) -> None:
        """Forget how far a job, and each of its runs, has come."""

    def poll(self, id: str) -> tuple[Job | None, tuple[int, int | None] | None]:
        """Return a job, or None, and how far it has come, or None."""

    def hold(self, ticket: str, seconds: int) -> None:
        """Say that whoever has a ticket is alive and at work, for the next seconds."""

    def is_held(self, ticket: str) -> bool:
        """Return whether whoever has a ticket said of late that they are at work."""

    def versions(self, places: Sequence[Place]) -> list[str | None]:
        """Return the version of what stands in each place, all as of one moment.

        A version is only ever that of one content: any write gives another. '' is that of nothing,
        None that of what was written before there were versions.
        """

    def versioned(self, place: Place) -> Versioned:
        """Return what stands in a place, with its version, as of one moment."""

    def bits(self, pool: str, name: str) -> bytes | None:
        """Return an exclusion set as a bitmap, row 0 in the highest bit of byte 0, or None."""

    def put_bits(self, pool: str, name: str, bitmap: bytes) -> None:
        """Make or replace an exclusion set."""

    def merge_bits(self, pool: str, name: str, add: bytes, remove: bytes) -> None:
        """Add rows to an exclusion set, made if it is new, and remove rows from it, at once."""

    def remove_bits(self, pool: str, name: str) -> bool:
        """Forget an exclusion set; return False where there was none."""

    def bit_names(self, pool: str) -> list[str]:
        """Return the names of a pool's exclusion sets, in order; `labelled` is not among them."""

    def forget_pool(self, pool: str) -> None:
        """Forget all exclusion sets of a pool, that of its labels too."""

    def remember(self, key: str, document: Document, seconds: int) -> Document | None:
        """Remember a document under a key; where it is taken, return what stands there instead."""

    def overwrite(self, key: str, document: Document, seconds: int) -> None:
        """Remember a document under a key, whatever stands there."""

    def forget(self, key: str) -> None:
        """Forget what stands under a key."""

    def put_tally(self, name: str, amount: int, seconds: int) -> None:
        """Remember an amount for some seconds, whatever was known of it."""

    def add_to_tally(self, name: str, amount: int) -> None:
        """Add to an amount, if it is still remembered."""

    def tally(self, name: str) -> int | None:
        """Return an amount, or None where it is no longer remembered."""


class LabelStorage(Protocol):
    """What the items of a pool are labelled with, by row; kept with the bitmap `labelled`."""

    def put(self, pool: str, labels: Mapping[int, Labelling | None]) -> int:
        """Set, or with None remove, the labels of some rows, all at once; return how many stand.

        Where label and source are what they were, the time stays what it was too.
        """

    def read(self, pool: str, rows: Sequence[int]) -> list[str | None]:
        """Return the labels of some rows of a pool as JSON, None where there is none."""

    def labellings(self, pool: str, rows: Sequence[int]) -> list[Labelling | None]:
        """Return the labels of some rows of a pool with their sources and times."""

    def count(self, pool: str) -> int:
        """Return how many items of a pool are labelled."""

    def classes(self, pool: str, most: int) -> ClassCounts:
        """Return the distinct labels and their counts, at least 1 and at most so many of them."""

    def clear(self, pool: str) -> None:
        """Remove all labels of a pool."""


class LeaseStorage(Protocol):
    """Which items of a pool are held by whom, and until when, and what annotators said of them."""

    def sweep(self, pool: str) -> None:
        """Free what leases of a pool that ran out held."""

    def standing(self, pool: str, annotator: str, overlap: int) -> Standing:
        """Return what may be had of a pool by an annotator, for a walk; `take` decides."""

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

    def get(self, id: str) -> Lease | None:
        """Return a lease, for a day also one that has ended, or None."""

    def page(
        self, pool: str, after: str | None, limit: int
    ) -> tuple[list[LeaseSummary], str | None]:
        """Return the leases of a pool that hold items, the newest first, and where to go on."""

    def renew(self, lease: Lease, seconds: float) -> str | None:
        """Let a lease end some seconds from now; return when, or None where it has ended before."""

    def complete(self, lease: Lease, said: Mapping[int, Spoken]) -> Completion | None:
        """Keep what the annotator of a lease says of some of its rows, all or none.

        What was said so before is no fault. Return None where the lease has ended.
        """

    def release(self, lease: Lease, rows: Sequence[int], token: str) -> Release | None:
        """Give back rows of a lease, all or none; a second try with a token changes nothing.

        Return None where the lease has ended.
        """

    def decisions(self, pool: str, rows: Sequence[int]) -> dict[int, Decision]:
        """Return the labels that are still to be put, of some rows."""

    def abandoned(self, pool: str) -> list[int]:
        """Return the rows of the labels that nobody has put in a while."""

    def forget_decisions(self, pool: str, rows: Sequence[int]) -> None:
        """Forget labels that have been put."""

    def annotations(self, pool: str, start: int, limit: int) -> tuple[list[Annotation], int]:
        """Return what annotators said, from a place on, the oldest first, and how many there are.

        Items that an annotator completed without a label are among it.
        """

    def forget_pool(self, pool: str) -> None:
        """Forget all leases of a pool, and what annotators said of its items."""
