"""Leases over HTTP, with rankings that no worker made."""

import pytest

from service.redis_leases import RedisLeases
from tests.api.test_requests import problem
from tests.leasing import pool_of, ranking_of

IDS = [f"i{row}" for row in range(8)]


@pytest.fixture
def pool(backend):
    return pool_of(backend, IDS)


@pytest.fixture
def ranking(backend, pool):
    return ranking_of(backend, pool, range(len(IDS)))


@pytest.fixture
def take(client, ranking):
    """Take a lease; return the answer."""

    def send(annotator="Ada", key=None, **body):
        headers = {"Idempotency-Key": key} if key else {}
        path = f"/v1/rankings/{ranking}/leases"
        return client.post(path, json={"annotator": annotator, **body}, headers=headers)

    return send


def pointers(answer):
    return [each["pointer"] for each in problem(answer, 422, "invalid_request")["errors"]]


def test_a_lease_says_who_has_what_until_when_and_how_things_stand(client, take, pool, ranking):
    answer = take(n=2, seconds=60)

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/leases/{answer.json['id']}"
    assert answer.json | {"id": "", "created_at": "", "expires_at": ""} == {
        "id": "",
        "pool": pool,
        "ranking": ranking,
        "annotator": "Ada",
        "overlap": 1,
        "created_at": "",
        "expires_at": "",
        "items": [
            {"rank": 1, "id": "i7", "score": 7.0, "raw_score": -7.0},
            {"rank": 2, "id": "i6", "score": 6.0, "raw_score": -6.0},
        ],
        "returned": 2,
        "eligible": 8,
        "available": 8,
        "held": 0,
        "unknown_ids": [],
    }
    read = client.get(answer.headers["Location"])
    assert read.status_code == 200
    assert read.json.items() <= answer.json.items()


def test_where_nothing_is_to_be_had_there_is_no_lease_and_a_poller_learns_why(client, take, pool):
    held = take(n=8).json["id"]
    waiting = take("Bob")

    assert waiting.status_code == 200
    assert "Location" not in waiting.headers
    assert (waiting.json["id"], waiting.json["expires_at"]) == (None, None)
    assert (waiting.json["items"], waiting.json["eligible"], waiting.json["held"]) == ([], 8, 8)
    labels = [{"id": id, "label": "cat"} for id in IDS]
    client.post(f"/v1/leases/{held}/complete", json={"labels": labels})
    finished = take("Bob").json
    assert (finished["eligible"], finished["held"]) == (0, 0)
    assert client.get(f"/v1/pools/{pool}/leases").json["leases"] == []


def test_a_request_that_is_sent_again_with_its_key_gets_the_same_lease(take):
    first = take(key="one", n=2)
    again = take(key="one", n=2)

    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert take(key="two", n=2).json["items"] != first.json["items"]
    assert pointers(take(key="one", n=3)) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"annotator": ""}, "/annotator"),
        ({"annotator": "x" * 201}, "/annotator"),
        ({"annotator": 7}, "/annotator"),
        ({"n": 1.5}, "/n"),
        ({"n": -1}, "/n"),
        ({"n": 1_001}, "/n"),
        ({"seconds": 0}, "/seconds"),
        ({"seconds": 86_401}, "/seconds"),
        ({"overlap": 0}, "/overlap"),
        ({"overlap": 11}, "/overlap"),
        ({"order": "asc"}, "/order"),
        ({"exclude": [1]}, "/exclude/0"),
        ({"where": {"city": {"eq": "Oslo"}}}, "/where/city"),
    ],
)
def test_a_demand_that_makes_no_sense_is_refused_by_pointer(take, body, pointer):
    assert pointers(take(**body)) == [pointer]


def test_an_annotator_must_be_named(client, ranking):
    assert pointers(client.post(f"/v1/rankings/{ranking}/leases", json={})) == ["/annotator"]


def test_what_is_not_there_is_not_found(client, take):
    none = client.post("/v1/rankings/none/leases", json={"annotator": "Ada"})
    problem(none, 404, "ranking_not_found")
    problem(take(exclude_sets=["none"]), 404, "exclusion_set_not_found")
    problem(client.get("/v1/pools/none/leases"), 404, "pool_not_found")
    problem(client.get("/v1/pools/none/annotations"), 404, "pool_not_found")
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/renew", {}),
        ("POST", "/release", {}),
        ("POST", "/complete", {}),
    ):
        answer = client.open(f"/v1/leases/none{path}", method=method, json=body)
        problem(answer, 404, "lease_not_found")


