"""How fast is each batch strategy, in how much memory, and what does a peer's need for the same?

python -m benchmarks.strategies                     1,000 and 10,000 items of 64 numbers
python -m benchmarks.strategies --large             also 100,000 items of 512
python -m benchmarks.strategies --strategies k_center badge --no-peers
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.contenders import OURS, PAIRWISE, PEERS
from benchmarks.machine import machine
from benchmarks.mixture import write

BATCH = 100
SIZES, LARGE = ((1_000, 64), (10_000, 64)), (100_000, 512)
MOST_PAIRED = 10_000
TIMES, LONG = 3, 20.0
FIELDS = ("seconds", "megabytes")
PATIENCE = 600
REACH = {"k_center": 2.0, "ranked_batch": 2.0, "badge": 2.0, "dmbal": 0.2, "typiclust": 3.5}

PAGE = """# Speed of the batch strategies

<!-- Written by benchmarks/strategies.py: run it instead of changing this. -->

How long does a batch of {batch} take, and in how much memory? `benchmarks/strategies.py` measures
each strategy in a process of its own, with one thread. The pool is a mixture of Gaussians with 100
labelled items, and the probabilities are those of a logistic regression fitted on them. *Seconds*
are of processor time, which other work on the machine disturbs least: the median of {times}, or one
where it took longer than {long:.0f}, with all evidence ready. *MB* is the most memory in use beyond
what the process had that already held the pool: ours maps a float32 file, scikit-activeml's has
float64 in memory. *Same* is how many items of the batch both picked: all of them where neither
chance nor k-means plays a part.

{table}

{notes}
Measured with {machine}.
"""

NOTES = """`margin`, `k_center` and `max_herding` pick what scikit-activeml picks, but for rounding:
it has float64. `badge` and `falcun` draw; `typiclust` and `clue` begin with a k-means, which
differs; scikit-activeml's `prob_cover` takes vectors as they are, ours those of length one. modAL's
ranked batch does not run with today's scikit-learn.
"""


@dataclass(frozen=True)
class Measured:
    """Seconds of the processor, megabytes beyond the pool, rows picked; or why there is nothing."""

    seconds: float = 0.0
    megabytes: float = 0.0
    rows: tuple[int, ...] = ()
    failure: str | None = None


@dataclass(frozen=True)
class Line:
    """One strategy at one size, ours and the peer's where there is one."""

    name: str
    items: int
    width: int
    ours: Measured
    peer: Measured | None

    @property
    def same(self) -> str:
        """How many items both picked."""
        if self.peer is None or self.peer.failure or self.ours.failure:
            return ""
        return f"{len(set(self.ours.rows) & set(self.peer.rows))}"

    @property
    def reach(self) -> str:
        """The seconds aimed at for the largest pool."""
        wanted = REACH.get(self.name) if (self.items, self.width) == LARGE else None
        return "" if wanted is None else f"≤ {wanted:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and write the page where one is named; return the exit status."""
    options = parse(arguments)
    sizes = [*SIZES, LARGE] if options.large else SIZES
    lines = [
        line for size in sizes for line in measure(size, options.strategies, peers=options.peers)
    ]
    print(f"\n{table_of(lines)}")
    if options.page:
        options.page.write_text(page_of(lines))
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="How fast is each batch strategy?")
    parser.add_argument("--large", action="store_true", help="also 100,000 items of 512 numbers")
    parser.add_argument("--strategies", nargs="+", choices=OURS, default=list(OURS), metavar="NAME")
    there = importlib.util.find_spec("skactiveml") is not None
    parser.add_argument("--no-peers", dest="peers", action="store_false", default=there)
    parser.add_argument("--page", type=Path, help="a Markdown file to write the results to")
    return parser.parse_args(arguments)


def measure(size: tuple[int, int], names: Sequence[str], *, peers: bool) -> Iterator[Line]:
    """Yield the lines of one size, and print each as it comes."""
    with tempfile.TemporaryDirectory(prefix="shortlist-bench-") as directory:
        write(Path(directory), *size)
        for name in names:
            peer = measured("peer", name, directory, size) if peers and name in PEERS else None
            line = Line(name, *size, measured("ours", name, directory, size), peer)
            print(text_of(line), flush=True)
            yield line


def measured(who: str, name: str, directory: str, size: tuple[int, int]) -> Measured:
    """Return the medians of some measurements, each in a process of its own."""
    if who == "peer" and name in PAIRWISE and size[0] > MOST_PAIRED:
        return Measured(failure=f"{8 * size[0] ** 2 / 2**30:.0f} GiB of pairs")
    found = [once(who, name, directory)]
    while len(found) < TIMES and found[0].failure is None and found[0].seconds < LONG:
        found.append(once(who, name, directory))
    if found[0].failure:
        return found[0]
    seconds, megabytes = (median(getattr(each, of) for each in found) for of in FIELDS)
    return Measured(seconds, megabytes, found[0].rows)


def once(who: str, name: str, directory: str) -> Measured:
    """Measure in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.measurement", who, name, directory, str(BATCH)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Measured(failure=f"over {PATIENCE} s")
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        return Measured(failure=last[0])
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured(told["seconds"], told["megabytes"], tuple(told["rows"]))


def text_of(line: Line) -> str:
    """Return a line as it is printed while measuring."""
    said = [f"{line.items} by {line.width}", line.name, shown(line.ours), shown(line.peer)]
    return "  ".join(f"{each:<20}" for each in said).rstrip()


def shown(measured: Measured | None) -> str:
    """Return seconds and megabytes, or why there are none."""
    if measured is None:
        return ""
    return measured.failure or f"{measured.seconds:.3g} s, {measured.megabytes:.0f} MB"


def page_of(lines: Sequence[Line]) -> str:
    """Return the results as a page of the documentation."""
    asked = {"batch": BATCH, "times": TIMES, "long": LONG, "machine": machine()}
    return PAGE.format(table=table_of(lines), notes=NOTES, **asked)


def table_of(lines: Sequence[Line]) -> str:
    """Return the results as a Markdown table."""
    head = "| items by width | strategy | ours | aim | scikit-activeml | same |"
    ruler = "| --- | --- | ---: | ---: | ---: | ---: |"
    return "\n".join([head, ruler, *map(row_of, lines)])


def row_of(line: Line) -> str:
    """Return one line of the table."""
    size = f"{line.items:,} by {line.width}"
    cells = [size, f"`{line.name}`", shown(line.ours), line.reach, shown(line.peer), line.same]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
