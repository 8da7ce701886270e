"""The tests: each computes on one thread, since several run at once and idle threads spin."""

import os

from service.processes.supervisor import ONE_THREAD

os.environ |= ONE_THREAD


def untold(environment):
    """An environment without that, for programs that must see to it themselves."""
    return {name: text for name, text in environment.items() if name not in ONE_THREAD}
