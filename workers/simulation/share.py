"""Runs shared by workers: each takes the next that nobody has taken, and leaves what came of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from service.backend import Backend
from service.files import work_name
from service.records import Job
from service.simulation import Plan, Run
from workers.memory import limited_memory
from workers.simulation.data import Data
from workers.simulation.names import named
from workers.simulation.replay import replay
from workers.simulation.trace import Round, Trace


@dataclass(frozen=True)
class Share:
    """The runs of a simulation as one of its workers sees them, who is known by its ticket.

    A run is taken for as long as its taker gives signs of life. Where that is mistaken, two do the
    same run, and leave the same. `look` raises where the work shall stop.
    """

    backend: Backend
    job: Job
    plan: Plan
    ticket: str
    look: Callable[[], None]

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Every run of the plan."""
        return self.plan.runs

    @property
    def fits(self) -> int:
        """How many models one run fits, as it was counted beforehand."""
        return (self.job.total or 0) // len(self.runs)

    @property
    def directory(self) -> str:
        """The name under which all runs leave what came of them."""
        return f"{work_name(self.job.id)}/runs"

    def left(self) -> list[Run]:
        """Return the runs that nobody has done yet."""
        done = {each.partition(".")[0] for each in self.backend.files.names(self.directory)}
        return [run for run in self.runs if str(run.number) not in done]

    def is_done(self, run: Run) -> bool:
        """Return whether somebody has done a run."""
        return self.backend.files.exists(self.file(run))

    def file(self, run: Run) -> str:
        """Return the name of what came of a run."""
        return f"{self.directory}/{run.number}.json"

    def claim(self, run: Run) -> str:
        """Return the key under which it stands who has taken a run."""
        return f"run:{self.job.id}:{run.number}"

    def take(self) -> Run | None:
        """Take the next run that nobody has taken, or whose taker seems dead; None without one."""
        for run in self.left():
            if self.takes(run):
                if not self.is_done(run):  # it may have been done this moment
                    return run
                self.backend.storage.forget(self.claim(run))
        return None

    def takes(self, run: Run) -> bool:
        """Take a run if it is free; return whether it is this worker's."""
        storage, mine = self.backend.storage, {"by": self.ticket}
        seconds = self.backend.settings.simulation_timeout
        held = storage.remember(self.claim(run), mine, seconds)
        if held in (None, mine):
            return True
        if held is not None and storage.is_held(held["by"]):
            return False
        storage.overwrite(self.claim(run), mine, seconds)
        return True

    def play(self, run: Run, data: Data) -> None:
        """Do a run that was taken, and leave what came of it; raise what went wrong, and where."""

        def tick(ended: Round) -> None:
            self.tell(run, min(ended.number + 1, self.fits))
            self.look()

        room = self.backend.settings.sandbox_memory
        try:
            with named(self.plan, run, tick) as told, limited_memory(room):
                trace = replay(self.plan, run, data, told)
            self.leave(run, trace)
        finally:
            self.backend.storage.forget(self.claim(run))
        self.tell(run, self.fits)

    def tell(self, run: Run, rounds: int) -> None:
        """Remember how many rounds of a run are done."""
        total = self.job.total or 0
        self.backend.storage.set_run_progress(self.job.id, run.number, rounds, total)

    def leave(self, run: Run, trace: Trace) -> None:
        """Leave what came of a run where all find it."""
        with self.backend.files.staging(self.ticket) as staged:
            path = staged / "run.json"
            path.write_text(json.dumps(trace.document()), encoding="utf-8")
            self.backend.files.publish(path, self.file(run))

    def traces(self) -> list[Trace]:
        """Return what came of all runs, in their order, once all are done."""
        paths = (self.backend.files.path(self.file(run)) for run in self.runs)
        return [Trace.from_document(json.loads(path.read_text("utf-8"))) for path in paths]
