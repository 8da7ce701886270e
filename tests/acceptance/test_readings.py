"""Readings of a ranking over HTTP: pages, exclusions, labels, filters, and nothing at all."""

import numpy as np
import pytest

from tests.models import digits, fitted, saved
from tests.uploads import as_multipart, npy

IDS = [f"d{row}" for row in range(len(digits().items))]
WRITERS = ["Ada", "Grace", "Émilie"]
METADATA = {
    "writer": [WRITERS[row % 3] for row in range(len(IDS))],
    "ink": [float(items.sum()) for items in digits().items],
    "checked": [row % 5 == 0 for row in range(len(IDS))],
}


ITEMS = [
    dict(zip(METADATA, values, strict=True)) for values in zip(*METADATA.values(), strict=True)
]


@pytest.fixture(scope="module")
def model(live):
    return live.model(saved(fitted("random_forest"), "skops"))


@pytest.fixture(scope="module")
def pool(live):
    media_type, body = as_multipart(IDS, digits().items, METADATA)
    return live.pool(body, media_type)


@pytest.fixture(scope="module")
def ranking(live, pool, model):
    return live.rankings(pool, model, "margin")["margin"]


@pytest.fixture(scope="module")
def whole(live, ranking):
    """Every row of the ranking, on one page."""
    return live.get(f"/v1/rankings/{ranking}/items?n=100000").json["items"]


@pytest.fixture
def read(live, ranking):
    """A query of the ranking, and its answer."""

    def send(**query):
        answer = live.post(f"/v1/rankings/{ranking}/query", query)
        assert answer.status == 200, answer.body
        return answer.json

    return send


@pytest.fixture
def clean(live, pool):
    """The pool without labels and sets, before and after."""

    def tidy():
        live.send("DELETE", f"/v1/pools/{pool}/labels")
        for each in live.get(f"/v1/pools/{pool}/exclusions").json["exclusions"]:
            live.send("DELETE", f"/v1/pools/{pool}/exclusions/{each['name']}")

    tidy()
    yield pool
    tidy()


def ids(answer):
    return [row["id"] for row in answer["items"]]


def counts(answer):
    return tuple(answer[name] for name in ("total", "eligible", "excluded", "returned"))


def pages(client, path):
    """The rows of all pages."""
    token, found = "", []
    while token is not None:
        answer = client.get(path + (token and f"&page_token={token}")).json
        found.append(answer["items"])
        token = answer["next_page_token"]
    return found


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_pages_give_every_item_once_and_what_one_page_gives(live, ranking, order):
    path = f"/v1/rankings/{ranking}/items?order={order}"
    found = pages(live, f"{path}&n=50")
    assert [len(page) for page in found] == [50] * 35 + [47]
    rows = [row for page in found for row in page]
    assert rows == live.get(f"{path}&n=1797").json["items"]
    assert len({row["id"] for row in rows}) == 1797


def test_a_page_token_is_good_for_its_own_question_only(live, ranking):
    token = live.get(f"/v1/rankings/{ranking}/items?n=5").json["next_page_token"]
    answer = live.get(f"/v1/rankings/{ranking}/items?n=5&order=asc&page_token={token}")
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "?page_token"


def test_excluded_ids_are_left_out_and_counted_and_unknown_ones_told(read, whole):
    out = [whole[0]["id"], whole[2]["id"]]
    answer = read(n=3, exclude=[*out, out[0], "nobody", "D5"])
    assert answer["items"] == [whole[1], whole[3], whole[4]]
    assert counts(answer) == (1797, 1795, 2, 3)
    assert answer["unknown_ids"] == ["nobody", "D5"]


def test_ids_are_never_matched_by_their_beginning(live, ranking, whole):
    answer = live.get(f"/v1/rankings/{ranking}/items?n=1797&exclude=d1&exclude=d17").json
    assert ids(answer) == [row["id"] for row in whole if row["id"] not in ("d1", "d17")]
    assert {"d10", "d100", "d170", "d179"} < set(ids(answer))


def test_a_set_is_left_out_from_the_next_reading_on(live, clean, ranking, whole):
    path = f"/v1/rankings/{ranking}/items?n=10&exclude_set=seen"
    missing = live.get(path)
    assert (missing.status, missing.json["code"]) == (404, "exclusion_set_not_found")
    first = [row["id"] for row in whole[:4]]
    put = live.put(f"/v1/pools/{clean}/exclusions/seen", {"ids": [*first, "nobody"]}).json
    assert put == {"name": "seen", "size": 4, "unknown_ids": ["nobody"]}
    answer = live.get(path).json
    assert answer["items"] == whole[4:14]
    assert counts(answer) == (1797, 1793, 4, 10)
    change = {"add": [whole[5]["id"]], "remove": [whole[0]["id"]]}
    assert live.send("PATCH", f"/v1/pools/{clean}/exclusions/seen", change).json["size"] == 4
    assert ids(live.get(path).json)[:3] == [whole[place]["id"] for place in (0, 4, 6)]
    assert live.get(f"/v1/rankings/{ranking}/items?n=10").json["items"] == whole[:10]


def test_a_labelled_item_is_left_out_from_the_next_reading_on(live, clean, read, whole):
    first = whole[0]["id"]
    put = live.put(f"/v1/pools/{clean}/labels", {"labels": [{"id": first, "label": 7}]})
    assert put.json == {"labelled": 1}
    assert read(n=2)["items"] == whole[1:3]
    assert read(n=2, include_labelled=True)["items"] == whole[:2]
    live.put(f"/v1/pools/{clean}/labels", {"labels": [{"id": first, "label": None}]})
    assert read(n=2)["items"] == whole[:2]


