"""What the API does with predictions that clients give, before a worker comes into play."""

import json
from dataclasses import replace
from urllib.parse import quote, urlencode

import pytest

from service.app import create_app
from service.given import FORMS
from service.operations import pools, predictions
from service.records import Predictions, new_id
from service.settings import Settings

PROBLEM = "application/problem+json"
JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
NPZ = "application/x-npz"
MULTIPART = "multipart/form-data"
ARROW = "application/vnd.apache.arrow.stream"


def problem(answer, status, code):
    assert (status, PROBLEM) == (answer.status_code, answer.content_type), answer.data
    assert code == answer.json["code"]
    return answer.json


@pytest.fixture
def pool(client):
    return client.post("/v1/pools", json={"name": "p"}).json["id"]


@pytest.fixture
def send(client, pool):
    """Send predictions; whatever else is named goes into the query."""

    def post(type=JSON, body=b"{}", headers=None, **query):
        path = f"/v1/pools/{pool}/predictions?{urlencode(query, quote_via=quote, doseq=True)}"
        return client.post(path, data=body, content_type=type, headers=headers)

    return post


def waiting(backend):
    return [path.name for path in (backend.files.root / "uploads").iterdir()]


def given(backend, pool, **fields):
    """Remember predictions as if a worker had taken them in."""
    record = Predictions(
        id=new_id(),
        job=new_id(),
        pool=pool,
        form="probs",
        parts=("a",),
        total=3,
        items=2,
        whole=False,
        classes=("bus", "tram"),
        members=None,
        dtype="float32",
        empty=0,
        bytes=7,
        sha256="5",
    )
    record = replace(record, **fields)
    predictions.enter(backend, record)
    return record


def test_predictions_are_kept_and_queued_with_all_that_was_said(send, backend):
    answer = send(
        kind="members",
        scale="log_probabilities",
        classes='["bus", "tram", 3, true]',
        normalize="true",
        name="ensemble",
        body=b"{}",
    )

    assert (answer.status_code, answer.json["state"]) == (202, "queued")
    assert (answer.json["task"], answer.headers["Retry-After"]) == ("receive", "1")
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    request = answer.json["request"]
    assert (request["name"], request["media_type"], request["bytes"]) == ("ensemble", JSON, 2)
    assert request["parts"] == []
    assert request["options"] == {
        "kind": "members",
        "scale": "log_probabilities",
        "classes": ["bus", "tram", 3, True],
        "normalize": True,
        "axes": None,
        "dtype": None,
        "id_column": "id",
    }
    assert [answer.json["id"]] == waiting(backend)


@pytest.mark.parametrize("kind", FORMS)
def test_every_kind_may_be_sent_with_nothing_more_said(send, kind):
    assert send(kind=kind).status_code == 202


@pytest.mark.parametrize("axes", ["members,items,classes", ["members", "items", "classes"]])
def test_axes_are_named_with_commas_or_one_by_one(send, axes):
    answer = send(NPY, kind="members", axes=axes)

    assert answer.json["request"]["options"]["axes"] == ["members", "items", "classes"]


def test_classes_are_named_or_counted(send):
    def said(classes):
        return send(kind="probs", classes=classes).json["request"]["options"]["classes"]

    assert said("10") == 10
    assert said('["007", 7, 7.5, false]') == ["007", 7, 7.5, False]


def test_classes_that_are_text_are_said_one_by_one(send):
    names = ["cat", "1", "Öl, rot", "true"]

    options = send(kind="probs", **{"class": names}).json["request"]["options"]

    assert options["classes"] == names
    assert "class" not in options


@pytest.mark.parametrize("type", [NPY, NPZ, MULTIPART])
@pytest.mark.parametrize(
    ("kind", "example"),
    [
        ("members", "?axes=members,items,classes"),
        ("votes", "?axes=members,items"),
        ("regression_members", "?axes=members,items"),
    ],
)
def test_the_axes_of_an_array_with_members_are_asked_for(send, backend, kind, example, type):
    found = problem(send(type, b"x", kind=kind), 422, "invalid_request")

    [fault] = found["errors"]
    assert fault["pointer"] == "?axes"
    assert fault["detail"].endswith(example)
    assert ", ".join(FORMS[kind].axes) in fault["detail"]
    assert example in found["detail"]
    assert waiting(backend) == []


