"""Processes that are kept running, as the one that started them sees them."""

import subprocess
import sys

from service.processes.children import has_ended
from tests.conftest import until


def test_a_process_has_ended_whoever_has_waited_for_it():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not has_ended(process.pid)
    process.communicate(b"\n")
    assert has_ended(process.pid)


def test_a_process_that_has_ended_is_left_to_be_waited_for():
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    until(lambda: has_ended(process.pid))
    assert process.wait() == 3
