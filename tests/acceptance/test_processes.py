"""What starts, watches and stops processes: real ones, killed in every way."""

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from service.processes import embedded
from tests import untold
from tests.conftest import until
from tests.processes import children_of, command_line, descendants, status_fields

PATIENCE = 30.0
ONE_WORKER = {"SHORTLIST_WORKERS": "1"}
SHORTLIST = [sys.executable, "-P", "-m", "service.cli", "serve"]


@dataclass
class Shortlist:
    """One `shortlist serve` and where it lives."""

    data_dir: Path
    process: subprocess.Popen[str]
    met: set[tuple[int, str]] = field(default_factory=set)

    @property
    def url(self):
        return until((self.data_dir / "url").exists) and (self.data_dir / "url").read_text().strip()

    @property
    def redis(self):
        return redis.Redis.from_url(embedded.url(self.data_dir), decode_responses=True)

    def family(self):
        """All processes that stem from this one, remembered with their starting times."""
        self.met |= {(pid, born(pid)) for pid in descendants(self.process.pid)}
        return self.met

    def child(self, words):
        """The process started by us whose command line has these words."""
        found = [pid for pid in children_of(self.process.pid) if words in command_line(pid)]
        return found[0] if found else 0

    def remaining(self):
        return [pid for pid, birth in self.met if birth and born(pid) == birth]


def born(pid):
    fields = status_fields(pid)
    return fields[19] if fields else ""


