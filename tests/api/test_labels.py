"""Labels over HTTP: set, changed, removed, listed, counted, and refused."""

import base64
import csv
import hashlib
import io
import json

import pytest

from service import ranking
from service.app import create_app
from service.backend import backend_on
from service.errors import Unavailable
from service.operations import pools
from service.schemas.labels import SOURCE_LENGTH
from service.settings import Settings
from tests.api.test_requests import problem
from tests.unit.test_pools import arrival

NDJSON = "application/x-ndjson"
TIME = "2026-01-31T09:30:00.000000Z"


@pytest.fixture
def path(backend):
    return made(backend)


def made(backend):
    """The path to the labels of a new pool of five."""
    pool = pools.create(backend, "p")
    pools.append(backend, pool.id, arrival(backend, pool, "a", "b", "c,", "d", "ü"))
    return f"/v1/pools/{pool.id}/labels"


def lines(*entries):
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def put(client, path, *entries, **more):
    return client.put(path, json={"labels": list(entries), **more})


def kept(client, path):
    return [(each["id"], each["label"], each["source"]) for each in client.get(path).json["labels"]]


def test_labels_are_set_changed_and_removed_in_one_request(client, path):
    assert put(client, path, {"id": "a", "label": 1}, {"id": "b", "label": "x"}).json == {
        "labelled": 2
    }
    answer = put(
        client,
        path,
        {"id": "a", "label": None},
        {"id": "b", "label": "y", "source": "ben", "time": "2026-01-31T10:30:00+01:00"},
        {"id": "ü", "label": True},
        source="anna",
    )

    assert answer.json == {"labelled": 2}
    assert kept(client, path) == [("b", "y", "ben"), ("ü", True, "anna")]
    assert client.get(path).json["labels"][0]["time"] == TIME


def test_the_same_label_sent_again_changes_nothing(client, path):
    put(client, path, {"id": "a", "label": "x"}, source="anna")
    before = client.get(path).json
    put(client, path, {"id": "a", "label": "x", "source": "anna", "time": TIME})

    assert client.get(path).json == before


def test_lines_are_read_as_documents_are(client, path):
    body = lines({"id": "a", "label": 1.5}, {"id": "b", "label": "x", "source": "ben"})

    answer = client.put(f"{path}?source=anna", data=body.rstrip(b"\n"), content_type=NDJSON)

    assert answer.json == {"labelled": 2}
    assert kept(client, path) == [("a", 1.5, "anna"), ("b", "x", "ben")]
    nothing = client.put(path, content_type=NDJSON, environ_overrides={"CONTENT_LENGTH": "0"})
    assert nothing.json == {"labelled": 2}


@pytest.mark.parametrize(
    ("entries", "pointer", "place"),
    [
        ([{"id": "nobody", "label": 1}], "/labels/0/id", "line 1, /id"),
        ([{"id": "a", "label": 1}, {"id": "zzz", "label": 1}], "/labels/1/id", "line 2, /id"),
        ([{"id": "a", "label": 1}, {"id": "a", "label": 1}], "/labels/1/id", "line 2, /id"),
        ([{"id": 7, "label": 1}], "/labels/0/id", "line 1, /id"),
        ([{"id": "a", "label": [1]}], "/labels/0/label", "line 1, /label"),
        ([{"id": "a", "label": "x" * 1_025}], "/labels/0/label", "line 1, /label"),
        ([{"id": "a", "label": 1, "source": 7}], "/labels/0/source", "line 1, /source"),
        (
            [{"id": "a", "label": 1, "source": "x" * (SOURCE_LENGTH + 1)}],
            "/labels/0/source",
            "line 1, /source",
        ),
        ([{"id": "a", "label": 1, "time": "today"}], "/labels/0/time", "line 1, /time"),
        ([{"id": "a", "label": 1, "time": None}], "/labels/0/time", "line 1, /time"),
        ([{"id": "a", "label": 1, "by": "x"}], "/labels/0", "line 1"),
        ([{"id": "a"}], "/labels/0", "line 1"),
        (["a"], "/labels/0", "line 1"),
    ],
)
def test_one_wrong_entry_and_none_is_set(client, path, entries, pointer, place):
    good = {"id": "d", "label": "good"}
    answer = put(client, path, *entries, good)
    assert [pointer] == [
        each["pointer"] for each in problem(answer, 422, "invalid_request")["errors"]
    ]

    answer = client.put(path, data=lines(*entries, good), content_type=NDJSON)
    assert [place] == [
        each["pointer"] for each in problem(answer, 422, "invalid_request")["errors"]
    ]
    assert kept(client, path) == []


