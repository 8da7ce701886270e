"""Labels of a pool in a whole installation: many at once, one at a time, and out again."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

NDJSON = "application/x-ndjson"
ITEMS = 20_000


@pytest.fixture
def pool(live):
    names = "".join(f"item {n}\n" for n in range(ITEMS))
    return live.pool(f"id\n{names}".encode(), "text/csv")


@pytest.fixture
def path(pool):
    return f"/v1/pools/{pool}/labels"


def lines(labels):
    return "".join(
        json.dumps({"id": f"item {n}", "label": label}) + "\n" for n, label in labels.items()
    ).encode()


def test_many_labels_come_in_by_lines_and_out_as_lines_and_as_a_table(live, path):
    given = {n: ["7", 7, 0.5, True][n % 4] for n in range(ITEMS)}

    answer = live.send("PUT", f"{path}?source=import", lines(given), NDJSON)

    assert answer.json == {"labelled": ITEMS}
    counts = live.get(f"{path}/classes").json
    assert (counts["distinct"], counts["labelled"]) == (4, ITEMS)
    assert {each["count"] for each in counts["classes"]} == {ITEMS // 4}
    found = [json.loads(line) for line in live.get(path, Accept=NDJSON).body.splitlines()]
    assert [(each["id"], each["label"]) for each in found] == [
        (f"item {n}", label) for n, label in given.items()
    ]
    table = io.StringIO(live.get(path, Accept="text/csv").body.decode(), newline="")
    assert [row["label"] for row in csv.DictReader(table)][:4] == ['"7"', "7", "0.5", "true"]
    assert live.put(path, {"labels": [], "source": "x"}).json == {"labelled": ITEMS}


def test_people_label_on_while_many_labels_come_in(live, path):
    many = dict.fromkeys(range(0, ITEMS, 2), "import")

    def one(n):
        return live.put(path, {"labels": [{"id": f"item {n}", "label": f"by hand {n % 3}"}]}).status

    with ThreadPoolExecutor(5) as threads:
        loads = [
            threads.submit(live.send, "PUT", path, lines(many), NDJSON),
            threads.submit(live.send, "PUT", path, lines(dict.fromkeys(many, "again")), NDJSON),
        ]
        by_hand = list(range(1, 600, 2))
        assert set(threads.map(one, by_hand)) == {200}
        assert {load.result().status for load in loads} == {200}

    counts = live.get(f"{path}/classes").json
    kept = [json.loads(line)["label"] for line in live.get(path, Accept=NDJSON).body.splitlines()]
    assert counts["labelled"] == len(kept) == len(many) + len(by_hand)
    assert {each["label"]: each["count"] for each in counts["classes"]} == {
        label: kept.count(label) for label in set(kept)
    }
    assert {"by hand 0", "by hand 1", "by hand 2"} < set(kept)
    assert len(set(kept)) == 4


def test_one_wrong_label_among_many_and_none_is_set(live, path):
    wrong = lines(dict.fromkeys(range(ITEMS), "x")) + lines({ITEMS: "x"})

    answer = live.send("PUT", path, wrong, NDJSON)

    assert answer.status == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [f"line {ITEMS + 1}, /id"]
    assert live.get(f"{path}/classes").json["labelled"] == 0


def test_a_pool_without_labels_takes_no_room(live, path):
    live.send("PUT", path, lines(dict.fromkeys(range(ITEMS), "x")), NDJSON)

    assert live.send("DELETE", path).status == 204
    assert live.get(path).json["labels"] == []
    assert live.get(f"{path}/classes").json == {"classes": [], "distinct": 0, "labelled": 0}
