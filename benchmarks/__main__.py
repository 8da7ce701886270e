"""Every benchmark, one after the other, and the page that they make.

`python -m benchmarks --page docs/performance.md` runs them all; `--only NAME …` some of them, and
leaves the others' sections of the page as they are; `--quick` runs them small, to see that they
run.
"""

import argparse
import ast
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import machine

HOME = Path(__file__).parent
PROGRAMS = (
    "kernels",
    "ordering",
    "readings",
    "answers",
    "requests",
    "uploads",
    "ingestion",
    "lookup",
    "memory",
    "tutorial",
    "caching",
    "jobs",
    "startup",
    "splitting",
    "load",
    "cluster",
    "growth",
)
INTRODUCTION = """# Performance

`make bench` measures this, and writes it. Every program is in `benchmarks/`, prints its table
beside the floor or the peer measured in the same run, and can be run alone:
`python -m benchmarks.kernels`.
Times are medians, of at least five runs where a run is short, with one BLAS thread. Ratios travel
to other machines; absolute times do not.

Measured with {machine}, {cores} processors.
"""


def main() -> int:
    """Run the benchmarks; return how many failed."""
    parser = argparse.ArgumentParser(description="Run the benchmarks.")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--page", type=Path, help="the page to write")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run")
    given = parser.parse_args()
    sections = sections_of(given.page) if given.page else {}
    failed = 0
    for name in given.only:
        print(f"benchmarks.{name}", file=sys.stderr, flush=True)
        done = run(name, quick=given.quick)
        print(done.stdout, flush=True)
        failed += done.returncode != 0
        if done.returncode == 0:
            sections[name] = section(name, done.stdout)
    if given.page:
        given.page.write_text(page_of(sections), encoding="utf-8")
    return failed


def page_of(sections: dict[str, str]) -> str:
    """Return the page: what was measured, and what was not yet."""
    text = INTRODUCTION.format(machine=machine(), cores=os.cpu_count())
    absent = [f"`benchmarks.{name}`" for name in PROGRAMS if name not in sections]
    note = [f"Not measured on this page yet: {', '.join(absent)}.\n"] if absent else []
    return "\n".join([text, *note, *(sections[name] for name in PROGRAMS if name in sections)])


def run(name: str, *, quick: bool) -> "subprocess.CompletedProcess[str]":
    """Run one benchmark in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if quick else [])]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)


def section(name: str, printed: str) -> str:
    """Return the section of a benchmark: its own words, and what it printed."""
    title, _, text = docstring(name).partition("\n")
    return f"{mark(name)}\n## {title.rstrip('.')}\n\n{text.strip()}\n\n{printed.strip()}\n"


def docstring(name: str) -> str:
    """Return what a program says of itself."""
    return ast.get_docstring(ast.parse((HOME / f"{name}.py").read_text("utf-8"))) or name


def mark(name: str) -> str:
    """Return the comment by which a program's section is found again."""
    return f"<!-- benchmarks.{name} -->"


def sections_of(page: Path) -> dict[str, str]:
    """Return the sections that a page has already, by program."""
    text = page.read_text("utf-8") if page.exists() else ""
    found = {}
    for name in PROGRAMS:
        _, here, rest = text.partition(mark(name))
        if here:
            found[name] = here + rest.split("\n<!-- benchmarks.")[0]
    return found


if __name__ == "__main__":
    sys.exit(main())
