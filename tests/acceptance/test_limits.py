"""Limits that only a worker can tell: an upload that keeps to one is taken, and one more is not."""

import json

import numpy as np
import pytest

from tests.conftest import installation
from tests.uploads import npy

LIMITS = {
    "max_pool_items": 6,
    "max_item_values": 6,
    "max_id_bytes": 4,
    "max_metadata_columns": 2,
    "max_metadata_bytes": 5,
    "max_classes": 3,
    "max_members": 2,
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with installation(tmp_path_factory.mktemp("limits"), workers=1, **LIMITS) as (client, _):
        yield client


def item(id="a", features=(1, 2), **metadata):
    return {"id": id, "features": list(features), "metadata": metadata}


def items(count, **said):
    return [item(f"i{row}", **said) for row in range(count)]


def columns(count):
    return {f"c{number}": number for number in range(count)}


def send(client, pool, body, type="application/json", query=""):
    """Upload items; return the answer once they were read."""
    path = f"/v1/pools/{pool}/items{query}"
    return client.send("POST", path, body, type, Prefer="wait=30")


def answers(client, *uploads):
    """Upload items, each into a pool of its own; return the answers."""
    pools = [client.post("/v1/pools", {}).json["id"] for _ in uploads]
    return [
        send(client, pool, {"items": each})
        if isinstance(each, list)
        else send(client, pool, each, "application/x-npy")
        for pool, each in zip(pools, uploads, strict=True)
    ]


def check(at, past, name, statuses=(413, 422)):
    assert at.status == 201, at.body
    assert past.status in statuses, past.body
    assert name in past.json["detail"] + json.dumps(past.json["errors"]), "it says which limit"


UPLOADS = {
    "max_pool_items": [
        (items(6), items(7)),
        (npy(np.ones((6, 2))), npy(np.ones((7, 2)))),
    ],
    "max_item_values": [
        ([item(features=range(6))], [item(features=range(7))]),
        (npy(np.ones((1, 6))), npy(np.ones((1, 7)))),
    ],
    "max_id_bytes": [
        ([item("abcd")], [item("abcde")]),
        ([item("üü")], [item("üüa")]),
    ],
    "max_metadata_columns": [([item(**columns(2))], [item(**columns(3))])],
    "max_metadata_bytes": [
        ([item(name="abcde")], [item(name="abcdef")]),
        ([item(name="üüa")], [item(name="üüü")]),
    ],
}


@pytest.mark.parametrize("name", UPLOADS)
def test_items_keep_to_the_limits(client, name):
    for at, past in UPLOADS[name]:
        check(*answers(client, at, past), name)


def test_a_pool_keeps_to_its_items_and_columns_over_all_its_parts(client):
    pool = client.post("/v1/pools", {}).json["id"]
    assert send(client, pool, {"items": items(4, one=1)}).status == 201
    full = [item(f"j{row}", two=2) for row in range(2)]

    past = send(client, pool, {"items": [*full, item("k", two=2)]})
    check(send(client, pool, {"items": full}), past, "max_pool_items")

    pool = client.post("/v1/pools", {}).json["id"]
    at = send(client, pool, {"items": [item("a", **columns(2))]})
    past = send(client, pool, {"items": [item("b", other=1)]})
    check(at, past, "max_metadata_columns")


def test_predictions_keep_to_the_limits(client):
    pool = client.pool({"items": items(2)}, "application/json")
    path = f"/v1/pools/{pool}/predictions?"

    def members(count):
        array = npy(np.full((count, 2, 2), 0.5))
        query = "kind=members&axes=members,items,classes&classes=2"
        return client.send("POST", path + query, array, "application/x-npy", Prefer="wait=30")

    def classes(count):
        said = [{"id": f"i{row}", "probs": [1 / count] * count} for row in range(2)]
        body = {"classes": [f"class {n}" for n in range(count)], "items": said}
        return client.post(f"{path}kind=probs", body, Prefer="wait=30")

    check(members(2), members(3), "max_members")
    check(classes(3), classes(4), "max_classes")