def test_a_label_of_an_unknown_item_sets_none(live, clean, read, whole):
    labels = [{"id": whole[0]["id"], "label": 7}, {"id": "nobody", "label": 7}]
    answer = live.put(f"/v1/pools/{clean}/labels", {"labels": labels})
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "/labels/1/id"
    assert read(n=1)["items"] == whole[:1]


def test_what_is_left_out_in_several_ways_is_counted_once(live, clean, read, whole):
    names = [row["id"] for row in whole]
    live.put(
        f"/v1/pools/{clean}/labels", {"labels": [{"id": id, "label": "x"} for id in names[:4]]}
    )
    live.put(f"/v1/pools/{clean}/exclusions/a", {"ids": names[2:6]})
    live.put(f"/v1/pools/{clean}/exclusions/b", {"ids": names[4:8]})
    answer = read(n=2, exclude=names[7:9], exclude_sets=["a", "b"])
    assert counts(answer) == (1797, 1788, 9, 2)
    assert answer["items"] == whole[9:11]


def test_leaving_out_and_ranking_commute(live, model, read):
    rows = np.random.default_rng(1).permutation(len(IDS))
    out, kept = rows[:600], np.sort(rows[600:])
    media_type, body = as_multipart([IDS[row] for row in kept], digits().items[kept], {})
    smaller = live.rankings(live.pool(body, media_type), model, "margin")["margin"]
    ranked = live.get(f"/v1/rankings/{smaller}/items?n=2000").json["items"]
    remaining = read(n=2000, exclude=[IDS[row] for row in out])["items"]
    assert [(row["id"], row["score"]) for row in remaining] == [
        (row["id"], row["score"]) for row in ranked
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"n": 0}, (1797, 1797, 0, 0)),
        ({"n": 5000}, (1797, 1797, 0, 1797)),
        ({"exclude": IDS}, (1797, 0, 1797, 0)),
        ({"exclude": IDS[:-3], "n": 5}, (1797, 3, 1794, 3)),
    ],
)
def test_a_reading_gives_a_list_however_little_is_left(read, query, expected):
    answer = read(**query)
    assert counts(answer) == expected
    assert answer["next_page_token"] is None
    assert len(answer["items"]) == expected[-1]


def test_an_empty_pool_is_scored_and_read(live, model):
    pool = live.post("/v1/pools", {}).json["id"]
    rankings = live.rankings(pool, model, "entropy", "random")
    for ranking in rankings.values():
        answer = live.get(f"/v1/rankings/{ranking}/items")
        assert (answer.status, answer.json["items"]) == (200, [])
        assert counts(answer.json) == (0, 0, 0, 0)
    empty = live.pool(npy(np.empty((0, 64))), "application/x-npy")
    assert live.get(f"/v1/pools/{empty}").json["total"] == 0
    assert live.rankings(empty, model, "entropy").keys() == {"entropy"}


@pytest.mark.parametrize(
    ("where", "meets"),
    [
        ({"writer": {"eq": "Ada"}}, lambda item: item["writer"] == "Ada"),
        ({"writer": {"in": ["Ada", "Émilie", "x"]}}, lambda item: item["writer"] != "Grace"),
        ({"writer": {"eq": "nobody"}}, lambda item: item is None),
        ({"checked": {"eq": True}}, lambda item: item["checked"]),
        ({"ink": {"min": 19.5}}, lambda item: item["ink"] >= 19.5),
        ({"ink": {"min": 19.5, "max": 20}}, lambda item: 19.5 <= item["ink"] <= 20),
        ({"ink": {"in": [19.5, 20]}}, lambda item: item["ink"] in (19.5, 20)),
        (
            {"ink": {"max": 20}, "writer": {"eq": "Grace"}, "checked": {"eq": False}},
            lambda item: item["ink"] <= 20 and item["writer"] == "Grace" and not item["checked"],
        ),
    ],
)
def test_a_filter_gives_the_items_that_meet_it_in_their_order(read, whole, where, meets):
    met = [id for id, item in zip(IDS, ITEMS, strict=True) if meets(item)]
    answer = read(n=2000, where=where)
    assert answer["items"] == [row for row in whole if row["id"] in set(met)]
    assert counts(answer) == (1797, len(met), 0, len(met))


@pytest.mark.parametrize(
    "where", [{"colour": {"eq": "red"}}, {"writer": {"min": 1}}, {"ink": {"eq": "much"}}]
)
def test_a_filter_that_cannot_be_met_is_refused(live, ranking, where):
    answer = live.post(f"/v1/rankings/{ranking}/query", {"where": where})
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == f"/where/{next(iter(where))}"


def test_pages_and_exclusions_and_filters_go_together(live, ranking, read, whole):
    query = {"exclude": IDS[:900], "where": {"writer": {"eq": "Ada"}}, "order": "asc"}
    one = read(n=2000, **query)
    token, rows = None, []
    while token is not None or not rows:
        answer = read(n=40, page_token=token, **query)
        rows += answer["items"]
        token = answer["next_page_token"]
    assert rows == one["items"]
    assert len(rows) == len(range(900, 1797, 3))


def test_items_are_listed_with_their_metadata_in_pool_order(live, pool):
    found = pages(live, f"/v1/pools/{pool}/items?page_size=1000")
    assert [item for page in found for item in page] == [
        {"row": row, "id": IDS[row], "metadata": item} for row, item in enumerate(ITEMS)
    ]
