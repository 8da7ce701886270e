"""A part while it is written: ids, features and metadata, block after block."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from service.records import FEATURELESS
from workers.untrusted.formats.arrays import Array, DType, GrowingArray
from workers.untrusted.formats.faults import At, refusal
from workers.untrusted.formats.features import check_finite, complain, convert
from workers.untrusted.formats.ids import Ids
from workers.untrusted.formats.metadata import Metadata
from workers.untrusted.formats.upload import Upload

FIELD = "features"
FEATURES = f"{FIELD}.npy"
MAX_FEATURE_BYTES = 64 * 1024**3
"""The most that features may take when they are unpacked, whatever they were packed into."""

FEATURELESS_DTYPE = np.dtype(np.float32)
"""What features are kept as where there are none, whatever type was asked for."""

SECONDS_BETWEEN_REPORTS = 0.25


class Rows(Protocol):
    """Where rows of values are written: how many are, and what their errors are told with."""

    @property
    def rows(self) -> int:
        """How many rows are written."""
        ...

    @property
    def at(self) -> At:
        """Says where something stands."""
        ...

    @property
    def dtype(self) -> DType:
        """The type of the values."""
        ...

    @property
    def item_shape(self) -> tuple[int, ...] | None:
        """The shape of one row, once it is known."""
        ...

    @property
    def noun(self) -> str:
        """What the values are called."""
        ...


class Progress:
    """Tells how many rows are done, now and then."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self.send = send
        self.reported = time.monotonic()

    def report(self, rows: int) -> None:
        """Tell it, if the last time is a while ago."""
        now = time.monotonic()
        if now - self.reported >= SECONDS_BETWEEN_REPORTS:
            self.reported = now
            self.send({"done": rows})


class Part:
    """The files of one part, in the current directory.

    `kept` names a file that holds the features already, exactly as they are to be: then they are
    only checked.
    """

    def __init__(
        self,
        upload: Upload,
        at: At,
        dtype: DType,
        *,
        numbered: bool = False,
        kept: str | None = None,
    ) -> None:
        self.upload = upload
        self.at = at
        self.dtype = dtype
        self.kept = kept
        self.item_shape: tuple[int, ...] | None = None
        self.features: GrowingArray | None = None
        self.ids = None if numbered else Ids(upload.limits.max_id_bytes)
        self.metadata = Metadata(upload.limits, at)
        self.rows = 0
        self.noun = FIELD
        self.progress = Progress(upload.send)

    def begin(self, item_shape: Sequence[int]) -> None:
        """Fix the shape of the items."""
        values, limit = math.prod(item_shape), self.upload.limits.max_item_values
        if values == 0:
            raise refusal(
                "An item needs at least one feature value: give every item some, or leave the "
                "features out altogether",
                self.at(0, "features"),
            )
        if values > limit:
            raise refusal(
                f"Items of shape {list(item_shape)} have {values} values; at most {limit} are "
                f"allowed (max_item_values)",
                self.at(0, "features"),
            )
        self.open(tuple(item_shape))

    def begin_featureless(self) -> None:
        """Fix that the items have no features: those that are appended are (rows, 0)."""
        self.dtype = FEATURELESS_DTYPE
        self.open(FEATURELESS)

    def open(self, item_shape: tuple[int, ...]) -> None:
        """Begin the file of features, unless one is kept."""
        self.item_shape = item_shape
        if self.kept is None:
            self.features = GrowingArray(FEATURES, self.dtype, item_shape)

    def append_featureless(
        self, ids: Sequence[str], metadata: Mapping[str, Sequence[Any]] | None = None
    ) -> None:
        """Write the next rows of items without features."""
        self.append(ids, np.empty((len(ids), 0), dtype=self.dtype), metadata)

    def append(
        self,
        ids: Sequence[str] | None,
        features: Array,
        metadata: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Write the next rows."""
        self.check_size(len(features), features[:1].size * self.dtype.itemsize)
        if self.ids is not None and ids is not None:
            self.ids.append(ids, self.at)
        complaint = complain(ids, self.rows, self.at)
        check_finite(features, complaint)
        if self.features is not None:
            self.features.append(convert(features, self.dtype, complaint))
        self.metadata.append(metadata or {}, len(features), ids)
        self.rows += len(features)
        self.progress.report(self.rows)

    def check_size(self, rows: int, item_bytes: int) -> None:
        """Refuse rows beyond the limits."""
        limit = self.upload.limits.max_items
        if self.rows + rows > limit:
            raise refusal(
                f"There are more than {limit} items, for which the pool has room (max_pool_items)",
                self.at(limit, "id"),
            )
        if (self.rows + rows) * item_bytes > MAX_FEATURE_BYTES:
            raise refusal(
                f"The features take more than {MAX_FEATURE_BYTES} bytes unpacked: "
                f"send them in several parts",
                self.at(self.rows, "features"),
            )

    def finish(self, *, infer: bool = False) -> dict[str, Any]:
        """Complete the files, and return what they hold."""
        if self.kept is None and self.features is None:
            GrowingArray(FEATURES, self.dtype).finish()
        if self.features is not None:
            self.features.finish()
        if self.ids is not None:
            self.ids.ends.finish()
        self.upload.send({"done": self.rows})
        return {
            "rows": self.rows,
            "item_shape": None if self.item_shape is None else list(self.item_shape),
            "dtype": self.dtype.name,
            "numbered": self.ids is None,
            "features": self.kept or FEATURES,
            "metadata": self.metadata.finish(infer=infer),
        }
