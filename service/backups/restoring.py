"""What a backup holds, put where nothing is: all of it verified first."""

from dataclasses import replace
from pathlib import Path

from service.backend import Backend, open_backend
from service.backups import manifest
from service.backups.copying import copy_file
from service.backups.keys import our_keys, read_keys
from service.backups.manifest import FILES, KEYS, Progress
from service.backups.refusal import Refused
from service.files import force
from service.operations import jobs
from service.processes import external, layout
from service.processes.reaching import reached
from service.records import ACTIVE, CANCELLING, QUEUED, RUNNING, Job, new_id, now
from service.redis_storage import connect
from service.settings import Settings


def restore(settings: Settings, source: Path, progress: Progress) -> int:
    """Make a data directory, and what is in Redis, of a backup; return how many files it has.

    Raise Refused, and change nothing, where the backup is damaged or something is there already.
    """
    content = manifest.read(source)
    refuse(settings)
    manifest.verify(source, content, progress)
    layout.begin(settings.data_dir, remedy(settings, source))
    names = [name for name in content["files"] if name.startswith(f"{FILES}/")]
    for number, name in enumerate(names, 1):
        copy_file(source / name, settings.data_dir / name.removeprefix(f"{FILES}/"))
        progress("files restored", number, len(names))
    for path in (settings.data_dir, *settings.data_dir.rglob("*")):
        if path.is_dir():
            force(path)
    with reached(settings) as known:
        for done in read_keys(connect(known.redis_url), source / KEYS):
            progress("keys restored", done, content["keys"])
        queue_again(open_backend(known))
    layout.mark(settings.data_dir)
    layout.finish(settings.data_dir)
    return len(names)


def queue_again(backend: Backend) -> None:
    """Queue the jobs that had not ended, of all workspaces: the queue itself is in no backup."""
    for name in backend.keys.workspaces():
        own = backend.within(name)
        for job in own.storage.indexed(Job, ACTIVE):
            if job.state == CANCELLING:
                jobs.lose(own, job.id, job.ticket)
                continue
            begun = job.attempts - (job.state == RUNNING)  # its worker was not to blame
            again = replace(job, state=QUEUED, attempts=begun, ticket=new_id(), queued_at=now())
            own.storage.replace(job, again)
            own.queue.put(again, jobs.timeout(own, again))


def refuse(settings: Settings) -> None:
    """Raise Refused where something is already."""
    if settings.storage_url:
        raise Refused(
            "SHORTLIST_STORAGE_URL is set, and what is in a bucket is restored by the bucket's own"
            " means: docs/operations.md says how"
        )
    home = settings.data_dir
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Refused(f"{home} is not empty: restore into a directory that is, or is not there yet")
    if settings.redis_url:
        external.check(settings.redis_url)
        if any(True for _ in our_keys(connect(settings.redis_url))):
            raise Refused(
                "the server of SHORTLIST_REDIS_URL holds keys of Shortlist already: restore into"
                " an empty database"
            )


def remedy(settings: Settings, source: Path) -> str:
    """Return what to do where a restoration is cut short."""
    keys = ", empty the database of SHORTLIST_REDIS_URL" if settings.redis_url else ""
    return (
        f"the restoration of {source} into it was cut short; remove this directory{keys}, and"
        f" run `shortlist restore {source}` again"
    )
