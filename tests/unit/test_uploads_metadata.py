"""Metadata columns, whatever format they come in."""

import json

import pytest

from service.errors import UploadRefused
from tests.uploads import UPLOADS, read
from workers.untrusted.formats import metadata


def read_items(*values, **kwargs):
    """Return the part of items that have these metadata."""
    lines = [
        json.dumps({"id": f"i{k}", "features": [k], "metadata": value})
        for k, value in enumerate(values)
    ]
    return read("application/x-ndjson", "\n".join(lines).encode(), **kwargs)


@pytest.mark.parametrize("name", ["json", "ndjson", "csv", "arrow", "parquet", "multipart"])
def test_a_value_may_be_missing(name):
    columns = {
        "text": [None, "a", "b", "a"],
        "number": [1.5, None, 2.0, None],
        "flag": [None, True, False, None],
        "never": [None, None, None, None],
    }

    part = read(*UPLOADS[name](list("abcd"), [[1.0]] * 4, columns))

    del columns["never"]
    assert part.metadata == columns


def test_a_column_may_begin_late_and_end_early():
    rows = [{}] * 20_000 + [{"a": 1}, {"b": "x"}] + [None] * 20_000

    part = read_items(*rows)

    assert part.metadata["a"] == [None] * 20_000 + [1] + [None] * 20_001
    assert part.metadata["b"] == [None] * 20_001 + ["x"] + [None] * 20_000


def test_equal_strings_are_written_once():
    part = read_items(*[{"site": site} for site in "abcab"])

    assert part.metadata == {"site": list("abcab")}
    assert part.files >= {"metadata_0.npy", "metadata_0.json"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "x"], 'Item "i1" .*is a string, and the column began with a number'),
        (["x", 1], "is a number, and the column began with a string"),
        ([1, True], "is a boolean, and the column began with a number"),
        ([True, 0], "is a number, and the column began with a boolean"),
        ([None, 1, []], 'Item "i2" .*neither a string'),
        ([{}], "neither a string, a number, true nor false"),
        ([2**53 + 1], "beyond 2\\*\\*53: send it as a string"),
        ([1, 10**400], 'Item "i1" .*beyond 2\\*\\*53'),
        (["x" * 101], "101 bytes; at most 100"),
        (["é" * 51], "102 bytes; at most 100"),
        (["\ud800"], "half of a surrogate pair"),
    ],
)
def test_a_value_that_cannot_be_kept_is_named(values, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        read_items(*[{"m": value} for value in values])

    assert refused.value.faults[0].pointer == f"line {len(values)}, /metadata/m"


def test_a_number_beyond_float64_is_refused():
    body = b'{"id": "a", "features": [1], "metadata": {"m": -1e999}}'

    with pytest.raises(UploadRefused, match=r'Item "a" .*NaN or infinite'):
        read("application/x-ndjson", body)


def test_a_type_holds_from_the_first_block_to_the_last():
    rows = [{"m": 1}] * 20_000 + [{"m": "x"}]

    with pytest.raises(UploadRefused, match='Item "i20000"'):
        read_items(*rows)


def test_more_columns_than_allowed_are_refused():
    with pytest.raises(UploadRefused, match="more than 4 metadata columns"):
        read_items(*[{f"m{k}": 1} for k in range(5)])
    with pytest.raises(UploadRefused, match="more than 4 metadata columns"):
        read(*UPLOADS["parquet"](["a"], [[1.0]], {f"m{k}": [1.5] for k in range(5)}))


@pytest.mark.parametrize("name", ["", "x" * 101, "\ud800"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(UploadRefused, match="must be text of 1 to 100 bytes"):
        read_items({name: 1})


def test_too_many_different_texts_are_refused(monkeypatch):
    monkeypatch.setattr(metadata, "MAX_DISTINCT", 3)

    assert read_items(*[{"m": text} for text in "abca"]).metadata == {"m": list("abca")}
    with pytest.raises(UploadRefused, match="too many different texts"):
        read_items(*[{"m": text} for text in "abcd"])
