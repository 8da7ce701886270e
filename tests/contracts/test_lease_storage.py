"""What the storage of leases promises, on a real Redis, whoever comes at the same moment."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import TooBusy
from service.records import LABELLED, LEASED, Decision, Lease, Spoken, new_id
from service.redis_leases import RedisLeases
from service.version_scripts import COUNTER
from service.workspaces import key_of
from tests.conftest import until
from tests.contracts.test_storage import members

ROWS = range(6)
ON_ONE_STORAGE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NOTHING = Spoken("", "")
CAT, DOG = Spoken('"cat"', '"cat"'), Spoken('"dog"', '"dog"')


@pytest.fixture
def leases(connection):
    return RedisLeases(connection)


def lease(annotator="Ada", overlap=1, pool="p"):
    return Lease(id=new_id(), pool=pool, ranking="r", annotator=annotator, overlap=overlap)


def offered(rows):
    return {row: {"id": f"i{row}", "rank": rank} for rank, row in enumerate(rows, 1)}


def take(
    leases,
    rows,
    n,
    wanted=None,
    *,
    seconds=100,
    labelled_too=False,
    all_there_are=True,
    most=10_000,
):
    return leases.take(
        wanted or lease(),
        offered(rows),
        n=n,
        seconds=seconds,
        labelled_too=labelled_too,
        all_there_are=all_there_are,
        most=most,
    )


def label(connection, pool, row, truth=1):
    connection.setbit(key_of("bits", pool, LABELLED), row, truth)


def leased(leases, pool="p"):
    return members(leases.redis.get(key_of("bits", pool, LEASED)))


def test_a_lease_holds_the_first_that_nobody_has_in_the_order_offered(leases):
    first = take(leases, [5, 3, 9, 1], 2)
    second = take(leases, [3, 9, 1, 5], 2)

    assert list(first.items) == [5, 3]
    assert list(second.items) == [9, 1]
    assert first.items[3] == {"id": "i3", "rank": 2}
    assert leased(leases) == {1, 3, 5, 9}
    assert leases.get(first.id) == first


def test_with_too_few_candidates_of_many_nothing_is_taken(leases):
    take(leases, [0], 1)

    assert take(leases, [0, 1], 2, all_there_are=False) is None
    assert leased(leases) == {0}
    assert list(take(leases, [0, 1], 2).items) == [1]


def test_a_lease_that_gets_nothing_is_not_kept(leases):
    take(leases, [0], 1)
    empty = take(leases, [0], 1)

    assert (empty.items, empty.expires_at) == ({}, None)
    assert leases.get(empty.id) is None


def test_a_take_that_is_tried_again_takes_nothing_more(leases):
    wanted = lease()
    first = take(leases, ROWS, 2, wanted)

    assert take(leases, ROWS, 2, wanted) == first
    assert leased(leases) == {0, 1}


def test_what_is_labelled_is_not_handed_out_unless_it_may_be(leases, connection):
    label(connection, "p", 0)

    assert list(take(leases, [0, 1], 1).items) == [1]
    assert list(take(leases, [0, 1], 1, labelled_too=True).items) == [0]


def test_pools_do_not_know_of_each_other(leases):
    take(leases, [0], 1)

    assert list(take(leases, [0], 1, lease(pool="q")).items) == [0]


def test_a_lease_that_ran_out_gives_its_items_back_and_cannot_be_had_any_more(leases):
    short = take(leases, [0, 1], 2, seconds=0.05)
    until(lambda: leases.get(short.id).ended)

    assert leases.get(short.id).ended == "ran out"
    assert leases.renew(short, 100) is None
    assert leases.complete(short, {0: CAT}) is None
    assert leases.release(short, [0], "t") is None
    assert leases.annotations("p", 0, 10) == ([], 0)
    assert list(take(leases, [0, 1], 2).items) == [0, 1]


def test_a_renewed_lease_ends_later_and_one_renewed_for_no_time_at_once(leases):
    held = take(leases, [0], 1, seconds=1)
    later = leases.renew(held, 1000)

    assert later > held.expires_at
    assert leases.get(held.id).expires_at == later
    leases.renew(held, 0)
    leases.sweep("p")
    assert leased(leases) == set()


def test_what_is_released_is_anybodys_and_the_rest_is_held(leases):
    held = take(leases, [0, 1, 2], 3)
    outcome = leases.release(held, [0, 2], "t")

    assert (outcome.released, outcome.held) == (2, 1)
    assert leases.release(held, [0, 2], "t") == outcome
    assert leases.release(held, [1, 2], "u").refused == (2,)
    assert leased(leases) == {1}
    assert list(take(leases, [0, 1, 2], 3).items) == [0, 2]
    assert leases.release(held, [1], "v").expires_at is None
    assert leases.get(held.id).ended == "was released"


def test_completed_at_overlap_one_is_decided_at_once_and_not_handed_out(leases):
    held = take(leases, [0, 1], 2)
    outcome = leases.complete(held, {0: CAT})

    assert (outcome.labelled, outcome.held) == (1, 1)
    assert leases.decisions("p", [0, 1]) == {0: Decision('"cat"', ("Ada",))}
    assert take(leases, [0], 1, lease("Bob", 3), labelled_too=True).items == {}
    leases.forget_decisions("p", [0])
    assert leases.decisions("p", [0]) == {}


def test_completing_again_what_was_said_changes_nothing_and_otherwise_is_refused(leases):
    held = take(leases, [0, 1], 2)
    leases.complete(held, {0: CAT})

    assert leases.complete(held, {0: DOG, 1: CAT}).refused == (0,)
    assert leases.complete(held, {0: CAT, 1: NOTHING}).refused == ()
    assert leases.get(held.id).ended == "was completed"
    assert leases.complete(held, {0: CAT, 1: NOTHING}).labelled == 1
    assert leases.complete(held, {0: DOG}) is None
    found, total = leases.annotations("p", 0, 10)
    assert total == 2
    assert [(each.row, each.annotator, each.text) for each in found] == [
        (0, "Ada", '"cat"'),
        (1, "Ada", ""),
    ]


def test_the_most_said_becomes_the_label_and_of_equals_the_first_said(leases):
    def say(rows_of_annotator):
        for annotator, said in rows_of_annotator.items():
            held = take(leases, sorted(said), len(said), lease(annotator, 3))
            assert set(held.items) == set(said)
            leases.complete(held, said)

    say(
        {
            "Ada": {0: DOG, 1: DOG, 2: NOTHING, 3: CAT},
            "Bob": {0: CAT, 1: CAT, 2: NOTHING, 3: DOG},
        }
    )
    assert leases.decisions("p", ROWS) == {}
    say({"Eve": {0: CAT, 1: NOTHING, 2: DOG, 3: NOTHING}})

    assert leases.decisions("p", ROWS) == {
        0: Decision('"cat"', ("Bob", "Eve")),
        1: Decision('"dog"', ("Ada",)),
        2: Decision('"dog"', ("Eve",)),
        3: Decision('"cat"', ("Ada",)),
    }


def test_nothing_is_decided_while_somebody_holds_the_item(leases):
    first, second = (take(leases, [0], 1, lease(who, 2)) for who in ("Ada", "Bob"))

    assert leases.complete(first, {0: CAT}).labelled == 0
    assert leases.decisions("p", [0]) == {}
    leases.release(second, [0], "t")
    assert leases.decisions("p", [0]) == {}


def test_the_next_who_asks_alone_says_how_many_shall_complete_it(leases):
    leases.complete(take(leases, [0], 1, lease("Ada", 2)), {0: CAT})

    assert leases.complete(take(leases, [0], 1, lease("Bob", 3)), {0: DOG}).labelled == 0
    assert leases.complete(take(leases, [0], 1, lease("Eve", 3)), {0: DOG}).labelled == 1


def test_who_holds_an_item_keeps_it_when_its_label_is_taken_away(leases, connection):
    leases.complete(take(leases, [0], 1), {0: CAT})
    leases.forget_decisions("p", [0])
    label(connection, "p", 0)
    again = take(leases, [0], 1, lease("Bob", 2), labelled_too=True)
    label(connection, "p", 0, 0)

    assert take(leases, [0], 1, lease("Eve", 1)).items == {}
    assert leased(leases) == {0}
    assert leases.complete(again, {0: DOG}).held == 0


def test_what_is_asked_for_again_is_nobodys_own(leases, connection):
    for who in ("Ada", "Bob"):
        leases.complete(take(leases, [0], 1, lease(who, 2)), {0: CAT})
    leases.forget_decisions("p", [0])
    take(leases, [0], 1, lease("Eve", 2))

    assert members(leases.standing("p", "Ada", 2).own) == set()
    assert list(take(leases, [0], 1, lease("Ada", 2)).items) == [0]


def test_nobody_gets_an_item_twice_and_only_as_many_as_its_overlap(leases):
    first = take(leases, [0], 1, lease("Ada", 2))

    assert take(leases, [0], 1, lease("Ada", 2)).items == {}
    assert take(leases, [0], 1, lease("Bob", 1)).items == {}
    assert list(take(leases, [0], 1, lease("Bob", 9)).items) == [0]
    assert take(leases, [0], 1, lease("Eve", 9)).items == {}
    leases.complete(first, {0: NOTHING})
    assert take(leases, [0], 1, lease("Ada", 2)).items == {}
    assert take(leases, [0], 1, lease("Eve", 9)).items == {}


def test_completions_bind_nobody_once_the_label_was_taken_away(leases, connection):
    leases.complete(take(leases, [0], 1), {0: CAT})
    label(connection, "p", 0)
    leases.forget_decisions("p", [0])
    assert take(leases, [0], 1, labelled_too=True).items == {}
    label(connection, "p", 0, 0)

    assert list(take(leases, [0], 1).items) == [0]


def test_pages_give_every_lease_once_and_the_newest_first(leases):
    made = [take(leases, ROWS, 1) for _ in range(5)]
    leases.renew(made[2], 0)

    first, after = leases.page("p", None, 3)
    second, end = leases.page("p", after, 3)

    found = [(each.lease.id, each.held) for each in [*first, *second]]
    assert found == [(made[place].id, 1) for place in (4, 3, 1, 0)]
    assert end is None


def test_a_forgotten_pool_leaves_no_key_and_other_pools_stay(leases, connection):
    held = take(leases, ROWS, 3, lease("Ada", 2))
    leases.complete(held, {0: CAT})
    other = take(leases, ROWS, 1, lease(pool="q"))
    released, completed = take(leases, ROWS, 1), take(leases, ROWS, 1)
    leases.release(released, list(released.items), "t")
    leases.complete(completed, dict.fromkeys(completed.items, CAT))

    leases.forget_pool("p")

    assert leases.get(held.id) is None
    assert leases.get(other.id) == other
    leases.forget_pool("q")
    assert set(connection.keys()) <= {COUNTER.encode()}


def test_a_pool_has_at_most_so_many_leases_that_hold_items(leases):
    first, second = (take(leases, [row], 1, most=2) for row in (0, 1))
    assert not take(leases, [0], 1, most=2).items
    with pytest.raises(TooBusy, match="max_leases") as refused:
        take(leases, [2], 1, most=2)
    assert refused.value.headers["Retry-After"]
    assert leased(leases) == {0, 1}

    assert take(leases, [2], 1, lease(pool="q"), most=2).items
    leases.release(first, [0], "t")
    assert take(leases, [2], 1, most=2).items
    leases.renew(second, 0)
    assert take(leases, [0], 1, most=2).items


@pytest.mark.parametrize("overlap", [1, 3])
def test_of_many_at_once_no_item_goes_to_more_than_may_have_it(leases, overlap):
    def work(number):
        mine = []
        while True:
            got = take(leases, range(300), 7, lease(f"a{number % 16}", overlap))
            mine += got.items
            if not got.items:
                return number % 16, mine

    with ThreadPoolExecutor(64) as threads:
        handed = list(threads.map(work, range(64)))

    assert Counter(row for _, rows in handed for row in rows) == dict.fromkeys(range(300), overlap)
    pairs = [(annotator, row) for annotator, rows in handed for row in rows]
    assert len(pairs) == len(set(pairs))


@dataclass
class Item:
    """What a plain model knows of an item."""

    overlap: int = 0
    claims: list = field(default_factory=list)  # [annotator, lease, done, said]
    decided: bool = False


@dataclass
class Model:
    """Leases of one pool as anybody might write them for one process."""

    items: dict = field(default_factory=lambda: {row: Item() for row in ROWS})
    labelled: set = field(default_factory=set)
    leases: dict = field(default_factory=dict)

    def may_have(self, row, annotator, overlap, *, labelled_too):
        item = self.items[row]
        if row in self.labelled:
            if not labelled_too:
                return False
        elif item.decided:
            return True
        held = any(not claim[2] for claim in item.claims)
        most = min(overlap, item.overlap) if held else overlap
        return len(item.claims) < most and annotator not in [claim[0] for claim in item.claims]

    def take(self, wanted, rows, n, *, labelled_too):
        who, overlap = wanted.annotator, wanted.overlap
        free = [r for r in rows if self.may_have(r, who, overlap, labelled_too=labelled_too)]
        for row in free[:n]:
            item = self.items[row]
            if item.decided and row not in self.labelled:
                item.claims.clear()
            item.decided = False
            if all(claim[2] for claim in item.claims):
                item.overlap = overlap
            item.claims.append([who, wanted.id, False, None])
        if free[:n]:
            self.leases[wanted.id] = (wanted, set(free[:n]))
        return free[:n]

    def drop(self, wanted, rows):
        for row in rows:
            claims = self.items[row].claims
            claims[:] = [claim for claim in claims if claim[1] != wanted.id or claim[2]]
        self.leases[wanted.id][1].difference_update(rows)

    def complete(self, wanted, said):
        decided = {}
        for row, spoken in said.items():
            item = self.items[row]
            claim = next(each for each in item.claims if each[1] == wanted.id)
            item.claims.remove(claim)
            item.claims.append([claim[0], claim[1], True, spoken])
            if all(each[2] for each in item.claims) and len(item.claims) >= item.overlap:
                texts = [each[3].text for each in item.claims if each[3].text]
                if texts:
                    best = max(texts, key=texts.count)
                    who = tuple(each[0] for each in item.claims if each[3].text == best)
                    decided[row] = Decision(best, who)
                    item.decided = True
                    self.labelled.add(row)
        self.leases[wanted.id][1].difference_update(said)
        return decided


SAID = st.sampled_from([CAT, DOG, NOTHING])
MOVES = st.one_of(
    st.tuples(
        st.just("take"),
        st.sampled_from(["Ada", "Bob", "Eve"]),
        st.sampled_from([1, 2, 2, 3, 3]),
        st.integers(1, 4),
        st.booleans(),
        st.permutations(ROWS),
    ),
    st.tuples(st.just("complete"), st.integers(0, 20), st.lists(SAID, min_size=4, max_size=4)),
    st.tuples(st.just("release"), st.integers(0, 20), st.integers(1, 3)),
    st.tuples(st.just("run out"), st.integers(0, 20)),
    st.tuples(st.just("label"), st.sampled_from(ROWS), st.booleans()),
)


def carry_out(leases, connection, model, pool, move):
    """Make one move on the storage and on the model; what they answer is compared."""
    name, *rest = move
    live = [each for each in model.leases.values() if each[1]]
    if name == "take":
        annotator, overlap, n, labelled_too, rows = rest
        wanted = lease(annotator, overlap, pool)
        got = take(leases, rows, n, wanted, labelled_too=labelled_too)
        assert list(got.items) == model.take(wanted, rows, n, labelled_too=labelled_too)
    elif name == "label":
        row, truth = rest
        (model.labelled.add if truth else model.labelled.discard)(row)
        label(connection, pool, row, int(truth))
    elif live:
        wanted, held = live[rest[0] % len(live)]
        if name == "complete":
            said = dict(zip(sorted(held), rest[1], strict=False))
            outcome = leases.complete(wanted, said)
            decided = model.complete(wanted, said)
            assert outcome.labelled == len(decided)
            assert leases.decisions(pool, ROWS) == decided
            for row in decided:
                label(connection, pool, row)
            leases.forget_decisions(pool, list(decided))
        elif name == "release":
            rows = sorted(held)[: rest[1]]
            assert leases.release(wanted, rows, new_id()).released == len(rows)
            model.drop(wanted, rows)
        else:
            leases.renew(wanted, 0)
            model.drop(wanted, set(held))


def free_rows(leases, connection, pool, annotator, overlap):
    """The rows that a walk would not step over, by the bitmaps alone."""
    standing = leases.standing(pool, annotator, overlap)
    closed, full, own, decided = (
        members(each) for each in (standing.closed, standing.full, standing.own, standing.decided)
    )
    labelled = members(connection.get(key_of("bits", pool, LABELLED)))
    return set(ROWS) - closed - ((full | own) - (decided - labelled)), members(standing.held)


@given(moves=st.lists(MOVES, min_size=12, max_size=60))
@ON_ONE_STORAGE
def test_any_moves_leave_what_a_plain_model_says(leases, connection, moves):
    pool, model = new_id(), Model()
    for move in moves:
        carry_out(leases, connection, model, pool, move)

    for annotator in ("Ada", "Bob", "Eve"):
        for overlap in (1, 2, 3):
            free, held = free_rows(leases, connection, pool, annotator, overlap)
            expected = {
                row for row in ROWS if model.may_have(row, annotator, overlap, labelled_too=True)
            }
            # At overlap 1 nobody's own rows are kept apart: they are full, or he has none.
            assert expected <= free
            assert overlap == 1 or free - expected <= {
                row for row in ROWS if annotator in [c[0] for c in model.items[row].claims]
            }
            assert held == {row for _, rows in model.leases.values() for row in rows}
    live = {wanted.id for wanted, rows in model.leases.values() if rows}
    assert live == {each.lease.id for each in leases.page(pool, None, 100)[0]}
