"""Parts sent as `.npy` and `.npz`."""

import io
import zipfile

import numpy as np
import pytest

from service.errors import UploadRefused
from tests.uploads import npy, read
from workers.untrusted.formats import npy as reader

FEATURES = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


def read_npy(body, **kwargs):
    """Return the part that an array's bytes make."""
    return read("application/x-npy", body, **kwargs)


def read_npz(*, compressed=False, **arrays):
    """Return the part that an archive makes; a name's double underscore stands for a dot."""
    file = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(file, **{name.replace("__", "."): array for name, array in arrays.items()})
    return read("application/x-npz", file.getvalue())


def test_an_array_in_the_right_form_is_not_copied():
    part = read_npy(npy(FEATURES))

    assert part.result["features"] == "body"
    assert part.result["numbered"] is True
    assert part.files == set()
    np.testing.assert_array_equal(part.features, FEATURES)


@pytest.mark.parametrize(
    "array",
    [
        FEATURES.astype(">f4"),
        np.asfortranarray(FEATURES),
        np.asfortranarray(FEATURES.astype(">f8")),
        np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3)),
    ],
)
def test_an_array_in_another_form_is_converted(array):
    part = read_npy(npy(array))

    assert part.result["features"] == "features.npy"
    assert part.features.flags.c_contiguous
    assert part.features.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(part.features, array)


def test_fortran_order_is_converted_in_pieces(monkeypatch):
    monkeypatch.setattr(reader, "TRANSPOSED_BYTES", 100)
    array = np.asfortranarray(np.arange(300.0).reshape(50, 3, 2))

    np.testing.assert_array_equal(read_npy(npy(array)).features, array)


def with_header(text, values=b"", version=b"\1\0"):
    """Return an array with a header of one's own."""
    header = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + values


def header(shape, descr="<f4", fortran="False"):
    """Return a header's text."""
    return f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def test_a_header_written_by_another_library_is_copied_into_the_right_form():
    text = '{"shape": (2, 1), "fortran_order": False, "descr": "<f4"}'

    part = read_npy(with_header(text, np.array([1, 2], "<f4").tobytes()))

    assert part.result["features"] == "features.npy"
    assert part.features.tolist() == [[1], [2]]


def test_a_header_of_odd_numbers_is_read_as_plain_ones():
    part = read_npy(with_header(header("(True, True)") + " " * 51, b"\0" * 4))

    assert part.result["features"] == "features.npy"
    assert part.result["rows"] == 1
    assert part.result["item_shape"] == [1]
    assert part.result["item_shape"][0] is not True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (npy(FEATURES)[:-1], "announces 96 bytes of values, and 95 follow"),
        (npy(FEATURES) + b"\0", "97 follow"),
        (npy(FEATURES)[:40], "cut short"),
        (with_header(header("(1000000000, 1000000000)")), "announces 4000000000000000000 bytes"),
        (with_header(header("(-1, -1)"), b"\0" * 4), "holds nothing"),
        (with_header(header("()"), b"\0" * 4), "single value"),
        (with_header(header("(10**9,)")), "cannot be read"),
        (with_header("(" * 5000), "cannot be read|nested"),
        (with_header("-" * 9000 + "1"), "cannot be read|nested"),
        (with_header("{}"), "cannot be read"),
        (with_header(header("(1,)", descr="|V4"), b"\0" * 4), "type .V4 are not taken"),
        (with_header(header("(9,)", descr="|S0")), "holds nothing"),
        (with_header("x" * 20_000), "header has 20001 bytes"),
        (with_header(header("(1,)"), b"\0" * 4, version=b"\3\0"), "newer than 2.0"),
        (npy(np.array([{}, []], dtype=object)), "Python objects"),
        (npy(np.zeros(3, dtype=[("a", "<f4")])), "type"),
        (npy(np.zeros((0, 0), dtype="f4")), "at least one feature value"),
        (b"PK\3\4" + b"\0" * 50, "no .npy array"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(body, message):
    with pytest.raises(UploadRefused, match=message):
        read_npy(body)


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int64", "uint16", "complex64", "U3", "datetime64[s]"]
)
def test_a_type_that_is_not_kept_is_named_with_those_that_are(dtype):
    with pytest.raises(UploadRefused, match=f"{dtype[:2]}.*uint8, float16, float32, float64"):
        read_npy(npy(np.zeros(3, dtype=dtype)))


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_brings_ids_and_metadata(compressed):
    part = read_npz(
        compressed=compressed,
        features=np.asfortranarray(FEATURES),
        ids=np.array(["a", "\U0001f98a", " c", "d,e"]),
        metadata__age=np.array([1, 2, 3, 4], dtype="int16"),
        metadata__site=np.array([b"x", b"y", "é".encode(), b"x"]),
        metadata__seen=np.array([True, False, True, True]),
    )

    assert part.ids == ["a", "\U0001f98a", " c", "d,e"]
    assert part.metadata == {
        "age": [1, 2, 3, 4],
        "site": ["x", "y", "é", "x"],
        "seen": [True, False, True, True],
    }
    np.testing.assert_array_equal(part.features, FEATURES)


