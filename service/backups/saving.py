"""A backup of a running service: what Redis holds now, and then the files that its records need.

Files are copied after the records were read. A record that still stands when all are copied has not
lost any of them before, for whatever is deleted loses its record first; one that has gone meanwhile
is deleted in the backup too, with all that goes with it.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from service.backend import Backend, open_backend
from service.backups import contents, manifest, snapshot
from service.backups.copying import copy
from service.backups.keys import write_keys
from service.backups.manifest import FILES, KEYS, Progress
from service.backups.refusal import Refused
from service.errors import SubjectGone
from service.files import STAGING, UPLOADS, WORK, upload_name
from service.operations import pools
from service.records import FAILED, Job, Model, Pool, Record, now
from service.settings import Settings

UPLOAD_GONE = "What was sent had been read before the backup could copy it: send it again"


@dataclass(frozen=True)
class Copied:
    """What a backup left out: records that were deleted meanwhile, and damaged ones, by name."""

    deleted: tuple[str, ...]
    damaged: tuple[str, ...]


def save(settings: Settings, target: Path, progress: Progress) -> Copied:
    """Make a backup of a service, which may go on, in a directory; raise Refused where it cannot
    be."""
    refuse(settings, target)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as unfinished:
        unfinished.callback(shutil.rmtree, target)
        copied = fill(settings, target, progress)
        unfinished.pop_all()
    return copied


def fill(settings: Settings, target: Path, progress: Progress) -> Copied:
    """Make a backup in an empty directory."""
    live = open_backend(settings)
    for name in workspaces(live):
        copy_uploads(live.within(name), target)  # those of jobs that end before they are come to
    home = target / "snapshot"
    with snapshot.taken(settings.redis_url, home) as url:
        frozen = open_backend(replace(settings, redis_url=url, data_dir=target / FILES))
        outcomes = [
            copy_workspace(live.within(name), frozen.within(name), progress)
            for name in workspaces(frozen)
        ]
        tidy(frozen)
        count = write_keys(frozen.connection, target / KEYS)
    shutil.rmtree(home)
    copied = Copied(
        tuple(name for outcome in outcomes for name in outcome.deleted),
        tuple(name for outcome in outcomes for name in outcome.damaged),
    )
    notes = {"keys": count, "deleted": copied.deleted, "damaged": copied.damaged}
    manifest.write(target, notes, progress)
    return copied


def refuse(settings: Settings, target: Path) -> None:
    """Raise Refused where there is nothing to back up, or no room for it."""
    if settings.storage_url:
        raise Refused(
            "files in a bucket are backed up by the bucket's own means, after Redis by its own:"
            " docs/operations.md says how"
        )
    if not (settings.redis_url or (settings.data_dir / "redis").is_dir()):
        raise Refused(f"there is no service in {settings.data_dir}; name its --data-dir")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise Refused(f"{target} is not empty; name a directory that is, or that is not there yet")
    if target.resolve().is_relative_to(settings.data_dir.resolve()):
        raise Refused(f"{target} is in the data directory; name one outside it")


def workspaces(backend: Backend) -> list[str]:
    """Return the names of all workspaces."""
    return backend.keys.workspaces()


def copy_uploads(live: Backend, target: Path) -> None:
    """Copy what was sent with jobs that have not ended."""
    folder = live.files.root.relative_to(live.settings.data_dir.absolute())
    for name in contents.uploads(live):
        copy(live.files.local(name), target / FILES / folder / name)


def copy_workspace(live: Backend, frozen: Backend, progress: Progress) -> Copied:
    """Copy the files of one workspace's records, and forget the records without them."""
    pools.finish_deletions(frozen)
    copy_said(live, frozen)
    records = [record for kind in contents.KINDS for record in contents.every(frozen, kind)]
    incomplete = []
    for number, record in enumerate(records, 1):
        done = [copy_name(live, frozen, name) for name in contents.names_of(record)]
        if not all(done):
            incomplete.append(record)
        progress(f"records of {live.workspace} copied", number, len(records))
    settle_uploads(live, frozen)
    lost = {named(record) for record in incomplete}
    gone = [record for record in records if not contents.is_there(live, record)]
    deleted = {named(record) for record in gone}
    for record in (*gone, *(each for each in incomplete if named(each) not in deleted)):
        forget(frozen, record)
    return Copied(
        tuple(f"{live.workspace}: {name}" for name in sorted(deleted)),
        tuple(f"{live.workspace}: {name}" for name in sorted(lost - deleted)),
    )


def copy_name(live: Backend, frozen: Backend, name: str) -> bool:
    """Copy what is published under a name; return False where it is not there."""
    return copy(live.files.local(name), frozen.files.local(name))


def copy_said(live: Backend, frozen: Backend) -> None:
    """Copy what models say of parts, what is whole of it."""
    for model in contents.every(frozen, Model):
        for name in contents.said_by(replace(frozen, files=live.files), model):
            done = copy_name(live, frozen, name)
            if not done or live.files.names(name) != frozen.files.names(name):
                frozen.files.remove(name)  # it was being removed


def settle_uploads(live: Backend, frozen: Backend) -> None:
    """Copy what was sent with the jobs that had not ended, and no other; end those without it."""
    jobs = contents.uploads(frozen)
    for name, job in jobs.items():
        if not copy_name(live, frozen, name) and not frozen.files.local(name).exists():
            end_without_upload(frozen, job)
    for token in frozen.files.names(UPLOADS):
        if upload_name(token) not in jobs:
            frozen.files.remove(upload_name(token))


def end_without_upload(frozen: Backend, job: Job) -> None:
    """End a job that could not be done again, as failed, in the backup."""
    if contents.needs_upload(job):
        error = SubjectGone(UPLOAD_GONE).problem()
        frozen.storage.replace(job, replace(job, state=FAILED, finished_at=now(), error=error))


def forget(frozen: Backend, record: Record) -> None:
    """Delete a record in the backup, with its files and all that goes with it."""
    if isinstance(record, Pool):
        pools.clear(frozen, record)
        return
    frozen.storage.remove(record)
    for name in contents.names_of(record):
        frozen.files.remove(name)
    if isinstance(record, Model):
        for name in contents.said_by(frozen, record):
            frozen.files.remove(name)


def tidy(frozen: Backend) -> None:
    """Remove the empty directories that stand where files would."""
    for folder in empty_folders(frozen):
        shutil.rmtree(folder)


def empty_folders(frozen: Backend) -> Iterator[Path]:
    """Yield where unfinished work would stand."""
    for workspace in workspaces(frozen):
        root = frozen.within(workspace).files.root
        for name in (STAGING, WORK):
            if (root / name).exists():
                yield root / name


def named(record: Record) -> str:
    """Return what a record is called in a list."""
    return f"{record.kind} {record.id}"
