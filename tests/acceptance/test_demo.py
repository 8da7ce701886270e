"""The demo as a newcomer runs it: what it prints, how it ends, and what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, str(ROOT / "examples" / "demo.py")]
PATIENCE = 120


def processes_that_name(place):
    """The processes whose command line or environment speaks of a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except (OSError, PermissionError):
                continue
            if os.fsencode(place) in said:
                found.append(entry.name)
    return found


@pytest.fixture
def place(tmp_path_factory):
    """A directory, with a space in its name, in which the demo makes its own."""
    directory = tmp_path_factory.mktemp("a demo")  # a short name: sockets lie beneath it
    yield directory
    deadline = time.monotonic() + PATIENCE
    while processes_that_name(directory):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.02)


def start(place, *flags, **variables):
    return subprocess.Popen(
        [*DEMO, *flags],
        cwd=place,
        env={**os.environ, "TMPDIR": str(place), "PYTHONUNBUFFERED": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def look_at(addresses):
    """Ask for every address, past any proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for address in addresses:
        with direct.open(address, timeout=PATIENCE) as answer:
            assert answer.status == 200


def check_words(words):
    """The demo shows the ten to label next, says that they are right, and what to do now."""
    rows = re.findall(r"^ +\d+  digit-\d{4}  \d\.\d{4} +\d$", words, re.MULTILINE)
    assert len(rows) == 10
    assert "1797 in the pool, 1497 eligible, 300 excluded" in words
    assert "All 1497 are in the same order as by scikit-learn's own predict_proba." in words
    for address in ("/docs", "/v1/jobs/[0-9a-f]{32}", r"/v1/rankings/[0-9a-f]{32}/items\?n=10"):
        assert re.search(rf"http://127\.0\.0\.1:\d+{address}\n", words)
    ends, _, looks = words.partition("This service ends with the demo.")
    assert "http" not in ends.partition("it answers at")[2].partition("\n")[2]
    assert "examples/five_steps.py" in ends
    assert 0 < looks.index("demo.py --stay") < looks.index("make serve") < looks.index("/docs")


def test_of_two_demos_side_by_side_one_shows_ten_and_tidies_up_and_one_stays_until_ctrl_c(place):
    with (
        start(place, "--stay") as staying,
        start(place, SHORTLIST_API_KEY="of another service") as ending,
    ):
        words, complaints = ending.communicate(timeout=PATIENCE)
        assert (ending.returncode, complaints) == (0, "")
        check_words(words)
        assert len(list(place.iterdir())) == 1

        said = ""
        while "the ranking" not in said:
            said += staying.stdout.readline()
        look_at(re.findall(r"http://\S+/\S+", said))
        staying.send_signal(signal.SIGINT)
        rest, complaints = staying.communicate(timeout=PATIENCE)
    assert (staying.returncode, rest, complaints) == (130, "", "\nStopped.\n")
    assert "stays up until Ctrl-C" in said
    assert "ends" not in said
    assert list(place.iterdir()) == []
    assert processes_that_name(place) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Starting", signal.SIGINT),
        ("it answers", signal.SIGTERM),
        ("Scoring", signal.SIGINT),
    ],
)
def test_a_demo_stopped_half_way_leaves_nothing_behind(place, moment, number):
    with start(place) as process:
        while moment not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        _, complaints = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaints) == (130, "\nStopped.\n")
    assert list(place.iterdir()) == []
    assert processes_that_name(place) == []


def test_a_demo_whose_service_dies_says_so_and_fails(place):
    with start(place) as process:
        while "it answers" not in process.stdout.readline():
            assert process.poll() is None
        for pid in processes_that_name(place):
            if "service.cli" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(int(pid), signal.SIGKILL)
        _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "the service does not answer" in complaints
    assert list(place.iterdir()) == []
