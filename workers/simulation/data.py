"""The data of one simulation: labelled items, and those that models are tested on."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from service.acquisition.evidence import Rows
from workers.population import HeldPopulation


@dataclass(frozen=True)
class Data:
    """Labelled items, in pool order, and a test set of its own, if there is one.

    `codes` are the items' labels as places in `classes`, int64 (items,).
    """

    population: HeldPopulation
    codes: Rows
    classes: tuple[Any, ...]
    test_vectors: npt.NDArray[Any] | None = None
    test_codes: Rows | None = None
