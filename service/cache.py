"""What a process remembers for a while, so that it need not be asked for or computed again."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class Cache:
    """Values by key, bounded in bytes; what was not asked for the longest goes first.

    Threads may share it. A value is never changed once it is in here: readers hold it.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self.kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """Return the value under a key, or None."""
        with self.lock:
            if key not in self.kept:
                return None
            self.kept.move_to_end(key)
            return self.kept[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Remember a value of so many bytes under a key, in the place of what stands there.

        A value that is larger than all that may be kept is not kept.
        """
        with self.lock:
            self.drop(key)
            if size > self.most_bytes:
                return
            self.kept[key] = (value, size)
            self.bytes += size
            while self.bytes > self.most_bytes:
                self.drop(next(iter(self.kept)))

    def drop(self, key: Hashable) -> None:
        """Forget a key; the caller holds the lock."""
        _, size = self.kept.pop(key, (None, 0))
        self.bytes -= size