REFUSED = [
    ("kind", {}),
    ("kind", {"kind": "Probs"}),
    ("scale", {"kind": "probs", "scale": "percent"}),
    ("scale", {"kind": "votes", "scale": "logits"}),
    ("scale", {"kind": "regression", "scale": "log_probabilities"}),
    ("scale", {"kind": "regression_members", "scale": "logits"}),
    ("normalize", {"kind": "probs", "normalize": "yes"}),
    ("normalize", {"kind": "votes", "normalize": "true"}),
    ("normalize", {"kind": "multilabel", "normalize": "true"}),
    ("normalize", {"kind": "regression", "normalize": "true"}),
    ("classes", {"kind": "probs", "classes": "bus,tram"}),
    ("classes", {"kind": "probs", "classes": '{"bus": 1}'}),
    ("classes", {"kind": "probs", "classes": "true"}),
    ("classes", {"kind": "probs", "classes": "2.5"}),
    ("classes", {"kind": "probs", "classes": "null"}),
    ("classes", {"kind": "probs", "classes": "["}),
    ("classes", {"kind": "probs", "classes": "[" * 5_000}),
    ("classes", {"kind": "probs", "classes": "9" * 5_000}),
    ("classes", {"kind": "probs", "classes": "1"}),
    ("classes", {"kind": "probs", "classes": "-2"}),
    ("classes", {"kind": "probs", "classes": "100001"}),
    ("classes", {"kind": "probs", "classes": "[]"}),
    ("classes", {"kind": "probs", "classes": '["bus"]'}),
    ("classes", {"kind": "probs", "classes": '["bus", "bus"]'}),
    ("classes", {"kind": "probs", "classes": "[1, 1.0]"}),
    ("classes", {"kind": "probs", "classes": '["bus", null]'}),
    ("classes", {"kind": "probs", "classes": '["bus", ["tram"]]'}),
    ("classes", {"kind": "probs", "classes": '["bus", NaN]'}),
    ("classes", {"kind": "probs", "classes": "[1e999, 2]"}),
    ("classes", {"kind": "probs", "classes": "[9007199254740993, 2]"}),
    ("classes", {"kind": "probs", "classes": '["\\ud800", 2]'}),
    ("classes", {"kind": "probs", "classes": json.dumps(["b" * 1025, "t"])}),
    ("classes", {"kind": "probs", "classes": json.dumps([f"{n}" + 99 * "x" for n in range(400)])}),
    ("classes", {"kind": "multilabel", "classes": "0"}),
    ("classes", {"kind": "regression", "classes": "2"}),
    ("classes", {"kind": "regression_members", "classes": '["a", "b"]'}),
    ("class", {"kind": "probs", "class": "bus"}),
    ("class", {"kind": "probs", "class": ["bus", "bus"]}),
    ("class", {"kind": "probs", "class": ["b" * 1025, "t"]}),
    ("class", {"kind": "probs", "class": ["bus", "tram"], "classes": "2"}),
    ("class", {"kind": "probs", "class": ["bus", "tram"], "classes": '["bus", "tram"]'}),
    ("class", {"kind": "regression", "class": ["bus", "tram"]}),
    ("axes", {"kind": "members", "axes": "items,members", "type": NPY}),
    ("axes", {"kind": "members", "axes": "items,members,members", "type": NPY}),
    ("axes", {"kind": "members", "axes": "items,members,labels", "type": NPZ}),
    ("axes", {"kind": "members", "axes": "", "type": NPY}),
    ("axes", {"kind": "members", "axes": "items,members,classes", "type": JSON}),
    ("axes", {"kind": "probs", "axes": "items,classes", "type": NPY}),
    ("axes", {"kind": "objects", "axes": "items,classes", "type": NPZ}),
    ("dtype", {"kind": "probs", "dtype": "uint8"}),
    ("dtype", {"kind": "votes", "dtype": "float32"}),
    ("dtype", {"kind": "probs", "dtype": "float32", "scale": "logits"}),
    ("id_column", {"kind": "probs", "id_column": "key", "type": NPZ}),
    ("name", {"kind": "probs", "name": "x" * 201}),
    ("softmax", {"kind": "probs", "softmax": "true"}),
]


@pytest.mark.parametrize(("name", "query"), REFUSED)
def test_what_makes_no_sense_is_refused_by_pointer_and_unread(send, backend, name, query):
    found = problem(send(**query), 422, "invalid_request")

    assert [f"?{name}"] == [each["pointer"] for each in found["errors"]]
    assert waiting(backend) == []
    assert len(backend.queue) == 0


def test_all_that_does_not_go_with_a_kind_is_told_at_once(send):
    found = problem(
        send(kind="regression", scale="logits", normalize="true", classes="2"),
        422,
        "invalid_request",
    )

    assert {each["pointer"] for each in found["errors"]} == {"?scale", "?normalize", "?classes"}


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "probs", "id_column": "key", "type": CSV},
        {"kind": "probs", "id_column": "key", "type": ARROW},
        {"kind": "probs", "normalize": "false", "type": NPY},
        {"kind": "votes", "scale": "probabilities", "normalize": "false"},
        {"kind": "regression", "dtype": "float16"},
        {"kind": "multilabel", "classes": '["harmful"]', "scale": "logits"},
        {"kind": "votes", "axes": "members,items", "type": NPY},
    ],
)
def test_what_goes_together_is_taken(send, query):
    assert send(**query).status_code == 202


