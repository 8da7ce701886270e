"""What a workspace uses of disk and queue: counted truly, published, refused beyond, and freed."""

import base64
import hashlib
import io
from dataclasses import replace

import pytest

from service.app import create_app
from service.errors import TooLarge
from service.files import names, part_name, ranking_name
from service.operations import jobs, keys, usage
from service.records import ADMIN, Job, new_id
from tests.api.test_requests import chunked, problem
from tests.leasing import pool_of, ranking_of
from tests.unit.test_reception import ARRAYS, Reader, said
from workers.reception import receive
from workers.workbench import Workbench

ROOM = 10_000


@pytest.fixture
def narrow(backend):
    """A backend whose workspaces may have 10,000 bytes and 3 jobs."""
    settings = replace(backend.settings, max_workspace_bytes=ROOM, max_workspace_jobs=3)
    return replace(backend, settings=settings)


@pytest.fixture
def client(narrow):
    return create_app(backend=narrow).test_client()


@pytest.fixture
def pool(client):
    return client.post("/v1/pools", json={}).json["id"]


def upload(client, pool, body, **options):
    path = f"/v1/pools/{pool}/items"
    return client.post(path, data=body, content_type="text/csv", **options)


def fill(backend, bytes, name=None):
    """Publish a file of so many bytes, as a worker does."""
    backend.storage.add_to_tally(usage.TALLY, bytes)
    with backend.files.staging("t") as staged:
        (staged / "file").write_bytes(b"x" * bytes)
        backend.files.publish(staged, name or ranking_name(new_id()))


def used(client):
    return client.get("/v1/limits").json["used"]


def bodies(backend):
    return [*(backend.files.root / "uploads").iterdir()]


def test_what_is_used_is_told_with_the_limits(client, narrow, pool):
    assert client.get("/v1/limits").json["workspace"] == "default"
    assert used(client) == {"jobs": 0, "bytes": 0}

    upload(client, pool, b"x" * 700)

    assert used(client) == {"jobs": 1, "bytes": 700}
    [job] = client.get("/v1/jobs").json["jobs"]
    client.post(f"/v1/jobs/{job['id']}/cancel")
    usage.count_again(narrow)
    assert used(client) == {"jobs": 0, "bytes": 0}


def test_what_lasts_is_counted_and_what_is_being_made_is_not(narrow):
    fill(narrow, 10)
    fill(narrow, 20, part_name("p", "a"))
    fill(narrow, 40, "work/j/piece-1")
    (narrow.files.root / "redis").mkdir()
    (narrow.files.root / "redis" / "log").write_bytes(b"x" * 80)
    fill(narrow.within("other"), 160)
    with narrow.files.staging("t") as staged:
        (staged / "half").write_bytes(b"x" * 320)

        assert narrow.files.size() == 30
        assert narrow.within("other").files.size() == 160


def test_every_name_that_lasts_is_counted():
    made = [each for name, each in vars(names).items() if name.endswith("_name")]
    places = {each(*["x"] * each.__code__.co_argcount).split("/")[0] for each in made}

    assert places - {names.WORK} == set(names.LASTING)


def test_an_upload_that_does_not_fit_beside_the_rest_is_refused_before_it_is_read(client, narrow):
    pool = client.post("/v1/pools", json={}).json["id"]
    fill(narrow, 9_000)
    body = io.BytesIO(b"x" * 1_001)

    found = problem(upload(client, pool, body), 413, "too_large")

    assert all(word in found["detail"] for word in ("9000 of 10000", "1001", "delete"))
    assert bodies(narrow) == []
    assert upload(client, pool, b"x" * 1_000).status_code == 202
    assert used(client) == {"jobs": 1, "bytes": 10_000}


@pytest.mark.parametrize(("length", "status"), [(1_000, 202), (1_001, 413)])
def test_a_body_of_unknown_length_is_cut_at_what_is_left(client, narrow, pool, length, status):
    fill(narrow, 9_000)
    body = b"x" * length
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"

    answer = chunked(client, f"/v1/pools/{pool}/items", body, **{"Repr-Digest": digest})

    assert answer.status_code == status, answer.json
    assert len(bodies(narrow)) == (status == 202)
    assert status == 202 or "max_workspace_bytes" in answer.json["detail"]


def test_no_more_of_a_body_is_read_than_there_is_room_for(client, narrow, pool, monkeypatch):
    monkeypatch.setattr("service.api.bodies.BLOCK", 1_000)
    body = Slow(b"x" * 50_000, lambda: None)
    headers = {"Repr-Digest": "sha-256=:AAAA:"}

    answer = client.post(
        f"/v1/pools/{pool}/items",
        input_stream=body,
        content_type="text/csv",
        headers={"Transfer-Encoding": "chunked", **headers},
        environ_overrides={"wsgi.input_terminated": True},
    )

    problem(answer, 413, "too_large")
    assert ROOM < body.given <= ROOM + 1_000
    assert bodies(narrow) == []


