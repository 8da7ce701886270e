"""Columns become rows, tile by tile, so that what is read and written stays in the caches."""

from collections.abc import Sequence

import numpy as np

from workers.untrusted.formats.arrays import Array, DType

TILE_ROWS = 1_024
PADDING = 16
"""Values between the columns of a tile: a power of two apart, they would share cache lines."""


def interleave(columns: Sequence[Array], dtype: DType) -> Array:
    """Return columns of equal lengths as one array (rows, columns), in a common type."""
    rows = len(columns[0])
    features = np.empty((rows, len(columns)), dtype=dtype)
    tile = np.empty((len(columns), min(TILE_ROWS, rows) + PADDING), dtype=dtype)
    for first in range(0, rows, TILE_ROWS):
        last = min(first + TILE_ROWS, rows)
        for index, column in enumerate(columns):
            tile[index, : last - first] = column[first:last]
        features[first:last] = tile[:, : last - first].T
    return features
