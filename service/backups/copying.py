"""Copies of published files: links where they can be, for nobody ever changes one."""

import os
import shutil
from pathlib import Path

from service.files import force


def copy(source: Path, target: Path) -> bool:
    """Copy a file, or a directory with all in it; return False where it is not there, or goes."""
    try:
        if not source.is_dir():
            copy_file(source, target)
            return True
        for folder, _, names in os.walk(source, onerror=fail):
            for name in names:
                path = Path(folder) / name
                copy_file(path, target / path.relative_to(source))
    except FileNotFoundError:
        return False
    return True


def fail(error: OSError) -> None:
    """Raise what a walk has met."""
    raise error


def copy_file(source: Path, target: Path) -> None:
    """Link a file, or, on another file system, copy it and force it to disk."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
        force(target)
