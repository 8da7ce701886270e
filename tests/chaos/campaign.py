"""A campaign: actors work, processes are killed, and in the end all is audited."""

import random
import threading
import time
from dataclasses import dataclass

from tests.chaos.actors import Actor
from tests.chaos.audit import Audit
from tests.chaos.installation import Installation
from tests.chaos.killers import Killer
from tests.chaos.ledger import Ledger
from tests.chaos.sender import Sender
from tests.conftest import until

SETTINGS = {"heartbeat": 1, "max_wait": 2}


@dataclass(frozen=True)
class Outcome:
    """What a campaign did and found."""

    seconds: float
    killer: Killer
    ledger: Ledger
    audit: Audit

    def table(self):
        """Return all that was counted, as a Markdown table."""
        rows = [
            *(("killed", name, number) for name, number in sorted(self.killer.kills.items())),
            ("killed", "in all", self.killer.kills.total()),
            ("killed", "processes", self.killer.processes),
            *(("moment", name, number) for name, number in sorted(self.killer.moments.items())),
            *(("clients", name, number) for name, number in sorted(self.ledger.counts.items())),
            ("clients", "seconds of the slowest job", round(self.ledger.slowest)),
            *(("audit", name, number) for name, number in sorted(self.audit.counts.items())),
            ("audit", "wrong", len(self.ledger.wrong)),
            ("", "seconds in all", round(self.seconds)),
        ]
        lines = ["| | | |", "| --- | --- | ---: |", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
        return "\n".join(lines)


def campaign(
    root, *, kills, seed, actors=3, rows=9_000, pause=0.8, patience=3.0, told=lambda _: None
):
    """Run a campaign in an empty directory; return what came of it.

    `pause` is the mean of the seconds between two kills, and for `patience` seconds more the moment
    is awaited at which one is to be.
    """
    began = time.monotonic()
    installation = Installation(root, **SETTINGS)
    ledger = Ledger()
    sender = Sender(installation.url, ledger)
    audit = Audit(installation, sender, ledger)
    killer = Killer(installation, ledger, random.Random(seed), pause=pause, patience=patience)
    installation.start()
    threads = [
        threading.Thread(target=attended, args=(Actor(sender, ledger, seed + n, rows=rows),))
        for n in range(actors)
    ]
    try:
        for thread in threads:
            thread.start()
        until(lambda: ledger.counts["parts"])
        while killer.kills.total() < kills:
            killer.strike()
            told(
                f"{killer.kills.total()} kills, {len(ledger.wrong)} wrong: {ledger.wrong[-1:]}"[
                    :700
                ]
            )
        sender.over.set()
        for thread in threads:
            thread.join()
        told("the audit begins")
        audit.check()
    finally:
        sender.over.set()
        end(installation, ledger)
    return Outcome(time.monotonic() - began, killer, ledger, audit)


def attended(actor):
    """Have an actor work; what breaks it is wrong."""
    try:
        actor.work()
    except Exception as error:  # noqa: BLE001 - whatever it is
        actor.ledger.complain(f"{actor.name} stopped: {error!r}")


def end(installation, ledger):
    """Stop the installation; nothing of it remains but its data."""
    status, left = installation.stop()
    if status or left:
        ledger.complain(f"serve ended with {status}, and {left} processes outlived it")
    for path in installation.temporary.iterdir():
        ledger.complain(f"left in the directory of temporary files: {path.name}")
