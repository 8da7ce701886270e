"""The examples that the description shows of simulations."""

from service.api.examples import LATE, POOL_ID, SCORING_JOB, Example
from service.schemas.functions import defaults
from service.schemas.simulations import links_of

SIMULATION_ID = "a87ff679a2f3471d9d1a1d6f8e3c0b52"
FOREST: Example = {
    "name": "random_forest",
    "parameters": {"n_estimators": 50},
    "base": None,
    "scaling": None,
    "pca": None,
}
NEW_SIMULATION: Example = {
    "pool": POOL_ID,
    "name": "which function for the street scenes?",
    "estimators": [{"name": "random_forest", "parameters": {"n_estimators": 50}}],
    "functions": [{"name": "margin"}, {"name": "bald"}],
    "seeds": 3,
    "initial": {"size": 20, "draw": "stratified"},
    "budget": 10,
    "rounds": 30,
    "metrics": ["accuracy", "f1_macro"],
    "targets": [0.9],
}
REQUEST: Example = {
    **NEW_SIMULATION,
    "estimators": [FOREST],
    "functions": [
        {"name": name, "parameters": defaults(name)} for name in ("margin", "bald", "random")
    ],
    "seeds": [0, 1, 2],
    "initial": {"size": 20, "draw": "stratified", "function": None, "ids": []},
    "labels": None,
    "test_share": 0.3,
    "test_pool": None,
}
SIMULATION_JOB: Example = {
    **SCORING_JOB,
    "id": SIMULATION_ID,
    "task": "simulate",
    "progress": {"done": 93, "total": 279, "remaining_seconds": 41.3},
    "request": REQUEST,
    "links": {
        "self": f"/v1/jobs/{SIMULATION_ID}",
        "cancel": f"/v1/jobs/{SIMULATION_ID}/cancel",
        "pool": f"/v1/pools/{POOL_ID}",
    },
}
ADVICE = "margin reaches an accuracy of 0.9 with 110 labels, random with 180."
SIMULATION_DONE: Example = {
    **SIMULATION_JOB,
    "state": "succeeded",
    "progress": {"done": 279, "total": 279, "remaining_seconds": None},
    "poll_after": None,
    "finished_at": LATE,
    "result": {"simulation": SIMULATION_ID, "runs": 9, "advice": ADVICE},
    "links": {
        "self": f"/v1/jobs/{SIMULATION_ID}",
        "pool": f"/v1/pools/{POOL_ID}",
        "simulation": f"/v1/simulations/{SIMULATION_ID}",
        "rounds": f"/v1/simulations/{SIMULATION_ID}/rounds",
        "curves": f"/v1/simulations/{SIMULATION_ID}/curves",
    },
}
ENTRY: Example = {
    "id": SIMULATION_ID,
    "pool": POOL_ID,
    "name": NEW_SIMULATION["name"],
    "created_at": LATE,
    "links": links_of(SIMULATION_ID),
}
SIMULATION: Example = {
    **ENTRY,
    "request": REQUEST,
    "summary": {
        "items": {"total": 10000, "labelled": 9500, "left_out": 500},
        "metric": "accuracy",
        "better": "higher",
        "seeds": 3,
        "advice": ADVICE,
    },
    "versions": {"shortlist": "0.1.0", "numpy": "2.4.6", "scikit-learn": "1.9.1"},
}
SIMULATION_PAGE: Example = {"simulations": [ENTRY], "next_page_token": None}
ROUND: Example = {
    "run": 0,
    "estimator": "random_forest",
    "function": "margin",
    "seed": 0,
    "round": 1,
    "labels": 30,
    "accuracy": 0.71,
    "f1_macro": 0.68,
    "queried": ["frame-512", "frame-7"],
}
ROUND_PAGE: Example = {"rounds": [ROUND], "next_page_token": "WyI4ZjE0ZTQ1ZmNlZWE0NjdhIiwxXQ"}
ROUND_LINE = (
    '{"run":0,"estimator":"random_forest","function":"margin","seed":0,"round":1,"labels":30,'
    '"accuracy":0.71,"f1_macro":0.68,"queried":["frame-512","frame-7"]}\n'
)
ROUND_TABLE = (
    "run,estimator,function,seed,round,labels,accuracy,f1_macro,queried\n"
    '0,random_forest,margin,0,1,30,0.71,0.68,"[""frame-512"",""frame-7""]"\n'
)

TEXT: Example = {"type": "string"}
BYTES: Example = {"type": "string", "format": "binary"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg">…</svg>'
PNG = "the bytes of a PNG"
ROUND_FILES: Example = {
    "text/csv": {"schema": TEXT, "example": ROUND_TABLE},
    "application/x-ndjson": {"schema": TEXT, "example": ROUND_LINE},
    "application/vnd.apache.arrow.stream": {"schema": BYTES, "example": "an Arrow stream"},
}
PNG_CONTENT: Example = {"image/png": {"schema": BYTES, "example": PNG}}
