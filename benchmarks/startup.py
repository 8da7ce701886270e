"""Starting: the import of the web app, its memory, and the first job of a new worker.

The import is measured in new processes whose modules have been compiled before, as installed ones
have, by the clock and by the processor's time, beside the import of the libraries that it stands
on. The memory is that of the processes of a running service that have answered requests. A worker
is ready when it claims a job that was in the queue before it was started; beside it is the import
of its libraries. Everything else of the service runs by then.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import processes
from benchmarks.connection import Connection
from benchmarks.report import REPEATS, Row, is_quick, table
from examples.temporary_service import running_service
from service.backend import Backend, open_backend
from service.operations import jobs
from service.processes import embedded
from service.records import Job, new_id
from service.settings import Settings

WEB_LIBRARIES = "flask, marshmallow, webargs.flaskparser, redis, rq, numpy, orjson"
WORKER_LIBRARIES = "redis, rq, numpy, orjson, sklearn.ensemble, sklearn.linear_model"
IMPORT, RESIDENT, READY = 0.6, 110, 3.0
MEBIBYTE = 2**20
REQUESTS = 50
PATIENCE = 60.0
TIMED = """
import time
clock, processor = time.perf_counter(), time.process_time()
import {modules}
print(time.perf_counter() - clock, time.process_time() - processor)
"""


@dataclass(frozen=True)
class Import:
    """What an import took, in seconds: by the clock, and of the processor."""

    clock: float
    processor: float

    def said(self) -> str:
        """Return it in words."""
        return f"{self.clock:.2f} s ({self.processor:.2f} s of processor time)"


def main() -> None:
    """Measure, and print the table."""
    repeats = 1 if is_quick(__doc__) else REPEATS
    with tempfile.TemporaryDirectory(prefix="shortlist-start-") as directory:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(directory) / "compiled")
        app, libraries = imported("service.app", repeats), imported(WEB_LIBRARIES, repeats)
        needed = imported(WORKER_LIBRARIES, repeats)
        with redis(Path(directory)) as backend:
            taken = [seconds_to_claim(backend) for _ in range(repeats + 1)]
        memory = resident()
    ready = statistics.median(taken[1:])  # the first has compiled
    print(table(rows(app, libraries, memory, ready, needed)))


def imported(modules: str, repeats: int) -> Import:
    """Return the median of what importing modules takes, in new processes."""
    command = [sys.executable, "-c", TIMED.format(modules=modules)]
    taken = []
    for _ in range(repeats + 1):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        taken.append([float(each) for each in done.stdout.split()])
    clock, processor = zip(*taken[1:], strict=True)  # the first has compiled
    return Import(statistics.median(clock), statistics.median(processor))


def resident() -> int:
    """Return the bytes of memory of the largest web process, once it has answered requests."""
    with running_service() as url:
        for _ in range(REQUESTS):  # over as many connections, so that every process has some
            with Connection(url) as connection:
                connection.get("/v1/pools")
        return max(processes.resident(pid) for pid in processes.web_processes())


@contextmanager
def redis(directory: Path) -> Iterator[Backend]:
    """Start an embedded server; give what a worker will be given."""
    settings = Settings(data_dir=directory / "data", redis_url=embedded.url(directory / "data"))
    command = embedded.command(settings.data_dir, embedded.claim(settings.data_dir))
    with subprocess.Popen(command.arguments, env=command.environment) as process:
        until = time.monotonic() + PATIENCE
        while not embedded.answers(settings.data_dir) and time.monotonic() < until:
            time.sleep(0.01)
        yield open_backend(settings)
        process.terminate()


def seconds_to_claim(backend: Backend) -> float:
    """Return the seconds from the start of a worker until it has claimed a job that waits."""
    job = jobs.submit(backend, Job(id=new_id(), task="ingest", request={}, pool=new_id()))
    settings = replace(backend.settings, data_dir=backend.settings.data_dir)
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "workers"],
        env={**os.environ, **settings.environment()},
        stderr=subprocess.DEVNULL,
    ) as worker:
        while not jobs.get(backend, job.id).attempts and worker.poll() is None:
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        worker.terminate()
    return seconds


def rows(app: Import, libraries: Import, memory: int, ready: float, needed: Import) -> list[Row]:
    """Return what was measured."""
    megabytes = memory / MEBIBYTE
    return [
        Row(
            "import of the web app",
            f"≤ {IMPORT} s",
            app.said(),
            f"its libraries alone {libraries.said()}",
            app.clock <= IMPORT,
        ),
        Row(
            "memory of a web process",
            f"≤ {RESIDENT} MB",
            f"{megabytes:.0f} MB",
            "",
            megabytes <= RESIDENT,
        ),
        Row(
            "from a worker's start to its first job",
            f"≤ {READY:.0f} s",
            f"{ready:.2f} s",
            f"the import of its libraries {needed.said()}",
            ready <= READY,
        ),
    ]


if __name__ == "__main__":
    main()
