"""What a task works with: the backend, and the sandbox in which clients' bytes are opened."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from service.backend import Backend, open_backend
from service.errors import InvalidOutput
from service.ids import PackedIds
from service.operations import jobs
from service.records import Job
from service.settings import SANDBOX_ADDRESS, Settings
from workers.sandbox.client import Sandbox

LARGEST_COUNT = 2**53
LONG = frozenset({"score", "teach"})
"""The tasks that ask models about whole pools."""

SMALL_THINGS = 64 * 1024**2
PATIENCE = 120
"""Seconds for which a worker rides out that Redis is away; a request has no such time."""

EXPANSION = 200
"""How many times its own size an upload may take when it is unpacked."""

LARGEST_OUTPUT = 4
"""How many times the size of the largest upload a file made from one may have."""


@dataclass(frozen=True)
class Workbench:
    """The parts of a worker that outlive a job; `piece` is the number of the one it is at."""

    backend: Backend
    sandbox: Sandbox
    piece: int | None = None

    def advance(self, job: Job, done: int, total: int | None) -> None:
        """Tell how far the job, or its piece, has come; raise Cancelled where it shall stop."""
        if self.piece is None:
            jobs.advance(self.backend, job, done, total)
            return
        self.backend.storage.set_run_progress(job.id, self.piece, done, job.total or 0)
        jobs.check(self.backend, job)

    def open(
        self,
        job: Job,
        entry: str,
        *,
        arguments: Mapping[str, Any],
        inputs: Mapping[str, Path],
        scratch: Path,
        room: int,
        done: int = 0,
        total: int | None = None,
        gpu: bool = False,
    ) -> dict[str, Any]:
        """Run an entry in the sandbox for a job, and tell the job's progress and wish to stop.

        `room` is how many bytes its results may have, small things apart; `done` and `total` place
        the entry's own count of items in the job's. With `gpu` it may use one.
        """

        def progressed(message: dict[str, Any]) -> None:
            said = message.get("done")
            if type(said) is int and 0 <= said <= LARGEST_COUNT:
                count = done + said
                self.advance(job, count if total is None else min(count, total), total)

        settings = self.backend.settings
        return self.sandbox.run(
            entry,
            arguments=dict(arguments),
            inputs=dict(inputs),
            scratch=scratch,
            scratch_bytes=room + SMALL_THINGS,
            gpu=gpu,
            deadline=settings.job_timeout if job.task in LONG else settings.upload_timeout,
            on_message=progressed,
            tick=lambda: jobs.check(self.backend, job),
        )

    @contextmanager
    def desk(self, job: Job) -> Iterator["Desk"]:
        """Give a job empty directories: for the sandbox, for what is published, for the rest."""
        with self.backend.files.staging(jobs.staging_token(job)) as root:
            desk = Desk(root / "scratch", root / "out", root / "aside")
            for directory in (desk.scratch, desk.out, desk.aside):
                directory.mkdir(mode=0o700)
            yield desk


@dataclass(frozen=True)
class Desk:
    """Where the sandbox writes, and where checked results are put together."""

    scratch: Path
    out: Path
    aside: Path

    def take(self, name: str, target: Path) -> Path:
        """Move a file that the sandbox wrote out of its reach; raise where it is no plain file."""
        source = self.scratch / name
        if not source.is_symlink() and source.is_file() and source.stat().st_nlink == 1:
            source.rename(target)
            os.chown(target, os.getuid(), os.getgid())
            target.chmod(stat.S_IRUSR | stat.S_IWUSR)
            return target
        raise InvalidOutput(f"The reader did not leave the file {name} that it promised")

    def take_ids(self, count: int) -> PackedIds:
        """Return the ids that the sandbox wrote, checked to be as many as it said."""
        blob = mapped(self.take("ids.bin", self.aside / "ids.bin"))
        ends = load(self.take("id_ends.npy", self.aside / "id_ends.npy"))
        sound = (
            ends.shape == (count,)
            and ends.dtype == np.int64
            and bool((ends[:1] > 0).all() and (ends[1:] > ends[:-1]).all())
            and int(ends[-1] if len(ends) else 0) == len(blob)
        )
        if not sound:
            raise InvalidOutput("The ids are not what the reader said")
        return PackedIds(blob, ends)


def mapped(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file, mapped; nothing can be mapped of an empty one."""
    if not path.stat().st_size:
        return np.empty(0, dtype=np.uint8)
    return np.memmap(path, dtype=np.uint8, mode="r")


def load(path: Path) -> npt.NDArray[Any]:
    """Return an array that the sandbox wrote, mapped; raise InvalidOutput where it is none."""
    try:
        found: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, TypeError, AttributeError, EOFError, OSError) as error:
        raise InvalidOutput(f"The sandbox left no array in {path.name}") from error
    if not isinstance(found, np.ndarray):
        raise InvalidOutput(f"The sandbox left several arrays in {path.name}, not one")
    return found


def open_workbench(environ: Mapping[str, str], workspace: str) -> Workbench:
    """Return the workbench of a workspace that the environment describes."""
    settings = Settings.from_environment(environ)
    sandbox = Sandbox(
        Path(environ[SANDBOX_ADDRESS]),
        memory=settings.sandbox_memory,
        file_bytes=LARGEST_OUTPUT * settings.max_upload_bytes,
    )
    return Workbench(open_backend(settings, PATIENCE).within(workspace), sandbox)
