"""What simulations are replayed on in tests: items held in memory."""

import numpy as np

from workers.population import HeldPopulation
from workers.simulation.data import Data


def data_of(vectors, labels, tested=None, truth=None):
    """Return labelled items, named by their rows, and the test set, if there is one."""
    population = HeldPopulation(tuple(map(str, range(len(vectors)))), vectors, {})
    codes = np.asarray(labels, dtype=np.int64)
    classes = tuple(range(int(codes.max()) + 1))
    return Data(population, codes, classes, tested, truth)


def no_tick(ended):
    """Go on."""