def start(data_dir, *arguments, **variables):
    environment = {
        name: text for name, text in untold(os.environ).items() if "SHORTLIST" not in name
    }
    return subprocess.Popen(
        [*SHORTLIST, "--data-dir", str(data_dir), *arguments],
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def livez(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)
    connection.request("GET", "/livez")
    with connection.getresponse() as answer:
        connection.close()
        return answer.status


@pytest.fixture
def serve():
    started = []

    def begin(data_dir, *arguments, **variables):
        (data_dir / "url").unlink(missing_ok=True)  # one that was killed left it
        process = start(data_dir, "--port", "0", *arguments, **ONE_WORKER | variables)
        started.append(Shortlist(data_dir, process))
        assert livez(started[-1].url) == http.HTTPStatus.OK
        until(lambda: started[-1].child("-m workers"))
        started[-1].family()
        return started[-1]

    yield begin
    for shortlist in started:
        shortlist.process.kill()
        shortlist.process.communicate()
        until(lambda shortlist=shortlist: not shortlist.remaining())


def test_serve_says_where_it_is_and_answers_there(serve, tmp_path):
    shortlist = serve(tmp_path / "data")
    line = shortlist.process.stdout.readline()
    assert (
        line
        == f"Shortlist is ready at {shortlist.url} (Ctrl-C stops it; it asks nobody for a key)\n"
    )
    assert (tmp_path / "data" / "redis").stat().st_mode & 0o777 == 0o700


def test_every_process_that_computes_uses_one_thread(serve, tmp_path):
    shortlist = serve(tmp_path)
    for words in ("-m service.processes.webserver", "-m workers"):
        variables = Path(f"/proc/{shortlist.child(words)}/environ").read_text().split("\0")
        assert {"OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"} < {*variables}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(serve, tmp_path, number):
    shortlist = serve(tmp_path, SHORTLIST_WORKERS="2")
    until(lambda: len(shortlist.family()) >= 6)
    shortlist.process.send_signal(number)
    assert shortlist.process.wait(PATIENCE) == 0
    until(lambda: not shortlist.remaining())
    assert not (tmp_path / "url").exists()


def test_a_second_ctrl_c_ends_everything_at_once(serve, tmp_path):
    shortlist = serve(tmp_path)
    os.kill(shortlist.child("-m workers"), signal.SIGSTOP)  # it will not end by itself
    shortlist.process.send_signal(signal.SIGINT)
    until(lambda: not shortlist.child("-m service.processes.webserver"))
    began = time.monotonic()
    shortlist.process.send_signal(signal.SIGINT)
    assert shortlist.process.wait(PATIENCE) == 1
    assert time.monotonic() - began < 5
    until(lambda: not shortlist.remaining())


def test_nothing_outlives_a_killed_supervisor(serve, tmp_path):
    shortlist = serve(tmp_path)
    shortlist.process.kill()
    until(lambda: not shortlist.remaining())


def test_a_directory_can_be_served_again_right_after_a_kill(serve, tmp_path):
    first = serve(tmp_path)
    first.redis.set("kept", "yes")
    first.process.kill()
    second = serve(tmp_path)
    assert second.redis.get("kept") == "yes"


@pytest.mark.parametrize("words", ["-m service.processes.webserver", "-m workers", "valkey-server"])
def test_a_killed_process_is_started_again_and_the_log_says_so(serve, tmp_path, words):
    shortlist = serve(tmp_path)
    victim = shortlist.child(words)
    os.kill(victim, signal.SIGKILL)
    until(lambda: shortlist.child(words) not in (0, victim))
    assert livez(shortlist.url) == http.HTTPStatus.OK
    until(lambda: embedded.answers(tmp_path))
    shortlist.family()
    shortlist.process.terminate()
    _, words = shortlist.process.communicate(timeout=PATIENCE)
    assert f"process {victim} was killed by SIGKILL; starting it again in 0.2 s" in words


def test_no_request_is_refused_while_the_api_is_started_again(serve, tmp_path):
    shortlist = serve(tmp_path)
    api = shortlist.child("-m service.processes.webserver")
    answering = children_of(api)
    os.kill(api, signal.SIGKILL)
    until(lambda: not any(born(pid) for pid in answering))
    assert livez(shortlist.url) == http.HTTPStatus.OK


def test_a_killed_process_of_the_api_is_replaced(serve, tmp_path):
    shortlist = serve(tmp_path, SHORTLIST_API_PROCESSES="1")
    api = shortlist.child("-m service.processes.webserver")
    [victim] = children_of(api)
    os.kill(victim, signal.SIGKILL)
    until(lambda: not born(victim))
    assert livez(shortlist.url) == http.HTTPStatus.OK
    assert shortlist.child("-m service.processes.webserver") == api


def test_the_embedded_server_keeps_every_acknowledged_write_over_a_kill(serve, tmp_path):
    shortlist = serve(tmp_path)
    victim = shortlist.child("valkey-server")
    acknowledged = 0
    with pytest.raises(redis.ConnectionError), shortlist.redis as connection:  # noqa: PT012
        while True:
            acknowledged = connection.rpush("written", acknowledged)
            if acknowledged == 500:
                os.kill(victim, signal.SIGKILL)
    until(lambda: embedded.answers(tmp_path))
    written = shortlist.redis.lrange("written", 0, -1)
    assert written[:acknowledged] == [str(number) for number in range(acknowledged)]


def test_two_copies_run_side_by_side_in_directories_with_spaces(serve, tmp_path):
    first, second = serve(tmp_path / "a copy"), serve(tmp_path / "another copy")
    assert first.url != second.url
    first.redis.set("whose", "the first's")
    assert second.redis.get("whose") is None
    first.process.terminate()
    assert first.process.wait(PATIENCE) == 0
    assert livez(second.url) == http.HTTPStatus.OK


def test_a_second_serve_of_one_directory_is_refused(serve, tmp_path):
    shortlist = serve(tmp_path)
    second = start(tmp_path)
    _, words = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert f"in use by another Shortlist (process {shortlist.process.pid})" in words


def test_a_data_directory_with_a_long_name_works(serve, tmp_path):
    data_dir = tmp_path / ("long name " * 20) / ("longer " * 20)
    shortlist = serve(data_dir)
    assert shortlist.redis.ping()
    shortlist.process.terminate()
    assert shortlist.process.wait(PATIENCE) == 0
    assert not embedded.socket_path(data_dir).parent.exists()


def test_a_default_port_that_is_taken_is_replaced(tmp_path):
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else may have it, which serves as well
            occupant.bind(("127.0.0.1", 8000))
            occupant.listen()
        process = start(tmp_path)
        try:
            port = int(re.search(r":(\d+) ", process.stdout.readline())[1])
        finally:
            process.terminate()
            _, words = process.communicate(timeout=PATIENCE)
    assert port != 8000
    assert f"port 8000 is taken; using {port}" in words
