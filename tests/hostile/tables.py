"""Parquet and Arrow with tampered lengths, offsets and footers, and some that explode."""

import io
import struct
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.file import ARROW, ITEMS, PARQUET, PREDICTIONS, Hostile
from tests.uploads import arrow_stream, parquet_file

BOMB_ROWS, BOMB_VALUES, BOMB_GROUPS = 40_000, 500, 40
BROKEN = "broken, cut short, or uses a feature"


def table(rows=2, ids=None):
    """A sound table."""
    names = [f"a{row}" for row in range(rows)] if ids is None else ids
    return pa.table({"id": names, "x": np.arange(float(rows)), "y": np.arange(float(rows))})


def parquet():
    """A sound file."""
    return parquet_file(table())


def exploding():
    """A small file of 20 million values, all the same."""
    names = [f"{row:07}" for row in range(BOMB_ROWS)]
    zeros = pa.array(np.zeros(BOMB_ROWS * BOMB_VALUES // BOMB_GROUPS))
    target = io.BytesIO()
    writer = None
    for first in range(0, BOMB_ROWS, BOMB_ROWS // BOMB_GROUPS):
        some = names[first : first + BOMB_ROWS // BOMB_GROUPS]
        lists = pa.FixedSizeListArray.from_arrays(zeros, BOMB_VALUES)
        part = pa.table({"id": some, "features": lists})
        writer = writer or pq.ParquetWriter(target, part.schema, compression="zstd")
        writer.write_table(part)
    writer.close()
    return target.getvalue()


def without_tail(count):
    """A file that ends too early."""
    return parquet()[:-count]


def with_footer(length):
    """A file that says its footer is so long."""
    return parquet()[:-8] + struct.pack("<i", length) + b"PAR1"


def garbled(share):
    """A file with 8 bytes overwritten, so far into its footer."""
    content = bytearray(parquet())
    footer = struct.unpack("<i", content[-8:-4])[0]
    at = len(content) - 8 - footer + int(footer * share)
    content[at : at + 8] = b"\xff" * 8
    return bytes(content)


def with_rows(count):
    """A file of 100 rows whose footer says that it has others, as it writes numbers: varints."""
    content = parquet_file(table(100))
    footer = len(content) - 8 - struct.unpack("<i", content[-8:-4])[0]
    at = content.index(b"\x16" + varint(200), footer) + 1
    return content[:at] + varint(2 * count) + content[at + 2 :]


def varint(number):
    """A number of up to 14 bits in two bytes."""
    return bytes([number & 0x7F | 0x80, number >> 7])


def deep():
    """A file of lists in lists, 200 levels."""
    kind = pa.float64()
    for _ in range(200):
        kind = pa.list_(kind)
    return parquet_file(pa.table({"id": ["a"], "features": pa.array([None], kind)}))


def wide():
    """A file of 5,000 columns."""
    column = np.arange(1.0)
    return parquet_file(pa.table({"id": ["a"], **{f"x{n}": column for n in range(5_000)}}))


def stream(edit=bytes):
    """A stream whose bytes were edited."""
    return edit(arrow_stream(table()))


def overwritten(column, before, after):
    """A stream in whose column some 32-bit numbers are others."""
    rows = len(column)
    named = {"features": column} if pa.types.is_list(column.type) else {"id": column}
    others = {"id": [f"a{row}" for row in range(rows)], "features": np.zeros(rows)}
    content = arrow_stream(pa.table(others | named))
    old, new = (np.array(numbers, np.int32).tobytes() for numbers in (before, after))
    assert content.count(old) == 1
    return content.replace(old, new)


def offsets(*after):
    """A stream of two ids with other offsets."""
    return overwritten(pa.array(["a", "bcd"]), (0, 1, 4), after)


def list_offsets(*after):
    """A stream of two lists with other offsets."""
    lists = pa.array([[0.0] * 3, [0.0] * 3], pa.list_(pa.float64()))
    return overwritten(lists, (0, 3, 6), after)


def codes(*after):
    """A stream of ids as other codes of a dictionary of two."""
    return overwritten(pa.array(["b", "a", "b", "b"]).dictionary_encode(), (0, 1, 0, 0), after)


def half_utf8():
    """A stream of ids that are no UTF-8."""
    buffers = [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    ids = pa.Array.from_buffers(pa.string(), 1, buffers)
    return arrow_stream(pa.table({"id": ids, "x": [1.0]}))


def long_message(content):
    """Say of the first message that it is 2 GiB long."""
    return content[:4] + struct.pack("<i", 2**31 - 1) + content[8:]


def negative_message(content):
    """Say of the first message that it is of less than no bytes."""
    return content[:4] + struct.pack("<i", -8) + content[8:]


def without_end(content):
    """Take away the end marker."""
    return content[:-8]


def followed(content):
    """Append a second stream."""
    return content + content


def rows_without_end(content):
    """Say of every 64-bit length of 2 rows that it is 2**62."""
    return content.replace(struct.pack("<q", 2), struct.pack("<q", 2**62))


def packed_lie():
    """A stream whose packed buffers say that they are 2**60 bytes long."""
    target = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    many = table(2_000)
    with pa.ipc.new_stream(target, many.schema, options=options) as writer:
        writer.write_table(many)
    return target.getvalue().replace(struct.pack("<q", 16_000), struct.pack("<q", 2**60))


def long_id():
    """A file with an id of 10 MB."""
    return parquet_file(table(1, ["x" * 10 * 1024**2]))


FILES = (
    Hostile("20 million values in a small file", ITEMS, PARQUET, exploding, "passes .* bytes"),
    Hostile("no end", ITEMS, PARQUET, partial(without_tail, 4), BROKEN),
    Hostile("half a footer", ITEMS, PARQUET, partial(without_tail, 100), BROKEN),
    Hostile("no end", PREDICTIONS, PARQUET, partial(without_tail, 4), BROKEN),
    Hostile("a footer of 2 GiB", ITEMS, PARQUET, partial(with_footer, 2**31 - 1), BROKEN),
    Hostile("a footer of less than nothing", ITEMS, PARQUET, partial(with_footer, -1), BROKEN),
    Hostile("a garbled footer", ITEMS, PARQUET, partial(garbled, 0.1), BROKEN),
    Hostile("a footer garbled further on", ITEMS, PARQUET, partial(garbled, 0.6), BROKEN),
    Hostile(
        "more rows than it has", ITEMS, PARQUET, partial(with_rows, 8_000), f"announces|{BROKEN}"
    ),
    Hostile("lists of 200 levels", ITEMS, PARQUET, deep, BROKEN),
    Hostile("5,000 columns", ITEMS, PARQUET, wide, "max_item_values"),
    Hostile("an id of 10 MB", ITEMS, PARQUET, long_id, "at most 512"),
    Hostile("offsets past the end", ITEMS, ARROW, partial(offsets, 0, 1, 10**9), BROKEN),
    Hostile("offsets before the start", ITEMS, ARROW, partial(offsets, -(10**9), 1, 4), BROKEN),
    Hostile("offsets that go back", ITEMS, ARROW, partial(offsets, 0, 4, 1), BROKEN),
    Hostile("lists past the end", ITEMS, ARROW, partial(list_offsets, 0, 2, 10**9), BROKEN),
    Hostile("lists that go back", ITEMS, ARROW, partial(list_offsets, 0, 4, 2), BROKEN),
    Hostile("codes of nothing", ITEMS, ARROW, partial(codes, 0, 1, 10**9, 0), BROKEN),
    Hostile("codes below nothing", ITEMS, ARROW, partial(codes, 0, 1, -5, 0), BROKEN),
    Hostile("ids that are no UTF-8", ITEMS, ARROW, half_utf8, f"UTF-8|{BROKEN}"),
    Hostile("a message of 2 GiB", ITEMS, ARROW, partial(stream, long_message), BROKEN),
    Hostile("a message below 0", ITEMS, ARROW, partial(stream, negative_message), BROKEN),
    Hostile("no end marker", ITEMS, ARROW, partial(stream, without_end), "cut short"),
    Hostile("two streams", ITEMS, ARROW, partial(stream, followed), "Something follows"),
    Hostile("rows without end", ITEMS, ARROW, partial(stream, rows_without_end), BROKEN),
    Hostile("packed buffers that lie", ITEMS, ARROW, packed_lie, "broken"),
)
