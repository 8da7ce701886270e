"""Pictures of handwritten digits to measure with: the MNIST test set, or some made here."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

Array = npt.NDArray[Any]

MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist-t10k"
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
SIDE, SCALE, ROOM = 28, 3, 5
MADE = 10_000


@dataclass(frozen=True)
class Pictures:
    """Pictures as rows of pixels from 0 to 1, what they show, and where they are from."""

    pixels: Array
    truth: Array
    name: str


def pictures() -> Pictures:
    """Return the MNIST test set if it is beside the repository, else as many pictures like it."""
    return published() if (MNIST / IMAGES).exists() else made()


def published() -> Pictures:
    """Return the MNIST test set."""
    pixels = np.frombuffer(gzip.decompress((MNIST / IMAGES).read_bytes()), np.uint8, offset=16)
    truth = np.frombuffer(gzip.decompress((MNIST / LABELS).read_bytes()), np.uint8, offset=8)
    return Pictures(pixels.reshape(len(truth), SIDE * SIDE) / 255, truth, "MNIST")


def made() -> Pictures:
    """Return scikit-learn's digits, enlarged and each moved somewhere else."""
    rng = np.random.default_rng(0)
    small, truth = load_digits(return_X_y=True)
    chosen = rng.integers(0, len(small), MADE)
    large = np.kron(small[chosen].reshape(-1, 8, 8), np.ones((SCALE, SCALE)))
    canvas = np.zeros((MADE, SIDE, SIDE))
    for picture, digit, (down, right) in zip(
        canvas, large, rng.integers(0, ROOM, (MADE, 2)), strict=True
    ):
        picture[down : down + 8 * SCALE, right : right + 8 * SCALE] = digit
    return Pictures(canvas.reshape(MADE, -1) / 16, truth[chosen], "pictures like MNIST's")
