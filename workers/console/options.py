"""What the command line asks for, and the plan that comes of it, checked as the API checks one."""

import argparse
import json
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from service.acquisition import REGISTRY
from service.errors import InvalidRequest
from service.estimators import ESTIMATORS, SCALINGS
from service.functions import Function
from service.operations.simulations import beside_baseline
from service.schemas.simulations import NewSimulationSchema
from service.simulation import METRICS, RANDOM, STRATIFIED, Plan
from workers.simulation.query import reasons

PICTURES = (".svg", ".png")

SEVERAL = 3
"""The classes that a function is told of, to see whether it can be named alone."""

DESCRIPTION = """\
Replay active learning on a file whose items are all labelled: how many labels would each function
have saved? A share of the items is the test set; each seed draws another one, and other first
items. `random` is always beside the functions. The table of the results and one sentence of advice
are printed, the curves are drawn into --out."""

EPILOG = """\
For example:

    shortlist simulate pool.parquet --label-column y --functions margin,entropy --out curves.svg

The file is CSV, Parquet, Arrow, npz, JSON or NDJSON, told by its suffix, with one row for each
item: ids in a column `id`, if there is one, and features in all columns that are neither ids nor
the label, or in a column of lists named `features`. In npz the label is `metadata.<label column>`.

The table has for each function the score as a mean over all labels, with its standard deviation
over the seeds; the score in the end; and for each score aimed at, the labels that it takes and how
many that saves against random, with the 95 % interval. docs/simulations.md says more.

Functions and estimators are names, or a JSON list of objects as the API takes them. Estimators:
{estimators}
Functions (docs/choosing.md says which when; some ask for more, and say so, as bald for a committee,
that is a forest or bagging):
{functions}"""

NUMBERS = (
    ("seeds", 5, "how many runs of each function"),
    ("initial", 20, "items labelled before the first round"),
    ("budget", 10, "items labelled in each round"),
    ("rounds", 30, "rounds, as far as there are items left"),
)
"""The options that are whole numbers, with their defaults and meanings."""

