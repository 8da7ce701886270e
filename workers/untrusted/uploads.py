"""An uploaded body becomes the files of a part: the format is chosen here, and read in `formats`.

What is written into the current directory:

    features.npy              the features, in C order and little-endian; not written where the body
                              is already exactly that file
    ids.bin, id_ends.npy      the ids' UTF-8 bytes one after another, and the offset each ends at;
                              not written for arrays without ids, whose items are numbered
    metadata_{k}.npy          numbers as float64 with NaN, booleans as int8 with -1, and strings as
                              int32 codes with -1, where a value is missing
    metadata_{k}.json         the strings that the codes of a string column stand for

Items without features have the shape (0,) and the type float32, whatever `dtype` says; their
features.npy is (rows, 0).

The item shape is None only for a part of no rows, where the format cannot tell it (JSON, NDJSON,
lists of any length). A metadata column that never has a value is left out.

Ids that stand twice are not looked for here: whoever takes the part does that, for the whole pool.
"""

import codecs
import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from werkzeug.http import parse_options_header

from service.errors import UnsupportedFormat
from workers.untrusted.formats.arrow import read_arrow
from workers.untrusted.formats.csv import read_csv
from workers.untrusted.formats.faults import quoted, refusal
from workers.untrusted.formats.features import DTYPES
from workers.untrusted.formats.multipart import read_multipart
from workers.untrusted.formats.npy import read_npy
from workers.untrusted.formats.npz import read_npz
from workers.untrusted.formats.parquet import read_parquet
from workers.untrusted.formats.records import read_json, read_ndjson
from workers.untrusted.formats.upload import Limits, Options, Upload

FORMATS: dict[str, Callable[[Upload], dict[str, Any]]] = {
    "application/json": read_json,
    "application/x-ndjson": read_ndjson,
    "text/csv": read_csv,
    "application/x-npy": read_npy,
    "application/x-npz": read_npz,
    "application/vnd.apache.arrow.stream": read_arrow,
    "application/vnd.apache.parquet": read_parquet,
    "multipart/form-data": read_multipart,
}
TABLES = frozenset(
    {"text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"}
)
CHARSETS = frozenset({"utf-8", "ascii"})


def read_upload(
    arguments: dict[str, Any],
    inputs: Mapping[str, BinaryIO],
    send: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Write the files of a part, and return what they hold; the body is a buffered file."""
    media_type, parameters = parse_options_header(arguments["media_type"])
    media_type = media_type.lower()
    if media_type not in FORMATS:
        raise UnsupportedFormat(
            f"Items are not taken as {quoted(media_type)}; send one of {', '.join(FORMATS)}"
        )
    check_charset(parameters.get("charset", "utf-8"))
    options = read_options(arguments["options"])
    if options.names_columns and media_type not in TABLES:
        raise refusal(
            f"id_column, features and metadata name the columns of a table, and {media_type} has "
            f"none: leave them out, or send one of {', '.join(sorted(TABLES))}",
            "query",
        )
    body = inputs["body"]
    upload = Upload(
        body=body,
        size=body.seek(0, os.SEEK_END),
        parameters=parameters,
        options=options,
        limits=Limits(**arguments["limits"]),
        send=send,
    )
    body.seek(0)
    return FORMATS[media_type](upload)


def check_charset(name: str) -> None:
    """Refuse text that says it is not UTF-8."""
    try:
        known = codecs.lookup(name).name in CHARSETS
    except LookupError:
        known = False
    if not known:
        raise UnsupportedFormat(f"Text is taken as UTF-8, not as {quoted(name)}: convert it")


def read_options(options: Mapping[str, Any]) -> Options:
    """Return what the client asked for."""
    dtype = options.get("dtype")
    if dtype is not None and dtype not in DTYPES:
        raise refusal(f"dtype is one of {', '.join(DTYPES)}, not {quoted(str(dtype))}", "dtype")
    listed = {
        name: None if options.get(name) is None else tuple(options[name])
        for name in ("features", "metadata")
    }
    return Options(dtype=dtype, id_column=options.get("id_column") or "id", **listed)
