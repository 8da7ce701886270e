"""The label economy of benchmarks/label_economy.py as one request: POST /v1/simulations.

The digits are uploaded once, all of them labelled, and the service plays the client: it splits,
draws, fits, measures and chooses, on all its workers.

    python -m benchmarks.simulation                         all of it: ten seeds of 30 rounds
    python -m benchmarks.simulation --seeds 2 --rounds 5 --strategies margin dmbal
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.connection import Connection, Document, Refused
from benchmarks.digits import BATCH, FIRST, INK, STEPS, TEST_PART
from benchmarks.label_economy import ROUNDS, SEEDS, numbers
from benchmarks.label_strategies import LEVELS, STRATEGIES, Strategy
from benchmarks.machine import machine
from examples.temporary_service import CannotStart, heed_signals, running_service

LONGEST_WAIT = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, and print the table; return the exit status."""
    options = parse(arguments)
    heed_signals()
    began = time.monotonic()
    try:
        with running_service() as url, Connection(url) as service:
            summary = simulate(service, options)
    except KeyboardInterrupt:
        return 130
    except (CannotStart, Refused, OSError) as error:
        print(f"simulation: {error}", file=sys.stderr)
        return 1
    print(f"\n{table_of(summary, options)}\n\n{summary['advice']}\n")
    print(f"Measured with {machine()}, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description="How many labels does each strategy save?")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs of each strategy")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="batches of ten labels")
    parser.add_argument(
        "--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES), metavar="NAME"
    )
    return parser.parse_args(arguments)


def simulate(service: Connection, options: argparse.Namespace) -> Document:
    """Return the summary of a simulation of the strategies."""
    asked = {
        "pool": make_pool(service),
        "estimators": [{"name": "logistic_regression", "parameters": {"max_iter": STEPS}}],
        "functions": [STRATEGIES[name].asked(0) for name in options.strategies],
        "seeds": options.seeds,
        "initial": {"size": FIRST, "draw": "random"},
        "budget": BATCH,
        "rounds": options.rounds,
        "test_share": TEST_PART,
        "targets": list(LEVELS),
    }
    job = service.give("POST", "/v1/simulations", asked)
    while job["state"] in {"queued", "running"}:
        show(job["progress"])
        job = service.get(job["links"]["self"], Prefer=f"wait={LONGEST_WAIT}")
    job = service.succeeded(job)
    summary: Document = service.get(job["links"]["simulation"])["summary"]
    return summary


def make_pool(service: Connection) -> str:
    """Upload the digits and what they show; return the pool's id."""
    pixels, truth = load_digits(return_X_y=True)
    ids = [f"digit-{row:04}" for row in range(len(truth))]
    pool: str = service.give("POST", "/v1/pools", {"name": "digits"})["id"]
    service.upload(f"/v1/pools/{pool}/items", features=pixels / INK, ids=np.array(ids))
    labels = [{"id": id, "label": digit} for id, digit in zip(ids, truth.tolist(), strict=True)]
    service.give("PUT", f"/v1/pools/{pool}/labels", {"labels": labels})
    return pool


def show(progress: Document) -> None:
    """Print how far the simulation has come."""
    left = progress["remaining_seconds"]
    told = "" if left is None else f", {left:.0f} s left"
    print(f"{progress['done']} of {progress['total']} rounds{told}", flush=True)


def table_of(summary: Document, options: argparse.Namespace) -> str:
    """Return the results beside the reference, as a Markdown table."""
    head = "| strategy | mean accuracy | reference | apart | labels for | reference | saved |"
    ruler = "| --- |" + " ---: |" * (head.count("|") - 2)
    chosen = [STRATEGIES[name] for name in options.strategies]
    whole = (options.seeds, options.rounds) == (SEEDS, ROUNDS)
    lines = [
        line_of(strategy, found, whole=whole)
        for strategy, found in zip(chosen, summary["combinations"], strict=False)
    ]
    return "\n".join([head, ruler, *lines])


def line_of(strategy: Strategy, found: Document, *, whole: bool) -> str:
    """Return the line of one strategy; a short form does not compare with the reference."""
    area, reference = found["metrics"]["accuracy"]["area"], strategy.reference
    apart = (area["mean"] - reference.mean) / reference.deviation
    needed = {each["target"]: each["labels"] for each in found["labels_needed"]}
    cells = [
        f"`{strategy.function}`",
        f"{area['mean']:.4f} ± {area['deviation'] or 0:.4f}",
        f"{reference.mean:.4f} ± {reference.deviation:.4f}",
        f"{round(apart, 1) + 0:+.1f}" if whole else "-",
        numbers([needed[level] for level in LEVELS]),
        numbers(reference.needed),
        saved_by(found["savings"]),
    ]
    return f"| {' | '.join(cells)} |"


def saved_by(savings: Sequence[Any]) -> str:
    """Return how many labels are saved to where random ends, and the interval."""
    if not savings or savings[0]["saved"] is None:
        return "-"
    interval = savings[0]["interval"] or {"low": None, "high": None}
    ends = ["…" if interval[end] is None else f"{interval[end]:.0f}" for end in ("low", "high")]
    return f"{savings[0]['saved']} ({' to '.join(ends)})"


if __name__ == "__main__":
    sys.exit(main())
