"""What the API does with any request, good or bad, before a worker comes into play."""

import base64
import hashlib
import io
import json

import pytest

from service.api.slots import UPLOADS
from service.app import create_app
from service.backend import backend_on
from service.redis_storage import connect
from service.settings import Settings

PROBLEM = "application/problem+json"


def problem(answer, status, code):
    assert (status, PROBLEM) == (answer.status_code, answer.content_type), answer.data
    assert code == answer.json["code"]
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    return answer.json


@pytest.fixture
def pool(client):
    return client.post("/v1/pools", json={"name": "p"}).json["id"]


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        (b"{", "malformed_body", "line 1"),
        (b"", "malformed_body", "no JSON"),
        (b'{"name": NaN}', "malformed_body", "NaN"),
        (b'{"name": -Infinity}', "malformed_body", "Infinity"),
        (b'{"name": "a", "name": "b"}', "malformed_body", "twice"),
        (b"\xff", "malformed_body", "UTF-8"),
        (b"[" * 100_000, "malformed_body", "deep"),
        (b'{"name": ' + b"9" * 5000 + b"}", "malformed_body", "64 bits"),
        (b'{"name": 9223372036854775808}', "malformed_body", "64 bits"),
        (b'{"name": 1e999}', "malformed_body", "number"),
        (b'{"name": "\\ud800"}', "malformed_body", "surrogate"),
        (b'{"\\uD800": 1}', "malformed_body", "surrogate"),
    ],
)
def test_a_body_that_is_no_strict_json_is_refused(client, body, code, says):
    answer = client.post("/v1/pools", data=body, content_type="application/json")

    found = problem(answer, 400, code)
    assert says in json.dumps(found)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": 7}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"nome": "x"}, "/nome"),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_a_body_that_does_not_fit_its_schema_is_refused_by_pointer(client, body, pointer):
    answer = client.post("/v1/pools", data=json.dumps(body), content_type="application/json")

    found = problem(answer, 422, "invalid_request")
    assert pointer in [each["pointer"] for each in found["errors"]]


def test_a_json_body_is_announced_as_such(client):
    answer = client.post("/v1/pools", data=b"{}", content_type="text/plain")

    assert "application/json" in problem(answer, 415, "unsupported_format")["detail"]


def test_a_json_body_past_the_limit_is_refused(connection, tmp_path):
    settings = Settings(data_dir=tmp_path, max_json_bytes=1024)
    backend = backend_on(connection, settings)
    client = create_app(backend=backend).test_client()

    assert client.post("/v1/pools", data=b" " * 1022 + b"{}", **JSON).status_code == 201
    problem(client.post("/v1/pools", data=b" " * 1023 + b"{}", **JSON), 413, "too_large")


JSON = {"content_type": "application/json"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "?page_size"),
        ("page_size=1001", "?page_size"),
        ("page_size=x", "?page_size"),
        ("page=2", "?page"),
        ("page_token=zzz", "?page_token"),
        ("page_token=%FF", "?page_token"),
        ("page_token=NQ", "?page_token"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(client, query, pointer):
    found = problem(client.get(f"/v1/pools?{query}"), 422, "invalid_request")

    assert [pointer] == [each["pointer"] for each in found["errors"]]


def test_a_page_token_is_good_only_for_its_own_question(client, pool):
    client.post("/v1/pools", json={})
    token = client.get("/v1/pools?page_size=1").json["next_page_token"]

    assert pool == client.get(f"/v1/pools?page_token={token}").json["pools"][0]["id"]
    problem(client.get(f"/v1/jobs?page_token={token}"), 422, "invalid_request")
    problem(client.get(f"/v1/pools/{pool}/items?page_token={token}"), 422, "invalid_request")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/pools/nope", "pool_not_found"),
        ("/v1/pools/nope/items", "pool_not_found"),
        ("/v1/pools/nope/labels", "pool_not_found"),
        ("/v1/pools/nope/exclusions", "pool_not_found"),
        ("/v1/models/nope", "model_not_found"),
        ("/v1/jobs/nope", "job_not_found"),
        ("/v1/rankings/nope", "ranking_not_found"),
        ("/v1/rankings/nope/items", "ranking_not_found"),
        ("/v1/acquisitions/nope", "acquisition_not_found"),
        ("/v1/nope", "not_found"),
        ("/docs/nope.js", "not_found"),
        ("/docs/..%2f..%2fetc%2fpasswd", "not_found"),
    ],
)
def test_what_is_not_there_is_404(client, path, code):
    problem(client.get(path), 404, code)


