"""The examples of readings, in every form."""

from typing import Any

import numpy as np

from service.api.examples import BINARY, READING, Example
from service.api.reading_files import (
    ARROW,
    COLUMNAR,
    CSV,
    DOCUMENTS,
    JSON,
    NDJSON,
    NPY,
    counts,
    header,
    ndjson,
    table,
)
from service.ids import pack
from service.operations.rankings import Columns
from service.schemas.rankings import ColumnarReadingSchema, ReadingSchema

ENVELOPE = {name: said for name, said in READING.items() if name != "items"}
ITEM = READING["items"][0]
COLUMNS = Columns(
    ranks=np.array([ITEM["rank"]]),
    ids=pack([ITEM["id"]]),
    scores=np.array([ITEM["score"]]),
    raw_scores=np.array([ITEM["raw_score"]]),
)
TEXT: Example = {"type": "string"}
CONTENT: dict[str, Any] = {
    JSON: {"schema": ReadingSchema, "example": READING},
    COLUMNAR: {
        "schema": ColumnarReadingSchema,
        "example": {**{name: [value] for name, value in ITEM.items()}, **ENVELOPE},
    },
    NPY: {**BINARY, "example": "a structured array of numpy"},
    ARROW: {**BINARY, "example": "an Arrow stream"},
    CSV: {"schema": TEXT, "example": table(COLUMNS, ENVELOPE).decode()},
    NDJSON: {"schema": TEXT, "example": ndjson(COLUMNS, ENVELOPE).decode()},
}
READING_FILES: Example = {
    "headers": {
        header(name): {
            "description": f"`{name}`, where the answer is no JSON document"
            + (": how many" if name == "unknown_ids" else ""),
            "schema": {"type": "string" if isinstance(value, str) else "integer"},
        }
        for name, value in counts(ENVELOPE).items()
    },
    "content": {kind: said for kind, said in CONTENT.items() if kind not in DOCUMENTS[:1]},
}
