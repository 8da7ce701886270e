"""Parts sent as multipart bodies."""

import json

import numpy as np
import pytest

from service.errors import UploadRefused
from tests.uploads import multipart, npy, read

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)
ARRAY = ("features", "application/octet-stream", npy(FEATURES))


def read_fields(*fields, **kwargs):
    """Return the part that some fields make."""
    return read(*multipart(*fields), **kwargs)


@pytest.mark.parametrize(
    ("media_type", "content", "expected"),
    [
        ("application/json", b'["a", " b", "c\\n"]', ["a", " b", "c\n"]),
        (None, b' ["a", "b", "c"]', ["a", "b", "c"]),
        (None, b"a\n b \nc", ["a", " b ", "c"]),
        ("text/plain", b"[a\r\nb\r\nc\r\n", ["[a", "b", "c"]),
        (
            "text/plain; charset=utf-8",
            "\U0001f98a\na,b\nc\rd\n".encode(),
            ["\U0001f98a", "a,b", "c\rd"],
        ),
        ("application/octet-stream", npy(np.array(["a", "b", "c"])), ["a", "b", "c"]),
        (None, npy(np.array([1, 2, 3])), ["1", "2", "3"]),
    ],
)
def test_ids_may_be_json_or_lines_or_an_array(media_type, content, expected):
    part = read_fields(("ids", media_type, content), ARRAY)

    assert part.ids == expected
    assert part.result["features"] == "features.npy"
    np.testing.assert_array_equal(part.features, FEATURES)


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("application/json", b'{"m": [1, null, 3], "s": ["x", "y", null]}'),
        (None, b'{"m": [1, null, 3], "s": ["x", "y", null]}'),
        (None, b'{"m": 1, "s": "x"}\n{"s": "y"}\n{"m": 3}\n'),
        ("application/x-ndjson", b'{"m": 1, "s": "x"}\n{"s": "y"}\n{"m": 3}'),
    ],
)
def test_metadata_may_be_lists_by_name_or_an_object_per_line(media_type, content):
    part = read_fields(ARRAY, ("metadata", media_type, content))

    assert part.result["numbered"] is True
    assert part.metadata == {"m": [1, None, 3], "s": ["x", "y", None]}


def test_an_array_in_another_form_is_converted():
    part = read_fields(("features", None, npy(np.asfortranarray(FEATURES.astype(">f4")))))

    assert part.features.flags.c_contiguous
    np.testing.assert_array_equal(part.features, FEATURES)


@pytest.mark.parametrize("content", [b'["a", "b"]', b"a\nb\n", npy(np.array(["a", "b"]))])
@pytest.mark.parametrize("metadata", [b'{"m": [1, null]}', b'{"m": 1}\n{}\n'])
def test_ids_may_come_without_features(content, metadata):
    part = read_fields(("ids", None, content), ("metadata", None, metadata))

    assert (part.ids, part.metadata) == (["a", "b"], {"m": [1, None]})
    assert part.features.shape == (2, 0)


def test_bytes_that_look_like_line_ends_and_boundaries_survive():
    values = b"\r\n--between\r\n\r\n--\n\r" * 200_000
    features = np.frombuffer(values, dtype=np.uint8).reshape(-1, 20)

    np.testing.assert_array_equal(read_fields(("features", None, npy(features))).features, features)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("metadata", None, b'{"m": [1]}')], "no field named features or ids"),
        ([("ids", None, b"a\n\nc\n")], "empty.*at /ids/1"),
        ([("ids", None, b"a\nb"), ("metadata", None, b'{"m": [1]}')], "more rows of ids"),
        ([("ids", None, b"a\n"), ("metadata", None, b'{"m": 1}\n{"m": 2}')], "1 rows of ids"),
        ([ARRAY, ARRAY], '"features" is unknown or repeated'),
        ([ARRAY, ("labels", None, b"1")], '"labels" is unknown or repeated'),
        ([("features", None, b"1,2,3")], "no .npy array.*at /features"),
        ([("features", None, npy(FEATURES)[:-4])], "20 follow"),
        ([ARRAY, ("ids", None, b'["a", "b"]')], "only 2 values .*at /ids"),
        ([ARRAY, ("ids", None, b"a\nb\nc\nd\n")], "more values than the 3 rows .*at /ids"),
        ([ARRAY, ("ids", None, b"a\n\nc\n")], "empty.*at /ids/1"),
        ([ARRAY, ("ids", None, b"a\n\xff\nc\n")], "not UTF-8.*at /ids/1"),
        ([ARRAY, ("ids", None, b'["a", 2, "c"]')], "must be a string.*at /ids/1"),
        ([ARRAY, ("ids", "application/json", b'{"a": 1}')], "must be a list"),
        ([ARRAY, ("ids", "application/json", b"[NaN]")], "must be a string.*at /ids/0"),
        ([ARRAY, ("metadata", None, b"[1]")], "object of one item"),
        ([ARRAY, ("metadata", "application/json", b"[1]")], "object of lists"),
        ([ARRAY, ("metadata", "application/json", b'{"m": 1}')], "must be a list.*/metadata/m"),
        ([ARRAY, ("metadata", None, b'{"m": [1]}')], "only 1 values .*at /metadata/m"),
        ([ARRAY, ("metadata", None, b'{"m": 1}\n{"m": 2}')], "only 2 values .*at /metadata"),
        ([ARRAY, ("metadata", None, b'{"m": [1, 2, "x"]}')], "is a string.*at /metadata/m/2"),
    ],
)
def test_fields_that_do_not_belong_together_are_refused(fields, message):
    with pytest.raises(UploadRefused, match=message):
        read_fields(*fields)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        b"--b\r\n",
        b"--b\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\nContent-Disposition: form-data; name="features"\r\n\r\nx\r\n',
        b"x" * 6_000_000,
        b"--b\r\n" + b"x" * 6_000_000,
    ],
)
def test_a_body_that_is_not_multipart_is_refused(body):
    with pytest.raises(UploadRefused):
        read("multipart/form-data; boundary=b", body)


def test_a_media_type_without_a_boundary_says_what_to_do():
    with pytest.raises(UploadRefused, match="names no boundary"):
        read("multipart/form-data", b"")


def test_an_encoded_field_is_refused():
    body = (
        b'--b\r\nContent-Disposition: form-data; name="features"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
    )

    with pytest.raises(UploadRefused, match='"base64" is not taken'):
        read("multipart/form-data; boundary=b", body)


def test_names_need_no_escape_in_json_but_do_in_pointers():
    metadata = json.dumps({"a/b~c": [1, 2, "x"]}).encode()

    with pytest.raises(UploadRefused) as refused:
        read_fields(ARRAY, ("metadata", None, metadata))

    assert refused.value.faults[0].pointer == "/metadata/a~1b~0c/2"