def test_every_wrong_entry_is_named_up_to_a_number(client, path):
    answer = put(client, path, *[{"id": "a", "label": []}] * 100)

    assert [each["pointer"] for each in problem(answer, 422, "invalid_request")["errors"]] == [
        f"/labels/{place}/label" for place in range(20)
    ]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"id": "a", "label": 1}\n\n', "line 2"),
        (b'\n{"id": "a", "label": 1}', "line 1"),
        (b'{"id": "a", "label": 1}\n{"id": "b"', "line 2"),
        (b'{"id": "a", "label": NaN}', "line 1"),
        (b'{"id": "a", "label": 1, "label": 2}', "line 1"),
        (b'{"id": "a", "label": "\\ud800"}', "line 1"),
        (b'{"id": "a", "label": 1} {}', "line 1"),
        (b"\xff", "line 1"),
    ],
)
def test_a_line_that_is_no_strict_json_is_refused(client, path, body, place):
    answer = client.put(path, data=body, content_type=NDJSON)

    assert [place] == [each["pointer"] for each in problem(answer, 400, "malformed_body")["errors"]]
    assert kept(client, path) == []


def test_a_body_of_another_type_or_encoding_is_refused(client, path):
    said = problem(
        client.put(path, data=b"id,label\n", content_type="text/csv"), 415, "unsupported_format"
    )
    assert NDJSON in said["detail"]
    gzipped = client.put(path, data=b"x", content_type=NDJSON, headers={"Content-Encoding": "gzip"})
    problem(gzipped, 415, "unsupported_format")
    problem(client.put(path, data=b"{", content_type="application/json"), 400, "malformed_body")


def test_a_source_is_named_once(client, path):
    answer = client.put(f"{path}?source=a", json={"labels": [], "source": "b"})

    assert problem(answer, 422, "invalid_request")["errors"][0]["pointer"] == "?source"
    long = client.put(f"{path}?source={'x' * (SOURCE_LENGTH + 1)}", json={"labels": []})
    assert problem(long, 422, "invalid_request")["errors"][0]["pointer"] == "?source"


def chunked(client, path, body, **headers):
    return client.put(
        path,
        input_stream=io.BytesIO(body),
        content_type=NDJSON,
        headers={"Transfer-Encoding": "chunked", **headers},
        environ_overrides={"wsgi.input_terminated": True},
    )


def test_lines_of_unknown_length_are_taken_with_a_digest_only(client, path):
    body = lines({"id": "a", "label": 1})
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()

    problem(chunked(client, path, body), 411, "length_required")
    wrong = chunked(client, path, body, **{"Repr-Digest": f"sha-256=:{digest[::-1]}:"})
    problem(wrong, 400, "malformed_body")
    assert kept(client, path) == []
    right = chunked(client, path, body, **{"Repr-Digest": f"sha-256=:{digest}:"})
    assert right.json == {"labelled": 1}


def test_labels_have_a_limit_of_their_own(connection, tmp_path):
    settings = Settings(data_dir=tmp_path, max_json_bytes=1_024, max_label_bytes=2_048, max_ids=2)
    backend = backend_on(connection, settings)
    client, path = create_app(backend=backend).test_client(), made(backend)
    long = {"id": "a", "label": "x" * 1_000, "source": "y" * 200}
    three = [{"id": name, "label": 1} for name in "abd"]

    assert put(client, path, long).json == {"labelled": 1}
    said = problem(put(client, path, long, {**long, "id": "b"}), 413, "too_large")["detail"]
    assert "max_label_bytes" in said
    body = lines(long, {**long, "id": "b"})
    problem(client.put(path, data=body, content_type=NDJSON), 413, "too_large")
    assert "max_ids" in problem(put(client, path, *three), 413, "too_large")["detail"]


