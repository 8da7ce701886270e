"""Arrays read item by item, wherever among their axes the items are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.npy import TRANSPOSED_BYTES, Header, Readable, read_exactly
from workers.untrusted.formats.upload import rows_per_block


@dataclass(frozen=True)
class Strips:
    """An array in a file, and the axis that counts its items; the file is after the header.

    Where other axes stand before that one, an item's values lie scattered over the file, which must
    then be one that can be read at any place.
    """

    file: Readable
    header: Header
    place: str
    axis: int = 0

    @property
    def dtype(self) -> DType:
        """The type of its values."""
        return self.header.dtype

    @property
    def items(self) -> int:
        """How many items there are."""
        return self.header.shape[self.axis]

    @property
    def stretches(self) -> int:
        """In how many places an item's values lie."""
        shape, axis = self.stored
        return math.prod(shape[:axis])

    @property
    def stored(self) -> tuple[tuple[int, ...], int]:
        """The shape in the order in which the values lie, and the axis of the items in it."""
        shape = self.header.shape
        if self.header.fortran:
            return shape[::-1], len(shape) - 1 - self.axis
        return shape, self.axis

    @property
    def item_values(self) -> int:
        """The number of values of one item."""
        return math.prod(n for axis, n in enumerate(self.header.shape) if axis != self.axis)

    def blocks(self) -> Iterator[Array]:
        """Yield all items, in blocks that are worked on at once, with the axes as they are."""
        step = rows_per_block(self.item_values, self.dtype.itemsize)
        large = step
        if self.stretches > 1:
            item_bytes = self.item_values * self.dtype.itemsize
            large = max(step, TRANSPOSED_BYTES // max(1, item_bytes))
        for first in range(0, self.items, large):
            block = self.read(first, min(large, self.items - first))
            for start in range(0, block.shape[self.axis], step):
                yield block[(*[slice(None)] * self.axis, slice(start, start + step))]

    def read(self, start: int, count: int) -> Array:
        """Return the next items, little-endian, with the axes as they are."""
        shape, axis = self.stored
        inner = math.prod(shape[axis + 1 :])
        size = inner * self.dtype.itemsize
        block = np.empty((self.stretches, count, inner), dtype=self.dtype.newbyteorder("<"))
        for stretch in range(self.stretches):
            if self.stretches > 1:
                self.file.seek(self.header.offset + (stretch * shape[axis] + start) * size)
            data = read_exactly(self.file, count * size, self.place)
            block[stretch] = np.frombuffer(data, dtype=self.dtype).reshape(count, inner)
        whole = block.reshape(*shape[:axis], count, *shape[axis + 1 :])
        return whole.T if self.header.fortran else whole
