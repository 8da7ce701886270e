"""The examples of labels: two people label, and a model."""

from typing import Any

from service.api.examples import EARLY
from service.api.label_files import CSV, JSON, NDJSON, ndjson, table
from service.schemas.labels import PutLabelsSchema

Example = dict[str, Any]

PUT_LABELS: Example = {
    "labels": [
        {"id": "frame-1", "label": "bus"},
        {"id": "frame-7", "label": "tram", "source": "ben", "time": "2026-01-31T10:30:00+01:00"},
    ],
    "source": "anna",
}
KEPT = [
    {"id": "frame-1", "label": "bus", "source": "anna", "time": EARLY},
    {"id": "frame-7", "label": "tram", "source": "ben", "time": "2026-01-31T09:30:00.000000Z"},
]
LABEL_PAGE: Example = {"labels": KEPT, "total": 2, "next_page_token": None}
LABEL_CLASSES: Example = {
    "classes": [{"label": "bus", "count": 1}, {"label": "tram", "count": 1}],
    "distinct": 2,
    "labelled": 2,
}
TEXT: Example = {"type": "string"}
LINES = b"".join(ndjson([KEPT])).decode()
PUT_LABELS_BODY: Example = {
    "required": True,
    "description": "Labels as one document, or one entry a line",
    "content": {
        JSON: {"schema": PutLabelsSchema, "example": PUT_LABELS},
        NDJSON: {"schema": TEXT, "example": LINES},
    },
}
LABEL_FILES: Example = {
    CSV: {"schema": TEXT, "example": b"".join(table([KEPT])).decode()},
    NDJSON: {"schema": TEXT, "example": LINES},
}
