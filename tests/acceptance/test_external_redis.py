"""A Redis of the operator's own, and the commands that run one process each."""

import os
import subprocess
import sys
import time

import pytest
import redis

from service.processes import embedded, external, webserver
from service.processes.children import CannotStart

PATIENCE = 30.0


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result


@pytest.fixture
def server(tmp_path):
    """A server with the options given, and its address."""
    started = []

    def begin(*options):
        socket = tmp_path / "socket"
        arguments = [embedded.binary(), "--port", "0", "--unixsocket", socket, "--dir", tmp_path]
        started.append(subprocess.Popen([*arguments, "--save", "", *options]))
        until(socket.exists)
        return f"unix://{socket}"

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_a_server_that_keeps_everything_is_taken_without_a_word(server, caplog):
    external.check(server("--appendonly", "yes"))
    assert caplog.text == ""


def test_a_server_that_forgets_at_its_end_is_warned_about(server, caplog):
    external.check(server("--appendonly", "no"))
    assert "appendonly no" in caplog.text


def test_a_server_that_drops_keys_is_refused(server):
    url = server("--maxmemory-policy", "allkeys-lru")
    with pytest.raises(CannotStart, match=r"allkeys-lru.*set it to noeviction"):
        external.check(url)


def test_a_server_that_hides_its_settings_is_warned_about(server, caplog):
    url = server("--rename-command", "CONFIG", "")
    external.check(url)
    assert "cannot read" in caplog.text


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "ftp://nowhere"])
def test_a_server_that_is_not_there_is_refused(url):
    with pytest.raises(CannotStart, match="does not answer"):
        external.check(url)


def test_a_password_is_never_told():
    with pytest.raises(CannotStart) as refused:
        external.check("redis://:secret@127.0.0.1:1/0")
    assert "secret" not in str(refused.value)


@pytest.fixture
def shortlist(tmp_path):
    """A command of `shortlist` in one data directory."""
    started = []

    def begin(*arguments):
        variables = {name: text for name, text in os.environ.items() if "SHORTLIST" not in name}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service.cli", *arguments, "--data-dir", tmp_path],
            env=variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in reversed(started):
        process.terminate()
        process.communicate(timeout=PATIENCE)


def test_the_embedded_server_alone_says_where_it_is_and_keeps_others_out(shortlist, tmp_path):
    server = shortlist("redis")
    assert embedded.url(tmp_path) in server.stdout.readline()
    assert shortlist("serve").wait(PATIENCE) == 1
    server.terminate()
    assert server.wait(PATIENCE) == 0


def test_a_worker_alone_finds_the_embedded_server_and_ends_when_asked(shortlist, tmp_path):
    shortlist("redis")
    until(lambda: embedded.answers(tmp_path))
    worker = shortlist("worker")
    with redis.Redis.from_url(embedded.url(tmp_path)) as connection:
        [name] = until(lambda: connection.smembers("rq:workers"))
        until(lambda: connection.hget(name, "state") == b"idle")
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


def test_an_api_alone_finds_the_embedded_server_and_ends_when_asked(shortlist, tmp_path):
    shortlist("redis")
    until(lambda: embedded.answers(tmp_path))
    api = shortlist("api", "--port", "0")
    url = api.stdout.readline().split()[-1]
    until(lambda: webserver.is_live(url))
    api.terminate()
    assert api.wait(PATIENCE) == 0
