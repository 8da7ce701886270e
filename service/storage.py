"""What changes: the promises of the storage behind records, labels, exclusion sets and progress.

`RedisStorage` keeps them; the tests' stand-in is held to the same promises by the same tests.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from service.records import Document, Record

R = TypeVar("R", bound=Record)


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

    def set_progress(self, job: str, done: int, total: int | None) -> None:
        """Remember how far a job has come; the total may not be known yet."""

    def progress(self, job: str) -> tuple[int, int | None] | None:
        """Return how far a job has come, or None."""

    def hold(self, ticket: str, seconds: int) -> None:
        """Say that whoever has a ticket is alive and at work, for the next seconds."""

    def is_held(self, ticket: str) -> bool:
        """Return whether whoever has a ticket said of late that they are at work."""

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


class LabelStorage(Protocol):
    """What the items of a pool are labelled with, by row; kept with the bitmap `labelled`."""

    def put(self, pool: str, labels: Mapping[int, str | None]) -> None:
        """Set, or with None remove, the labels of some rows of a pool."""

    def read(self, pool: str, rows: Sequence[int]) -> list[str | None]:
        """Return the labels of some rows of a pool."""

    def clear(self, pool: str) -> None:
        """Remove all labels of a pool."""


class LeaseStorage(Protocol):
    """Which items are held by whom, and until when."""

    def forget_pool(self, pool: str) -> None:
        """Forget all leases of a pool."""
