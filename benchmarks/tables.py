"""Tables of a million items in every format that a data frame is sent in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

WIDTH = 512
BATCH_ROWS = 10_000
GROUP_ROWS = 100_000
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"


@dataclass(frozen=True)
class Table:
    """A file of items (items, 512) of float32, with ids, a column of numbers and one of texts."""

    name: str
    media_type: str
    columns: Callable[[Any], dict[str, Any]]
    items: int

    @property
    def bytes(self) -> int:
        """Return the bytes of its features."""
        return self.items * WIDTH * 4

    def write(self, path: Path) -> None:
        """Write the file, as pyarrow does by default."""
        writers: dict[str, Any] = {
            ARROW: lambda schema: pa.ipc.new_stream(str(path), schema),
            PARQUET: lambda schema: pq.ParquetWriter(path, schema),
            CSV: lambda schema: pa_csv.CSVWriter(path, schema),
        }
        batches = self.batches(GROUP_ROWS if self.media_type == PARQUET else BATCH_ROWS)
        first = next(batches)
        with writers[self.media_type](first.schema) as writer:
            for batch in chain([first], batches):
                writer.write_batch(batch)

    def batches(self, size: int) -> Iterator[Any]:
        """Yield the rows of the table."""
        random = np.random.default_rng(0)
        for start in range(0, self.items, size):
            rows = min(size, self.items - start)
            values = random.standard_normal((rows, WIDTH), dtype=np.float32)
            yield pa.record_batch(
                {
                    "id": pa.array([f"frame-{row:08}" for row in range(start, start + rows)]),
                    **self.columns(values),
                    "metadata.age": pa.array(random.integers(0, 100, rows)),
                    "metadata.site": pa.array([f"site {row % 7}" for row in range(rows)]),
                }
            )


def in_lists(values: Any) -> dict[str, Any]:
    """Return features as one column of lists of a fixed size."""
    return {"features": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), WIDTH)}


def in_columns(values: Any) -> dict[str, Any]:
    """Return features as one column each."""
    return {f"x{k}": pa.array(np.ascontiguousarray(values[:, k])) for k in range(WIDTH)}


def tables(items: int) -> list[Table]:
    """Return what is measured; of CSV a tenth of the items, which is 1.1 kB of text for each kB."""
    return [
        Table("Parquet, one column of lists", PARQUET, in_lists, items),
        Table(f"Parquet, {WIDTH} columns", PARQUET, in_columns, items),
        Table("Arrow, one column of lists", ARROW, in_lists, items),
        Table(f"Arrow, {WIDTH} columns", ARROW, in_columns, items),
        Table(f"CSV, {WIDTH} columns", CSV, in_columns, items // 10),
    ]
