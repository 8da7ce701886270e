"""What does not start, and what it says about the way out."""

import os
import socket
import subprocess
import sys

import pytest


@pytest.fixture
def refused(tmp_path):
    """The exit status and the words of a `shortlist` that does not start."""

    def run(command, *arguments, **variables):
        inherited = {name: text for name, text in os.environ.items() if "SHORTLIST" not in name}
        process = subprocess.run(
            [sys.executable, "-P", "-m", "service.cli", command, *arguments],
            env={**inherited, "SHORTLIST_DATA_DIR": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return process.returncode, process.stderr

    return run


def test_a_given_port_that_is_taken_is_refused(refused):
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        port = str(occupant.getsockname()[1])
        for way in ({"SHORTLIST_PORT": port}, {}):
            flags = () if way else ("--port", port)
            status, words = refused("serve", *flags, **way)
            assert status == 1
            assert f"cannot listen on port {port} of 127.0.0.1" in words


def test_a_host_that_is_not_here_is_refused(refused):
    status, words = refused("serve", "--host", "no such host")
    assert status == 1
    assert "set SHORTLIST_HOST to an address of this machine" in words


def test_an_open_address_without_a_key_is_refused(refused):
    status, words = refused("serve", "--host", "::")
    assert status == 1
    assert "set SHORTLIST_API_KEY, or listen on 127.0.0.1" in words


def test_an_unknown_variable_is_refused(refused):
    status, words = refused("serve", SHORTLIST_PROT="1")
    assert status == 2
    assert "SHORTLIST_PROT is not a setting" in words


def test_a_flag_that_makes_no_sense_is_refused_by_the_name_of_its_setting(refused):
    status, words = refused("serve", "--workers", "many")
    assert status == 2
    assert "SHORTLIST_WORKERS must be a whole number" in words


@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_process_alone_without_a_redis_is_refused(refused, command):
    status, words = refused(command)
    assert status == 1
    assert "start it with `shortlist redis`" in words