def test_distinct_labels_are_counted(client, path):
    answer = client.get(f"{path}/classes").json
    assert answer == {"classes": [], "distinct": 0, "labelled": 0}
    entries = zip(["a", "b", "c,", "d", "ü"], ["1", True, 1, 1.0, "1"], strict=True)
    put(client, path, *({"id": id, "label": label} for id, label in entries))

    answer = client.get(f"{path}/classes").json

    assert (answer["distinct"], answer["labelled"]) == (3, 5)
    assert [each["count"] for each in answer["classes"]] == [2, 2, 1]
    assert {json.dumps(each["label"]) for each in answer["classes"]} == {'"1"', "1", "true"}


def test_all_labels_come_as_csv_whose_cells_tell_texts_from_numbers(client, path):
    given = {"a": "7", "b": 7, "c,": 'say "x"\nand more', "d": "true", "ü": False}
    entries = [{"id": id, "label": label, "time": TIME} for id, label in given.items()]
    put(client, path, *entries, source="anna, ben")

    answer = client.get(path, headers={"Accept": "text/csv"})

    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == ["id", "label", "source", "time"]
    assert rows[1:] == [
        [id, label, "anna, ben", TIME]
        for id, label in zip(
            given, ['"7"', "7", 'say "x"\nand more', '"true"', "false"], strict=True
        )
    ]


def test_all_labels_come_as_lines_that_can_be_put_again(client, backend, path):
    given = {"a": "7", "b": 7, "c,": 0.5, "d": "true", "ü": False}
    put(client, path, *({"id": id, "label": label} for id, label in given.items()), source="x")

    answer = client.get(path, headers={"Accept": NDJSON})

    assert answer.content_type == NDJSON
    assert [json.loads(line) for line in answer.text.splitlines()] == client.get(path).json[
        "labels"
    ]
    other = made(backend)
    assert client.put(other, data=answer.data, content_type=NDJSON).json == {"labelled": 5}
    assert client.get(other).json["labels"] == client.get(path).json["labels"]


def test_a_file_of_labels_is_whole_or_an_error(client, backend, path, monkeypatch):
    put(client, path, {"id": "a", "label": 1}, {"id": "ü", "label": 2})
    monkeypatch.setattr(ranking, "SLICE", 1)
    real = backend.labels.labellings

    def fail_on_the_second(pool, rows):
        if 4 in rows:
            raise Unavailable("gone")
        return real(pool, rows)

    whole = client.get(path, headers={"Accept": NDJSON})
    assert whole.content_length == len(whole.data)
    monkeypatch.setattr(backend.labels, "labellings", fail_on_the_second)
    problem(client.get(path, headers={"Accept": NDJSON}), 503, "unavailable")


def test_no_labels_are_a_header_or_nothing(client, path):
    assert client.get(path, headers={"Accept": "text/csv"}).text == "id,label,source,time\r\n"
    assert client.get(path, headers={"Accept": NDJSON}).text == ""


@pytest.mark.parametrize(
    ("accept", "type"),
    [
        ("*/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("text/*", "text/csv; charset=utf-8"),
        ("application/json;q=0.1, text/csv", "text/csv; charset=utf-8"),
    ],
)
def test_the_form_that_is_liked_best_comes(client, path, accept, type):
    answer = client.get(path, headers={"Accept": accept}, buffered=True)
    assert answer.content_type == type


def test_a_form_that_there_is_not_is_refused_with_those_there_are(client, path):
    answer = client.get(path, headers={"Accept": "image/png"})

    said = problem(answer, 406, "not_acceptable")["detail"]
    assert all(kind in said for kind in ("application/json", "text/csv", NDJSON))


def test_a_file_of_labels_has_no_pages(client, path):
    answer = client.get(f"{path}?page_size=2", headers={"Accept": "text/csv"})

    assert problem(answer, 422, "invalid_request")["errors"][0]["pointer"] == "?page_size"


@pytest.mark.parametrize("accept", ["application/json", "text/csv", NDJSON])
def test_labels_of_no_pool_are_not_there(client, accept):
    path = "/v1/pools/nope/labels"

    problem(client.get(path, headers={"Accept": accept}), 404, "pool_not_found")
    problem(client.get(f"{path}/classes"), 404, "pool_not_found")
    problem(client.put(path, data=b"never read", content_type=NDJSON), 404, "pool_not_found")
