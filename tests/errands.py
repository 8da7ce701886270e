"""Work to be done elsewhere: functions that processes beside and clusters find by their names."""

import os
import time

from service.errors import FitFailed
from workers.cluster import stay_wanted


def shout(given, asked):
    """Work that is done at once."""
    return given["word"] * asked


def last(given, asked):
    """Work that goes on until nobody waits for it, and then leaves a file."""
    (given["place"] / "begun").touch()
    try:
        while True:
            stay_wanted()
            time.sleep(0.02)
    finally:
        (given["place"] / "ended").touch()


def sleep(given, asked):
    """Work that leaves a file with its process when it begins, and goes on for very long."""
    (given["place"] / str(os.getpid())).touch()
    time.sleep(600)


def crash(given, asked):
    """Work that takes its process along."""
    os._exit(3)


def fail(given, asked):
    """Work that goes wrong."""
    raise FitFailed(f"{given['word']} {asked}")
