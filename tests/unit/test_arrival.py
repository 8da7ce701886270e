"""A file that grows as its bytes come in is those bytes, whatever sizes they come in."""

import hashlib
import os

import numpy as np
import pytest

from service.files.arrival import LARGE, PIECE, Arrival, go_past_cache


@pytest.mark.parametrize(
    "size", [0, 1, PIECE - 1, PIECE, PIECE + 1, LARGE, LARGE + PIECE, LARGE + 2 * PIECE + 5]
)
def test_a_file_holds_the_bytes_that_came_and_knows_their_hash(tmp_path, size):
    body = np.random.default_rng(0).bytes(size)
    with Arrival(tmp_path / "file") as arrival:
        for start in range(0, size, 1_000_003):
            arrival.add(body[start : start + 1_000_003])
        assert arrival.finish() == hashlib.sha256(body).hexdigest()
    assert (tmp_path / "file").read_bytes() == body


def test_a_block_may_be_larger_than_all_pieces(tmp_path):
    body = np.random.default_rng(0).bytes(5 * PIECE + 1)
    with Arrival(tmp_path / "file") as arrival:
        arrival.add(body)
        arrival.finish()
    assert (tmp_path / "file").read_bytes() == body


def test_what_cannot_be_written_is_told(tmp_path):
    with Arrival(tmp_path / "file") as arrival:
        os.dup2(os.open(tmp_path / "file", os.O_RDONLY), arrival.file.fileno())
        arrival.add(b"0")
        with pytest.raises(OSError, match="Bad file descriptor"):
            arrival.finish()


def test_an_odd_piece_is_written_even_where_only_whole_ones_may_go_past_the_cache(tmp_path):
    with Arrival(tmp_path / "file") as arrival:
        go_past_cache(arrival.file.fileno(), wanted=True)
        arrival.add(b"123")
        arrival.finish()
    assert (tmp_path / "file").read_bytes() == b"123"
