"""What tests stand on: a real server, a real backend on it, and a whole installation."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import settings

from service.app import create_app
from service.backend import backend_on
from service.processes import embedded
from service.redis_labels import RedisLabels
from service.redis_storage import RedisStorage, connect
from service.settings import Settings
from tests import untold
from tests.client import Client
from tests.fakes import MemoryStorage

PATIENCE = 60

settings.register_profile("long")  # `make fuzz` asks for it: tests may then draw many more


def until(condition, patience=PATIENCE):
    """Return what the condition gives once it is true."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return result


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """The embedded server, for the whole run."""
    home = tmp_path_factory.mktemp("redis")
    command = embedded.command(home, os.open(home / "lock", os.O_RDWR | os.O_CREAT))
    process = subprocess.Popen(command.arguments, stderr=subprocess.DEVNULL)
    until(lambda: embedded.answers(home))
    yield embedded.url(home)
    process.terminate()
    process.wait()


@pytest.fixture
def connection(redis_url):
    """A connection to an empty database."""
    client = connect(redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(params=["memory", "redis"])
def storage(request):
    """Every storage there is, empty."""
    if request.param == "memory":
        return MemoryStorage()
    return RedisStorage(request.getfixturevalue("connection"))


@pytest.fixture
def labels(connection):
    """Where labels are kept, empty."""
    return RedisLabels(connection)


@pytest.fixture
def backend(connection, tmp_path):
    """A real backend without workers: what is queued stays queued."""
    settings = Settings(data_dir=tmp_path)
    return backend_on(connection, settings)


@pytest.fixture
def client(backend):
    """A client of an API without workers."""
    return create_app(backend=backend).test_client()


@contextlib.contextmanager
def installation(data_dir, **settings):
    """A whole installation of its own, from the command line; give its client and process."""
    given = {f"SHORTLIST_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {**untold(os.environ), "SHORTLIST_DATA_DIR": str(data_dir), **given}
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli", "serve", "--port", "0"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: (data_dir / "url").exists() or process.poll() is not None)
        yield Client((data_dir / "url").read_text().strip()), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    """A client of a whole installation that all who only use it share."""
    with installation(tmp_path_factory.mktemp("data"), allow_joblib="true") as (client, _):
        yield client
