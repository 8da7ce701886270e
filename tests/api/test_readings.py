"""Readings of a ranking in every form: nothing is lost in any, and all say the same."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from service.api.reading_files import ARROW, COLUMNAR, CSV, JSON, NDJSON, NPY
from service.files import ranking_name
from service.functions import Function
from service.operations import pools, rankings
from tests.api.test_requests import problem
from tests.leasing import pool_of, ranking_of
from tests.unit.test_pools import arrival

FIRST = ["plain", "é漢字", 'a,"b"', "line\r\nend", "tab\t ", "\0", "a\0", "a\0b", "x" * 300]
SECOND = [f"n{row}" for row in range(600)]
IDS = [*FIRST, *SECOND]
HEADERS = ("Ranking", "Total", "Ranked", "Eligible", "Excluded", "Returned", "Unknown-Ids")


@pytest.fixture
def pool(backend):
    """A pool of two parts, the first with every id that might be trouble."""
    made = pool_of(backend, FIRST)
    pools.append(backend, made, arrival(backend, pools.get(backend, made), *SECOND, job="k"))
    return made


@pytest.fixture
def ranking(backend, pool):
    scores = np.random.default_rng(0).random(len(IDS)) / 3
    scores[:4] = (-0.0, 1e-300, 1e300, 0.1)
    return ranking_of(backend, pool, scores)


@pytest.fixture
def ask(client, ranking):
    """Read the ranking in one form."""

    def send(kind, query="n=10000", **headers):
        path = f"/v1/rankings/{ranking}/items?{query}"
        return client.get(path, headers={"Accept": kind, **headers})

    return send


def from_columns(answer):
    names = ("rank", "id", "score", "raw_score", "original")
    columns = {name: answer.json[name] for name in names if name in answer.json}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def from_npy(answer):
    table = np.load(io.BytesIO(answer.data), allow_pickle=False)
    found = []
    for row in table:
        said = {name: row[name].item() for name in ("rank", "score", "raw_score")}
        for name in ("id", "original"):
            if name in table.dtype.names:
                text = bytes(row[name]).ljust(int(row[f"{name}_bytes"]), b"\0").decode()
                said[name] = text or None
        found.append(said)
    return found


def from_arrow(answer):
    return pa.ipc.open_stream(answer.data).read_all().to_pylist()


def from_csv(answer):
    # csv reads text that has its own line ends: a quoted one is an id's.
    found = csv.DictReader(io.StringIO(answer.data.decode(), newline=""))
    kinds = {"rank": int, "score": float, "raw_score": float}
    return [
        {name: kinds.get(name, lambda text: text or None)(text) for name, text in row.items()}
        for row in found
    ]


def from_ndjson(answer):
    return [json.loads(line) for line in answer.data.decode().split("\n")[:-1]]


READERS = {
    COLUMNAR: from_columns,
    NPY: from_npy,
    ARROW: from_arrow,
    CSV: from_csv,
    NDJSON: from_ndjson,
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("query", ["n=10000", "n=7&order=asc", "n=0", "n=1"])
def test_every_form_has_the_same_items(ask, kind, query):
    expected = ask(JSON, query).json["items"]
    answer = ask(kind, query)

    assert answer.status_code == 200
    assert answer.content_type.split(";")[0] == kind
    assert READERS[kind](answer) == expected


def test_every_item_comes_once_and_with_its_own_id(ask):
    items = ask(JSON).json["items"]

    assert sorted(row["id"] for row in items) == sorted(IDS)
    assert [row["rank"] for row in items] == list(range(1, len(IDS) + 1))
    assert items[0] == {"rank": 1, "id": 'a,"b"', "score": 1e300, "raw_score": -1e300}


@pytest.mark.parametrize("kind", [NPY, ARROW, CSV, NDJSON])
def test_what_a_document_says_of_a_reading_other_forms_say_in_headers(ask, kind):
    query = "n=5&exclude=plain&exclude=nobody&exclude=none"
    said, answer = ask(JSON, query).json, ask(kind, query)
    found = {name: answer.headers[f"Shortlist-{name}"] for name in HEADERS}

    assert (said["unknown_ids"], said["excluded"]) == (["nobody", "none"], 1)
    assert found == {
        name: str(2 if name == "Unknown-Ids" else said[name.lower()]) for name in HEADERS
    }
    assert answer.headers["Shortlist-Next-Page-Token"] == said["next_page_token"]
    assert "Shortlist-Next-Page-Token" not in ask(kind).headers


def test_arrow_says_it_among_its_metadata_too_and_of_which_types_its_columns_are(ask):
    answer = ask(ARROW, "n=5")
    schema = pa.ipc.open_stream(answer.data).schema
    told = {name.decode(): text.decode() for name, text in schema.metadata.items()}

    assert told == {
        header.removeprefix("Shortlist-").lower().replace("-", "_"): text
        for header, text in answer.headers.items()
        if header.startswith("Shortlist-")
    }
    assert [(field.name, str(field.type), field.nullable) for field in schema] == [
        ("rank", "int64", False),
        ("id", "string", False),
        ("score", "double", False),
        ("raw_score", "double", False),
    ]


def test_the_columnar_document_says_what_the_other_says(ask):
    said, found = ask(JSON, "n=3&exclude=nobody").json, ask(COLUMNAR, "n=3&exclude=nobody").json
    del said["items"]

    assert found.items() >= said.items()
    assert found.keys() - said.keys() == {"rank", "id", "score", "raw_score"}


@pytest.mark.parametrize("kind", READERS)
def test_pages_go_on_in_any_form_and_a_query_has_the_same_forms(client, ask, ranking, kind):
    token = ask(JSON, "n=4").json["next_page_token"]
    assert READERS[kind](ask(kind, f"n=4&page_token={token}")) == ask(JSON).json["items"][4:8]

    body, path = {"n": 9, "exclude": ["n3"]}, f"/v1/rankings/{ranking}/query"
    expected = client.post(path, json=body).json["items"]
    answer = client.post(path, json=body, headers={"Accept": kind})
    assert READERS[kind](answer) == expected


@pytest.mark.parametrize("accept", ["*/*", "", "text/html, */*;q=0.1", "application/*"])
def test_who_does_not_choose_gets_json(ask, accept):
    assert ask(accept, "n=1").content_type == JSON


@pytest.mark.parametrize("kind", ["image/png", "application/vnd.apache.parquet"])
def test_a_form_that_there_is_not_is_refused_and_the_others_named(client, ask, ranking, kind):
    said = problem(ask(kind), 406, "not_acceptable")
    assert COLUMNAR in said["detail"]
    answer = client.post(f"/v1/rankings/{ranking}/query", json={}, headers={"Accept": kind})
    problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize("kind", [JSON, *READERS])
def test_each_form_has_an_etag_of_its_own_by_which_nothing_is_sent_twice(client, ask, pool, kind):
    first = ask(kind, "n=5")
    assert "Accept" in first.headers["Vary"]
    assert ask(kind, "n=5").headers["ETag"] == first.headers["ETag"]
    again = ask(kind, "n=5", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")

    others = [ask(each, "n=5").headers["ETag"] for each in (JSON, *READERS) if each != kind]
    others += [ask(kind, query).headers["ETag"] for query in ("n=4", "n=5&order=asc")]
    first_id = ask(JSON, "n=1").json["items"][0]["id"]
    client.put(f"/v1/pools/{pool}/labels", json={"labels": [{"id": first_id, "label": 1}]})
    others.append(ask(kind, "n=5").headers["ETag"])
    assert first.headers["ETag"] not in others


def test_a_near_repeat_names_its_original_in_every_form(backend, ask, ranking):
    found = rankings.get(backend, ranking)
    function = Function("singularity", {}).document()
    backend.storage.replace(found, replace(found, function=function))
    originals = np.full(len(IDS), -1)
    originals[:300:3] = np.arange(0, 300, 3) + 1
    np.save(backend.files.path(ranking_name(ranking)) / "originals.npy", originals)

    items = ask(JSON).json["items"]
    told = {IDS.index(row["id"]): row["original"] for row in items if "original" in row}
    assert told == {row: IDS[row + 1] for row in range(0, 300, 3)}
    whole = [{**row, "original": row.get("original")} for row in items]
    for kind, reader in READERS.items():
        assert reader(ask(kind)) == (items if kind == NDJSON else whole)


def test_arrow_is_written_without_the_library_that_reads_it():
    program = """
import sys
import numpy as np
from service.api.reading_files import WRITERS, ARROW
from service.ids import pack
from service.operations.rankings import Columns
assert "nanoarrow" not in sys.modules
none = np.empty(0)
envelope = {"unknown_ids": ()}
assert WRITERS[ARROW](Columns(none.astype(int), pack([]), none, none), envelope)
assert "pyarrow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
