"""`shortlist simulate`, as a process of its own: `python -m workers.console pool.csv …`."""

import argparse
import math
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from service.errors import InvalidRequest, ServiceError
from service.simulation import Plan
from workers.console.file import Source, Told, data_of, read
from workers.console.options import parse, plan_of
from workers.console.processes import replay_all
from workers.console.progress import Progress
from workers.console.table import table_of
from workers.simulation import curves, results
from workers.simulation.data import Data
from workers.simulation.summary import summarise
from workers.simulation.trace import Trace

FAILED, WRONG, INTERRUPTED = 1, 2, 130
"""The statuses with which the command ends: as a shell says it, where it is interrupted."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    options = parse(arguments)
    try:
        plan = plan_of(options)
        with tempfile.TemporaryDirectory(prefix="shortlist-") as directory:
            simulate(options, plan, Path(directory))
    except InvalidRequest as error:
        return complain(error.detail, WRONG)
    except ServiceError as error:
        return complain(error.detail, FAILED)
    except OSError as error:
        return complain(f"{error.strerror}: {error.filename}", FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def complain(detail: str, status: int) -> int:
    """Say what is wrong; return the status."""
    sys.stderr.write(f"shortlist: {detail}\n")
    return status


def simulate(options: argparse.Namespace, plan: Plan, directory: Path) -> None:
    """Read the file, replay every run, and show what came of it."""
    for path in filter(None, (options.out, options.rounds_out)):
        path.open("ab").close()  # better now than after all runs
    read_into = directory / "items"
    read_into.mkdir()
    source = Source(
        options.file, options.label_column, options.id_column, options.feature_columns, read_into
    )
    told = read(source)
    data = data_of(told)
    note_left_out(told, data)
    traces = replayed(plan, told, fits_of(plan, data.population.total), options.processes)
    summary = summarise(plan, traces)
    if options.out is not None:
        draw = curves.png if options.out.suffix.lower() == ".png" else curves.svg
        options.out.write_bytes(draw(plan, traces))
    if options.rounds_out is not None:
        results.write_rounds(plan, traces, directory)
        shutil.copyfile(directory / results.CSV, options.rounds_out)
    sys.stdout.write(f"{table_of(summary)}\n\n{summary['advice']}\n")


def note_left_out(told: Told, data: Data) -> None:
    """Say how many items take no part, if any."""
    left_out = told.summary["rows"] - data.population.total
    if left_out:
        sys.stderr.write(f"{left_out} items without a label are left out\n")


def fits_of(plan: Plan, items: int) -> int:
    """Return how many models a run fits at most: one on the first items, and one in each round."""
    learnt = items - math.ceil((plan.test_share or 0) * items)
    chosen = min(max(0, learnt - plan.initial.size), plan.budget * (plan.rounds or 0))
    return 1 + math.ceil(chosen / plan.budget)


def replayed(plan: Plan, told: Told, fits: int, processes: int) -> list[Trace]:
    """Return the traces of all runs, in their order; the progress is shown meanwhile."""
    progress = Progress(len(plan.runs) * fits)
    traces: list[Trace] = []
    try:
        with closing(replay_all(plan, told, processes)) as answers:
            for said in answers:
                if said is None:
                    progress.step()
                else:
                    traces.append(said)
    finally:
        progress.end()
    return sorted(traces, key=lambda each: each.run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
