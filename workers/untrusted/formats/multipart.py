"""Multipart bodies: an array in the field `features`, and `ids` and `metadata` beside it.

    features   an array as .npy
    ids        a JSON array of strings, or text with one id per line, or an array as .npy
    metadata   a JSON object of lists by name, or NDJSON with one object per item

Without `features` there must be `ids`, and the items have no features.

What `ids` and `metadata` are is said by the field's Content-Type. Without one that decides, ids are
an array if they begin as .npy does, JSON if they begin with `[`, and lines otherwise; metadata are
lists by name if the first value is a list. A line ends with a line feed, or with a carriage return
and a line feed.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from workers.untrusted.formats.companions import Companions
from workers.untrusted.formats.documents import parse
from workers.untrusted.formats.faults import pointer, quoted, refusal
from workers.untrusted.formats.npy import (
    MAGIC,
    read_header,
    texts,
    write_featureless,
    write_features,
)
from workers.untrusted.formats.part import FEATURES
from workers.untrusted.formats.records import JSON_BYTES
from workers.untrusted.formats.upload import Upload

FIELDS = ("features", "ids", "metadata")
CHUNK = 1024**2
BUFFER = 4 * CHUNK
PEEK = 64 * 1024
LISTS = re.compile(rb'\s*\{\s*(\}|"(?:[^"\\]|\\.)*"\s*:\s*\[)', re.DOTALL)
BODY = "body"


@dataclass(frozen=True)
class Sent:
    """A field that stands in a file of its own."""

    name: str
    media_type: str
    path: Path

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.path.stat().st_size


def read_multipart(upload: Upload) -> dict[str, Any]:
    """Write the fields of a multipart body."""
    sent = store_fields(upload, needed=("features", "ids"))
    with ExitStack() as stack:
        companions = Companions(
            ids=read_ids(upload, sent["ids"], stack) if "ids" in sent else None,
            **(read_metadata(upload, sent["metadata"], stack) if "metadata" in sent else {}),
        )
        if "features" not in sent:
            return write_featureless(upload, companions)
        features = stack.enter_context(sent["features"].path.open("rb"))
        header = read_header(features, sent["features"].size, pointer("features"))
        if header.plain:
            sent["features"].path.rename(FEATURES)
        kept = FEATURES if header.plain else None
        return write_features(upload, features, header, companions, kept=kept)


def store_fields(
    upload: Upload, names: Sequence[str] = FIELDS, needed: Sequence[str] | None = None
) -> dict[str, Sent]:
    """Write each field into a file of its own, and return them by name; one of those needed, or
    else the first, must be there."""
    boundary = upload.parameters.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise refusal("The Content-Type names no boundary: let your HTTP client set it", BODY)
    sent: dict[str, Sent] = {}
    with ExitStack() as stack:
        file: BinaryIO | None = None
        for event in events(upload.body, boundary.encode(), len(names)):
            if isinstance(event, Field | File):
                field = check_field(event, sent, names)
                file = stack.enter_context(field.path.open("wb"))
                sent[field.name] = field
            elif isinstance(event, Data) and file is not None:
                file.write(event.data)
            elif isinstance(event, Epilogue) and event.data.strip():
                raise refusal("Something follows the last boundary", BODY)
    needed = needed or names[:1]
    if sent.keys().isdisjoint(needed):
        raise refusal(f"The body has no field named {' or '.join(needed)}", BODY)
    return sent


def events(body: BinaryIO, boundary: bytes, fields: int) -> Iterator[Event]:
    """Yield what the body says, in chunks."""
    decoder = MultipartDecoder(boundary, BUFFER, max_parts=fields + 1)
    try:
        while True:
            data = body.read(CHUNK)
            decoder.receive_data(data or None)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
                if isinstance(event, Epilogue):
                    return
    except (ValueError, AttributeError, RequestEntityTooLarge):
        raise refusal(
            "The multipart body is broken or cut short, or has a field without a name", BODY
        ) from None


def check_field(event: Field | File, sent: dict[str, Sent], names: Sequence[str]) -> Sent:
    """Return the field that begins; refuse one that is unknown, repeated or encoded."""
    name = event.name or ""
    if name not in names or name in sent:
        raise refusal(
            f"The field {quoted(name)} is unknown or repeated: send {', '.join(names)}, each once",
            BODY,
        )
    encoding = event.headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in {"binary", "8bit", "7bit"}:
        raise refusal(f"The transfer encoding {quoted(encoding)} is not taken", pointer(name))
    media_type, _ = parse_options_header(event.headers.get("content-type"))
    return Sent(name, media_type.lower(), Path(f"sent_{name}"))


def read_ids(upload: Upload, sent: Sent, stack: ExitStack) -> Iterator[str]:
    """Return an iterator over the ids of a field."""
    file = stack.enter_context(sent.path.open("rb"))
    start = file.read(PEEK)
    file.seek(0)
    if start.startswith(MAGIC):
        return texts(file, read_header(file, sent.size, pointer("ids")), pointer("ids"))
    plain_text = sent.media_type == "text/plain"
    if sent.media_type == "application/json" or (start.lstrip()[:1] == b"[" and not plain_text):
        return iter(json_ids(load(sent, file)))
    return text_lines(file, upload.limits.max_id_bytes)


def load(sent: Sent, file: BinaryIO) -> Any:
    """Return a field that is one JSON value."""
    if sent.size > JSON_BYTES:
        raise refusal(f"JSON may have {JSON_BYTES} bytes: send it by line", pointer(sent.name))
    return parse(file.read(), pointer(sent.name))


def json_ids(found: Any) -> list[str]:
    """Return ids that were sent as JSON."""
    if type(found) is not list:
        raise refusal("The ids must be a list of strings", pointer("ids"))
    for row, text in enumerate(found):
        if type(text) is not str:
            raise refusal("An id must be a string", pointer("ids", row))
    return found


def text_lines(file: BinaryIO, max_bytes: int) -> Iterator[str]:
    """Yield the lines of a text, without what ends them and with all else."""
    row = 0
    while line := file.readline(max_bytes + len(b"\r\n") + 1):
        place = pointer("ids", row)
        text = line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line
        if len(text) > max_bytes:
            raise refusal(f"The id has more than {max_bytes} bytes (max_id_bytes)", place)
        try:
            yield text.decode("utf-8")
        except UnicodeDecodeError:
            raise refusal("The id is not UTF-8", place) from None
        row += 1


def read_metadata(upload: Upload, sent: Sent, stack: ExitStack) -> dict[str, Any]:
    """Return an iterator over the objects of a field, or one over each of its lists."""
    file = stack.enter_context(sent.path.open("rb"))
    lists = LISTS.match(file.read(PEEK)) is not None
    file.seek(0)
    if sent.media_type != "application/x-ndjson" and (
        sent.media_type == "application/json" or lists
    ):
        return {
            "columns": {name: iter(each) for name, each in json_lists(load(sent, file)).items()}
        }
    return {"objects": json_objects(file, upload.limits.text_bytes)}


def json_lists(found: Any) -> dict[str, list[Any]]:
    """Return metadata that were sent as lists by name."""
    if type(found) is not dict:
        raise refusal("The metadata must be an object of lists by name", pointer("metadata"))
    for name, values in found.items():
        if type(values) is not list:
            raise refusal("The metadata must be a list", pointer("metadata", name))
    return found


def json_objects(file: BinaryIO, limit: int) -> Iterator[dict[str, Any]]:
    """Yield the objects of a text with one per line."""
    row = 0
    while line := file.readline(limit + 1):
        place = pointer("metadata", row)
        if len(line) > limit:
            raise refusal(f"The line is longer than {limit} bytes", place)
        found = parse(line, place)
        if type(found) is not dict:
            raise refusal("Each line must hold the object of one item", place)
        yield found
        row += 1
