"""The examples of the page on predictions, each read as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.given import FORMS
from tests.predictions import CSV, JSON, NPY, NPZ, PARQUET, read

PAGE = (Path(__file__).parents[2] / "docs" / "predictions.md").read_text(encoding="utf-8")
TYPES = {".npy": NPY, ".npz": NPZ, ".parquet": PARQUET}
CLASSES = {"multilabel": ["rain", "night"], "tokens": ["name", "other"]}

every = pytest.mark.parametrize("kind", FORMS)


def section(kind):
    """Return what the page says of a kind."""
    [found] = re.findall(rf"^## {kind}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    return found


def blocks(kind, language):
    """Return the examples of a kind in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", section(kind), re.MULTILINE | re.DOTALL)


def axes_of(kind, media_type):
    """Return the axes of a section's arrays."""
    if not FORMS[kind].axes_in(media_type):
        return None
    [axes] = set(re.findall(r"\?.*\baxes=([\w,]+)", section(kind)))
    return axes.split(",")


def classes_of(kind):
    """Return the classes of a section's examples."""
    return CLASSES.get(kind, ["cat", "dog"]) if FORMS[kind].classed else None


@every
def test_the_examples_as_text_are_read(kind):
    for example in blocks(kind, "json"):
        assert read(JSON, example.encode(), kind).ids[0] == "frame-1"
    [table] = blocks(kind, "csv")
    given = read(CSV, table.encode(), kind, classes=classes_of(kind) if kind == "votes" else None)
    assert given.ids == ["frame-1", "frame-2"]


@every
def test_the_examples_as_arrays_and_tables_are_read(kind, tmp_path):
    [program] = blocks(kind, "python")
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    files = list(tmp_path.iterdir())
    assert {path.stem for path in files} == {kind}
    for path in files:
        media_type = TYPES[path.suffix]
        said = {"classes": classes_of(kind), "axes": axes_of(kind, media_type)}
        given = read(media_type, path.read_bytes(), kind, **said)
        assert given.result["items"] == 2
