"""Orders, bitmaps and the walk, against plain Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service import ranking

SCORES = st.lists(st.sampled_from([-1.5, 0.0, -0.0, 0.25, 3.0]), max_size=200).map(np.array)
TOTAL = st.integers(0, 100)


def expected(scores, *, ascending):
    sign = 1 if ascending else -1
    return sorted(range(len(scores)), key=lambda row: (sign * scores[row], row))


@given(SCORES, st.sampled_from([1, 3, 1_000_000]))
def test_both_orders_are_by_score_and_then_by_row_in_blocks_of_any_size(scores, block):
    scores = scores.astype(np.float64)
    ranking.BLOCK = block
    order = ranking.descending(scores)

    assert expected(scores, ascending=False) == order.tolist()
    assert expected(scores, ascending=True) == ranking.ascending(scores, order).tolist()


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
