"""A user's own file as labelled items: read by the readers of uploads, into a directory."""

import json
import math
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from service.classes import Class, identity, ordered
from service.errors import UploadRefused
from service.ids import PackedIds, numbered
from workers.console.columns import IDS, Columns, columns_of
from workers.population import HeldPopulation
from workers.simulation.data import Data
from workers.untrusted.formats.columns import PREFIX
from workers.untrusted.uploads import read_upload

MEDIA_TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.stream",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".feather": "application/vnd.apache.arrow.stream",
    ".npz": "application/x-npz",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
}
"""The format of a file by its suffix."""

ENOUGH = 2**53
LIMITS = {
    "max_items": ENOUGH,
    "max_item_values": 2**24,
    "max_id_bytes": 2**16,
    "max_metadata_columns": 2**16,
    "max_metadata_bytes": 2**16,
}
"""The file is the user's own, so there are no limits but those of sense."""

SAID_HERE = {
    "leave out the others, or make them metadata": "name it alone in --feature-columns",
    " or list it in ?metadata=": ", or leave it out of --feature-columns",
    "?features=": "--feature-columns",
    "?id_column=": "--id-column",
}
"""What readers advise in the words of the API, in those of the command."""

Column = Sequence[Class | None]


@dataclass(frozen=True)
class Source:
    """Where labelled items come from: a file, its columns, and the directory it is read into.

    Without an `id_column` the ids are those in `id`, if there is one, or else numbers.
    """

    path: Path
    label: str
    id_column: str | None
    features: Sequence[str] | None
    directory: Path


@dataclass(frozen=True)
class Told:
    """What the reader told of a file, and which of its columns holds the labels."""

    directory: Path
    summary: dict[str, Any]
    label: str


def read(source: Source) -> Told:
    """Read a file into the directory; raise UploadRefused for one that cannot be taken."""
    media_type = MEDIA_TYPES.get(source.path.suffix.lower())
    if media_type is None:
        known = ", ".join(MEDIA_TYPES)
        raise UploadRefused(f"{source.path.name} is of no known format; known suffixes: {known}")
    path = source.path.resolve()
    with chdir(source.directory):
        columns = columns_of(path, media_type, source.id_column)
        label = label_of(source, columns)
        arguments = {
            "media_type": columns.media_type,
            "options": options_of(source, columns, label),
            "limits": LIMITS,
        }
        with columns.path.open("rb") as body:
            summary = summary_of(arguments, body)
    name = label.removeprefix(PREFIX)
    if name not in {each["name"] for each in summary["metadata"]}:
        if columns.names is not None:
            raise UploadRefused(f"No item has a label: the column {source.label!r} is empty")
        there = ", ".join(each["name"] for each in summary["metadata"]) or "none"
        raise UploadRefused(f"There are no labels {source.label!r}; metadata there is: {there}")
    return Told(source.directory, summary, name)


def summary_of(arguments: dict[str, Any], body: BinaryIO) -> dict[str, Any]:
    """Write the files of what is read into the current directory; return what they hold."""
    try:
        return read_upload(arguments, {"body": body}, send=lambda _: None)
    except UploadRefused as error:
        detail = error.detail
        for there, here in SAID_HERE.items():
            detail = detail.replace(there, here)
        raise UploadRefused(detail) from error


def label_of(source: Source, columns: Columns) -> str:
    """Return the label's column as the file calls it, with the prefix of metadata or without."""
    if columns.names is None:
        return source.label
    for name in (source.label, PREFIX + source.label):
        if name in columns.names:
            return name
    raise UploadRefused(
        f"There is no column {source.label!r} of labels; columns: {', '.join(columns.names)}"
    )


def options_of(source: Source, columns: Columns, label: str) -> dict[str, Any]:
    """Return what the reader is told of a table's columns; of what is no table, nothing."""
    if columns.names is None:
        return {}
    id_column = source.id_column or IDS
    rest = [name for name in columns.names if name not in (label, id_column)]
    if source.features is not None:
        beside = [name for name in rest if name not in source.features]
    else:
        beside = [name for name in rest if name.startswith(PREFIX)]
    return {
        "id_column": id_column,
        "metadata": [label, *beside],
        "features": source.features,
    }


def data_of(told: Told) -> Data:
    """Return the labelled items that were read; those without a label are left out.

    Features are not copied where all items are labelled: they are those of the file, mapped.
    """
    names = [each["name"] for each in told.summary["metadata"]]
    columns = {name: values_of(told, place) for place, name in enumerate(names)}
    labels = columns.pop(told.label)
    known = [row for row, value in enumerate(labels) if value is not None]
    classes = classes_of([labels[row] for row in known])
    places = {identity(each): place for place, each in enumerate(classes)}
    refuse_few(classes, told)
    codes = np.array([places[identity(labels[row])] for row in known], dtype=np.int64)
    population = HeldPopulation(ids_of(told), vectors_of(told), columns)
    if len(known) < len(labels):
        population = population.take(np.array(known, dtype=np.int64))
    return Data(population, codes, classes)


def refuse_few(classes: Sequence[Class], told: Told) -> None:
    """Raise UploadRefused where there are no two classes to tell apart."""
    if not classes:
        raise UploadRefused(f"No item has a label in {told.label!r}")
    if len(classes) == 1:
        raise UploadRefused(
            f"All labels in {told.label!r} are {classes[0]!r}: there must be two classes at least"
        )


def classes_of(labels: Sequence[Any]) -> tuple[Class, ...]:
    """Return the classes among labels, in order."""
    return ordered(list({identity(each): each for each in labels}.values()))


def ids_of(told: Told) -> tuple[str, ...]:
    """Return the ids of all items; those without are numbered."""
    rows = told.summary["rows"]
    if told.summary["numbered"]:
        packed = numbered(0, rows)
    else:
        blob = np.fromfile(told.directory / "ids.bin", dtype=np.uint8)
        packed = PackedIds(blob, np.load(told.directory / "id_ends.npy"))
    return tuple(packed.at(np.arange(rows, dtype=np.int64)))


def vectors_of(told: Told) -> npt.NDArray[Any]:
    """Return the features of all items, float32 or float64 (items, width)."""
    found = np.load(told.directory / "features.npy", mmap_mode="r")
    rows = found.reshape(len(found), -1)
    return rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float32)


def values_of(told: Told, place: int) -> Column:
    """Return a column of metadata, None where there is no value; whole numbers are integers."""
    values = np.load(told.directory / f"metadata_{place}.npy").tolist()
    kind = told.summary["metadata"][place]["type"]
    if kind == "boolean":
        return [None if value < 0 else bool(value) for value in values]
    if kind == "string":
        texts = json.loads((told.directory / f"metadata_{place}.json").read_bytes())
        return [None if code < 0 else texts[code] for code in values]
    return [None if math.isnan(value) else whole(value) for value in values]


def whole(value: float) -> int | float:
    """Return a number as an integer where it is one."""
    return int(value) if value.is_integer() else value