def test_completing_twice_with_one_key_is_completing_once(client, take, pool):
    lease = take(n=2).json["id"]
    said = {"labels": [{"id": "i7", "label": "cat"}, {"id": "i6", "label": None}]}
    path, headers = f"/v1/leases/{lease}/complete", {"Idempotency-Key": "k"}

    first = client.post(path, json=said, headers=headers)
    again = client.post(path, json=said, headers=headers)

    assert first.status_code == 200
    assert (
        again.json
        == first.json
        == {
            "id": lease,
            "completed": 2,
            "labelled": 1,
            "held": 0,
            "expires_at": None,
        }
    )
    found = client.get(f"/v1/pools/{pool}/annotations").json
    assert [(each["id"], each["label"]) for each in found["annotations"]] == [
        ("i7", "cat"),
        ("i6", None),
    ]
    assert found["total"] == 2
    problem(client.get(f"/v1/leases/{lease}"), 404, "lease_not_found")


def test_completing_or_releasing_what_a_lease_does_not_hold_is_refused(client, take):
    lease = take(n=2).json["id"]
    say = {"labels": [{"id": "i7", "label": "cat"}]}

    complete, release = f"/v1/leases/{lease}/complete", f"/v1/leases/{lease}/release"
    assert pointers(client.post(complete, json={"items": ["i7", "i0"]})) == ["/items/1"]
    assert pointers(client.post(complete, json={"labels": [{"id": "i0", "label": 1}]})) == [
        "/labels/0/id"
    ]
    assert pointers(client.post(release, json={"items": ["i5"]})) == ["/items/0"]
    client.post(complete, json=say)
    assert client.post(complete, json=say).json["completed"] == 1
    say["labels"][0]["label"] = "dog"
    problem(client.post(complete, json=say), 409, "conflict")
    assert len(client.get(f"/v1/leases/{lease}").json["items"]) == 1


def test_items_are_given_back_some_or_all(client, take):
    lease = take(n=3).json["id"]
    some = client.post(f"/v1/leases/{lease}/release", json={"items": ["i6"]})

    assert (some.json["released"], some.json["held"]) == (1, 2)
    assert [item["id"] for item in take("Bob").json["items"]] == ["i6"]
    assert client.delete(f"/v1/leases/{lease}").status_code == 204
    problem(client.delete(f"/v1/leases/{lease}"), 404, "lease_not_found")
    assert [item["id"] for item in take("Bob", n=2).json["items"]] == ["i7", "i5"]


def test_a_lease_is_renewed_and_one_that_ran_out_says_so(client, take, connection):
    taken = take(seconds=10).json
    path = f"/v1/leases/{taken['id']}/renew"
    renewed = client.post(path, json={"seconds": 600})

    assert renewed.status_code == 200
    assert renewed.json["expires_at"] > taken["expires_at"]
    assert pointers(client.post(path, json={"seconds": 86_401})) == ["/seconds"]
    leases = RedisLeases(connection)
    leases.renew(leases.get(taken["id"]), 0)
    assert "ran out" in problem(client.post(path, json={}), 404, "lease_not_found")["detail"]
    said = {"labels": [{"id": "i7", "label": "cat"}]}
    late = client.post(f"/v1/leases/{taken['id']}/complete", json=said)
    assert "ran out" in problem(late, 404, "lease_not_found")["detail"]


def test_live_leases_and_annotations_are_paged(client, take, pool):
    made = [take(n=2).json["id"] for _ in range(3)]

    first = client.get(f"/v1/pools/{pool}/leases?page_size=2").json
    token = first["next_page_token"]
    second = client.get(f"/v1/pools/{pool}/leases?page_size=2&page_token={token}").json

    found = [each["id"] for each in [*first["leases"], *second["leases"]]]
    assert found == made[::-1]
    assert second["next_page_token"] is None
    assert first["leases"][0]["held"] == 2
    client.post(f"/v1/leases/{made[0]}/complete", json={})
    first = client.get(f"/v1/pools/{pool}/annotations?page_size=1").json
    token = first["next_page_token"]
    second = client.get(f"/v1/pools/{pool}/annotations?page_size=1&page_token={token}").json
    assert [each["annotations"][0]["id"] for each in (first, second)] == ["i7", "i6"]
    assert second["next_page_token"] is None


def test_the_set_leased_leaves_out_what_is_held_and_is_not_written_by_hand(
    client, take, pool, ranking
):
    take(n=2)
    read = client.get(f"/v1/rankings/{ranking}/items?exclude_set=leased&n=1").json

    assert [item["id"] for item in read["items"]] == ["i5"]
    assert client.get(f"/v1/pools/{pool}/exclusions/leased").json["ids"] == ["i6", "i7"]
    answer = client.put(f"/v1/pools/{pool}/exclusions/leased", json={"ids": []})
    problem(answer, 409, "conflict")
