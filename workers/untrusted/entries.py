"""What the sandbox can be asked to do. Importing this imports every library that it needs."""

from collections.abc import Callable
from typing import Any, BinaryIO

from workers.untrusted.models import inspect_model, predict_parts
from workers.untrusted.predictions import read_predictions
from workers.untrusted.uploads import read_upload

Entry = Callable[
    [dict[str, Any], dict[str, BinaryIO], Callable[[dict[str, Any]], None]], dict[str, Any]
]

ENTRIES: dict[str, Entry] = {
    "read_upload": read_upload,
    "read_predictions": read_predictions,
    "inspect_model": inspect_model,
    "predict_parts": predict_parts,
}
