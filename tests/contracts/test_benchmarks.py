"""The benchmarks: each is there, says what it measures, and prints its table."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PROGRAMS, docstring, mark, section, sections_of
from benchmarks.growth import STEEPER
from benchmarks.report import COLUMNS, Row, cells, table

ROOT = Path(__file__).resolve().parents[2]
CHEAP = ("growth",)
"""Programs whose small run takes seconds."""

HEAD = cells(COLUMNS)


@pytest.fixture(scope="module")
def printed():
    """What small runs print, all done at once."""
    command = [sys.executable, "-W", "ignore", "-m"]
    running = {
        name: subprocess.Popen(
            [*command, f"benchmarks.{name}", "--quick"],
            cwd=ROOT,
            env={**os.environ, "no_proxy": "*"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name in CHEAP
    }
    found = {name: process.communicate()[0] for name, process in running.items()}
    assert [name for name, process in running.items() if process.returncode] == []
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_says_what_it_measures(name):
    title, _, text = docstring(name).partition("\n\n")
    assert re.fullmatch(r"[A-Z].*\w\.?", title), title
    assert text


@pytest.mark.parametrize("name", CHEAP)
def test_a_small_run_prints_the_table(printed, name):
    head, ruler, *rows = printed[name].splitlines()
    assert head == HEAD
    assert ruler.count("---") == len(COLUMNS)
    assert rows[0].count("|") == len(COLUMNS) + 1


def test_a_program_that_runs_alone_leaves_the_other_sections_as_they_are(tmp_path):
    page = tmp_path / "page.md"
    names = ("uploads", "growth")
    said = {name: table([Row(f"work of {name}", "1 s", "2 s", reached=False)]) for name in names}
    written = {name: section(name, said[name]) for name in names}
    page.write_text("\n".join(["# Performance\n", *written.values()]))
    kept = sections_of(page)
    assert {name: text.strip() for name, text in kept.items()} == {
        name: text.strip() for name, text in written.items()
    }
    assert all(text.startswith(mark(name)) for name, text in kept.items())


@pytest.mark.parametrize("name", STEEPER)
def test_the_docs_say_why_a_cost_grows_faster(name):
    assert f"`{name}`" in (ROOT / "docs" / "scaling.md").read_text()
