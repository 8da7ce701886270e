"""The killers: whom they kill, and at which moment."""

import contextlib
import time
from collections import Counter
from glob import glob

from tests.processes import busy, children_of, command_line, kill, named, workers

SECONDS_TO_FIND = 2.0
TICK = 0.001
EVERYTHING = "everything at once"


def api_processes(serve):
    parents = named(serve, "service.processes.webserver")
    found = [pid for parent in parents for pid in children_of(parent)]
    return [pid for pid in found if "resource_tracker" not in command_line(pid)]


def zygotes(serve):
    return [pid for each in workers(serve) for pid in named(each, "workers.sandbox.zygote")]


TARGETS = {
    "API process": api_processes,
    "parent of the API": lambda serve: named(serve, "service.processes.webserver"),
    "worker": workers,
    "work-horse": lambda serve: [*busy(serve).values()],
    "model child": lambda serve: [pid for each in zygotes(serve) for pid in children_of(each)],
    "zygote": zygotes,
    "embedded server": lambda serve: named(serve, "valkey-server"),
    EVERYTHING: lambda serve: [serve],
}
WEIGHTS = (20, 10, 15, 20, 10, 8, 12, 5)


def changed(root, pattern):
    """A condition: that other files stand under a pattern than now."""

    def found():  # pathlib's own raises for what goes meanwhile
        return {*glob(pattern, root_dir=root)}  # noqa: PTH207

    before = found()
    return lambda: found() != before


def begun(ledger, step):
    """A condition: that an actor begins a step."""
    before = ledger.doing[step]
    return lambda: ledger.doing[step] > before


FILES = {
    "an upload comes or goes": "uploads/*",
    "a job's desk changes": "staging/*",
    "a ranking is staged": "staging/*/ranking_*",
    "a ranking is published": "rankings/*",
    "a ranking is filled": "rankings/*/*",
    "a part is published": "pools/*/*",
    "a model is published": "models/*",
    "predictions are published": "predictions/*/*",
}
STEPS = (
    "creating",
    "uploading",
    "labelling",
    "excluding",
    "sending a model",
    "scoring",
    "leasing",
    "completing",
    "training",
    "teaching",
    "deleting a ranking",
    "deleting a pool",
)
AT_RANDOM = "at random"


class Killer:
    """Kills processes of an installation, one after another, by chance."""

    def __init__(self, installation, ledger, chance, *, pause, patience):
        self.installation, self.ledger = installation, ledger
        self.chance, self.pause, self.patience = chance, pause, patience
        self.kills: Counter = Counter()
        self.moments: Counter = Counter()
        self.processes = 0

    def strike(self):
        """Wait for a moment, and kill whoever it is the turn of; return whether anybody was."""
        time.sleep(self.chance.expovariate(1 / self.pause))
        [name] = self.chance.choices([*TARGETS], WEIGHTS)
        moment = self.await_moment()
        if name == EVERYTHING:
            self.processes += self.installation.kill()
            self.installation.start()
        elif not self.kill_one(TARGETS[name]):
            return False
        self.kills[name] += 1
        self.moments[moment] += 1
        return True

    def await_moment(self):
        """Return which moment came, `at random` where it did not in time."""
        kind = self.chance.choice(["random", "file", "step"])
        if kind == "random":
            return AT_RANDOM
        if kind == "file":
            moment = self.chance.choice([*FILES])
            condition = changed(self.installation.data_dir, FILES[moment])
        else:
            moment = self.chance.choice(STEPS)
            condition = begun(self.ledger, moment)
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if condition():
                time.sleep(self.chance.choice([0, 0, 0.002, 0.01, 0.03]))
                return moment
            time.sleep(TICK)
        return AT_RANDOM

    def kill_one(self, find):
        deadline = time.monotonic() + SECONDS_TO_FIND
        while time.monotonic() < deadline:
            victims = find(self.installation.pid)
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    kill(self.chance.choice(victims))
                    self.processes += 1
                    return True
            time.sleep(TICK)
        return False
