"""Estimators: what can be fitted here, as scikit-learn describes it, and what a client asks for.

What there is stands in `estimators.json`, which is written from scikit-learn itself
(`python -m workers.estimators`), so that the service knows it without importing scikit-learn.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What is to be fitted: an estimator with its hyper-parameters, and what stands before it.

    `parameters` are those that differ from scikit-learn's defaults. `base` is what an ensemble is
    made of. `scaling` is one of SCALINGS; `pca` is a number of components, or the part of the
    variance (below one) that they shall keep.
    """

    estimator: str
    parameters: Mapping[str, Any]
    base: "Recipe | None" = None
    scaling: str | None = None
    pca: int | float | None = None

    def document(self) -> dict[str, Any]:
        """Return the recipe as plain values."""
        return {
            "estimator": self.estimator,
            "parameters": dict(self.parameters),
            "base": self.base and self.base.document(),
            "scaling": self.scaling,
            "pca": self.pca,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the recipe that a document describes."""
        base = document["base"]
        return cls(**{**document, "base": None if base is None else cls.from_document(base)})

    @property
    def key(self) -> str:
        """What tells it from other recipes."""
        return json.dumps(self.document(), sort_keys=True)
