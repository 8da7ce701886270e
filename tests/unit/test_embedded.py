"""Where the embedded server lives, and who may have it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis.connection import parse_url

from service.processes import embedded
from service.processes.children import CannotStart


def test_the_url_leads_redis_to_the_socket_whatever_the_directory_is_called(tmp_path):
    for name in ("plain", "with space", "per%20cent", "ques?tion#mark", "ünï"):
        data_dir = tmp_path / name
        assert parse_url(embedded.url(data_dir))["path"] == str(embedded.socket_path(data_dir))


def test_the_socket_is_in_the_data_directory_while_its_path_fits():
    fitting = Path("/") / ("d" * 86)
    assert embedded.socket_path(fitting) == fitting / "redis" / "socket"
    too_long = Path("/") / ("d" * 87)
    assert too_long not in embedded.socket_path(too_long).parents


def test_the_length_of_a_path_is_counted_in_bytes():
    data_dir = Path("/") / ("ü" * 50)
    assert data_dir not in embedded.socket_path(data_dir).parents


def test_long_directories_have_sockets_of_their_own():
    first, second = (Path("/") / ("d" * 120) / name for name in "ab")
    assert embedded.socket_path(first) == embedded.socket_path(first / ".." / "a")
    assert embedded.socket_path(first) != embedded.socket_path(second)


def test_a_private_directory_is_made_once_and_found_again(tmp_path):
    embedded.make_private(tmp_path / "own")
    embedded.make_private(tmp_path / "own")
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_can_enter_is_not_trusted(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    with pytest.raises(CannotStart, match="only user"):
        embedded.make_private(tmp_path / "open")


def test_a_link_is_not_trusted(tmp_path):
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(CannotStart, match="only user"):
        embedded.make_private(tmp_path / "link")


def test_a_claimed_directory_is_refused_and_its_owner_named(tmp_path):
    lock = embedded.claim(tmp_path)
    with pytest.raises(CannotStart, match=f"process {os.getpid()}"):
        embedded.claim(tmp_path)
    os.close(lock)
    os.close(embedded.claim(tmp_path))


def test_a_claim_lasts_as_long_as_the_last_process_that_inherited_it(tmp_path):
    lock = embedded.claim(tmp_path)
    heir = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock]
    )
    os.close(lock)
    with pytest.raises(CannotStart, match="in use"):
        embedded.claim(tmp_path)
    heir.communicate(b"\n")
    os.close(embedded.claim(tmp_path))


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="cannot be the data directory"):
        embedded.claim(tmp_path / "file")


def test_no_server_no_answer(tmp_path):
    assert not embedded.answers(tmp_path)


def test_the_program_is_there_and_can_be_run():
    assert os.access(embedded.binary(), os.X_OK)
