"""Backups: what is copied of Redis and of files, and what was deleted meanwhile."""

import json
import os
import socket
import threading
from dataclasses import replace

import numpy as np
import pytest

from service import cli
from service.backend import backend_on
from service.backups import copying, rebuilding, saving, snapshot
from service.backups.keys import read_keys, write_keys
from service.backups.refusal import Refused
from service.data_format import FORMAT
from service.errors import Conflict
from service.files import model_name, part_name, ranking_name
from service.operations import pools
from service.processes import layout
from service.processes.children import CannotStart
from service.records import FAILED, Job, Model, Pool, Ranking, new_id
from service.redis_storage import connect
from service.settings import Settings
from tests.leasing import pool_of, ranking_of
from tests.stored import stored_pool
from tests.unit.test_pools import arrival


def quiet(*_):
    """Say nothing of how far it has come."""


def held(client):
    """All that a database holds, and until when."""
    read = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return {
        key: (read[client.type(key)](key), client.pexpiretime(key)) for key in client.scan_iter("*")
    }


def test_keys_of_every_kind_come_back_as_they_were(connection, tmp_path):
    connection.set("shortlist:text", "ä\n\r\u2028")
    connection.set("shortlist:empty", "")
    connection.set("shortlist@a:bits", bytes(range(256)), ex=600)
    connection.hset("shortlist:hash", mapping={str(n): os.urandom(3) for n in range(10_000)})
    connection.sadd("shortlist:set", *range(5_000))
    connection.rpush("shortlist:list", *range(5_000))
    connection.zadd("shortlist:zset", {"a": 0.1, "b": float("inf"), "c": 1e300})
    before = held(connection)
    connection.set("rq:queue", "not ours")
    connection.set("shortlisted", "not ours")

    count = write_keys(connection, tmp_path / "keys")
    connection.flushall()
    told = [*read_keys(connection, tmp_path / "keys")]

    assert count == told[-1] == len(before) == 7
    assert held(connection) == before


@pytest.mark.parametrize("ending", ["length", "mark"])
def test_what_a_server_sends_after_sync_is_read_to_its_end(tmp_path, ending):
    content, mark = os.urandom(3_000_000), b"m" * 40
    sent = {
        "length": b"\n\n$%d\r\n" % len(content) + content,
        "mark": b"\n$EOF:" + mark + b"\r\n" + content + mark,
    }[ending]
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("wb") as file:
        thread = threading.Thread(target=theirs.sendall, args=(sent,))
        thread.start()
        snapshot.receive(ours, file)
        thread.join()

    assert (tmp_path / "file").read_bytes() == content


def test_a_server_that_sends_nothing_is_told_of():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"-ERR unknown command\r\n")
        with pytest.raises(OSError, match="unknown command"):
            snapshot.header_of(ours)


@pytest.fixture
def frozen(redis_url, tmp_path):
    """What a backup is filled into: another database, and another directory."""
    client = connect(f"{redis_url}?db=1")
    yield backend_on(client, Settings(data_dir=tmp_path / "copy"))
    client.close()


def freeze(backend, frozen, path):
    """Put what Redis holds now into the other database."""
    write_keys(backend.connection, path)
    [*read_keys(frozen.connection, path)]


def test_what_was_deleted_while_it_was_copied_is_not_in_the_backup(backend, frozen, tmp_path):
    kept, gone = (pool_of(backend, [name]) for name in "ab")
    rankings = [ranking_of(backend, pool, [1.0]) for pool in (kept, gone, kept)]
    freeze(backend, frozen, tmp_path / "keys")
    pools.delete(backend, gone)
    backend.storage.remove(backend.storage.get(Ranking, rankings[2]))  # its files still stand

    copied = saving.copy_workspace(backend, frozen, quiet)

    assert set(copied.deleted) == {
        f"default: pool {gone}",
        *(f"default: ranking {id}" for id in rankings[1:]),
    }
    assert copied.damaged == ()
    assert frozen.storage.get(Pool, kept) == backend.storage.get(Pool, kept)
    assert frozen.storage.get(Pool, gone) is None
    assert [each.id for each in frozen.storage.page(Ranking, None, 10)[0]] == rankings[:1]
    assert frozen.files.names("pools") == {kept}
    assert frozen.files.names("rankings") == {rankings[0]}


