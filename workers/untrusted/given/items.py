"""The items that predictions are of, while they are written: their ids, and how many there are."""

from collections.abc import Sequence

from workers.untrusted.formats.faults import At, named, refusal
from workers.untrusted.formats.ids import Ids
from workers.untrusted.formats.part import MAX_FEATURE_BYTES, Progress
from workers.untrusted.given.request import Asked


class Items:
    """The files of ids, unless the items are numbered, and the limits that hold for all items."""

    def __init__(self, asked: Asked, at: At, *, numbered: bool) -> None:
        self.limits = asked.limits
        self.send = asked.upload.send
        self.at = at
        self.ids = None if numbered else Ids(asked.limits.max_id_bytes)
        self.progress = Progress(asked.upload.send)
        self.count = 0
        self.bytes = 0

    def append(self, ids: Sequence[str] | None, count: int, bytes: int) -> None:
        """Write the ids of the next items, before their values are looked at."""
        self.check_room(count, bytes)
        if self.ids is not None and ids is not None:
            self.ids.append(ids, self.at)
        self.bytes += bytes

    def done(self, count: int) -> None:
        """Count the items whose values are written."""
        self.count += count
        self.progress.report(self.count)

    def check_room(self, count: int, bytes: int) -> None:
        """Refuse items beyond the limits."""
        limit = self.limits.max_items
        if self.count + count > limit:
            raise refusal(
                f"There are predictions of more than {limit} items, which no pool can have "
                f"(max_pool_items)",
                self.at(limit, "id"),
            )
        if self.bytes + bytes > MAX_FEATURE_BYTES:
            raise refusal(
                f"The predictions take more than {MAX_FEATURE_BYTES} bytes unpacked: send them as "
                f"float32 or float16, or of fewer items",
                self.at(self.count, "features"),
            )

    def finish(self) -> None:
        """Complete the files."""
        if self.ids is not None:
            self.ids.ends.finish()
        self.send({"done": self.count})


def called(ids: Sequence[object] | None, index: int, row: int) -> str:
    """Return what an item is called in a sentence; without ids it is the pool's at that row."""
    if ids is None:
        return f"Item {row} of the pool, counted from 0,"
    return named(ids, index, row)


def check_item_values(asked: Asked, values: int, place: str) -> None:
    """Refuse items that have too many values."""
    limit = asked.limits.max_item_values
    if values > limit:
        raise refusal(
            f"An item has {values} values; at most {limit} are allowed (max_item_values)", place
        )
