"""The maths: numpy only, every function registered by its own signature.

Higher = label sooner, always. A score is float64, finite, one per item. Axis order is
(members, items, classes). The families of functions stand in `functions/`; here is what they stand
on: the registry and the vocabulary of evidence, and what several families compute with (features
read in blocks, distances, centres, clusters, targets, ragged rows, orders within groups).
"""

import importlib
import pkgutil

from service.acquisition import functions
from service.acquisition.registry import ALIASES, REGISTRY, Acquisition
from service.acquisition.signature import Parameter

for _module in pkgutil.iter_modules(functions.__path__):
    importlib.import_module(f"{functions.__name__}.{_module.name}")

__all__ = ["ALIASES", "REGISTRY", "Acquisition", "Parameter"]
