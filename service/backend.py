"""What every operation works on: storage, files, queue and settings, opened together."""

from dataclasses import dataclass

from service.files import Files
from service.queue import Queue, RQQueue
from service.redis_storage import PATIENCE, RedisStorage, connect
from service.settings import Settings
from service.storage import Storage


@dataclass(frozen=True)
class Backend:
    """The parts of the service that live outside a process."""

    storage: Storage
    files: Files
    queue: Queue
    settings: Settings


def open_backend(settings: Settings, patience: int = PATIENCE) -> Backend:
    """Return the backend that the settings describe. Nothing is connected before it is used."""
    connection = connect(settings.redis_url, patience)
    return Backend(
        storage=RedisStorage(connection),
        files=Files(settings.data_dir),
        queue=RQQueue(connection),
        settings=settings,
    )
