"""Runs handed to processes beside this one, or to a cluster, several at once."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from service.errors import ComputeFailed
from service.simulation import Plan, Run
from workers.cluster import stay_wanted
from workers.compute import Compute, open_compute
from workers.memory import limited_memory
from workers.simulation.data import Data
from workers.simulation.names import named
from workers.simulation.replay import replay
from workers.simulation.share import Share
from workers.simulation.trace import Round, Trace


@dataclass(frozen=True)
class Script:
    """What every run needs, and all that it needs: plain values, and who watches over it.

    `room` is how many bytes a run may take; on a cluster (None) the cluster's workers have limits
    of their own.
    """

    plan: Plan
    data: Data
    room: int | None


def spread(share: Share, data: Data) -> None:
    """Do the runs that nobody has taken, as many at once as the settings let.

    A cluster that goes away is connected to again, as long as it does something in between.
    """
    settings = share.backend.settings
    left = len(share.left())
    while left:
        try:
            with (
                share.backend.files.staging(share.ticket) as folder,
                open_compute(settings, folder, share.look) as compute,
            ):
                play_all(share, data, compute)
                return
        except ComputeFailed:
            before, left = left, len(share.left())
            if left == before:
                raise


def play_all(share: Share, data: Data, compute: Compute) -> None:
    """Do the runs that nobody has taken, and leave what comes of each as it ends."""
    room = None if compute.cluster is not None else share.backend.settings.sandbox_memory
    script = Script(share.plan, data, room)
    for trace in compute.each(play, script, taken(share), ordered=False):
        run = share.runs[trace.run]
        share.leave(run, trace)
        share.backend.storage.forget(share.claim(run))
        share.tell(run, share.fits)
        share.look()


def taken(share: Share) -> Iterator[Run]:
    """Take one run after another that nobody has taken."""
    for run in share.left():
        if share.takes(run) and not share.is_done(run):
            yield run


def play(script: Script, run: Run) -> Trace:
    """Do one run, and return what came of it; raise what went wrong, and where."""
    tick = still_wanted if script.room is None else unheard
    limit = nullcontext() if script.room is None else limited_memory(script.room)
    with named(script.plan, run, tick) as told, limit:
        return replay(script.plan, run, script.data, told)


def still_wanted(_ended: Round) -> None:
    """Stop where nobody waits for the run any more."""
    stay_wanted()


def unheard(_ended: Round) -> None:
    """Go on: whoever waits for the run ends this process where it does so no more."""
