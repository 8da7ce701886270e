"""The examples of learners: the story goes on, with a pool that is queried and taught."""

from typing import Any

from service.api.examples import EARLY, ENTROPY, LATE, MODEL_ID, POOL_ID, RANKING_ID, SCORING_JOB
from service.functions import Function
from service.schemas.functions import defaults

Example = dict[str, Any]

LEARNER_ID = "a87ff679a2f34e71a9ba0b2c9d4e5f60"
TEACH_ID = "e4da3b7fbbce4345a7772b0674a318d5"
K_CENTER: Example = Function("k_center", defaults("k_center")).document()

NEW_LEARNER: Example = {
    "pool": POOL_ID,
    "estimator": {"name": "random_forest", "parameters": {"n_estimators": 50}},
    "acquisition": {"name": "entropy"},
    "n": 20,
    "name": "vehicles",
}
TURN: Example = {
    "number": 4,
    "at": LATE,
    "job": TEACH_ID,
    "items": 10000,
    "labels": 80,
    "classes": 2,
    "class_counts": [{"label": "bus", "count": 47}, {"label": "tram", "count": 33}],
    "model": MODEL_ID,
    "ranking": RANKING_ID,
    "score": 0.925,
    "score_error": 0.014,
    "mean_uncertainty": 0.11,
    "max_uncertainty": 0.5,
    "agreement": 0.963,
}
LEARNER: Example = {
    "id": LEARNER_ID,
    "name": "vehicles",
    "pool": POOL_ID,
    "estimator": {
        "name": "random_forest",
        "parameters": {"n_estimators": 50},
        "base": None,
        "scaling": None,
        "pca": None,
    },
    "acquisition": ENTROPY,
    "cold_start": K_CENTER,
    "n": 20,
    "folds": 3,
    "seed": 0,
    "turn": TURN,
    "ready": True,
    "updating": False,
    "job": TEACH_ID,
    "problem": None,
    "stopping": {
        "stop": False,
        "rule": None,
        "reason": "Go on: the models of the last 3 turns agree with those before them with a mean"
        " kappa of 0.9410 (stable from 0.99); fewer than 4 turns have a score; the model's greatest"
        " uncertainty of an unlabelled item is 0.5000 (sure from 0.05 down)",
    },
    "created_at": EARLY,
    "links": {
        "self": f"/v1/learners/{LEARNER_ID}",
        "query": f"/v1/learners/{LEARNER_ID}/query",
        "teach": f"/v1/learners/{LEARNER_ID}/teach",
        "predictions": f"/v1/learners/{LEARNER_ID}/predictions",
        "history": f"/v1/learners/{LEARNER_ID}/history",
        "pool": f"/v1/pools/{POOL_ID}",
        "job": f"/v1/jobs/{TEACH_ID}",
    },
}
LEARNER_MADE: Example = {
    **LEARNER,
    "turn": None,
    "ready": False,
    "updating": True,
    "stopping": {
        "stop": False,
        "rule": None,
        "reason": "Go on: fewer than 3 turns tell of their agreement; fewer than 4 turns have a"
        " score; no turn tells of its uncertainty yet",
    },
}
LEARNER_PAGE: Example = {"learners": [LEARNER], "next_page_token": None}
QUERY: Example = {"n": 1, "exclude_sets": ["blurred"], "where": {"city": {"eq": "Oslo"}}}
ANSWER: Example = {
    "learner": LEARNER_ID,
    "turn": 4,
    "model": MODEL_ID,
    "ranking": RANKING_ID,
    "items": [
        {
            "rank": 1,
            "id": "frame-512",
            "score": 0.69,
            "raw_score": 0.69,
            "label": "tram",
            "probability": 0.53,
        }
    ],
    "returned": 1,
    "eligible": 9879,
    "excluded": 121,
    "unknown_ids": [],
    "updating": False,
}
TEACH: Example = {"labels": [{"id": "frame-512", "label": "bus"}], "source": "mara"}
TEACH_JOB: Example = {
    **SCORING_JOB,
    "id": TEACH_ID,
    "task": "teach",
    "request": {"learner": LEARNER_ID, "pool": POOL_ID, "turn": 5},
    "links": {
        "self": f"/v1/jobs/{TEACH_ID}",
        "cancel": f"/v1/jobs/{TEACH_ID}/cancel",
        "pool": f"/v1/pools/{POOL_ID}",
        "learner": f"/v1/learners/{LEARNER_ID}",
    },
}
TEACH_DONE: Example = {
    **TEACH_JOB,
    "state": "succeeded",
    "progress": {"done": 10000, "total": 10000, "remaining_seconds": None},
    "poll_after": None,
    "finished_at": LATE,
    "result": {
        "learner": LEARNER_ID,
        "turn": 5,
        "labels": 81,
        "model": MODEL_ID,
        "ranking": RANKING_ID,
        "superseded": False,
    },
    "links": {
        "self": f"/v1/jobs/{TEACH_ID}",
        "pool": f"/v1/pools/{POOL_ID}",
        "learner": f"/v1/learners/{LEARNER_ID}",
        "model": f"/v1/models/{MODEL_ID}",
        "rankings": [f"/v1/rankings/{RANKING_ID}"],
        "items": [f"/v1/rankings/{RANKING_ID}/items"],
    },
}
HISTORY: Example = {
    "learner": LEARNER_ID,
    "turns": [TURN],
    "stopping": LEARNER["stopping"],
}
SOME_OUTPUTS: Example = {
    "learner": LEARNER_ID,
    "turn": 4,
    "model": MODEL_ID,
    "classes": ["bus", "tram"],
    "items": [
        {"id": "frame-512", "label": "tram", "probability": 0.53, "probabilities": [0.47, 0.53]}
    ],
    "returned": 1,
    "total": 10000,
    "unknown_ids": [],
    "next_page_token": None,
}
OUTPUTS: Example = {**SOME_OUTPUTS, "next_page_token": "WyI4ZjE0ZTQ1ZmNlZWE0NjdhIiwiNDoxIl0"}