def test_an_archive_of_flat_features_in_fortran_order_is_read():
    features = np.asfortranarray(np.arange(12.0).reshape(4, 3))

    np.testing.assert_array_equal(read_npz(features=features).features, features)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (np.array([3, 1, -2, 2**63 - 1]), ["3", "1", "-2", "9223372036854775807"]),
        (np.array([b"a", "é".encode(), b"c", b"d"]), ["a", "é", "c", "d"]),
        (np.array(["a", "b", "c", "d"], dtype=">U9"), ["a", "b", "c", "d"]),
    ],
)
def test_ids_may_be_strings_bytes_or_integers(ids, expected):
    assert read_npz(features=FEATURES, ids=ids).ids == expected


def test_an_archive_without_ids_is_numbered():
    part = read_npz(features=FEATURES, metadata__m=np.arange(4))

    assert part.ids is None
    assert part.metadata == {"m": [0, 1, 2, 3]}


BAD_TEXT = np.array([0x110000] * 4, dtype="<u4").view("<U1")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": np.array(["a", "b", "c"])}, "only 3 values .*/ids"),
        ({"ids": np.array(list("abcde"))}, "more values than the 4 rows .*/ids"),
        ({"ids": np.array([["a"]] * 4)}, "one axis"),
        ({"ids": np.array([1.5, 2, 3, 4])}, "Ids are strings or integers, not float64"),
        ({"ids": np.array(["a", None, "c", "d"], dtype=object)}, "Python objects"),
        ({"ids": np.array([b"\xff"] * 4)}, "not UTF-8"),
        ({"ids": BAD_TEXT}, "no Unicode"),
        ({"metadata__m": np.arange(5)}, "more values .*/metadata/m"),
        ({"metadata__m": np.array([1, np.nan, 2, 3])}, "NaN"),
        ({"metadata__m": np.zeros(4, dtype="M8[s]")}, "not datetime64"),
        ({"metadata__m": np.zeros(4, dtype=np.longdouble)}, "Metadata are"),
        ({"labels": np.arange(4)}, 'holds "labels.npy"'),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(arrays, message):
    with pytest.raises(UploadRefused, match=message):
        read_npz(features=FEATURES, **arrays)


def archive(*members):
    """Return an archive of (name, bytes, method) members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        for name, content, method in members:
            target.writestr(name, content, compress_type=method)
    return file.getvalue()


def test_an_archive_without_features_and_ids_is_refused():
    with pytest.raises(UploadRefused, match="no array named features or ids"):
        read_npz(metadata__m=np.arange(4))


@pytest.mark.parametrize(("count", "message"), [(3, "only 3 values"), (5, "more values")])
def test_metadata_of_items_without_features_are_one_for_each_id(count, message):
    with pytest.raises(UploadRefused, match=f"{message} .* rows of ids .*/metadata/m"):
        read_npz(ids=np.array(list("abcd")), metadata__m=np.arange(count))


def test_an_archive_that_is_packed_too_tightly_is_not_unpacked():
    body = archive(("features.npy", npy(np.zeros(70_000_000, "u1")), zipfile.ZIP_DEFLATED))

    with pytest.raises(UploadRefused, match="200-fold"):
        read("application/x-npz", body)


def test_a_member_that_does_not_match_its_checksum_is_refused():
    body = archive(("features.npy", npy(FEATURES), zipfile.ZIP_STORED))
    at = body.index(FEATURES.tobytes()) + 5

    with pytest.raises(UploadRefused, match="broken"):
        read("application/x-npz", body[:at] + b"\x7f" + body[at + 1 :])


def test_an_archive_of_another_kind_is_refused():
    for body in (b"no archive", archive(("features.npy", b"x", zipfile.ZIP_LZMA))):
        with pytest.raises(UploadRefused):
            read("application/x-npz", body)
