"""The examples of estimators and trainings that the description shows."""

from service.api.examples import (
    EARLY,
    LATE,
    MODEL,
    MODEL_ID,
    PART_ID,
    POOL_ID,
    SCORING_JOB,
    Example,
)
from service.estimators import CATALOGUE, ESTIMATORS, PCA, SCALINGS, Recipe
from service.schemas.estimators import EstimatorSchema

JOB_ID = "8d5e957f297893487bd98fa830fa6413"
FOREST = Recipe(estimator="random_forest", parameters={"n_estimators": 500})

ESTIMATOR: Example = EstimatorSchema().dump(ESTIMATORS["naive_bayes"])
ESTIMATORS_LISTED: Example = {
    "estimators": [ESTIMATOR],
    "scalings": dict(SCALINGS),
    "pca": PCA.schema(),
    "scikit_learn": CATALOGUE["scikit-learn"],
}
NEW_TRAINING: Example = {
    "pool": POOL_ID,
    "estimator": {"name": "random_forest", "parameters": {"n_estimators": 500}},
    "folds": 5,
    "seed": 7,
}
TRAINING: Example = {
    "pool": POOL_ID,
    "job": JOB_ID,
    "estimator": FOREST.asked(),
    "seed": 7,
    "labels": 40,
    "class_counts": [{"label": "bus", "count": 36}, {"label": "tram", "count": 4}],
    "accuracy": {"mean": 0.925, "deviation": 0.043, "folds": [0.9, 0.9, 0.9, 1.0]},
    "left_out": {
        "labels": 0,
        "folds": 1,
        "reasons": ['The class "tram" has 4 labels, so there are 4 folds, not 5'],
    },
    "warnings": [],
}
TRAINED: Example = {**MODEL, "name": "second forest", "training": TRAINING}
TRAINING_JOB: Example = {
    **SCORING_JOB,
    "id": JOB_ID,
    "task": "train",
    "progress": {"done": 2, "total": 6, "remaining_seconds": 3.1},
    "request": {**NEW_TRAINING, "estimator": FOREST.asked(), "name": "", "parts": [PART_ID]},
    "links": {
        "self": f"/v1/jobs/{JOB_ID}",
        "cancel": f"/v1/jobs/{JOB_ID}/cancel",
        "pool": f"/v1/pools/{POOL_ID}",
    },
}
TRAINING_DONE: Example = {
    **TRAINING_JOB,
    "state": "succeeded",
    "progress": {"done": 5, "total": 5, "remaining_seconds": None},
    "poll_after": None,
    "started_at": EARLY,
    "finished_at": LATE,
    "result": {"model": TRAINED},
    "links": {
        "self": f"/v1/jobs/{JOB_ID}",
        "pool": f"/v1/pools/{POOL_ID}",
        "model": f"/v1/models/{MODEL_ID}",
    },
}
