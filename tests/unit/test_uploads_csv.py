"""Parts sent as CSV, and the rule of which column is what."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import UploadRefused
from tests.uploads import read
from workers.untrusted.formats import columns, csv, plain
from workers.untrusted.formats.upload import Options


def read_csv(text, options=None, **kwargs):
    """Return the part that a text makes."""
    return read("text/csv", text.encode(), options=options, **kwargs)


def test_ids_stay_the_text_they_are():
    part = read_csv('id,x\n007,1\n 1e3 ,2\n"a,""b""\n",3\nNA,4\n')

    assert part.ids == ["007", " 1e3 ", 'a,"b"\n', "NA"]
    assert part.features.tolist() == [[1], [2], [3], [4]]


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert read("text/csv", b"\xef\xbb\xbfid,x\na,1\n").ids == ["a"]


def test_columns_keep_the_order_of_the_file_or_of_the_list():
    text = "x,id,y,metadata.z\n1,a,2,3\n"

    assert read_csv(text).features.tolist() == [[1, 2]]
    assert read_csv(text, {"features": ["y", "x"]}).features.tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("cells", "place", "message"),
    [
        ("b,,1", 'row 3, column "x"', 'Item "b" has a feature that is empty'),
        ("b,1,cat", 'row 3, column "y"', 'Item "b" .*"cat" .*metadata='),
        ("b,1_0,1", 'row 3, column "x"', '"1_0"'),
        ("b,1,0x10", 'row 3, column "y"', '"0x10"'),
        ("b,1,\u0661", 'row 3, column "y"', "\u0661"),
        ("b,1,nan", 'row 3, column "y"', "NaN"),
        ("b,1,1e999", 'row 3, column "y"', "infinite"),
        ("b,1,9007199254740993", 'row 3, column "y"', "beyond"),
        ("b,1,-9007199254740993", 'row 3, column "y"', "beyond"),
        ("b,1", "row 3", "has 2 cells and the header 3"),
        ("b,1,2,3", "row 3", "has 4 cells and the header 3"),
        ("\n\nb,1", "row 5", "has 2 cells"),
        ("\nb,1,2\n\nc,,1", 'row 6, column "x"', 'Item "c" has a feature that is empty'),
        ('b,1,"2', "row 3", "no CSV"),
        ('b,1,"2"3', "row 3", "no CSV"),
        (",1,2", 'row 3, column "id"', "empty"),
    ],
)
def test_a_cell_that_is_wrong_is_named_by_row_and_column(cells, place, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        read_csv(f"id,x,y\na,1,2\n{cells}\n")

    assert refused.value.faults[0].pointer == place


def test_blank_lines_hold_no_item_wherever_they_stand():
    part = read_csv("\n\r\nid,x,metadata.m\r\n\na,1,u\n\n\nb,2,v\n\n\n")

    assert part.ids == ["a", "b"]
    assert part.features.tolist() == [[1], [2]]
    assert part.metadata == {"m": ["u", "v"]}


def test_a_row_is_found_behind_blank_lines_and_many_blocks():
    rows = "".join(f"i{k},{k}\n\n" for k in range(50_000))

    with pytest.raises(UploadRefused) as refused:
        read_csv(f"\nid,x\n{rows}last,none\n")

    assert refused.value.faults[0].pointer == 'row 100003, column "x"'


@pytest.mark.parametrize("text", ["", "\n", "\r\n\n"])
def test_a_table_without_a_header_is_refused(text):
    with pytest.raises(UploadRefused, match=r"must be a header .*row 1"):
        read_csv(text)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id;x;y", r'among the columns "id;x;y", as separated by commas: '),
        ("key,x", r'no column "id" of ids among the columns "key", "x", as .*\?id_column='),
        (",".join("abcdefghijk"), r'"i", "j", …, as'),
    ],
)
def test_a_table_without_ids_is_told_which_columns_were_found(header, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        read_csv(header + "\na,1,2\n")

    assert refused.value.faults[0].pointer == "header"


def test_numbers_may_be_written_in_any_usual_way():
    part = read_csv("id,x\na,1\nb,-2.5\nc,+1e-3\nd, 4 \ne,.5\nf,9007199254740992\ng,0009\n")

    assert part.features.ravel().tolist() == [1, -2.5, 1e-3, 4, 0.5, 2**53, 9]


def test_text_that_is_not_utf_8_is_named_by_row():
    with pytest.raises(UploadRefused, match=r"not UTF-8 \(at row 3\)"):
        read("text/csv", b"id,x\na,1\n\xe9,2\nb,3\n")


def test_a_row_without_end_is_not_read_whole():
    for endless in ("1," * 500_000, '"a\nb",' * 200_000):
        with pytest.raises(UploadRefused, match=r"longer than .*row 2"):
            read_csv("id,x\n" + endless, limits={"max_item_values": 10})


def test_a_file_of_many_blocks_keeps_its_order():
    part = read_csv("id,x\n" + "".join(f"i{k},{k}\n" for k in range(50_000)))

    np.testing.assert_array_equal(part.features.ravel(), np.arange(50_000))
    assert part.ids[-1] == "i49999"


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "", "-2.5e1"], "number", [1, None, -25]),
        (["true", "False", ""], "boolean", [True, False, None]),
        (["1", "true"], "string", ["1", "true"]),
        (["007", "8"], "string", ["007", "8"]),
        (["9007199254740992"], "number", [2**53]),
        (["9007199254740993", "1"], "string", ["9007199254740993", "1"]),
        (["1e999"], "string", ["1e999"]),
        (["NaN"], "string", ["NaN"]),
        ([" a", "", "a"], "string", [" a", None, "a"]),
    ],
)
def test_a_metadata_column_is_numbers_or_booleans_only_if_every_cell_is(values, kind, expected):
    rows = "".join(f"i{k},1,{value}\n" for k, value in enumerate(values))

    part = read_csv("id,x,metadata.m\n" + rows)

    assert part.result["metadata"] == [{"name": "m", "type": kind}]
    assert part.metadata == {"m": expected}
    assert ("metadata_0.json" in part.files) == (kind == "string")


def assign(names, **options):
    """Return the names of the id, the features, and the metadata."""
    found = columns.assign(names, Options(**options))
    return (
        names[found.id],
        [names[position] for position in found.features],
        {label: names[position] for label, position in found.metadata.items()},
    )


def test_the_rule_of_columns():
    """The module docstring of `columns` says this in words."""
    names = ["id", "features", "metadata.m"]
    assert assign(names) == ("id", ["features"], {"m": "metadata.m"})

    names = ["b", "id", "a", "metadata.m"]
    assert assign(names) == ("id", ["b", "a"], {"m": "metadata.m"})
    assert assign(names, id_column="a", metadata=("id", "metadata.m")) == (
        "a",
        ["b"],
        {"id": "id", "m": "metadata.m"},
    )
    assert assign(names, features=("a", "metadata.m"), metadata=("b",)) == (
        "id",
        ["a", "metadata.m"],
        {"b": "b"},
    )


@pytest.mark.parametrize(("row", "cells"), [("a,1,2,3", 4), ("a,1", 2)])
def test_rows_that_are_all_of_another_width_than_the_header_are_refused(row, cells):
    body = "id,x,y\n" + f"{row}\n" * 3
    with pytest.raises(UploadRefused, match=f"has {cells} cells and the header 3 .at row 2"):
        read("text/csv", body.encode())


def test_a_table_in_which_no_column_remains_has_no_features():
    assert assign(["id"]) == ("id", [], {})
    assert assign(["metadata.m", "id"]) == ("id", [], {"m": "metadata.m"})
    assert assign(["key", "m"], id_column="key", metadata=("m",)) == ("key", [], {"m": "m"})


def test_a_cell_of_a_table_without_features_is_named_by_row_and_column():
    for cells, place in (('"",u', 'row 3, column "id"'), ("b,u,v", "row 3")):
        with pytest.raises(UploadRefused) as refused:
            read_csv(f"id,metadata.m\na,t\n{cells}\n")

        assert refused.value.faults[0].pointer == place


def test_a_table_whose_other_columns_hold_text_is_not_taken_to_have_no_features():
    with pytest.raises(UploadRefused, match=r"rename it to metadata\."):
        read_csv("id,city\na,Oslo\n")


@pytest.mark.parametrize(
    ("names", "options", "place", "message"),
    [
        (["x"], {}, "header", 'no column "id"'),
        (["id", "x"], {"id_column": "key"}, "header", 'no column "key"'),
        (["id", "x", "x"], {}, 'column "x"', "rename one"),
        (["", "id", "x"], {}, "column 1", "has no name"),
        (["id", "m", "metadata.n"], {"metadata": ("m",)}, 'column "metadata.n"', "neither"),
        (["id", "x"], {"features": ("y",)}, 'column "y"', "features= lists"),
        (["id", "x"], {"metadata": ("y",)}, 'column "y"', "metadata= lists"),
        (["id", "x"], {"features": ("x", "x")}, "header", "twice"),
        (["id", "x"], {"features": ("x",), "metadata": ("x",)}, 'column "x"', "two things"),
        (["id", "x"], {"features": ("x", "id")}, 'column "id"', "two things"),
        (["id", "features", "x"], {}, 'column "x"', "rename it to metadata.x, list it in"),
        (["id", "x", "y"], {"features": ("x",)}, 'column "y"', "neither"),
        (["id", "x", "metadata.m"], {"metadata": ()}, 'column "metadata.m"', "neither"),
        (
            ["id", "x", "m", "metadata.m"],
            {"metadata": ("m", "metadata.m")},
            'column "metadata.m"',
            "empty or taken",
        ),
        (["id", "x", "metadata."], {}, 'column "metadata."', "empty or taken"),
    ],
)
def test_a_column_that_is_two_things_or_none_is_named(names, options, place, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        assign(names, **options)

    assert refused.value.faults[0].pointer == place


NUMBERS = ["1", "-2.5", " 3 ", "1e5", ".5", "5.", "0.1", '"7"', "1E-3", "-0", "1" * 30]
CELLS = st.sampled_from(
    [
        *NUMBERS,
        "",
        "nan",
        "inf",
        "1e999",
        "+4",
        "9007199254740993",
        "0x10",
        "1_0",
        "cat",
        "\u0663",
        "1\r",
    ]
)
IDS = st.sampled_from(["a", "\u00e9", '"q,r"', '"l\nm"', '"d""d"', "", 'x"y', "n\0", '"', " b "])
TEXTS = st.sampled_from(["", "x", '""', "7", "true", '"y\r\n"', "z" * 200])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n"])
LINES = st.builds("{},{},{},{}{}".format, IDS, CELLS, CELLS, TEXTS, ENDS)
PLAIN_LINES = st.builds("i{},{},{}.25,{}\n".format, *[st.integers(0, 999)] * 4)


def outcome(text):
    """Return what is read of a text, or what is said against it."""
    try:
        part = read_csv(text)
    except UploadRefused as refused:
        return str(refused), refused.faults[0].pointer
    return part.ids, part.features.tolist(), part.metadata


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PLAIN_LINES, max_size=30), st.lists(LINES, max_size=6), st.randoms(), st.booleans())
def test_rows_are_read_alike_whether_they_are_plain_or_not(
    monkeypatch, plain_lines, odd_lines, random, ended
):
    lines = [*plain_lines, *odd_lines]
    random.shuffle(lines)
    text = "id,x,y,metadata.m\n" + "".join(lines)
    text = text if ended else text.rstrip("\r\n")
    with monkeypatch.context() as patch:
        patch.setattr(plain, "STRETCH_BYTES", 64)
        quick = outcome(text)
        patch.setattr(plain.PlainReader, "parse", lambda *_: None)
        slow = outcome(text)

    # Of several things that are wrong, one is named.
    assert quick == slow if len(odd_lines) <= 1 else len(quick) == len(slow)


def test_a_row_longer_than_a_stretch_is_read(monkeypatch):
    monkeypatch.setattr(plain, "STRETCH_BYTES", 8)

    assert read_csv("id,x\na,1\nlong-name-of-an-item,2\nb,3\n").ids == [
        "a",
        "long-name-of-an-item",
        "b",
    ]


def test_plain_rows_are_not_read_cell_by_cell(monkeypatch):
    monkeypatch.setattr(csv, "write_block", None)

    part = read_csv('id,x,metadata.m\n"a, b",1.5,\nc,2,"d"\n')

    assert (part.ids, part.features.tolist()) == (["a, b", "c"], [[1.5], [2]])
    assert part.metadata == {"m": [None, "d"]}
