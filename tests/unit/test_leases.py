"""Leases as operations: the order of a ranking is honoured, whatever happens meanwhile."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from service.errors import (
    Conflict,
    InvalidRequest,
    LeaseNotFound,
    PoolNotFound,
    RankingNotFound,
    Unavailable,
)
from service.operations import annotations, exclusions, leases, pools, rankings
from service.operations.leases import Demand
from service.operations.rankings import Query
from service.records import LABELLED, LEASED, Labelling
from service.redis_leases import ABANDONED
from service.workspaces import key_of
from tests.leasing import pool_of, ranking_of
from workers.worker import tidy

ITEMS = 500
IDS = [f"i{row:03}" for row in range(ITEMS)]


class Interrupted:
    """A part of the backend before whose call something else happens first, once."""

    def __init__(self, part, name, first):
        self.part, self.name, self.first = part, name, first

    def __getattr__(self, name):
        call = getattr(self.part, name)
        return partial(self.interrupted, call) if name == self.name else call

    def interrupted(self, call, *arguments, **named):
        first, self.first = self.first, lambda: None
        first()
        return call(*arguments, **named)


@pytest.fixture
def pool(backend):
    return pool_of(backend, IDS)


@pytest.fixture
def scores():
    return np.random.default_rng(4).integers(0, 60, ITEMS)


@pytest.fixture
def ranking(backend, pool, scores):
    return ranking_of(backend, pool, scores)


@pytest.fixture
def order(backend, ranking):
    """The ids of the whole ranking."""
    return [row.id for row in rankings.read(backend, ranking, Query(n=ITEMS)).items]


def demand(annotator="Ada", *, n=1, seconds=100, overlap=1, **query):
    return Demand(annotator=annotator, seconds=seconds, overlap=overlap, query=Query(n=n, **query))


def ids_of(lease):
    return [item["id"] for item in lease.items.values()]


def take(backend, ranking, *arguments, **query):
    return leases.take(backend, ranking, demand(*arguments, **query)).lease


def label(backend, pool, *ids):
    rows = {IDS.index(id): Labelling('"cat"', "", "2026-01-05T09:00:00.000000Z") for id in ids}
    backend.labels.put(pool, rows)


def labels_of(backend, pool, *ids):
    return backend.labels.read(pool, [IDS.index(id) for id in ids])


def named(connection, *ids):
    """The keys that name one of some ids."""
    return [key for key in connection.scan_iter() for id in ids if id in key.decode()]


def take_all(backend, ranking, annotator, n, overlap=1):
    """Every lease that an annotator gets until nothing is left."""
    mine = []
    while (got := take(backend, ranking, annotator, n=n, overlap=overlap)).items:
        mine.append(got)
    return mine


def test_one_client_gets_exactly_the_order_of_the_ranking(backend, ranking, order):
    handed = [id for lease in take_all(backend, ranking, "Ada", 7) for id in ids_of(lease)]

    assert handed == order


def test_an_item_is_told_as_a_reading_tells_it(backend, ranking):
    [row] = rankings.read(backend, ranking, Query(n=1)).items
    [item] = take(backend, ranking).items.values()

    said = {"rank": row.rank, "id": row.id, "score": row.score, "raw_score": row.raw_score}
    assert item == said


@pytest.mark.parametrize("overlap", [1, 3])
def test_of_many_clients_at_once_each_gets_the_best_and_nobody_what_another_has(
    backend, ranking, order, overlap
):
    def work(number):
        return take_all(backend, ranking, f"annotator {number}", 1 + number % 5, overlap)

    with ThreadPoolExecutor(64) as threads:
        everyone = list(threads.map(work, range(64)))

    for mine in everyone:
        handed = [id for lease in mine for id in ids_of(lease)]
        assert len(handed) == len(set(handed))
        assert all(ids_of(each) == sorted(ids_of(each), key=order.index) for each in mine)
    counts = Counter(id for mine in everyone for lease in mine for id in ids_of(lease))
    assert counts == dict.fromkeys(IDS, overlap)


def test_more_candidates_are_offered_when_others_took_them_meanwhile(backend, ranking, order):
    def others():
        leases.take(backend, ranking, demand("Bob", n=200))

    interrupted = replace(backend, leases=Interrupted(backend.leases, "take", others))
    got = take(interrupted, ranking, n=10)

    assert ids_of(got) == order[200:210]


def test_what_is_held_through_one_ranking_is_not_handed_out_through_another(
    backend, pool, ranking, scores, order
):
    other = ranking_of(backend, pool, -scores)
    take(backend, ranking, n=ITEMS - 2)

    assert set(ids_of(take(backend, other, n=9))) == set(order[-2:])


def test_what_is_labelled_between_the_walk_and_the_taking_is_not_handed_out(
    backend, pool, ranking, order
):
    interrupted = replace(
        backend,
        leases=Interrupted(backend.leases, "take", lambda: label(backend, pool, *order[:2])),
    )

    assert ids_of(take(interrupted, ranking, n=2)) == order[2:4]


def test_labels_sets_ids_and_held_items_are_walked_past(backend, pool, ranking, order):
    label(backend, pool, order[0])
    exclusions.put(backend, pool, "blurred", [order[1]])
    take(backend, ranking, "Bob", n=1, exclude=tuple(order[:2]))
    asked = {"exclude": (order[3], "nobody"), "exclude_sets": ("blurred",)}

    got = leases.take(backend, ranking, demand(n=2, **asked))

    assert ids_of(got.lease) == order[4:6]
    assert got.unknown == ("nobody",)
    assert (got.eligible, got.available, got.held) == (ITEMS - 3, ITEMS - 4, 1)
    with_labelled = take(backend, ranking, n=1, include_labelled=True)
    assert ids_of(with_labelled) == [order[0]]


def test_a_poller_can_tell_all_handed_out_from_all_labelled(backend, pool, ranking):
    held = take(backend, ranking, n=ITEMS)
    waiting = leases.take(backend, ranking, demand("Bob"))
    annotations.complete(backend, held.id, dict.fromkeys(IDS, "cat"), None)
    finished = leases.take(backend, ranking, demand("Bob"))

    assert (waiting.eligible, waiting.available, waiting.held) == (ITEMS, 0, ITEMS)
    assert (finished.eligible, finished.available, finished.held) == (0, 0, 0)
    assert not waiting.lease.items
    assert leases.page(backend, pool, None, 10) == ([], None)


def test_of_nothing_nothing_is_held_but_how_things_stand_is_told(backend, pool, ranking):
    got = leases.take(backend, ranking, demand(n=0))

    assert not got.lease.items
    assert got.available == ITEMS
    assert leases.page(backend, pool, None, 10) == ([], None)


def test_more_than_a_lease_may_have_is_refused_by_pointer(backend, ranking):
    for given, pointer in (({"n": 1_001}, "/n"), ({"seconds": 86_401}, "/seconds")):
        with pytest.raises(InvalidRequest) as refused:
            take(backend, ranking, **given)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]
    got = take(backend, ranking)
    with pytest.raises(InvalidRequest):
        leases.renew(backend, got.id, 86_401)


def test_a_lease_that_ran_out_gives_its_items_back_and_takes_no_labels(
    backend, pool, ranking, order
):
    got = take(backend, ranking, n=2)
    backend.leases.renew(got, 0)

    for call in (
        lambda: leases.get(backend, got.id),
        lambda: leases.renew(backend, got.id, 5),
        lambda: leases.release(backend, got.id, None),
        lambda: annotations.complete(backend, got.id, None, None),
        lambda: annotations.complete(backend, got.id, {order[0]: "cat"}, None),
    ):
        with pytest.raises(LeaseNotFound, match="ran out"):
            call()
    assert labels_of(backend, pool, order[0]) == [None]
    assert annotations.page(backend, pool, start=0, limit=5) == ([], 0, None)
    assert ids_of(take(backend, ranking, "Bob", n=2)) == order[:2]


def test_what_is_completed_with_a_label_is_labelled_by_the_annotator(backend, pool, ranking, order):
    got = take(backend, ranking, n=4)
    done, count = annotations.complete(backend, got.id, {order[0]: "cat", order[1]: 3}, None)

    assert (done.labelled, done.held, count) == (2, 2, 2)
    assert done.expires_at == got.expires_at
    assert labels_of(backend, pool, *order[:3]) == ['"cat"', "3", None]
    [first] = backend.labels.labellings(pool, [IDS.index(order[0])])
    assert first.source == "Ada"
    done, count = annotations.complete(backend, got.id, None, None)
    assert (done.labelled, done.held, done.expires_at, count) == (0, 0, None, 2)
    assert ids_of(take(backend, ranking, "Bob")) == [order[4]]
    found, total, following = annotations.page(backend, pool, start=1, limit=2)
    assert [(each["id"], each["annotator"], each["label"]) for each in found] == [
        (order[1], "Ada", 3),
        (order[2], "Ada", None),
    ]
    assert (total, following) == (4, 3)


def test_named_items_are_completed_and_of_those_the_labelled_are_labelled(
    backend, pool, ranking, order
):
    got = take(backend, ranking, n=3)
    done, count = annotations.complete(backend, got.id, {order[0]: "cat"}, order[:2])

    assert (done.labelled, done.held, count) == (1, 1, 2)
    assert labels_of(backend, pool, *order[:2]) == ['"cat"', None]


def test_completing_other_items_than_those_held_changes_nothing(backend, pool, ranking, order):
    got = take(backend, ranking, n=2)

    for given, items, pointer in (
        ({order[0]: "cat", order[7]: "dog"}, None, "/labels/1/id"),
        (None, [order[0], order[1], "nobody"], "/items/2"),
        ({order[0]: "cat"}, [order[1]], "/labels/0/id"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            annotations.complete(backend, got.id, given, items)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]
    with pytest.raises(InvalidRequest):
        leases.release(backend, got.id, [order[0], order[2]])
    assert leases.get(backend, got.id) == got
    annotations.complete(backend, got.id, {order[0]: "cat"}, None)
    with pytest.raises(Conflict, match=order[0]):
        annotations.complete(backend, got.id, {order[0]: "dog", order[1]: "dog"}, None)
    assert labels_of(backend, pool, *order[:2]) == ['"cat"', None]


def test_several_annotators_make_one_label_and_each_is_remembered(backend, pool, ranking, order):
    for annotator, said in (("Ada", 1), ("Bob", "x"), ("Eve", 1.0)):
        assert labels_of(backend, pool, order[0]) == [None]
        assert ids_of(take(backend, ranking, annotator, n=1, overlap=2 + 1)) == [order[0]]
        [held] = [each.lease for each in leases.page(backend, pool, None, 9)[0]]
        annotations.complete(backend, held.id, {order[0]: said}, None)

    assert [json.loads(text) for text in labels_of(backend, pool, order[0])] == [1]
    [found] = backend.labels.labellings(pool, [IDS.index(order[0])])
    assert found.source == "Ada, Eve"
    told, _, _ = annotations.page(backend, pool, start=0, limit=9)
    assert [(each["annotator"], each["label"]) for each in told] == [
        ("Ada", 1),
        ("Bob", "x"),
        ("Eve", 1.0),
    ]


def test_what_an_annotator_has_done_is_walked_past(backend, pool, ranking, order):
    name = 'Émilie: "x"\n'
    first = take(backend, ranking, name, n=400, overlap=2)
    annotations.complete(backend, first.id, None, None)

    mine = backend.leases.standing(pool, name, 2).own
    assert sum(byte.bit_count() for byte in mine) == 400
    assert ids_of(take(backend, ranking, name, n=2, overlap=2)) == order[400:402]
    assert ids_of(take(backend, ranking, "Bob", n=2, overlap=2)) == order[:2]
    assert annotations.page(backend, pool, start=0, limit=1)[0][0]["annotator"] == name


def test_a_label_taken_away_is_asked_for_again(backend, pool, ranking, order):
    got = take(backend, ranking)
    annotations.complete(backend, got.id, {order[0]: "cat"}, None)
    assert ids_of(take(backend, ranking)) == [order[1]]
    backend.labels.put(pool, {IDS.index(order[0]): None})

    assert ids_of(take(backend, ranking)) == [order[0]]


def test_a_label_that_could_not_be_put_is_put_by_the_second_try(backend, pool, ranking, order):
    got = take(backend, ranking)

    def fail():
        raise Unavailable("away")

    broken = replace(backend, labels=Interrupted(backend.labels, "put", fail))
    with pytest.raises(Unavailable):
        annotations.complete(broken, got.id, {order[0]: "cat"}, None)
    assert ids_of(take(backend, ranking, "Bob")) == [order[1]]

    done, _ = annotations.complete(backend, got.id, {order[0]: "cat"}, None)
    assert done.labelled == 1
    assert labels_of(backend, pool, order[0]) == ['"cat"']


def test_a_label_whose_process_died_is_put_by_whoever_comes_next(
    backend, connection, pool, ranking, order
):
    got = take(backend, ranking)
    backend.leases.complete(got, annotations.spoken_of(got, {order[0]: "cat"}, None))
    key = key_of("leases", pool, "decisions")
    [(row, text)] = connection.hgetall(key).items()
    take(backend, ranking, "Bob")
    assert labels_of(backend, pool, order[0]) == [None]
    long_ago = json.loads(text)
    connection.hset(key, row, json.dumps({**long_ago, "at": long_ago["at"] - ABANDONED}))
    take(backend, ranking, "Bob")

    assert labels_of(backend, pool, order[0]) == ['"cat"']
    assert connection.exists(key) == 0


def test_a_label_whose_process_died_is_put_when_a_worker_tidies(
    backend, connection, pool, ranking, order
):
    got = take(backend, ranking)
    backend.leases.complete(got, annotations.spoken_of(got, {order[0]: "cat"}, None))
    key = key_of("leases", pool, "decisions")
    [(row, text)] = connection.hgetall(key).items()
    long_ago = json.loads(text)
    connection.hset(key, row, json.dumps({**long_ago, "at": long_ago["at"] - ABANDONED}))

    tidy(backend)

    assert labels_of(backend, pool, order[0]) == ['"cat"']


def test_the_set_leased_leaves_out_of_a_reading_what_is_held_now(backend, pool, ranking, order):
    got = take(backend, ranking, n=2)
    left_out = Query(n=1, exclude_sets=(LEASED,))

    assert rankings.read(backend, ranking, left_out).items[0].id == order[2]
    assert exclusions.listing(backend, pool)[:2] == [
        exclusions.ExclusionSet(LABELLED, 0),
        exclusions.ExclusionSet(LEASED, 2),
    ]
    backend.leases.renew(got, 0)
    assert rankings.read(backend, ranking, left_out).items[0].id == order[0]
    for write in (
        lambda: exclusions.put(backend, pool, LEASED, []),
        lambda: exclusions.change(backend, pool, LEASED, add=[], remove=[]),
        lambda: exclusions.delete(backend, pool, LEASED),
    ):
        with pytest.raises(Conflict):
            write()


def test_leases_outlive_their_ranking_and_not_their_pool(backend, connection, pool, ranking, order):
    got = take(backend, ranking, n=2, overlap=2)
    rankings.delete(backend, ranking)
    with pytest.raises(RankingNotFound):
        take(backend, ranking)

    assert leases.get(backend, got.id) == got
    annotations.complete(backend, got.id, {order[0]: "cat"}, None)
    pools.delete(backend, pool)
    with pytest.raises(LeaseNotFound):
        leases.get(backend, got.id)
    assert named(connection, pool, got.id) == []


def test_a_pool_deleted_while_items_are_taken_leaves_nothing(backend, connection, pool, ranking):
    interrupted = replace(
        backend,
        leases=Interrupted(backend.leases, "take", lambda: pools.delete(backend, pool)),
    )
    with pytest.raises(PoolNotFound):
        take(interrupted, ranking)

    assert [*connection.scan_iter("*lease*")] == []


def test_a_pool_deleted_while_items_are_completed_leaves_nothing(
    backend, connection, pool, ranking, order
):
    got = take(backend, ranking)
    interrupted = replace(
        backend,
        labels=Interrupted(backend.labels, "put", lambda: pools.delete(backend, pool)),
    )
    with pytest.raises(PoolNotFound):
        annotations.complete(interrupted, got.id, {order[0]: "cat"}, None)

    assert named(connection, pool) == []
