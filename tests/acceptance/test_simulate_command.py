"""`shortlist simulate`: a file in, curves and advice out, no server anywhere."""

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris

from service.estimators import Recipe
from service.functions import Function
from service.simulation import Initial, Plan
from tests.replays import data_of, no_tick
from workers.console.__main__ import main
from workers.simulation.replay import replay

COMMAND = Path(sys.executable).parent / "shortlist"
PNG = b"\x89PNG"
SMALL = ("--initial", "6", "--budget", "5", "--rounds", "3", "--seeds", "2", "--processes", "1")
VECTORS, LABELS = load_iris(return_X_y=True)


def simulate(*arguments, **options):
    command = [str(COMMAND), "simulate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Runs the command in this process, but for its runs; tells what the whole one would."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        words = [str(each) for each in arguments]
        try:
            status = main(words)
        except SystemExit as stopped:
            status = stopped.code
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(words, status, printed.out, printed.err)

    return run


@pytest.fixture
def complaint(here):
    """Runs the command in this process; gives its status, and what it says instead of a table."""

    def run(*arguments):
        done = here(*arguments)
        assert not done.stdout
        return done.returncode, done.stderr

    return run


def table_of(*, ids, labels=LABELS):
    """Irises as an Arrow table, with ids or without."""
    columns = {"id": [f"iris-{row}" for row in range(150)]} if ids else {}
    columns |= {f"x{axis}": VECTORS[:, axis] for axis in range(4)}
    return pa.table({**columns, "y": labels})


@pytest.fixture
def pool(tmp_path):
    pq.write_table(table_of(ids=False), tmp_path / "pool.parquet")
    return tmp_path / "pool.parquet"


def rounds_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_file_becomes_a_table_curves_and_a_sentence_of_advice(pool, tmp_path):
    out, rounds = tmp_path / "curves.svg", tmp_path / "rounds.csv"

    done = simulate(
        pool, "--label-column", "y", "--functions", "margin,k_center", *SMALL,
        "--processes", "2", "--out", out, "--rounds-out", rounds,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    *table, empty, advice = done.stdout.splitlines()
    assert [line.split()[0] for line in table] == ["function", "margin", "k_center", "random"]
    assert not empty
    assert advice.endswith(".")
    assert out.read_text().startswith("<?xml")
    assert len(rounds_of(rounds)) == 3 * 2 * 4


def test_the_runs_are_those_that_the_engine_replays(pool, tmp_path, here):
    rounds = tmp_path / "rounds.csv"
    here(pool, "--label-column", "y", "--functions", "margin", *SMALL, "--rounds-out", rounds)

    plan = Plan(
        pool="any",
        recipes=(Recipe(estimator="logistic_regression", parameters={}),),
        functions=(Function("margin"), Function("random", {"seed": 0})),
        seeds=(0, 1),
        initial=Initial(size=6),
        budget=5,
        rounds=3,
    )
    data = data_of(VECTORS, LABELS)
    expected = [
        (str(each.scores["accuracy"]), list(each.queried))
        for run in plan.runs
        for each in replay(plan, run, data, no_tick).rounds
    ]
    found = [(row["accuracy"], json.loads(row["queried"])) for row in rounds_of(rounds)]
    assert found == expected


def test_items_without_a_label_are_left_out_and_counted(tmp_path, here):
    path = tmp_path / "pool.parquet"
    labels = pa.array([None if row % 5 == 0 else int(LABELS[row]) for row in range(150)])
    pq.write_table(table_of(ids=True, labels=labels), path)

    rounds = tmp_path / "rounds.csv"
    done = here(
        path, "--label-column", "y", "--functions", "margin", *SMALL, "--rounds-out", rounds
    )

    assert done.returncode == 0
    assert "30 items without a label are left out" in done.stderr
    queried = {id for row in rounds_of(rounds) for id in json.loads(row["queried"])}
    assert not queried & {f"iris-{row}" for row in range(0, 150, 5)}


def test_columns_beside_the_features_are_for_functions_that_ask_for_them(tmp_path, here):
    path = tmp_path / "pool.parquet"
    table = table_of(ids=True).append_column("price", pa.array([1.0 + row for row in range(150)]))
    pq.write_table(table.append_column("note", pa.array(["any"] * 150)), path)
    functions = [
        {"name": "per_cost", "parameters": {"column": "price"}, "of": [{"name": "margin"}]}
    ]

    done = here(
        path, "--label-column", "y", "--functions", json.dumps(functions), *SMALL,
        "--feature-columns", "x0,x1,x2,x3",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "per_cost of margin" in done.stdout


def test_a_picture_is_what_its_suffix_says(pool, tmp_path, here):
    out = tmp_path / "curves.PNG"

    assert here(
        pool, "--label-column", "y", "--functions", "margin", *SMALL, "--out", out
    ).returncode == 0  # fmt: skip
    assert out.read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--functions", "margins"), 2, "--functions 'margins': Not a function, but margin is one"),
        (("--functions", ","), 2, "--functions names none"),
        (("--functions", "[{"), 2, "--functions is no JSON"),
        (("--estimator", "forest"), 2, "--estimator 'forest': Not an estimator"),
        (("--budget", "0"), 2, "--budget: Must be greater than or equal to 1"),
        (("--test-share", "1"), 2, "--test-share: Must be"),
        (("--metric", "precision"), 2, "--metric 'precision': Must be one of"),
        (("--targets", "high"), 2, "--targets are numbers"),
        (("--out", "curves.jpg"), 2, "must end in .svg or .png"),
        (("--processes", "0"), 2, "must be 1 at least"),
        (("--functions", "mistakenness"), 2, "mistakenness cannot be simulated"),
        (("--functions", "bald"), 2, "the estimator is one alone"),
        (("--initial", "110"), 1, "110 items are to be labelled at first"),
        (("--test-share", "0.01"), 1, "too few to have one of each of the 3 classes"),
        (("--label-column", "z"), 1, "There is no column 'z' of labels; columns: id, x0, x1"),
        (("--id-column", "key"), 1, "There is no column 'key' of ids; columns: x0, x1"),
        (("--feature-columns", "x0,x9"), 1, 'lists a column that is not there (at column "x9")'),
        (("--out", "nowhere/curves.svg"), 1, "No such file or directory: nowhere"),
        (("--rounds-out", "/"), 1, "Is a directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(pool, arguments, status, said, complaint):
    known = ("--label-column", "y", "--functions", "margin", *SMALL)
    ended, complained = complaint(pool, *known, *arguments)

    assert ended == status
    assert said in complained


def test_the_whole_command_says_in_a_line_what_cannot_be_done(pool):
    done = simulate(pool, "--label-column", "z", "--functions", "margin")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("shortlist: There is no column 'z'")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "No such file or directory"),
        ("pool.xls", b"", "known suffixes: .csv, .parquet"),
        ("pool.parquet", b"no parquet", "pool.parquet cannot be read"),
        ("pool.arrow", b"no arrow at all", "pool.arrow cannot be read"),
        ("pool.csv", b"\xff\xfe\x00", "is no CSV in UTF-8"),
        ("pool.csv", b"", "There is no column 'y'"),
        ("pool.csv", b"x,y\n1,a\n?,b\n", "leave it out of --feature-columns"),
        ("pool.csv", b"x,y\n1,a\n2,b\n", "Only 1 item is labelled 'a'"),
        ("pool.csv", b"x,y\n1,a\n2,a\n", "All labels in 'y' are 'a': there must be two classes"),
        ("pool.csv", b"x,y\n1,\n2,\n", "No item has a label"),
        ("pool.csv", b"key,x,y\na,1,p\n", 'holds "a" where a number must be'),
        ("pool.npz", b"no zip", "The .npz archive is broken"),
    ],
)
def test_a_file_that_cannot_be_taken_is_said_in_a_line(tmp_path, name, content, said, complaint):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    ended, complained = complaint(path, "--label-column", "y", "--functions", "margin", *SMALL)

    assert ended == 1
    assert said in complained


def test_on_a_terminal_a_bar_tells_how_long_it_will_take(pool):
    screen, terminal = pty.openpty()
    command = [COMMAND, "simulate", pool, "--label-column", "y", "--functions", "margin", *SMALL]
    with subprocess.Popen(
        [*command, "--estimator", "random_forest"],
        stderr=terminal,
        stdout=subprocess.DEVNULL,
    ) as process:
        os.close(terminal)
        shown = b""
        while chunk := read_from(screen):
            shown += chunk

    assert process.returncode == 0
    assert re.search(rb"\[#*\.*\] \d+ of 16 fits, about \d+ s left", shown)


def read_from(screen):
    """Return what a terminal shows next, nothing once it is closed."""
    try:
        return os.read(screen, 4096)
    except OSError:
        return b""


def test_an_interruption_ends_all_processes_and_removes_what_was_read(pool, tmp_path):
    command = [COMMAND, "simulate", pool, "--label-column", "y", "--functions", "margin"]
    process = subprocess.Popen(
        [*command, "--estimator", "gradient_boosting", "--seeds", "1000", "--processes", "2"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        until(lambda: len(in_session(process.pid)) >= 3)
        os.killpg(process.pid, signal.SIGINT)

        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"Traceback" not in errors
        until(lambda: not in_session(process.pid))
        assert not list(tmp_path.glob("shortlist-*"))
    finally:
        process.kill()


def in_session(leader):
    """Return the processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def until(there):
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_command_explains_itself():
    done = simulate("--help")

    assert done.returncode == 0
    assert done.stdout.startswith("usage: shortlist simulate")
    assert "--label-column" in done.stdout
    assert "margin" in done.stdout
    assert "random_forest" in done.stdout


def test_the_functions_that_the_help_names_can_be_named(pool, here):
    listed = here("--help").stdout.split("a forest or bagging):\n")[1]
    named = "".join(listed.split())

    done = here(
        pool, "--label-column", "y", "--functions", named, "--estimator", "bagging",
        "--seeds", "1", "--initial", "6", "--budget", "5", "--rounds", "1", "--processes", "1",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > len(named.split(","))


def test_a_column_of_nothing_holds_no_labels(tmp_path, here):
    path = tmp_path / "pool.parquet"
    pq.write_table(table_of(ids=True, labels=pa.nulls(150, pa.int64())), path)

    done = here(path, "--label-column", "y", "--functions", "margin", *SMALL)

    assert (done.returncode, done.stdout) == (1, "")
    assert "No item has a label: the column 'y' is empty" in done.stderr


def test_a_column_of_lists_can_be_the_features(tmp_path, here):
    path = tmp_path / "pool.parquet"
    vectors = pa.array(list(VECTORS), pa.list_(pa.float64()))
    pq.write_table(pa.table({"vector": vectors, "note": ["any"] * 150, "y": LABELS}), path)
    known = (path, "--label-column", "y", "--functions", "margin", *SMALL)

    refused, done = here(*known), here(*known, "--feature-columns", "vector")

    assert "name it alone in --feature-columns" in refused.stderr
    assert done.returncode == 0, done.stderr
