"""An uploaded body becomes predictions: the format is chosen here, and read in `given`.

What is written into the current directory:

    ids.bin, id_ends.npy   the ids' UTF-8 bytes one after another, and the offset each ends at; not
                           written for arrays without ids, which are of the pool's items in order
    probs.npy              of probs: (items, classes)
    member_probs.npy       of members: (items, members, classes)
    votes.npy              of votes: (items, members) int32, the class's place, or -1 for no vote
    values.npy, ends.npy   of objects and tokens: (rows, classes), and int64 (items,), where each
                           item's rows end
    boxes.npy              of objects that came with boxes: (rows, 4) float32
    object_labels.npy      of objects that came with labels: (rows,) int32, the class's place or -1
    label_probs.npy        of multilabel: (items, labels)
    mean.npy, std.npy      of regression: (items,) each
    member_values.npy      of regression_members: (items, members)

Numbers are kept as float16, float32 or float64, as they came, and what is computed from logits or
log-probabilities is float64. All arrays are in C order and little-endian.

Ids that stand twice, or are not in the pool, are not looked for here: whoever takes the predictions
does that.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from werkzeug.http import parse_options_header

from service.errors import UnsupportedFormat
from workers.untrusted.formats.faults import quoted
from workers.untrusted.formats.upload import Options, Upload
from workers.untrusted.given import kinds
from workers.untrusted.given.arrays import read_multipart, read_npy, read_npz
from workers.untrusted.given.csv import read_csv
from workers.untrusted.given.records import read_json, read_ndjson
from workers.untrusted.given.request import Asked, PredictionLimits, read_request
from workers.untrusted.given.tables import read_arrow, read_parquet
from workers.untrusted.uploads import check_charset

FORMATS: dict[str, Callable[[Asked], dict[str, Any]]] = {
    kinds.JSON: read_json,
    kinds.NDJSON: read_ndjson,
    kinds.CSV: read_csv,
    kinds.NPY: read_npy,
    kinds.NPZ: read_npz,
    kinds.ARROW: read_arrow,
    kinds.PARQUET: read_parquet,
    kinds.MULTIPART: read_multipart,
}


def read_predictions(
    arguments: dict[str, Any],
    inputs: Mapping[str, BinaryIO],
    send: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Write the files of predictions, and return what they hold; the body is a buffered file."""
    media_type, parameters = parse_options_header(arguments["media_type"])
    media_type = media_type.lower()
    if media_type not in FORMATS:
        raise UnsupportedFormat(
            f"Predictions are not taken as {quoted(media_type)}; send one of {', '.join(FORMATS)}"
        )
    check_charset(parameters.get("charset", "utf-8"))
    body = inputs["body"]
    options = arguments["options"]
    limits = PredictionLimits(**arguments["limits"])
    upload = Upload(
        body=body,
        size=body.seek(0, os.SEEK_END),
        parameters=parameters,
        options=Options(dtype=options.get("dtype"), id_column=options.get("id_column") or "id"),
        limits=limits,
        send=send,
    )
    body.seek(0)
    return FORMATS[media_type](read_request(upload, limits, media_type, options))