def test_a_type_that_no_reader_knows_is_refused_unread(send, backend):
    answer = send("image/png", b"x", kind="probs")

    problem(answer, 415, "unsupported_format")
    assert CSV in answer.headers["Accept-Post"]
    assert waiting(backend) == []


@pytest.mark.parametrize("kind", ["objects", "tokens", "regression"])
def test_what_takes_several_arrays_does_not_come_in_one(send, kind):
    assert NPZ in problem(send(NPY, kind=kind), 415, "unsupported_format")["detail"]
    assert send(NPZ, kind=kind).status_code == 202


def test_predictions_of_a_pool_that_is_not_there_are_404(client):
    path = "/v1/pools/nope/predictions"

    problem(client.post(f"{path}?kind=probs", data=b"{}", content_type=JSON), 404, "pool_not_found")
    problem(client.get(path), 404, "pool_not_found")
    problem(client.get(f"{path}/nope"), 404, "pool_not_found")
    problem(client.delete(f"{path}/nope"), 404, "pool_not_found")


def test_a_key_makes_an_upload_count_once(send, backend):
    def keyed(body, **query):
        return send(body=body, headers={"Idempotency-Key": "k"}, kind="probs", **query)

    first, again = keyed(b"{}"), keyed(b"{}")

    assert first.json == again.json
    assert again.headers["Idempotent-Replayed"] == "true"
    problem(keyed(b"[]"), 422, "invalid_request")
    problem(keyed(b"{}", scale="logits"), 422, "invalid_request")
    assert [first.json["id"]] == waiting(backend)
    assert len(backend.queue) == 1


def test_a_wait_is_granted_and_said(send):
    answer = send(kind="probs", headers={"Prefer": "wait=0"})

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=0")


def test_predictions_are_told_by_their_kind_and_listed_the_newest_first(client, backend, pool):
    records = [given(backend, pool, name=str(n)) for n in range(3)]
    other = client.post("/v1/pools", json={}).json["id"]
    given(backend, other)
    path = f"/v1/pools/{pool}/predictions"

    first = client.get(f"{path}?page_size=2").json
    second = client.get(f"{path}?page_size=2&page_token={first['next_page_token']}").json

    listed = first["predictions"] + second["predictions"]
    assert [each["name"] for each in listed] == ["2", "1", "0"]
    assert second["next_page_token"] is None
    found = client.get(f"{path}/{records[0].id}").json
    assert found == listed[2]
    assert (found["kind"], found["classes"], found["total"]) == ("probs", ["bus", "tram"], 3)
    answer = client.get(f"/v1/pools/{other}/predictions?page_token={first['next_page_token']}")
    problem(answer, 422, "invalid_request")


def test_predictions_belong_to_one_pool(client, backend, pool):
    record = given(backend, pool)
    other = client.post("/v1/pools", json={}).json["id"]

    path = f"/v1/pools/{other}/predictions/{record.id}"
    problem(client.get(path), 404, "predictions_not_found")
    problem(client.delete(path), 404, "predictions_not_found")
    assert client.get(f"/v1/pools/{pool}/predictions/{record.id}").status_code == 200


def test_deleted_predictions_are_gone(client, backend, pool):
    record = given(backend, pool)
    files = backend.files.path(f"pools/{pool}/predictions/{record.id}")
    files.mkdir(parents=True)
    path = f"/v1/pools/{pool}/predictions/{record.id}"

    assert client.delete(path).status_code == 204
    problem(client.get(path), 404, "predictions_not_found")
    problem(client.delete(path), 404, "predictions_not_found")
    assert client.get(f"/v1/pools/{pool}/predictions").json["predictions"] == []
    assert not files.exists()


def test_a_deleted_pool_takes_its_predictions_along(client, backend, pool):
    record = given(backend, pool)

    assert client.delete(f"/v1/pools/{pool}").status_code == 204
    assert backend.storage.get(Predictions, record.id) is None
    assert [key for key in backend.storage.redis.scan_iter() if record.id.encode() in key] == []


def test_a_pool_keeps_as_many_predictions_as_the_limit(connection, backend):
    narrow = replace(backend, settings=replace(Settings(), max_predictions=2))
    client = create_app(backend=narrow).test_client()
    pool = pools.create(narrow, "p").id
    path = f"/v1/pools/{pool}/predictions"
    first = given(narrow, pool)
    given(narrow, pool)

    answer = client.post(f"{path}?kind=probs", data=b"{}", content_type=JSON)
    assert "max_predictions" in problem(answer, 413, "too_large")["detail"]
    client.delete(f"{path}/{first.id}")
    answer = client.post(f"{path}?kind=probs", data=b"{}", content_type=JSON)
    assert answer.status_code == 202


def test_the_limits_of_predictions_are_published(client):
    limits = client.get("/v1/limits").json["limits"]

    assert limits["max_members"]["value"] == limits["max_predictions"]["value"] == 1_000
