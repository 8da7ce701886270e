"""Processes of `shortlist simulate` that end before their work is done."""

import os
import signal
import sys
from multiprocessing import get_context

import pytest

from service.errors import JobFailure
from workers.console.processes import answer


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def ended(target, *arguments):
    """A connection to a process that ends without a word, and both of them as they are kept."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=arguments)
    process.start()
    theirs.close()
    return ours, {ours: process}


def test_a_process_that_was_killed_may_have_wanted_memory():
    connection, busy = ended(die)
    with pytest.raises(JobFailure, match="status -9, maybe for want of memory: take fewer"):
        answer(busy, connection)


def test_a_process_that_failed_by_itself_is_not_said_to_have_wanted_memory():
    connection, busy = ended(sys.exit, 1)
    with pytest.raises(JobFailure, match="status 1, as is said above"):
        answer(busy, connection)
