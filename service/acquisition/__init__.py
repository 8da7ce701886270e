"""The maths: numpy only, one file per family, every function registered by its own signature.

Higher = label sooner, always. A score is float64, finite, one per item. Axis order is
(members, items, classes). A new function is a new decorated function in one of these files, or a
new file: everything here is imported, and so registered, by the two lines below.
"""

import importlib
import pkgutil

from service.acquisition.registry import ALIASES, REGISTRY, Acquisition
from service.acquisition.signature import Parameter

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["ALIASES", "REGISTRY", "Acquisition", "Parameter"]
