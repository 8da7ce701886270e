"""What a publication says of itself: its record, which can be made again when Redis is lost."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.data_format import FORMAT

MANIFEST = "record.json"
"""The manifest's name in the directory that it tells of."""


def write_manifest(path: Path, kind: str, record: Mapping[str, Any], **more: Any) -> None:
    """Write what is published as a file, in the place of what stands there: it may have links."""
    path.unlink(missing_ok=True)
    path.write_text(json.dumps({"format": FORMAT, "kind": kind, "record": record, **more}))
