"""Every round as files: the same rows in each format."""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest

from service.estimators import Recipe
from service.functions import Function
from tests.traces import LOGISTIC, learning, plan_of, traces_of
from workers.simulation.names import estimator_names, function_names
from workers.simulation.results import write_rounds
from workers.simulation.trace import Round, Trace

COLUMNS = [
    "run",
    "estimator",
    "function",
    "seed",
    "round",
    "labels",
    "accuracy",
    "auroc",
    "queried",
]
STRANGE = ("a,b", 'c"d', "e\nf", "ü 数", "", "=1+1")


@pytest.fixture
def plan():
    """Two recipes, two functions, two seeds, two metrics."""
    forest = Recipe(estimator="random_forest", parameters={})
    return plan_of(
        ["random", "margin"], seeds=2, recipes=(LOGISTIC, forest), metrics=("accuracy", "auroc")
    )


@pytest.fixture
def written(plan, tmp_path):
    """The traces of a plan, and the directory that they were written to, the last one first."""
    scores = learning([1, 2], seeds=2, rounds=3)
    scores[1, 1, 0] = np.nan
    traces = traces_of(plan, scores)
    odd = Round(0, 20, STRANGE, {"accuracy": 0.1, "auroc": None})
    traces[0] = Trace(0, (odd, *traces[0].rounds[1:]), 0.0)
    write_rounds(plan, reversed(traces), tmp_path)
    return traces, tmp_path


def expected(plan, traces):
    """The rows, one after another."""
    runs, estimators, functions = plan.runs, estimator_names(plan), function_names(plan)
    return [
        {
            "run": trace.run,
            "estimator": estimators[runs[trace.run].recipe],
            "function": functions[runs[trace.run].function],
            "seed": runs[trace.run].seed,
            "round": each.number,
            "labels": each.labels,
            **each.scores,
            "queried": list(each.queried),
        }
        for trace in traces
        for each in trace.rounds
    ]


def test_ndjson_has_one_object_a_round(plan, written):
    traces, directory = written
    lines = (directory / "rounds.ndjson").read_bytes().splitlines()

    found = [json.loads(each) for each in lines]
    assert found == expected(plan, traces)
    assert list(found[0]) == COLUMNS


def test_csv_has_the_same_rows_with_the_queried_ids_as_json(plan, written):
    traces, directory = written
    with (directory / "rounds.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)

    assert reader.fieldnames == COLUMNS
    for row, right in zip(rows, expected(plan, traces), strict=True):
        assert json.loads(row.pop("queried")) == right.pop("queried")
        assert row == {k: "" if v is None else str(v) for k, v in right.items()}


def test_arrow_has_the_same_rows_with_a_list_of_ids(plan, written):
    traces, directory = written
    with pa.ipc.open_stream(directory / "rounds.arrow") as reader:
        table = reader.read_all()

    assert table.to_pylist() == expected(plan, traces)
    assert table.schema.names == COLUMNS
    assert table.schema.field("queried").type == pa.list_(pa.string())
    assert table.schema.field("accuracy").type == pa.float64()
    assert table.schema.field("seed").type == pa.int64()


def test_no_traces_leave_files_without_rows(plan, tmp_path):
    write_rounds(plan, [], tmp_path)

    assert (tmp_path / "rounds.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert (tmp_path / "rounds.ndjson").read_bytes() == b""
    with pa.ipc.open_stream(tmp_path / "rounds.arrow") as reader:
        assert reader.read_all().num_rows == 0


def test_the_same_traces_give_the_same_bytes_in_any_order(plan, written, tmp_path_factory):
    traces, directory = written
    again = tmp_path_factory.mktemp("again")
    write_rounds(plan, traces, again)

    for path in directory.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()
    assert len(list(again.iterdir())) == 3


def test_recipes_are_named_by_their_estimators_and_by_what_they_differ_in():
    tree = Recipe(estimator="decision_tree", parameters={"max_depth": 3})
    recipes = (
        Recipe(estimator="svc", parameters={"C": 1.0}),
        Recipe(estimator="svc", parameters={"C": 2.0, "gamma": 0.5}),
        Recipe(estimator="svc", parameters={"C": 1.0}, scaling="standard"),
        Recipe(estimator="bagging", parameters={}, base=tree),
        Recipe(estimator="bagging", parameters={}),
    )

    assert estimator_names(plan_of(["random"], recipes=recipes)) == (
        "svc (C=1.0)",
        "svc (C=2.0, gamma=0.5)",
        "svc (scaling=standard, C=1.0)",
        "bagging of decision_tree",
        "bagging",
    )


def test_functions_are_named_by_what_they_build_on_and_by_what_they_differ_in():
    margin, density = Function("margin"), Function("density", {"beta": 1.0})
    functions = (
        Function("power", {"beta": 1.0}, of=(margin,)),
        Function("power", {"beta": 4.0}, of=(margin,)),
        Function("power", {"beta": 1.0}, of=(Function("entropy"),)),
        Function("weighted_sum", {}, of=(margin, density)),
        Function("random", {}),
    )

    assert function_names(plan_of(functions)) == (
        "power of margin (beta=1.0)",
        "power of margin (beta=4.0)",
        "power of entropy",
        "weighted_sum of margin, density",
        "random",
    )


def test_names_that_are_the_same_in_every_respect_are_numbered():
    assert function_names(plan_of(["margin", "margin", "margin"])) == (
        "margin",
        "margin 2",
        "margin 3",
    )
