"""Scores by chance: the baseline every other function has to beat."""

from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array, Keys
from service.acquisition.registry import acquisition
from service.acquisition.signature import Tunable

GOLDEN = 0x9E3779B97F4A7C15


@acquisition(least=0.0)
def random(
    keys: Keys,
    *,
    seed: Annotated[int, Tunable("another seed, another order", minimum=0, maximum=2**53)] = 0,
) -> Array:
    """A uniform random number for each item, fixed by the item's id and the seed.

    The same item has the same score in every pool, part and run, so appending to a pool never
    reshuffles what was there.

    Use: beside every other function, as the baseline that it has to beat; for a test set, whose
      items must not be chosen by any model
    Avoid: as the only function, once a model is better than chance
    Formula: uniform in [0, 1), from SplitMix64 of the id's hash and the seed
    Reference: G. L. Steele, D. Lea and C. H. Flood, Fast Splittable Pseudorandom Number Generators,
      OOPSLA 2014
    """
    with np.errstate(over="ignore"):
        start = scramble(np.full(1, seed, dtype=np.uint64) + np.uint64(GOLDEN))
        mixed = scramble(scramble(keys + np.uint64(GOLDEN)) ^ start)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def scramble(values: Keys) -> Keys:
    """Return SplitMix64's finaliser of each value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
