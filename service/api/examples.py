"""The examples that the description shows: one story, told resource by resource."""

from typing import Any

from service.acquisition import REGISTRY
from service.functions import Function
from service.operations.pools import MEDIA_TYPES
from service.schemas.acquisitions import AcquisitionSchema
from service.schemas.functions import defaults

Example = dict[str, Any]

POOL_ID = "0a53b6f1c2d04e7f9a1b2c3d4e5f6071"
PART_ID = "5f0c2d9e8b7a46c1b2a3948576a1b0c9"
INGEST_ID = "d3d9446802a44259755d38e6d163e820"
SCORING_ID = "c81e728d9d4c4f63af067f89cc14862c"
RECEIVE_ID = "1679091c5a884faf8b1e5e8a4d1c0f37"
PREDICTIONS_ID = "45c48cce2e2d5bdeae1afc51c7c6ad26"
RANKING_ID = "eccbc87e4b5c42fe8a8a3b1d5a4c7e20"
MODEL_ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
EARLY, LATE = "2026-01-05T09:00:00.000000Z", "2026-01-05T09:00:07.250000Z"

EMPTY_POOL: Example = {
    "id": POOL_ID,
    "name": "street scenes",
    "total": 0,
    "item_shape": None,
    "dtype": None,
    "metadata": {},
    "parts": [],
    "created_at": EARLY,
}
PART: Example = {
    "id": PART_ID,
    "job": INGEST_ID,
    "rows": 10000,
    "bytes": 31360128,
    "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    "metadata": ["city"],
    "created_at": EARLY,
}
POOL: Example = {
    **EMPTY_POOL,
    "total": 10000,
    "item_shape": [28, 28],
    "dtype": "float32",
    "metadata": {"city": "string"},
    "parts": [PART],
}
POOL_PAGE: Example = {"pools": [POOL], "next_page_token": None}
ITEM_PAGE: Example = {
    "items": [{"row": 0, "id": "frame-1", "metadata": {"city": "Oslo"}}],
    "total": 10000,
    "next_page_token": "WyI4ZjE0ZTQ1ZmNlZWE0NjdhIiwxXQ",
}
PREDICTIONS: Example = {
    "id": PREDICTIONS_ID,
    "pool": POOL_ID,
    "job": RECEIVE_ID,
    "kind": "probs",
    "name": "the detector's own",
    "parts": [PART_ID],
    "total": 10000,
    "items": 9500,
    "empty": 0,
    "classes": ["bus", "tram"],
    "members": None,
    "dtype": "float32",
    "bytes": 152128,
    "sha256": "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7",
    "created_at": EARLY,
}
PREDICTIONS_PAGE: Example = {"predictions": [PREDICTIONS], "next_page_token": None}
EXCLUSION_SETS: Example = {
    "exclusions": [
        {"name": "labelled", "size": 2},
        {"name": "leased", "size": 7},
        {"name": "blurred", "size": 41},
    ]
}
EXCLUSION_CHANGE: Example = {"name": "blurred", "size": 42, "unknown_ids": []}
EXCLUSION_MEMBERS: Example = {
    "name": "blurred",
    "ids": ["frame-9"],
    "size": 1,
    "next_page_token": None,
}
MODEL: Example = {
    "id": MODEL_ID,
    "name": "first forest",
    "format": "skops",
    "bytes": 13700000,
    "estimator": "RandomForestClassifier",
    "classes": ["bus", "tram"],
    "item_values": 784,
    "item_shape": None,
    "probabilities": True,
    "members": 500,
    "warnings": [],
    "versions": {"scikit-learn": "1.9.1"},
    "training": None,
    "created_at": EARLY,
}
MODEL_PAGE: Example = {"models": [MODEL], "next_page_token": None}
ENTROPY: Example = Function("entropy", defaults("entropy")).document()
NEW_SCORING: Example = {
    "pool": POOL_ID,
    "model": MODEL_ID,
    "acquisitions": [{"name": "entropy"}, {"name": "random", "parameters": {"seed": 7}}],
}
SCORING_JOB: Example = {
    "id": SCORING_ID,
    "task": "score",
    "state": "running",
    "reason": None,
    "progress": {"done": 4096, "total": 10000, "remaining_seconds": 7.2},
    "queue_position": None,
    "attempts": 1,
    "poll_after": 1,
    "request": {
        "pool": POOL_ID,
        "model": MODEL_ID,
        "acquisitions": [ENTROPY],
        "parts": [PART_ID],
    },
    "created_at": EARLY,
    "started_at": EARLY,
    "finished_at": None,
    "result": None,
    "error": None,
    "links": {"self": f"/v1/jobs/{SCORING_ID}", "cancel": f"/v1/jobs/{SCORING_ID}/cancel"},
}
SCORING_DONE: Example = {
    **SCORING_JOB,
    "state": "succeeded",
    "progress": {"done": 10000, "total": 10000, "remaining_seconds": None},
    "poll_after": None,
    "finished_at": LATE,
    "result": {"rankings": [{"id": RANKING_ID, "acquisition": "entropy"}]},
    "links": {
        "self": f"/v1/jobs/{SCORING_ID}",
        "pool": f"/v1/pools/{POOL_ID}",
        "rankings": [f"/v1/rankings/{RANKING_ID}"],
        "items": [f"/v1/rankings/{RANKING_ID}/items"],
    },
}
CANCELLED_JOB: Example = {**SCORING_JOB, "state": "cancelling"}
JOB_PAGE: Example = {"jobs": [SCORING_DONE], "next_page_token": None}
INGEST_JOB: Example = {
    **SCORING_JOB,
    "id": INGEST_ID,
    "task": "ingest",
    "request": {"pool": POOL_ID, "media_type": "application/x-npy", "bytes": 31360128},
}
INGEST_DONE: Example = {
    **INGEST_JOB,
    "state": "succeeded",
    "poll_after": None,
    "finished_at": LATE,
    "result": {"part": PART, "rows": 10000, "item_shape": [28, 28], "dtype": "float32"},
}
RECEIVE_JOB: Example = {
    **SCORING_JOB,
    "id": RECEIVE_ID,
    "task": "receive",
    "request": {
        "pool": POOL_ID,
        "parts": [PART_ID],
        "name": "the detector's own",
        "media_type": "application/json",
        "bytes": 152128,
        "options": {"kind": "probs", "scale": "probabilities", "classes": ["bus", "tram"]},
    },
    "links": {"self": f"/v1/jobs/{RECEIVE_ID}", "pool": f"/v1/pools/{POOL_ID}"},
}
RECEIVE_DONE: Example = {
    **RECEIVE_JOB,
    "state": "succeeded",
    "progress": {"done": 9500, "total": 9500, "remaining_seconds": None},
    "poll_after": None,
    "finished_at": LATE,
    "result": {
        "predictions": PREDICTIONS_ID,
        "kind": "probs",
        "items": 9500,
        "classes": ["bus", "tram"],
        "members": None,
    },
    "links": {
        "self": f"/v1/jobs/{RECEIVE_ID}",
        "pool": f"/v1/pools/{POOL_ID}",
        "predictions": f"/v1/pools/{POOL_ID}/predictions/{PREDICTIONS_ID}",
    },
}
INSPECT_JOB: Example = {
    **SCORING_JOB,
    "task": "inspect",
    "request": {"sha256": MODEL_ID, "bytes": 13700000, "format": "skops", "name": "first forest"},
}
INSPECT_DONE: Example = {
    **INSPECT_JOB,
    "state": "succeeded",
    "poll_after": None,
    "finished_at": LATE,
    "result": {"model": MODEL},
}
PLAN: Example = {"valid": True, "pool": POOL_ID, "total": 10000, "acquisitions": [ENTROPY]}
RANKING: Example = {
    "id": RANKING_ID,
    "job": SCORING_ID,
    "pool": POOL_ID,
    "parts": [PART_ID],
    "total": 10000,
    "ranked": 10000,
    "kind": "score",
    "purpose": "ranking",
    "acquisition": "entropy",
    "parameters": ENTROPY["parameters"],
    "function": ENTROPY,
    "source": {"model": MODEL_ID},
    "batch": None,
    "raw_name": "entropy",
    "raw_direction": "higher",
    "summary": {"minimum": 0.0, "maximum": 2.1, "mean": 0.9, "histogram": {}},
    "versions": {"shortlist": "0.1.0", "numpy": "2.4.6", "scikit-learn": "1.9.1"},
    "submitted_at": EARLY,
    "started_at": EARLY,
    "created_at": LATE,
}
RANKING_PAGE: Example = {"rankings": [RANKING], "next_page_token": None}
QUERY: Example = {
    "n": 2,
    "exclude": ["frame-1"],
    "exclude_sets": ["blurred"],
    "where": {"city": {"in": ["Oslo", "Bergen"]}},
}
READING: Example = {
    "ranking": RANKING_ID,
    "items": [{"rank": 1, "id": "frame-512", "score": 2.1, "raw_score": 2.1}],
    "total": 10000,
    "ranked": 10000,
    "eligible": 9957,
    "excluded": 43,
    "returned": 1,
    "unknown_ids": [],
    "next_page_token": "WyI4ZjE0ZTQ1ZmNlZWE0NjdhIiwxXQ",
}
ACQUISITION: Example = dict(AcquisitionSchema().dump(next(iter(REGISTRY.values()))))
ACQUISITIONS: Example = {"acquisitions": [ACQUISITION]}
LIMITS: Example = {
    "limits": {"max_id_bytes": {"value": 512, "meaning": "UTF-8 bytes of one id"}},
    "workspace": "default",
    "used": {"jobs": 2, "bytes": 73_400_320},
}

BINARY = {"schema": {"type": "string", "format": "binary"}}
UPLOAD_BODY: Example = {
    "required": True,
    "description": "Items in one of these formats; docs/formats.md explains each",
    "content": {
        **dict.fromkeys(MEDIA_TYPES, BINARY),
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"items": {"type": "array", "items": {"type": "object"}}},
                "required": ["items"],
            },
            "example": {
                "items": [{"id": "frame-1", "features": [0.1, 0.2], "metadata": {"city": "Oslo"}}]
            },
        },
    },
}
PREDICTIONS_BODY: Example = {
    "required": True,
    "description": "Predictions in one of these formats; docs/formats.md explains each",
    "content": {
        **dict.fromkeys(MEDIA_TYPES, BINARY),
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "classes": {"type": "array", "items": {}},
                    "items": {"type": "array", "items": {"type": "object"}},
                },
                "required": ["items"],
            },
            "example": {
                "classes": ["bus", "tram"],
                "items": [{"id": "frame-1", "probs": [0.9, 0.1]}],
            },
        },
    },
}
MODEL_BODY: Example = {
    "required": True,
    "description": "The artifact's bytes",
    "content": {"application/octet-stream": BINARY},
}
