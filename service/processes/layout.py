"""The data directory: which version of Shortlist laid it out, and whether it is whole."""

import json
import os
from pathlib import Path

from service.data_format import FORMAT
from service.processes.children import CannotStart

VERSION, UNFINISHED = "format", "unfinished"
"""The file that says how the directory is laid out, and the one that says that it is half-made."""


def check(data_dir: Path) -> None:
    """Raise CannotStart for a directory that a newer version laid out, or that is half-made.

    One that says nothing of its format is older, or new; from now on it says.
    """
    refuse_newer(data_dir)
    refuse_unfinished(data_dir)
    if not (data_dir / VERSION).exists():
        mark(data_dir)


def refuse_newer(data_dir: Path) -> None:
    """Raise CannotStart for a directory that a newer version laid out."""
    path = data_dir / VERSION
    if not path.exists():
        return
    try:
        format = int(json.loads(path.read_bytes())["format"])
    except (ValueError, KeyError, TypeError):
        raise CannotStart(f'{path} is damaged; it should say {{"format": {FORMAT}}}') from None
    if format > FORMAT:
        raise CannotStart(
            f"{data_dir} has format {format}, which a newer version of Shortlist wrote; this one"
            f" reads formats up to {FORMAT}: install the newer version again"
        )


def refuse_unfinished(data_dir: Path) -> None:
    """Raise CannotStart for a directory whose making was cut short."""
    said = unfinished(data_dir)
    if said:
        raise CannotStart(f"{data_dir} is half-made: {said}")


def unfinished(data_dir: Path) -> str:
    """Return what is to be done about a directory whose making was cut short, '' where it is
    whole."""
    path = data_dir / UNFINISHED
    return path.read_text().strip() if path.exists() else ""


def mark(data_dir: Path) -> None:
    """Write down how a directory is laid out."""
    write(data_dir / VERSION, json.dumps({"format": FORMAT}))


def begin(data_dir: Path, remedy: str) -> None:
    """Say that a directory is half-made from now on, and what to do about it."""
    write(data_dir / UNFINISHED, remedy)


def finish(data_dir: Path) -> None:
    """Say that a directory is whole."""
    from service.files.disk import force  # its libraries are not for every start

    (data_dir / UNFINISHED).unlink()
    force(data_dir)


def write(path: Path, text: str) -> None:
    """Write a file at once, forced to disk."""
    from service.files.disk import force  # its libraries are not for every start

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(f"{text}\n")
    force(draft)
    draft.replace(path)
    force(path.parent)
