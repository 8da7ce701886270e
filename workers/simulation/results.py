"""Every round of a simulation as files: its scores, and the items that were queried in it."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import orjson

from service.simulation import Plan
from workers.simulation.names import estimator_names, function_names
from workers.simulation.trace import Trace

ROUNDS = "rounds"
CSV, NDJSON, ARROW = f"{ROUNDS}.csv", f"{ROUNDS}.ndjson", f"{ROUNDS}.arrow"

Row = dict[str, Any]


class Writer(Protocol):
    """What takes the rounds of one run after another."""

    def __call__(self, rows: list[Row]) -> None:
        """Write the rounds of one run."""


def write_rounds(plan: Plan, traces: Iterable[Trace], directory: Path) -> None:
    """Write `rounds.csv`, `rounds.ndjson` and `rounds.arrow` (a stream) into a directory.

    One row a round, by run and then by round: run, estimator, function, seed, round, labels, one
    column for each metric (empty or null where it is not defined), and queried, the ids of the
    items labelled in the round, in order: a list, in CSV as JSON. One run is held at a time.
    """
    with ExitStack() as stack:
        writers = [opened(stack, plan, directory) for opened in (csv_rows, json_lines, arrow)]
        for rows in rows_of(plan, traces):
            for write in writers:
                write(rows)


def names(plan: Plan) -> list[str]:
    """Return the columns, in order."""
    return ["run", "estimator", "function", "seed", "round", "labels", *plan.metrics, "queried"]


def rows_of(plan: Plan, traces: Iterable[Trace]) -> Iterator[list[Row]]:
    """Yield the rows of each run, in the order of the plan."""
    estimators, functions, runs = estimator_names(plan), function_names(plan), plan.runs
    for trace in sorted(traces, key=lambda each: each.run):
        run = runs[trace.run]
        yield [
            {
                "run": run.number,
                "estimator": estimators[run.recipe],
                "function": functions[run.function],
                "seed": run.seed,
                "round": each.number,
                "labels": each.labels,
                **{metric: each.scores[metric] for metric in plan.metrics},
                "queried": list(each.queried),
            }
            for each in trace.rounds
        ]


def csv_rows(stack: ExitStack, plan: Plan, directory: Path) -> Writer:
    """Return what writes CSV."""
    file = stack.enter_context((directory / CSV).open("w", newline="", encoding="utf-8"))
    writer = csv.DictWriter(file, names(plan), lineterminator="\n")
    writer.writeheader()

    def write(rows: list[Row]) -> None:
        for row in rows:
            writer.writerow({**row, "queried": orjson.dumps(row["queried"]).decode()})

    return write


def json_lines(stack: ExitStack, _: Plan, directory: Path) -> Writer:
    """Return what writes NDJSON."""
    file = stack.enter_context((directory / NDJSON).open("wb"))

    def write(rows: list[Row]) -> None:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    return write


def arrow(stack: ExitStack, plan: Plan, directory: Path) -> Writer:
    """Return what writes an Arrow stream, one batch for each run."""
    # Here, and not above: only simulations write it, and every worker would load it.
    import pyarrow as pa

    kinds = {
        "estimator": pa.string(),
        "function": pa.string(),
        "queried": pa.list_(pa.string()),
        **dict.fromkeys(plan.metrics, pa.float64()),
    }
    schema = pa.schema([(name, kinds.get(name, pa.int64())) for name in names(plan)])
    writer = stack.enter_context(pa.ipc.new_stream(directory / ARROW, schema))

    def write(rows: list[Row]) -> None:
        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))

    return write