def test_a_method_that_a_resource_does_not_have_is_405_and_says_which_it_has(client):
    answer = client.patch("/v1/pools")

    problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_pools_are_made_listed_the_newest_first_and_deleted(client):
    ids = [client.post("/v1/pools", json={"name": str(n)}).json["id"] for n in range(3)]

    first = client.get("/v1/pools?page_size=2").json
    second = client.get(f"/v1/pools?page_size=2&page_token={first['next_page_token']}").json
    assert ids[::-1] == [pool["id"] for pool in first["pools"] + second["pools"]]
    assert second["next_page_token"] is None

    assert client.delete(f"/v1/pools/{ids[0]}").status_code == 204
    problem(client.get(f"/v1/pools/{ids[0]}"), 404, "pool_not_found")
    problem(client.delete(f"/v1/pools/{ids[0]}"), 404, "pool_not_found")


def test_a_new_pool_says_where_it_is(client):
    answer = client.post("/v1/pools", json={"name": "Straße"})

    assert answer.status_code == 201
    assert answer.json == client.get(answer.headers["Location"]).json
    assert tuple(answer.json[key] for key in ("name", "total", "dtype", "parts")) == (
        "Straße",
        0,
        None,
        [],
    )


def test_an_upload_of_an_unknown_type_is_refused_unread(client, pool, backend):
    answer = client.post(f"/v1/pools/{pool}/items", data=b"x", content_type="image/png")

    problem(answer, 415, "unsupported_format")
    assert "text/csv" in answer.headers["Accept-Post"]
    assert list((backend.files.root / "uploads").iterdir()) == []


def test_an_upload_is_kept_and_queued(client, pool, backend):
    answer = client.post(f"/v1/pools/{pool}/items", data=b"id,x\na,1\n", content_type="text/csv")

    assert (
        answer.status_code,
        answer.json["state"],
        answer.json["queue_position"],
    ) == (202, "queued", 0)
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert (backend.files.root / "uploads" / answer.json["id"]).read_bytes() == b"id,x\na,1\n"


def test_an_upload_past_the_limit_leaves_nothing(connection, tmp_path):
    settings = Settings(data_dir=tmp_path, max_upload_bytes=10)
    backend = backend_on(connection, settings)
    client = create_app(backend=backend).test_client()
    pool = client.post("/v1/pools", json={}).json["id"]
    path = f"/v1/pools/{pool}/items"

    assert client.post(path, data=b"x" * 10, content_type="text/csv").status_code == 202
    problem(client.post(path, data=b"x" * 11, content_type="text/csv"), 413, "too_large")
    assert len(list((tmp_path / "uploads").iterdir())) == 1


