"""A `.npy` file that grows row by row."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from service.files.disk import WRITTEN_AT_ONCE, begin_writing

Array = npt.NDArray[Any]
DType = np.dtype[Any]


class GrowingArray:
    """An array in a file: blocks of rows are appended, and `finish` says how many there are."""

    def __init__(self, name: str, dtype: DType, item_shape: Sequence[int] = ()) -> None:
        self.path = Path(name)
        self.dtype = dtype.newbyteorder("<")
        self.item_shape = tuple(item_shape)
        self.rows = 0
        self.begun = 0
        with self.path.open("wb") as file:
            self._write_header(file)

    def append(self, block: Array) -> None:
        """Write rows after those that are there."""
        with self.path.open("ab") as file:
            np.ascontiguousarray(block, dtype=self.dtype).tofile(file)
            self._begin_writing(file)
        self.rows += len(block)

    def finish(self) -> None:
        """Write the number of rows into the header, whose length does not depend on it."""
        with self.path.open("r+b") as file:
            self._write_header(file)

    def _begin_writing(self, file: Any) -> None:
        """Have the disk begin to write: else whoever forces the file to it waits for all of it."""
        size = file.seek(0, os.SEEK_END)
        if size - self.begun >= WRITTEN_AT_ONCE:
            begin_writing(file.fileno(), self.begun, size - self.begun)
            self.begun = size

    def _write_header(self, file: Any) -> None:
        npy.write_array_header_1_0(file, header_of(self.dtype, (self.rows, *self.item_shape)))


def header_of(dtype: DType, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the header of an array in C order."""
    return {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
