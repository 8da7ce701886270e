"""What a hostile file is: its bytes, where it is sent, and what its refusal must say."""

from collections.abc import Callable
from dataclasses import dataclass

ITEMS, PREDICTIONS, LABELS, MODEL = "items", "predictions", "labels", "model"

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
NPY, NPZ = "application/x-npy", "application/x-npz"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
MULTIPART = "multipart/form-data; boundary=between-the-fields"
ONNX, SKOPS, JOBLIB = "onnx", "skops", "joblib"


@dataclass(frozen=True)
class Hostile:
    """A file made by `make`, sent as a `kind` of upload; `type` is its media type, or its format.

    What refuses it must say `reason`, a pattern. It is refused at once, or its job fails.
    """

    name: str
    kind: str
    type: str
    make: Callable[[], bytes]
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} as {self.type.rpartition('/')[2].partition(';')[0]}: {self.name}"