OPTIONS = {
    "estimators": "--estimator",
    "initial": "--initial",
    "metrics": "--metric",
    "test_share": "--test-share",
}
"""How options are called whose names differ from what they become in a plan."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; exit with status 2, as argparse does, where some make no sense."""
    parser = argparse.ArgumentParser(
        prog="shortlist simulate",
        description=DESCRIPTION,
        epilog=EPILOG.format(estimators=wrapped(ESTIMATORS), functions=wrapped(functions())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_file(parser)
    add_plan(parser)
    add_outcome(parser)
    return parser.parse_args(arguments)


def functions() -> list[str]:
    """Return the names of the functions that may stand alone in a simulation."""
    found = []
    for name, entry in REGISTRY.items():
        defaults = {each.name: each.default for each in entry.parameters}
        alone = not entry.of[0] and not any(each.tunable.required for each in entry.parameters)
        if alone and not any(reasons(Function(name, defaults), SEVERAL, cold=False)):
            found.append(name)
    return sorted(found)


def wrapped(names: Iterable[str]) -> str:
    """Return names as lines of a help text."""
    return textwrap.fill(", ".join(names), 100, initial_indent="  ", subsequent_indent="  ")


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add what says which items there are."""
    add = parser.add_argument
    add("file", type=Path, help="the labelled items; see below")
    add("--label-column", required=True, metavar="NAME", help="the column of the labels")
    add(
        "--id-column",
        metavar="NAME",
        help="the column of the ids [id, if there is one, else they are numbered]",
    )
    add(
        "--feature-columns",
        type=listed,
        metavar="A,B,…",
        help="the columns of the features, where they are not all the others",
    )


def add_plan(parser: argparse.ArgumentParser) -> None:
    """Add what says how the simulation goes."""
    add = parser.add_argument
    add("--functions", required=True, metavar="A,B,…", help="what chooses the items to label")
    add(
        "--estimator",
        default="logistic_regression",
        metavar="A,B,…",
        help="what is fitted in each round [logistic_regression]",
    )
    add("--scaling", choices=sorted(SCALINGS), help="how features are scaled before [not at all]")
    for name, default, meaning in NUMBERS:
        add(f"--{name}", default=default, type=int, metavar="N", help=f"{meaning} [{default}]")
    add(
        "--draw",
        choices=(RANDOM, STRATIFIED),
        default=RANDOM,
        help="how the first are drawn [random]",
    )
    add(
        "--test-share",
        default=0.3,
        type=float,
        metavar="SHARE",
        help="part that is tested on [0.3]",
    )
    add(
        "--metric",
        type=listed,
        default=["accuracy"],
        metavar="A,B,…",
        help=f"what is measured, of {', '.join(METRICS)}; savings are told by the first [accuracy]",
    )
    add(
        "--targets",
        type=listed,
        default=[],
        metavar="X,Y,…",
        help="scores of the first metric: how many labels reach each?",
    )


def add_outcome(parser: argparse.ArgumentParser) -> None:
    """Add what says what becomes of it, and how."""
    add = parser.add_argument
    add("--out", type=picture, metavar="FILE", help="where the curves are drawn: .svg or .png")
    add("--rounds-out", type=Path, metavar="FILE", help="where every round is written, as CSV")
    add(
        "--processes",
        type=positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="runs at once [one for each processor]",
    )


def listed(text: str) -> list[str]:
    """Return the names in a list with commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def positive(text: str) -> int:
    """Return a number above zero."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 at least")
    return int(text)


def picture(text: str) -> Path:
    """Return the path of a picture."""
    if Path(text).suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"must end in {' or '.join(PICTURES)}")
    return Path(text)


def plan_of(options: argparse.Namespace) -> Plan:
    """Return the plan that is asked for, `random` beside the functions.

    Raise InvalidRequest, naming the options, for what makes no sense.
    """
    try:
        plan: Plan = NewSimulationSchema().load(document_of(options))
    except ValidationError as error:
        said = sentences(error.messages_dict, document_of(options))
        raise InvalidRequest("; ".join(said)) from None
    return beside_baseline(plan)


def document_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return what is asked for as a client of the API would."""
    estimators = named(options.estimator, "--estimator")
    for each in estimators if options.scaling else ():
        each.setdefault("scaling", options.scaling)
    return {
        "pool": str(options.file),
        "name": options.file.name,
        "estimators": estimators,
        "functions": named(options.functions, "--functions"),
        "seeds": options.seeds,
        "initial": {"size": options.initial, "draw": options.draw},
        "budget": options.budget,
        "rounds": options.rounds,
        "test_share": options.test_share,
        "metrics": options.metric,
        "targets": [number(each) for each in options.targets],
    }


def named(text: str, option: str) -> list[Any]:
    """Return names, or JSON, as the API takes them."""
    if not text.lstrip().startswith(("[", "{")):
        names = listed(text)
        if not names:
            raise InvalidRequest(f"{option} names none")
        return [{"name": name} for name in names]
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"{option} is no JSON: {error}") from None
    return found if isinstance(found, list) else [found]


def number(text: str) -> float:
    """Return a number of the command line."""
    try:
        return float(text)
    except ValueError:
        raise InvalidRequest(f"--targets are numbers, and {text!r} is none") from None


def sentences(messages: Mapping[Any, Any], asked: Any, *path: str) -> Iterator[str]:
    """Yield what is wrong, each with the option it is wrong in, and the word where it is one."""
    for place, said in messages.items():
        value = within(asked, place)
        if isinstance(said, Mapping):
            yield from sentences(said, value, *path, str(place))
            continue
        option, *inner = (*path, str(place))
        name = OPTIONS.get(option, f"--{option}")
        where = f"{name} {value!r}" if isinstance(value, str) else "/".join([name, *inner])
        yield f"{where}: {' '.join(map(str, said))}"


def within(asked: Any, place: Any) -> Any:
    """Return what stands at a place of what is asked, None where nothing does."""
    try:
        return asked[place]
    except (KeyError, IndexError, TypeError):
        return None