def test_a_record_whose_files_are_missing_is_named_and_left_out(backend, frozen, tmp_path):
    pool = pool_of(backend, ["a"])
    ranking = ranking_of(backend, pool, [1.0])
    freeze(backend, frozen, tmp_path / "keys")
    backend.files.remove(ranking_name(ranking))

    copied = saving.copy_workspace(backend, frozen, quiet)

    assert copied == saving.Copied((), (f"default: ranking {ranking}",))
    assert frozen.storage.get(Ranking, ranking) is None


def test_a_job_whose_upload_went_meanwhile_says_so_in_the_backup(backend, frozen, tmp_path):
    job = Job(id=new_id(), task="ingest", request={}, pool="p")
    backend.storage.add(job)
    freeze(backend, frozen, tmp_path / "keys")

    saving.copy_workspace(backend, frozen, quiet)

    found = frozen.storage.get(Job, job.id)
    assert found.state == FAILED
    assert "send it again" in found.error["detail"]


def test_copies_on_another_file_system_are_copies(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("text")
    monkeypatch.setattr(copying.os, "link", refuse_to_link)

    assert copying.copy(tmp_path / "a", tmp_path / "c")

    assert (tmp_path / "c" / "b" / "file").read_text() == "text"
    assert not copying.copy(tmp_path / "nothing", tmp_path / "d")


def refuse_to_link(source, target):
    raise OSError(18, "Invalid cross-device link")


def test_a_bucket_is_refused(tmp_path):
    settings = Settings(data_dir=tmp_path, storage_url="s3://bucket")

    with pytest.raises(Refused, match="bucket"):
        saving.refuse(settings, tmp_path / "target")


def test_parts_are_put_in_order_again(backend):
    told = {
        "c": {"previous": "b", "written_at": "4"},
        "a": {"previous": None, "written_at": "1"},
        "x": {"previous": "b", "written_at": "3"},  # of an attempt that died
        "y": {"previous": "z", "written_at": "9"},
        "b": {"previous": "a", "written_at": "2"},
    }

    assert rebuilding.longest_chain(told) == ["a", "b", "c"]
    assert rebuilding.longest_chain({}) == []


def test_a_part_whose_files_tell_of_another_pool_does_not_enter(backend):
    pool = pools.create(backend, "p")
    pools.append(backend, pool.id, arrival(backend, pool, "a", job="one"))
    late = replace(arrival(backend, pool, "b", job="two"), follows=())

    with pytest.raises(Conflict):
        pools.append(backend, pool.id, late)


def test_what_says_not_what_it_is_is_left_out_by_name(backend):
    pool = stored_pool(backend, np.zeros((3, 2)))
    part = part_name(pool.id, pool.parts[0].id)
    model = backend.files.local(model_name("0" * 64))
    model.parent.mkdir()
    model.write_bytes(b"model")
    told = {"format": FORMAT + 1, "kind": Model.kind, "record": {}}
    model.with_suffix(".json").write_text(json.dumps(told))
    outcome = rebuilding.Rebuilt()

    rebuilding.rebuild_workspace(backend, outcome)

    assert outcome.counts == {}
    assert [each.split(": ")[1] for each in outcome.left_out] == [model_name("0" * 64), part]


def test_a_directory_says_which_format_it_has(tmp_path):
    layout.check(tmp_path / "new")
    layout.check(tmp_path / "new")

    assert json.loads((tmp_path / "new" / "format").read_bytes()) == {"format": FORMAT}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"format": 999}', "format 999, which a newer version"),
        ("{}", "is damaged"),
        ("", "is damaged"),
        ("[1]", "is damaged"),
    ],
)
def test_a_directory_of_a_newer_format_is_refused(tmp_path, text, reason):
    (tmp_path / "format").write_text(text)

    with pytest.raises(CannotStart, match=reason):
        layout.check(tmp_path)


@pytest.mark.parametrize("command", ["serve", "redis"])
def test_nothing_starts_on_a_directory_that_is_half_restored(tmp_path, command, capsys):
    layout.begin(tmp_path, "restore it again")

    assert cli.main([command, "--data-dir", str(tmp_path)]) == 1

    assert "half-made: restore it again" in capsys.readouterr().err
    layout.finish(tmp_path)
    layout.check(tmp_path)
