"""scikit-learn's estimators: made from recipes, and described for the service, which knows no
scikit-learn."""

from workers.estimators.building import ESTIMATORS, FEWEST, SCALERS, Kind, build

__all__ = ["ESTIMATORS", "FEWEST", "SCALERS", "Kind", "build"]
