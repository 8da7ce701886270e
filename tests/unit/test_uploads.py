"""What holds for every format of a part."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.errors import UnsupportedFormat, UploadRefused
from tests.uploads import BINARY, LIMITS, UPLOADS, WITH_IDS, ReadPart, read
from workers.untrusted.uploads import FORMATS

IDS = ["plain", "007", " spaces ", "a,b", 'quo"te', "line\nbreak", "\U0001f98a", "e\u0301", "é"]
FEATURES = np.arange(len(IDS) * 3).reshape(len(IDS), 3) / 4
SHAPELESS = sorted(set(UPLOADS) - {"csv"})

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize("name", WITH_IDS)
def test_every_format_keeps_ids_features_and_metadata(name):
    metadata = {
        "site": ["a", "b", "ü", "a", "b", "c", "d,e", "x y", "z"],
        "age": [1.5, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.25],
        "seen": [True, False, True, True, True, False, False, True, False],
    }

    part = read(*UPLOADS[name](IDS, FEATURES, metadata))

    assert part.ids == IDS
    assert part.metadata == metadata
    np.testing.assert_array_equal(part.features, FEATURES)
    assert part.features.flags.c_contiguous
    assert part.result["rows"] == len(IDS)
    assert part.result["item_shape"] == [3]
    assert part.result["dtype"] == "float64"
    assert part.result["numbered"] is False
    assert part.progress[-1] == {"done": len(IDS)}


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
def test_binary_formats_keep_the_type_that_was_sent(name, dtype):
    features = np.array([[0, 1], [2, 255]], dtype=dtype)

    part = read(*UPLOADS[name](["a", "b"], features, {}))

    assert part.result["dtype"] == dtype
    assert part.features.dtype == dtype
    np.testing.assert_array_equal(part.features, features)


@pytest.mark.parametrize("name", BINARY)
def test_binary_formats_are_never_converted(name):
    upload = UPLOADS[name](IDS, FEATURES, {})

    assert read(*upload, options={"dtype": "float64"}).result["dtype"] == "float64"
    with pytest.raises(UploadRefused, match="convert before sending"):
        read(*upload, options={"dtype": "float32"})


@pytest.mark.parametrize("name", ["json", "ndjson", "csv"])
def test_numbers_that_are_text_take_the_type_that_is_asked_for(name):
    upload = UPLOADS[name](["a", "b"], [[0, 255], [7, 1]], {})

    for dtype in ["uint8", "float16", "float32", "float64"]:
        part = read(*upload, options={"dtype": dtype})
        assert part.features.dtype == dtype
        assert part.features.tolist() == [[0, 255], [7, 1]]


@pytest.mark.parametrize("name", ["json", "ndjson", "csv"])
@pytest.mark.parametrize(
    ("dtype", "value"), [("uint8", 256), ("uint8", -1), ("uint8", 0.5), ("float16", 1e6)]
)
def test_a_number_that_does_not_fit_the_type_is_named(name, dtype, value):
    with pytest.raises(UploadRefused, match=f'"b" has .* {dtype} holds'):
        read(*UPLOADS[name](["a", "b"], [[1, 2], [3, value]], {}), options={"dtype": dtype})


@pytest.mark.parametrize("name", SHAPELESS)
@pytest.mark.parametrize("shape", [(2, 3), (4, 1, 2), (1,)])
def test_items_may_have_any_shape(name, shape):
    features = np.arange(2 * np.prod(shape), dtype=float).reshape(2, *shape)

    part = read(*UPLOADS[name](["a", "b"], features, {}))

    assert part.result["item_shape"] == list(shape)
    np.testing.assert_array_equal(part.features, features)


@pytest.mark.parametrize("name", ["json", "ndjson", "npy", "npz", "multipart"])
def test_an_item_may_be_a_single_value(name):
    part = read(*UPLOADS[name](["a", "b"], np.array([1.5, 2.5]), {}))

    assert part.result["item_shape"] == []
    assert part.features.tolist() == [1.5, 2.5]


@pytest.mark.parametrize("name", sorted(UPLOADS))
def test_a_part_may_have_no_rows(name):
    part = read(*UPLOADS[name]([], np.empty((0, 3)), {}))

    assert part.result["rows"] == 0
    assert part.result["item_shape"] == (None if name in {"json", "ndjson"} else [3])
    assert len(part.features) == 0


@pytest.mark.parametrize("name", sorted(UPLOADS))
def test_more_items_than_allowed_are_refused(name):
    with pytest.raises(UploadRefused, match="max_pool_items"):
        read(*UPLOADS[name](IDS, FEATURES, {}), limits={"max_items": 8})


@pytest.mark.parametrize("name", sorted(UPLOADS))
def test_items_of_more_values_than_allowed_are_refused(name):
    with pytest.raises(UploadRefused, match="max_item_values"):
        read(*UPLOADS[name](IDS, FEATURES, {}), limits={"max_item_values": 2})


@pytest.mark.parametrize("name", ["json", "ndjson", "npy", "npz", "multipart"])
def test_items_of_no_values_are_refused(name):
    with pytest.raises(UploadRefused, match="at least one feature value"):
        read(*UPLOADS[name](["a"], np.empty((1, 0)), {}))


@pytest.mark.parametrize("name", sorted(set(BINARY) | {"csv"}))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_feature_that_is_not_finite_is_named(name, value):
    features = FEATURES.copy()
    features[4, 1] = features[7, 0] = value

    with pytest.raises(UploadRefused, match=r"NaN|infinite") as refused:
        read(*UPLOADS[name](IDS, features, {}))

    [fault] = refused.value.faults
    assert fault.pointer in {"/features/4/1", 'row 5, column "features"/1', 'row 6, column "x1"'}
    assert name == "npy" or fault.detail.startswith('Item "quo\\"te"')


@pytest.mark.parametrize("name", WITH_IDS)
@pytest.mark.parametrize(
    ("bad", "message"), [("", "empty"), ("x" * 513, "at most 512|more than 512")]
)
def test_an_id_of_a_wrong_length_is_refused(name, bad, message):
    with pytest.raises(UploadRefused, match=message) as refused:
        read(*UPLOADS[name](["a", bad], [[1.0], [2.0]], {}))

    places = {"/items/1/id", "line 2, /id", 'row 3, column "id"', 'row 2, column "id"', "/ids/1"}
    assert refused.value.faults[0].pointer in places


@pytest.mark.parametrize("name", WITH_IDS)
def test_the_length_of_an_id_is_counted_in_bytes(name):
    upload = UPLOADS[name](["é" * 256], [[1.0]], {})

    assert read(*upload).ids == ["é" * 256]
    with pytest.raises(UploadRefused, match=r"512 bytes|511"):
        read(*upload, limits={"max_id_bytes": 511})


@pytest.mark.parametrize("name", sorted(UPLOADS))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_sent_is_what_is_kept(name, data):
    ids = data.draw(st.lists(texts.filter(lambda text: len(text.encode()) <= 512), unique=True))
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.float64]))
    finite = st.floats(allow_nan=False, allow_infinity=False, width=np.dtype(dtype).itemsize * 8)
    width = data.draw(st.integers(1, 4))
    features = data.draw(arrays.arrays(dtype, (len(ids), width), elements=finite))

    part = read(*UPLOADS[name](ids, features, {}), limits={"max_id_bytes": 512})

    assert part.ids == (None if name == "npy" else ids)
    np.testing.assert_array_equal(
        part.features.astype(dtype), features.reshape(part.features.shape)
    )
    assert part.result["dtype"] == (np.dtype(dtype).name if name in BINARY else "float64")


@pytest.mark.parametrize("name", sorted(UPLOADS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_broken_upload_is_refused_or_read_and_nothing_else(name, data):
    media_type, body = UPLOADS[name](IDS, FEATURES, {"site": IDS} if name != "npy" else {})
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, min(len(body), start + 16)))
    body = body[:start] + data.draw(st.binary(max_size=16)) + body[end:]

    with contextlib.suppress(UploadRefused):
        assert isinstance(read(media_type, body), ReadPart)


@pytest.mark.parametrize("name", sorted(UPLOADS))
def test_a_body_cut_short_is_refused(name):
    media_type, body = UPLOADS[name](IDS, FEATURES, {})

    for share in (0.3, 0.8):
        with pytest.raises(UploadRefused):
            read(media_type, body[: int(len(body) * share)])


@pytest.mark.parametrize("name", sorted(set(UPLOADS) - {"csv", "ndjson"}))
def test_bytes_after_the_end_are_refused(name):
    media_type, body = UPLOADS[name](IDS, FEATURES, {})

    with pytest.raises(UploadRefused):
        read(media_type, body + b"more")


@pytest.mark.parametrize("media_type", sorted(FORMATS))
def test_an_empty_body_is_refused_in_words(media_type):
    if media_type == "application/x-ndjson":
        assert read(media_type, b"").result["rows"] == 0
        return
    with pytest.raises(UploadRefused) as refused:
        read(media_type + "; boundary=x", b"")
    assert refused.value.detail


def test_an_unknown_media_type_lists_those_that_are_taken():
    with pytest.raises(UnsupportedFormat, match=r"text/csv.*application/x-npz"):
        read("application/x-hdf5", b"")


def test_text_is_utf_8_and_nothing_else():
    media_type, body = UPLOADS["csv"](IDS, FEATURES, {})

    assert read(media_type + "; charset=UTF-8", body).ids == IDS
    with pytest.raises(UnsupportedFormat, match="UTF-8"):
        read(media_type + "; charset=latin-1", body)


def test_names_of_columns_are_for_tables_only():
    with pytest.raises(UploadRefused, match="leave them out"):
        read(*UPLOADS["json"](IDS, FEATURES, {}), options={"features": ["x"]})


MEASURE = """
import json, os, re, sys
from pathlib import Path
from workers.untrusted.uploads import read_upload

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

arguments = json.loads(sys.argv[1])
os.chdir(sys.argv[2])
with open("body", "rb") as file:
    before = peak()
    result = read_upload(arguments, {"body": file}, lambda _: None)
print(result["rows"], (peak() - before) // 1024)
"""


@pytest.mark.parametrize("name", ["npy", "npz", "multipart", "parquet"])
def test_memory_does_not_grow_with_the_body(name, tmp_path):
    features = np.random.default_rng(0).random((100_000, 400), dtype=np.float32)
    media_type, body = UPLOADS[name]([str(i) for i in range(len(features))], features, {})
    (tmp_path / "body").write_bytes(body)
    arguments = {"media_type": media_type, "options": {}, "limits": LIMITS}

    done = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(arguments), str(tmp_path)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )

    rows, mebibytes = map(int, done.stdout.split())
    assert rows == len(features)
    assert mebibytes < 90, f"{len(body) // 1024**2} MiB took {mebibytes} MiB"