def chunked(client, path, body, **headers):
    return client.post(
        path,
        input_stream=io.BytesIO(body),
        content_type="text/csv",
        headers={"Transfer-Encoding": "chunked", **headers},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_a_body_of_unknown_length_is_taken_with_a_digest_only(client, pool):
    path, body = f"/v1/pools/{pool}/items", b"id,x\na,1\n"
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()

    problem(chunked(client, path, body), 411, "length_required")
    answer = chunked(client, path, body, **{"Repr-Digest": f"sha-256=:{digest}:"})
    assert answer.status_code == 202
    answer = chunked(client, path, body[:-2], **{"Repr-Digest": f"sha-256=:{digest}:"})
    assert "sha-256" in problem(answer, 400, "malformed_body")["detail"]


def test_a_digest_that_is_sent_is_checked(client, pool, backend):
    path, headers = f"/v1/pools/{pool}/items", {"Content-Digest": "sha-256=:AAAA:"}
    answer = client.post(path, data=b"id,x\n", content_type="text/csv", headers=headers)

    problem(answer, 400, "malformed_body")
    assert list((backend.files.root / "uploads").iterdir()) == []


def test_more_uploads_at_once_than_threads_can_spare_are_sent_away(backend, pool):
    app = create_app(backend=backend)
    slots = app.extensions[UPLOADS]
    while slots.acquire(blocking=False):
        pass
    answer = app.test_client().post(
        f"/v1/pools/{pool}/items", data=b"id,x\n", content_type="text/csv"
    )

    problem(answer, 429, "too_busy")
    assert "Retry-After" in answer.headers


def test_joblib_is_refused_with_the_way_to_send_skops(client):
    answer = client.post("/v1/models?format=joblib", data=b"x")

    assert "skops.io.dump" in problem(answer, 415, "unsupported_format")["detail"]


def test_a_key_makes_a_request_count_once(client, pool):
    def send(body, key):
        headers = {"Idempotency-Key": key}
        return client.post("/v1/pools", json=body, headers=headers)

    first, again = send({"name": "a"}, "k1"), send({"name": "a"}, "k1")

    assert first.json == again.json
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert first.headers["Location"] == again.headers["Location"]
    problem(send({"name": "b"}, "k1"), 422, "invalid_request")
    assert send({"name": "a"}, "k2").json["id"] != first.json["id"]
    problem(send({"name": "a"}, "x" * 256), 422, "invalid_request")


def test_an_upload_with_a_key_is_kept_once(client, pool, backend):
    def send(body):
        return client.post(
            f"/v1/pools/{pool}/items",
            data=body,
            content_type="text/csv",
            headers={"Idempotency-Key": "k"},
        )

    assert send(b"id,x\na,1\n").json["id"] == send(b"id,x\na,1\n").json["id"]
    problem(send(b"id,x\nb,1\n"), 422, "invalid_request")
    assert len(list((backend.files.root / "uploads").iterdir())) == 1
    assert len(backend.queue) == 1


def test_a_request_that_failed_may_be_sent_again_with_its_key(client, pool):
    headers = {"Idempotency-Key": "k"}
    body = {"pool": pool, "acquisitions": [{"name": "entropy"}]}
    problem(client.post("/v1/scorings", json=body, headers=headers), 422, "invalid_request")

    body["acquisitions"] = [{"name": "random"}]
    assert client.post("/v1/scorings", json=body, headers=headers).status_code == 202


def test_a_wait_is_granted_and_said(client, pool):
    body = {"pool": pool, "acquisitions": [{"name": "random"}]}
    answer = client.post("/v1/scorings", json=body, headers={"Prefer": "respond-async, wait=0"})

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=0")
    plain = client.get(f"/v1/jobs/{answer.json['id']}")
    assert "Preference-Applied" not in plain.headers


@pytest.mark.parametrize(
    ("function", "pointer"),
    [
        ({"name": "nope"}, "/acquisitions/0/name"),
        ({}, "/acquisitions/0/name"),
        ({"name": "random", "parameters": {"seed": 1.5}}, "/acquisitions/0/parameters/seed"),
        ({"name": "random", "parameters": {"seed": True}}, "/acquisitions/0/parameters/seed"),
        ({"name": "random", "parameters": {"seed": -1}}, "/acquisitions/0/parameters/seed"),
        ({"name": "random", "parameters": {"sed": 1}}, "/acquisitions/0/parameters/sed"),
        ({"name": "random", "parameters": []}, "/acquisitions/0/parameters"),
        ({"name": "random", "seed": 1}, "/acquisitions/0/seed"),
        ("random", "/acquisitions/0"),
        ({"name": "entropy"}, "/acquisitions/0/name"),
    ],
)
def test_a_function_that_cannot_be_computed_is_refused_by_pointer(client, pool, function, pointer):
    answer = client.post("/v1/scorings", json={"pool": pool, "acquisitions": [function]})

    found = problem(answer, 422, "invalid_request")
    assert [pointer] == [each["pointer"] for each in found["errors"]]


def test_a_scoring_takes_as_many_functions_as_the_limit(client, pool):
    def send(count):
        asked = [{"name": "random", "parameters": {"seed": n}} for n in range(count)]
        return client.post("/v1/scorings", json={"pool": pool, "acquisitions": asked})

    assert send(16).status_code == 202
    problem(send(17), 422, "invalid_request")
    problem(send(0), 422, "invalid_request")


def test_a_scoring_of_what_is_not_there_is_404(client, pool):
    body = {"pool": "nope", "acquisitions": [{"name": "random"}]}
    problem(client.post("/v1/scorings", json=body), 404, "pool_not_found")
    body = {"pool": pool, "model": "nope", "acquisitions": [{"name": "random"}]}
    problem(client.post("/v1/scorings", json=body), 404, "model_not_found")


@pytest.mark.parametrize("name", ["a b", "-a", "x" * 65, "ä", "a\n"])
def test_a_set_with_a_name_that_fits_no_url_is_refused(client, pool, name):
    path = f"/v1/pools/{pool}/exclusions/{name}".replace("\n", "%0A").replace(" ", "%20")

    problem(client.put(path, json={"ids": []}), 422, "invalid_request")


def test_the_set_that_labels_keep_is_not_written_by_hand(client, pool):
    path = f"/v1/pools/{pool}/exclusions/labelled"

    problem(client.put(path, json={"ids": []}), 409, "conflict")
    problem(client.delete(path), 409, "conflict")
    assert client.get(path).json["ids"] == []


def test_ids_that_a_pool_does_not_know_are_told(client, pool):
    answer = client.put(f"/v1/pools/{pool}/exclusions/s", json={"ids": ["x", "y"]})

    assert (answer.json["size"], answer.json["unknown_ids"]) == (0, ["x", "y"])
    found = client.put(f"/v1/pools/{pool}/labels", json={"labels": [{"id": "x", "label": 1}]})
    assert problem(found, 422, "invalid_request")["errors"][0]["pointer"] == "/labels/0/id"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"ids": "x"}, "/ids"),
        ({"ids": [1]}, "/ids/0"),
        ({"ids": ["a", None]}, "/ids/1"),
    ],
)
def test_ids_are_strings(client, pool, body, pointer):
    answer = client.put(f"/v1/pools/{pool}/exclusions/s", json=body)

    assert pointer == problem(answer, 422, "invalid_request")["errors"][0]["pointer"]


