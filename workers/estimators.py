"""scikit-learn's estimators, made from recipes."""

from typing import Any

from service.estimators import Recipe


def build(recipe: Recipe, seed: int, fewest: int) -> Any:
    """Return an unfitted scikit-learn classifier, a pipeline where something stands before it.

    `fewest` is how many labels the rarest class has: calibration takes no more folds than that.
    """
    raise NotImplementedError
