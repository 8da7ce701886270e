"""What every operation works on: storage, files, queue and settings, opened together."""

import os
from dataclasses import dataclass

import redis

from service.cache import Cache
from service.files import Files
from service.queue import Queue, RQQueue
from service.redis_keys import RedisKeys
from service.redis_labels import RedisLabels
from service.redis_leases import RedisLeases
from service.redis_storage import PATIENCE, RedisStorage, connect
from service.settings import Settings
from service.storage import LabelStorage, LeaseStorage, Storage
from service.workspaces import DEFAULT, folder_of


@dataclass(frozen=True)
class Backend:
    """The parts of the service that live outside a process."""

    storage: Storage
    labels: LabelStorage
    leases: LeaseStorage
    keys: RedisKeys
    files: Files
    queue: Queue
    settings: Settings
    cache: Cache
    connection: redis.Redis
    workspace: str = DEFAULT

    def within(self, workspace: str) -> "Backend":
        """Return the same service as another workspace sees it."""
        if workspace == self.workspace:
            return self
        files = self.files.within(folder_of(workspace))
        return backend_on(self.connection, self.settings, files, self.cache, workspace)


def open_backend(settings: Settings, patience: int = PATIENCE, *, forking: bool = False) -> Backend:
    """Return the backend that the settings describe. Nothing is connected before it is used.

    `forking` says that this process forks others, and must not use what does not survive that.
    """
    files = open_files(settings, patience, forking=forking)
    return backend_on(connect(settings.redis_url, patience), settings, files)


def backend_on(
    connection: redis.Redis,
    settings: Settings,
    files: Files | None = None,
    cache: Cache | None = None,
    workspace: str = DEFAULT,
) -> Backend:
    """Return the backend of a workspace on a connection to Redis."""
    return Backend(
        storage=RedisStorage(connection, workspace),
        labels=RedisLabels(connection, workspace),
        leases=RedisLeases(connection, workspace),
        keys=RedisKeys(connection),
        files=files or Files(settings.data_dir),
        queue=RQQueue(connection, workspace),
        settings=settings,
        cache=cache or Cache(settings.reading_cache_bytes),
        connection=connection,
        workspace=workspace,
    )


def open_files(settings: Settings, patience: float, *, forking: bool) -> Files:
    """Return the files that the settings describe; a process that is `forking` leaves a bucket to
    those that it forks."""
    if not settings.storage_url:
        return Files(settings.data_dir)
    from service.files.bucket import BucketFiles  # only where there is one
    from service.files.objects import Objects

    objects = Objects(settings.storage_url, patience, os.getpid() if forking else None)
    return BucketFiles(settings.data_dir, objects, settings.cache_bytes)
