"""Columns of ids in record batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workers.untrusted.formats.faults import refusal
from workers.untrusted.formats.ids import Encoded
from workers.untrusted.formats.part import Rows


@dataclass(frozen=True)
class Names(Sequence[str]):
    """The ids of a column, read one by one, for errors."""

    array: Any

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        name = self.array[index].as_py()
        return None if name is None else str(name)


def encoded_ids(part: Rows, array: Any) -> Encoded:
    """Return the ids of some rows, as they are written."""
    refuse_null_ids(part, array)
    texts = pc.cast(array, pa.large_string())
    _, offsets, blob = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return Encoded(
        np.frombuffer(blob or b"", dtype=np.uint8)[ends[0] : ends[-1]],
        np.diff(ends),
    )


def refuse_null_ids(part: Rows, array: Any) -> None:
    """Refuse ids that are missing."""
    if array.null_count or (pa.types.is_dictionary(array.type) and array.dictionary.null_count):
        missing = array.is_null().to_numpy(zero_copy_only=False)
        if missing.any():
            row = part.rows + int(np.argmax(missing))
            raise refusal("The id is null; every item needs one", part.at(row, "id"))
