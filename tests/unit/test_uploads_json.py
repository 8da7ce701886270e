"""Parts sent as JSON and as NDJSON."""

import json

import pytest

from service.errors import UploadRefused
from tests.uploads import read
from workers.untrusted.formats import records


def read_json(text, **kwargs):
    """Return the part that a JSON text makes."""
    return read("application/json", text.encode(), **kwargs)


def read_ndjson(*lines, **kwargs):
    """Return the part that some lines make."""
    return read("application/x-ndjson", "\n".join(lines).encode(), **kwargs)


def items(*features):
    """Return a document whose items have these features."""
    return json.dumps({"items": [{"id": f"i{k}", "features": f} for k, f in enumerate(features)]})


@pytest.mark.parametrize(
    ("features", "pointer", "message"),
    [
        ([[1, 2], [3]], "/items/1/features", "has 1 values where .* list of 2"),
        ([[1, 2], 3], "/items/1/features", "has a number where .* list of 2"),
        ([[[1], [2]], [[3], [4, 5]]], "/items/1/features/1", "has 2 values"),
        ([[1, 2], [3, None]], "/items/1/features/1", "has null where a number"),
        ([[1, 2], [3, True]], "/items/1/features/1", "has true or false where a number"),
        ([[1, "2"]], "/items/0/features/1", "has a string where a number"),
        ([[1, {}]], "/items/0/features/1", "has an object where a number"),
        ([[1, [2]]], "/items/0/features/1", "has a list where a number"),
        ([[[1], [2]], [[3], ["x"]]], "/items/1/features/1/0", "has a string"),
        ([[1], [2**53 + 1]], "/items/1/features/0", "beyond 2\\*\\*53"),
        ([[1], [-(10**400)]], "/items/1/features/0", "beyond 2\\*\\*53"),
    ],
)
def test_features_that_are_no_numbers_of_one_shape_are_named(features, pointer, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        read_json(items(*features))

    [fault] = refused.value.faults
    assert fault.pointer == pointer
    assert fault.detail.startswith(f'Item "i{pointer[7]}"')


def test_whole_numbers_are_exact_up_to_the_last_that_float64_holds():
    part = read_json(items([2**53], [-(2**53)], [1e300]))

    assert part.features.tolist() == [[2**53], [-(2**53)], [1e300]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"items": [{"id": "a", "features": [NaN]}]}', 'Item "a" has NaN'),
        ('{"items": [{"id": "a", "features": [-Infinity]}]}', 'Item "a" has an infinite number'),
        ('{"items": [{"id": "a", "features": [1e999]}]}', "an infinite number"),
        ('{"items": [{"id": "a", "id": "b", "features": [1]}]}', "key 'id' stands twice"),
        ('{"items": [], "items": []}', "key 'items' stands twice"),
        ('{"items": [' + "[" * 100_000 + "]" * 100_000 + "]}", "nested too deeply"),
        ('{"items": [{"id": "a", "features": [' + "1" * 5000 + "]}]}", "thousands of digits"),
        ('{"items": [{"id": "a", "features": [1]}', "not JSON"),
        ('{"items": []} {}', "not JSON"),
        ("\ufeff" + '{"items": []}', "not JSON"),
        ("[]", 'one key "items"'),
        ('{"items": [], "more": 1}', 'one key "items"'),
        ('{"items": {}}', "must be a list"),
        ('{"items": [[1, 2]]}', "must be an object"),
        ('{"items": [{"features": [1]}]}', "needs an id"),
        ('{"items": [{"id": 7, "features": [1]}]}', "ids are strings"),
        ('{"items": [{"id": "a", "features": null}]}', 'Item "a" has null'),
        ('{"items": [{"features": [1]}, {"id": "a"}]}', "needs an id"),
        ('{"items": [{"id": "a", "features": [1], "label": 3}]}', 'unknown key "label"'),
        ('{"items": [{"id": "a", "features": [1], "metadata": [1]}]}', "no object"),
        ('{"items": [{"id": "\\ud800", "features": [1]}]}', "half of a surrogate pair"),
        ('{"items": [{"id": "a", "features": []}]}', "at least one feature value"),
        ('{"items": [{"id": "a", "features": [[], []]}]}', "at least one feature value"),
    ],
)
def test_what_is_no_strict_json_of_items_is_refused(text, message):
    with pytest.raises(UploadRefused, match=message):
        read_json(text)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ({"features": [1]}, {}, "has no features and the first item has some"),
        ({}, {"features": [1]}, "has features and the first item has none"),
        ({}, {"features": []}, "has features and the first item has none"),
    ],
)
def test_all_items_of_a_part_have_features_or_none_has(first, last, message):
    records = [{"id": f"i{row}", **first} for row in range(20_000)] + [{"id": "last", **last}]
    document = json.dumps({"items": records})

    with pytest.raises(UploadRefused, match=f'Item "last" {message}') as refused:
        read_json(document)

    assert refused.value.faults[0].pointer == "/items/20000/features"
    with pytest.raises(UploadRefused, match=message) as refused:
        read_ndjson(*map(json.dumps, records))
    assert refused.value.faults[0].pointer == "line 20001, /features"


def test_text_that_is_not_utf_8_is_refused():
    with pytest.raises(UploadRefused, match="not UTF-8"):
        read("application/json", '{"items": [{"id": "é", "features": [1]}]}'.encode("latin-1"))


def test_a_json_body_beyond_the_limit_is_told_to_be_sent_by_line(monkeypatch):
    monkeypatch.setattr(records, "JSON_BYTES", 10)

    with pytest.raises(UploadRefused, match="application/x-ndjson"):
        read_json(items([1]))


def test_an_ndjson_line_is_named_where_it_is_wrong():
    good = '{"id": "a", "features": [1]}'

    with pytest.raises(UploadRefused, match=r"not JSON.*line 2"):
        read_ndjson(good, '{"id": "b", "features": [1}')
    with pytest.raises(UploadRefused, match=r'Item "b" has a string.*line 2, /features/0'):
        read_ndjson(good, '{"id": "b", "features": ["x"]}')
    with pytest.raises(UploadRefused, match=r"empty.*line 2"):
        read_ndjson(good, "", good)


def test_ndjson_lines_may_end_in_either_way_and_the_last_need_not():
    body = b'{"id": "a", "features": [1]}\r\n{"id": "b", "features": [2]}'

    assert read("application/x-ndjson", body).ids == ["a", "b"]


def test_a_line_that_could_be_no_item_is_not_read_to_its_end():
    line = '{"id": "a", "features": [1], "metadata": {"x": "' + "y" * 1_000_000 + '"}}'

    with pytest.raises(UploadRefused, match="longer than"):
        read_ndjson(line, limits={"max_item_values": 10})


def test_ndjson_of_many_blocks_keeps_its_order():
    lines = [json.dumps({"id": str(k), "features": [k, -k]}) for k in range(40_000)]

    part = read_ndjson(*lines)

    assert part.ids == [str(k) for k in range(40_000)]
    assert part.features[:, 0].tolist() == list(range(40_000))
    assert part.files == {"features.npy", "ids.bin", "id_ends.npy"}
