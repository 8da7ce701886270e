"""Leases on a whole installation: many annotators at once, over HTTP."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import until
from tests.models import digits, fitted, saved
from tests.uploads import as_multipart

CLIENTS = 64
ITEMS = 600
IDS = [f"d{row}" for row in range(ITEMS)]


@pytest.fixture(scope="module")
def model(live):
    return live.model(saved(fitted("random_forest"), "skops"))


@pytest.fixture
def pool(live):
    media_type, body = as_multipart(IDS, digits().items[:ITEMS], {})
    made = live.pool(body, media_type)
    yield made
    live.send("DELETE", f"/v1/pools/{made}")


@pytest.fixture
def by_function(live, pool, model):
    """Two rankings of the pool, by function."""
    return live.rankings(pool, model, "margin", "entropy")


@pytest.fixture
def ranking(by_function):
    return by_function["margin"]


@pytest.fixture
def order(live, ranking):
    """The ids of the ranking."""
    rows = live.get(f"/v1/rankings/{ranking}/items?n={ITEMS}").json["items"]
    return [row["id"] for row in rows]


def take(live, ranking, annotator, **asked):
    answer = live.post(f"/v1/rankings/{ranking}/leases", {"annotator": annotator, **asked})
    assert answer.status in (200, 201), answer.body
    return answer.json


def ids(lease):
    return [item["id"] for item in lease["items"]]


def test_sixty_four_clients_get_every_item_once_and_the_best_first(live, pool, by_function, order):
    rankings = list(by_function.values())

    def work(number):
        mine = []
        while True:
            got = take(live, rankings[number % 2], f"annotator {number}", n=1 + number % 7)
            if not got["items"]:
                return mine
            mine.append(got)

    with ThreadPoolExecutor(CLIENTS) as threads:
        everyone = list(threads.map(work, range(CLIENTS)))

    handed = [id for mine in everyone for lease in mine for id in ids(lease)]
    assert Counter(handed) == dict.fromkeys(IDS, 1)
    for mine in everyone:
        for lease in mine:
            ranks = [item["rank"] for item in lease["items"]]
            assert ranks == sorted(ranks)
            if lease["ranking"] == rankings[0]:
                assert ids(lease) == [order[rank - 1] for rank in ranks]


def test_sixty_four_clients_share_items_between_three_annotators_and_label_the_pool(
    live, pool, ranking
):
    def work(number):
        annotator = f"annotator {number % 8}"
        mine = []
        while True:
            got = take(live, ranking, annotator, n=5, overlap=3)
            if not got["items"]:
                return annotator, mine
            labels = [{"id": id, "label": int(id[1:]) % 10} for id in ids(got)]
            done = live.post(f"/v1/leases/{got['id']}/complete", {"labels": labels})
            assert done.status == 200, done.body
            mine += ids(got)

    with ThreadPoolExecutor(CLIENTS) as threads:
        everyone = list(threads.map(work, range(CLIENTS)))

    pairs = [(annotator, id) for annotator, mine in everyone for id in mine]
    assert len(pairs) == len(set(pairs))
    assert Counter(id for _, id in pairs) == dict.fromkeys(IDS, 3)
    labels = live.get(f"/v1/pools/{pool}/labels?page_size=1000").json
    assert {each["id"]: each["label"] for each in labels["labels"]} == {
        id: int(id[1:]) % 10 for id in IDS
    }
    assert live.get(f"/v1/pools/{pool}/annotations").json["total"] == 3 * ITEMS
    left = take(live, ranking, "somebody else", overlap=3)
    assert (left["eligible"], left["held"]) == (0, 0)


def test_one_client_gets_exactly_the_order_of_the_ranking(live, ranking, order):
    handed = []
    while got := ids(take(live, ranking, "Ada", n=70)):
        handed += got

    assert handed == order


def test_a_lease_that_ran_out_goes_to_the_next_who_asks(live, pool, ranking, order):
    short = take(live, ranking, "Ada", n=2, seconds=1)
    assert ids(short) == order[:2]

    got = until(lambda: ids(take(live, ranking, "Bob", n=2, exclude=order[2:])))

    assert got == order[:2]
    said = {"labels": [{"id": order[0], "label": 1}]}
    late = live.post(f"/v1/leases/{short['id']}/complete", said)
    assert (late.status, late.json["code"]) == (404, "lease_not_found")
    assert live.get(f"/v1/pools/{pool}/labels").json["total"] == 0


def test_labels_sent_by_other_means_are_not_handed_out_again(live, pool, ranking, order):
    live.put(f"/v1/pools/{pool}/labels", {"labels": [{"id": order[0], "label": 3}]})

    assert ids(take(live, ranking, "Ada", n=2)) == order[1:3]
