"""A bucket to test with: a real server of the S3 protocol, in a process of its own."""

import contextlib
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from urllib.request import Request, urlopen

import pytest

from tests.conftest import until

BUCKET = "shortlist-test"


@dataclass
class Server:
    """A server of buckets at an address, which can be stopped and started again."""

    host: str
    port: int
    process: subprocess.Popen | None = None

    @property
    def environment(self):
        """The variables by which its clients find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://{self.host}:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-bucket",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def command(self):
        """What to run."""
        return sys.executable, "-m", "moto.server", "-H", self.host, "-p", str(self.port)

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), 1):
            return True
        return False

    def start(self):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, **quiet)
        until(self.answers)
        self.make(BUCKET)

    def make(self, bucket):
        """Make a bucket."""
        url = f"http://{self.host}:{self.port}/{bucket}"
        with urlopen(Request(url, method="PUT"), timeout=10) as answer:
            assert answer.status == 200

    def stop(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(host="127.0.0.1"):
    """Run a server of buckets with one bucket."""
    pytest.importorskip("moto.server", reason="a bucket needs moto[server]")
    pytest.importorskip("s3fs", reason="a bucket needs s3fs")
    server = Server(host, free_port(host))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port(host):
    with socket.create_server((host, 0)) as listener:
        return listener.getsockname()[1]


def objects_url():
    """A place of its own in the bucket."""
    return f"s3://{BUCKET}/{os.urandom(6).hex()}"
