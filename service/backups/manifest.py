"""A backup's manifest: every file of it with its SHA-256, and one of all that.

It is written last, so that a directory without it is no backup.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from service.backups.refusal import Refused
from service.data_format import FORMAT
from service.files import force
from service.records import now

MANIFEST = "manifest.json"
KEYS, FILES = "redis.ndjson", "files"
"""What a backup consists of beside its manifest: what was in Redis, and the files."""
MOST_NAMED = 20

Progress = Callable[[str, int, int], None]
"""What is told while something takes long: of what, how much is done, and of how much."""


def write(root: Path, notes: Mapping[str, Any], progress: Progress) -> None:
    """Complete a backup: hash what is in it, force it to disk, and write its manifest."""
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    files = {}
    for number, path in enumerate(paths, 1):
        name = path.relative_to(root).as_posix()
        files[name] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        progress("files hashed", number, len(paths))
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            force(path)
    content = {"format": FORMAT, "made_at": now(), **notes, "files": files}
    draft = root / f"{MANIFEST}.new"
    draft.write_text(json.dumps({"sha256": sha256_in(content), "backup": content}, indent=1))
    force(draft)
    draft.rename(root / MANIFEST)
    force(root)
    force(root.parent)


def read(root: Path) -> dict[str, Any]:
    """Return what a backup's manifest says; raise Refused where there is none that can be read."""
    path = root / MANIFEST
    if not path.is_file():
        raise Refused(f"{root} is no backup, or one that was never finished: it has no {MANIFEST}")
    try:
        said = json.loads(path.read_bytes())
        content: dict[str, Any] = said["backup"]
        intact = said["sha256"] == sha256_in(content)
        format = int(content["format"])
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{path} is damaged; use another copy of the backup") from None
    if not intact:
        raise Refused(f"{path} is damaged; use another copy of the backup")
    if format > FORMAT:
        raise Refused(f"{root} has format {format}, and this version reads {FORMAT}: install newer")
    return content


def verify(root: Path, content: Mapping[str, Any], progress: Progress) -> None:
    """Raise Refused, naming the files, where a backup is not what its manifest says."""
    files = content["files"]
    wrong = []
    for number, (name, said) in enumerate(files.items(), 1):
        fault = fault_of(root / name, said)
        if fault:
            wrong.append(f"{name} {fault}")
        progress("files verified", number, len(files))
    if wrong:
        raise Refused(f"{root} is damaged, and nothing was restored: {listed(wrong)}")


def fault_of(path: Path, said: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a file, or None."""
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != said["bytes"]:
        return f"has {path.stat().st_size} bytes instead of {said['bytes']}"
    return None if sha256_of(path) == said["sha256"] else "has another SHA-256"


def listed(names: Iterable[str]) -> str:
    """Return some names, not too many of them, in a sentence."""
    every = [*names]
    more = len(every) - MOST_NAMED
    return "; ".join(every[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_in(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a manifest says, however it is laid out."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
