"""Orders, bitmaps and the walk, against plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import ranking

SCORES = st.lists(st.sampled_from([-1.5, 0.0, -0.0, 0.25, 3.0]), max_size=200).map(np.array)
TOTAL = st.integers(0, 100)
FINITE = st.floats(-1e308, 1e308, allow_nan=False)
PIECES = st.sampled_from([1, 3, 1_000_000])


@given(SCORES, PIECES)
def test_both_orders_are_by_score_and_then_by_row_in_pieces_of_any_size(scores, piece):
    assert_in_order(scores.astype(np.float64), piece)


@given(st.lists(FINITE, max_size=200).map(np.array), PIECES)
def test_scores_of_any_size_are_put_in_order(scores, piece):
    assert_in_order(scores.astype(np.float64), piece)


@given(st.data(), PIECES)
def test_scores_that_differ_in_their_last_bits_alone_are_put_in_order(data, piece):
    centres = data.draw(st.lists(FINITE, min_size=1, max_size=4))
    pairs = st.tuples(st.sampled_from(centres), st.integers(0, 6))
    scores = [after(*pair) for pair in data.draw(st.lists(pairs, max_size=200))]
    assert_in_order(np.array(scores, dtype=np.float64), piece)


def after(score, steps):
    for _ in range(steps):
        score = np.nextafter(score, -np.inf)
    return score


def assert_in_order(scores, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "PIECE", piece)
        order = ranking.descending(scores)
        reverse = ranking.ascending(scores, order)
    assert np.argsort(-scores, kind="stable").tolist() == order.tolist()
    assert np.argsort(scores, kind="stable").tolist() == reverse.tolist()


@given(st.data(), TOTAL)
def test_a_bitmap_holds_its_rows_and_no_others(data, total):
    rows = data.draw(st.sets(st.integers(0, total - 1))) if total else set()
    bitmap = ranking.bitmap_of(np.array(sorted(rows), dtype=np.int64), total)

    assert sorted(rows) == ranking.rows_of(bitmap).tolist()
    assert len(rows) == ranking.count(bitmap)
    inside = ranking.contains(bitmap, np.arange(total))
    assert [row in rows for row in range(total)] == inside.tolist()


@given(st.binary(max_size=20), TOTAL)
def test_a_stored_bitmap_is_cut_to_the_rows_there_are(stored, total):
    bits = "".join(f"{byte:08b}" for byte in stored)[:total]

    fitted = ranking.fitted(stored, total)

    assert -(-total // 8) == len(fitted)
    assert [row for row, bit in enumerate(bits) if bit == "1"] == ranking.rows_of(fitted).tolist()


@given(SCORES, st.data())
def test_the_walk_gives_the_order_less_the_blocked_page_by_page(scores, data):
    scores = scores.astype(np.float64)
    total = len(scores)
    blocked = data.draw(st.sets(st.integers(0, total - 1))) if total else set()
    n = data.draw(st.integers(1, 30))
    order = ranking.descending(scores)
    bitmap = ranking.bitmap_of(np.array(sorted(blocked), dtype=np.int64), total)

    rows, start = [], 0
    while start is not None:
        page = ranking.walk(order, bitmap, start=start, n=n)
        assert [order[place] for place in page.places] == page.rows.tolist()
        rows += page.rows.tolist()
        start = page.following

    assert [row for row in order.tolist() if row not in blocked] == rows


@given(st.data(), TOTAL)
def test_rows_may_be_blocked_by_a_bitmap_or_one_by_one(data, total):
    rows = st.lists(st.integers(0, total - 1)) if total else st.just([])
    marked, named = data.draw(rows), np.array(data.draw(rows), dtype=np.int64)
    order = np.random.default_rng(0).permutation(total)
    bitmap = ranking.bitmap_of(np.array(marked, dtype=np.int64), total)
    apart = ranking.distinct(named)

    page = ranking.walk(order, bitmap, start=0, n=total + 1, also=apart)

    assert apart.tolist() == sorted(set(named.tolist()))
    blocked = {*marked, *named.tolist()}
    assert page.rows.tolist() == [row for row in order.tolist() if row not in blocked]


@given(st.lists(st.binary(max_size=20), max_size=4), TOTAL)
def test_a_union_holds_what_any_bitmap_holds_of_the_rows_there_are(stored, total):
    bitmaps = [np.frombuffer(each, dtype=np.uint8) for each in stored]
    rows = {row for each in bitmaps for row in ranking.rows_of(each).tolist() if row < total}

    union = ranking.union_of(bitmaps, total)

    assert ranking.rows_of(union).tolist() == sorted(rows)
    assert (len(union), ranking.count(union)) == (-(-total // 8), len(rows))


def test_a_page_of_nothing_leads_nowhere():
    order = np.arange(5)

    page = ranking.walk(order, ranking.empty_bitmap(5), start=0, n=0)

    assert (page.rows.tolist(), page.following) == ([], None)


def test_the_walk_goes_past_many_blocked_rows():
    total = 5_000_000
    order = np.arange(total, dtype=np.uint32)
    bitmap = np.full(total // 8, 255, dtype=np.uint8)
    bitmap[-1] = 0

    page = ranking.walk(order, bitmap, start=0, n=3)

    assert list(range(total - 8, total - 5)) == page.rows.tolist()
    assert total - 5 == page.following