class Slow(io.BytesIO):
    """A body during which something else happens."""

    def __init__(self, body, meanwhile):
        super().__init__(body)
        self.meanwhile = meanwhile
        self.given = 0

    def read(self, size=-1):
        self.meanwhile()
        block = super().read(size)
        self.given += len(block)
        return block


def test_of_two_that_fit_alone_the_later_is_refused_and_leaves_nothing(client, narrow, pool):
    others = []

    def meanwhile():
        if not others:
            others.append(upload(client, pool, b"y" * 6_000).status_code)

    answer = upload(client, pool, Slow(b"x" * 6_000, meanwhile), content_length=6_000)

    assert others == [202]
    problem(answer, 413, "too_large")
    assert [path.stat().st_size for path in bodies(narrow)] == [6_000]
    assert used(client) == {"jobs": 1, "bytes": 6_000}


def test_what_was_deleted_makes_room_at_once(client, narrow):
    full = pool_of(narrow, ["a", "b"])
    other = client.post("/v1/pools", json={}).json["id"]
    fill(narrow, ROOM - narrow.files.size(), part_name(full, "large"))
    problem(upload(client, other, b"x"), 413, "too_large")

    assert client.delete(f"/v1/pools/{full}").status_code == 204

    assert upload(client, other, b"x" * ROOM).status_code == 202


def test_a_ranking_that_is_deleted_makes_room(client, narrow):
    ranking = ranking_of(narrow, pool_of(narrow, ["a", "b"]), [1, 2])
    before = used(client)["bytes"]

    client.delete(f"/v1/rankings/{ranking}")

    assert used(client)["bytes"] < before


def test_a_count_that_a_crash_made_untrue_is_mended_before_anything_is_refused(
    client, narrow, pool
):
    narrow.storage.put_tally(usage.TALLY, ROOM, 100)

    assert upload(client, pool, b"x" * ROOM).status_code == 202


def test_files_that_no_record_knows_are_counted(client, narrow, pool):
    fill(narrow, ROOM)

    problem(upload(client, pool, b"x"), 413, "too_large")


@pytest.mark.parametrize("wanted", [32, 31])
def test_a_scoring_whose_rankings_do_not_fit_is_refused(client, narrow, wanted):
    pool = pool_of(narrow, ["a", "b"])
    fill(narrow, ROOM - wanted - narrow.files.size())
    asked = {"pool": pool, "acquisitions": [{"name": "random"}]}

    answer = client.post("/v1/scorings", json=asked)

    assert answer.status_code == (202 if wanted == 32 else 413)
    assert used(client)["jobs"] == (wanted == 32)
    assert client.get(f"/v1/pools/{pool}/items").status_code == 200, "reading goes on"
    labels = {"labels": [{"id": "a", "label": 1}]}
    assert client.put(f"/v1/pools/{pool}/labels", json=labels).status_code == 200


def test_what_a_reader_makes_of_an_upload_must_fit_too(narrow):
    pool = pool_of(narrow, ["a", "b", "c"])
    request = {"pool": pool, "parts": ["part of j"], "name": "", "media_type": "", "bytes": 11}
    request |= {"sha256": "", "options": {"kind": "probs", "id_column": "id"}}
    job = jobs.submit(narrow, Job(id=new_id(), task="receive", request=request, pool=pool))
    begun = jobs.claim(narrow, job.id, job.ticket)
    fill(narrow, ROOM - narrow.files.size() - 11)
    before = narrow.files.size()

    with pytest.raises(TooLarge, match="max_workspace_bytes"):
        receive(Workbench(narrow, Reader(said("probs"), ARRAYS["probs"])), begun)

    assert narrow.files.size() == before


def test_one_workspace_takes_no_room_and_no_jobs_of_another(narrow):
    made = {
        name: keys.make(narrow.keys, workspace=name, scopes=(ADMIN,))[1]
        for name in ("alpha", "beta")
    }
    client = create_app(backend=narrow).test_client()

    def post(path, name, **options):
        return client.post(path, headers={"Authorization": f"Bearer {made[name]}"}, **options)

    def fill_up(name):
        pool = post("/v1/pools", name, json={}).json["id"]
        sent = {"data": b"x" * 3_000, "content_type": "text/csv"}
        return [post(f"/v1/pools/{pool}/items", name, **sent).status_code for _ in range(4)]

    assert fill_up("alpha") == [202, 202, 202, 413]
    assert fill_up("beta") == [202, 202, 202, 413]


def test_a_job_that_has_ended_makes_room_for_another(client, pool):
    found = [upload(client, pool, b"x") for _ in range(4)]
    assert [each.status_code for each in found] == [202, 202, 202, 429]
    assert found[-1].headers["Retry-After"] == "30"

    client.post(f"/v1/jobs/{found[0].json['id']}/cancel")

    assert upload(client, pool, b"x").status_code == 202