def test_with_a_key_set_only_its_bearer_gets_in(connection, tmp_path):
    settings = Settings(data_dir=tmp_path, api_key="secret")
    backend = backend_on(connection, settings)
    client = create_app(backend=backend).test_client()

    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret"}):
        answer = client.get("/v1/pools", headers=headers)
        problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/livez").status_code == 200
    good = {"Authorization": "Bearer secret"}
    assert client.get("/v1/pools", headers=good).status_code == 200


def test_a_read_that_has_not_changed_is_answered_304(client, pool):
    first = client.get(f"/v1/pools/{pool}")

    again = client.get(f"/v1/pools/{pool}", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_a_request_keeps_the_id_it_brings(client):
    headers = {"X-Request-Id": "trace-7"}
    assert client.get("/v1/nope", headers=headers).json["request_id"] == "trace-7"
    strange = client.get("/v1/nope", headers={"X-Request-Id": "a b<script>"})
    assert len(strange.json["request_id"]) == 32


def test_the_docs_load_nothing_from_elsewhere(client):
    page = client.get("/docs")

    assert b"http" not in page.data.replace(b"http-equiv", b"")
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png"):
        with client.get(f"/docs/{asset}") as answer:
            assert answer.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_limits_are_published(client):
    limits = client.get("/v1/limits").json["limits"]

    assert limits["max_id_bytes"]["value"] == 512
    assert all(limit["meaning"] for limit in limits.values())


def test_without_its_storage_the_api_says_try_again(tmp_path):
    settings = Settings(data_dir=tmp_path)
    nowhere = connect("unix:///nowhere")
    nowhere.connection_pool.connection_kwargs["retry"] = None
    backend = backend_on(nowhere, settings)
    client = create_app(backend=backend).test_client()

    for path in ("/readyz", "/v1/pools"):
        answer = client.get(path)
        problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "2"
    assert client.get("/livez").status_code == 200


def test_a_body_of_very_many_names_is_read_in_no_time(client):
    names = b",".join(b'"%d":1' % n for n in range(200_000))

    answer = client.post("/v1/pools", data=b"{" + names + b',"7":1}', **JSON)

    assert "'7'" in problem(answer, 400, "malformed_body")["detail"]
