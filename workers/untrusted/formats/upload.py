"""What a reader is given: the body, what the client asked of it, and the limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

BLOCK_BYTES = 8 * 1024**2
BLOCK_ROWS = 16_384
NUMBER_CHARACTERS = 32
"""More than any float64 needs, with its comma."""


@dataclass(frozen=True)
class Options:
    """What the client asked for beside its body; the names of columns are for tables only."""

    dtype: str | None = None
    id_column: str = "id"
    features: tuple[str, ...] | None = None
    metadata: tuple[str, ...] | None = None

    @property
    def names_columns(self) -> bool:
        """Whether anything is said of columns."""
        return (self.id_column, self.features, self.metadata) != ("id", None, None)


@dataclass(frozen=True)
class Limits:
    """What the operator allows."""

    max_items: int
    max_item_values: int
    max_id_bytes: int
    max_metadata_columns: int
    max_metadata_bytes: int

    @property
    def text_bytes(self) -> int:
        """The bytes that one item may take as text: a line of NDJSON, a record of CSV."""
        metadata = self.max_metadata_columns * (self.max_metadata_bytes * 6 + 1024)
        return self.max_item_values * NUMBER_CHARACTERS + self.max_id_bytes * 6 + metadata + 1024


@dataclass(frozen=True)
class Upload:
    """A request body that is to become a part."""

    body: BinaryIO
    size: int
    parameters: Mapping[str, str]
    options: Options
    limits: Limits
    send: Callable[[dict[str, Any]], None]


def rows_per_block(item_values: int, value_bytes: int) -> int:
    """Return how many items are worked on at once."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // max(1, item_values * value_bytes)))
