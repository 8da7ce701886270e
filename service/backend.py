"""What every operation works on: storage, files, queue and settings, opened together."""

from dataclasses import dataclass

import redis

from service.files import Files
from service.queue import Queue, RQQueue
from service.redis_labels import RedisLabels
from service.redis_leases import RedisLeases
from service.redis_storage import PATIENCE, RedisStorage, connect
from service.settings import Settings
from service.storage import LabelStorage, LeaseStorage, Storage


@dataclass(frozen=True)
class Backend:
    """The parts of the service that live outside a process."""

    storage: Storage
    labels: LabelStorage
    leases: LeaseStorage
    files: Files
    queue: Queue
    settings: Settings


def open_backend(settings: Settings, patience: int = PATIENCE) -> Backend:
    """Return the backend that the settings describe. Nothing is connected before it is used."""
    return backend_on(connect(settings.redis_url, patience), settings)


def backend_on(connection: redis.Redis, settings: Settings) -> Backend:
    """Return the backend on a connection to Redis."""
    return Backend(
        storage=RedisStorage(connection),
        labels=RedisLabels(connection),
        leases=RedisLeases(connection),
        files=Files(settings.data_dir),
        queue=RQQueue(connection),
        settings=settings,
    )
