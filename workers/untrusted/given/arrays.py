"""Predictions in `.npy`, `.npz` and multipart bodies: arrays by name, and what stands beside them.

probs, label_probs, mean and std
                  the arrays of a kind, whose first axis counts the items
members, votes, values (of regression_members)
                  arrays of which axes says what each axis counts; votes are whole numbers, the
                  places of the classes
values            of objects and tokens: one row for each
ends or lengths   where each item's rows end in `values`, or how many they are
boxes, labels     of objects: (rows, 4), and the places of the classes
ids, classes      without ids the items are those of the pool, in its order
"""

import zipfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.faults import pointer, refusal
from workers.untrusted.formats.multipart import Sent, load, read_ids, store_fields
from workers.untrusted.formats.npy import (
    MAGIC,
    Header,
    Readable,
    read_header,
    scalars,
    texts,
)
from workers.untrusted.formats.npz import (
    SCRATCH,
    check_end,
    check_members,
    open_member,
    spooled,
    translated,
)
from workers.untrusted.given import bundles
from workers.untrusted.given.classes import check_coded, resolve
from workers.untrusted.given.dense import Dense
from workers.untrusted.given.request import Asked
from workers.untrusted.given.stored import IDS, Arrays, check_values
from workers.untrusted.given.strips import Strips

CLASSES = "classes"
RAGGED = ("values", "ends", "lengths")
BESIDE_OBJECTS = ("boxes", "labels")


@dataclass(frozen=True)
class Places:
    """Says where something stands in arrays of which each row is an item."""

    names: Sequence[str]
    usual: Sequence[str]
    sent: Sequence[str]

    def __call__(self, row: int, field: str, *path: str | int) -> str:
        """Return a pointer into an array, its axes in the order in which they were sent."""
        if field == "id":
            return pointer(IDS, row)
        if len(self.names) > 1:
            return pointer(self.names[int(path[0]) if path else 0], row)
        steps = dict(zip(self.usual, (row, *path), strict=False))
        return pointer(self.names[0], *(steps[axis] for axis in self.sent if axis in steps))


def names_of(asked: Asked) -> tuple[str, ...]:
    """Return the names of the arrays that a body may hold; the first must be there."""
    names = RAGGED if asked.kind.form.ragged else asked.kind.fields
    beside = BESIDE_OBJECTS if asked.kind.name == "objects" else ()
    return (*names, *beside, IDS, *((CLASSES,) if asked.kind.form.classed else ()))


def strips(asked: Asked, file: Readable, header: Header, name: str) -> Strips:
    """Return an array to be read item by item."""
    axes = asked.axes
    if name not in asked.kind.fields or not axes:
        return Strips(file, header, pointer(name))
    if len(header.shape) != len(axes):
        raise refusal(
            f"The array has the shape {list(header.shape)}; its axes must be {', '.join(axes)}",
            pointer(name),
        )
    return Strips(file, header, pointer(name), axes.index("items"))


def read_npy(asked: Asked) -> dict[str, Any]:
    """Write the predictions of a body that is one array."""
    name = asked.kind.fields[0]
    header = read_header(asked.upload.body, asked.upload.size, pointer(name))
    return write_arrays(asked, Arrays({name: strips(asked, asked.upload.body, header, name)}))


def read_npz(asked: Asked) -> dict[str, Any]:
    """Write the predictions of an archive."""
    with ExitStack() as stack:
        with translated():
            archive = stack.enter_context(zipfile.ZipFile(asked.upload.body))
        check_end(asked.upload, archive)
        members = check_members(archive, names_of(asked), None)
        named, ids, classes = {}, None, None
        for name, info in members.items():
            member, header = open_member(archive, info, pointer(name), stack)
            if name == IDS:
                ids = texts(member, header, pointer(IDS))
            elif name == CLASSES:
                classes = stored_classes(asked, member, header)
            else:
                found = strips(asked, member, header, name)
                if found.stretches > 1:
                    scratch = spooled(archive, info, header, f"{SCRATCH}_{name}")
                    found = strips(asked, stack.enter_context(scratch), header, name)
                named[name] = found
        return write_arrays(asked, Arrays(named, ids, classes))


def read_multipart(asked: Asked) -> dict[str, Any]:
    """Write the fields of a multipart body."""
    sent = store_fields(asked.upload, names_of(asked))
    with ExitStack() as stack:
        named, ids, classes = {}, None, None
        for name, field in sent.items():
            if name == IDS:
                ids = read_ids(asked.upload, field, stack)
            elif name == CLASSES:
                classes = field_classes(asked, field)
            else:
                file = stack.enter_context(field.path.open("rb"))
                header = read_header(file, field.size, pointer(name))
                named[name] = strips(asked, file, header, name)
        return write_arrays(asked, Arrays(named, ids, classes))


def field_classes(asked: Asked, field: Sent) -> Any:
    """Return the classes of a field, as JSON or as an array."""
    with field.path.open("rb") as file:
        start = file.read(len(MAGIC))
        file.seek(0)
        if start == MAGIC:
            return stored_classes(asked, file, read_header(file, field.size, pointer(CLASSES)))
        return load(field, file)


def stored_classes(asked: Asked, file: Readable, header: Header) -> list[Any]:
    """Return the classes of an array."""
    limit = asked.limits.max_classes
    if header.shape[0] > limit:
        raise refusal(
            f"There are {header.shape[0]} classes; at most {limit} are allowed (max_classes)",
            pointer(CLASSES),
        )
    return list(scalars(file, header, pointer(CLASSES)))


def write_arrays(asked: Asked, arrays: Arrays) -> dict[str, Any]:
    """Write predictions, and return what there is."""
    way = "" if arrays.ids is None and arrays.classes is None else ', or by the array "classes"'
    classes = resolve(asked, arrays.classes, pointer(CLASSES), way)
    if asked.kind.form.ragged:
        return bundles.write_arrays(asked, classes, arrays)
    found = [arrays.named[name] for name in asked.kind.fields if name in arrays.named]
    if len(found) < len(asked.kind.fields):
        raise refusal(f"There must be the arrays {asked.kind.noun}", "body")
    for array in found:
        check_values(asked, array)
    at = Places(asked.kind.fields, asked.kind.form.axes, asked.axes)
    dtype = np.result_type(*(array.dtype for array in found))
    part = Dense(asked, classes, at, dtype, numbered=arrays.ids is None)
    part.items.check_room(found[0].items, 0)
    if asked.kind.name == "votes":
        check_coded(classes, pointer("votes"))
    write_dense(part, found, arrays)
    arrays.check_end(part.rows)
    return part.finish()


def write_dense(part: Dense, found: list[Strips], arrays: Arrays) -> None:
    """Write the items of one array, or of two side by side."""
    asked = part.asked
    blocks: Iterable[Array]
    if len(found) == 1:
        order = [asked.axes.index(name) for name in asked.kind.form.axes]
        shape = found[0].header.shape
        said = f": axes={','.join(asked.axes)} is said of an array of shape {list(shape)}"
        source = said if asked.kind.form.has_members else ""
        part.begin([shape[axis] for axis in order[1:]], source)
        blocks = (block.transpose(order) for block in found[0].blocks())
    else:
        check_columns(found)
        part.begin((len(found),))
        columns = zip(*(array.blocks() for array in found), strict=True)
        blocks = (np.stack(column, axis=1) for column in columns)
    for block in blocks:
        part.append(arrays.take_ids(len(block), part.rows, part.noun), block)


def check_columns(found: list[Strips]) -> None:
    """Refuse arrays that are not one number for each item."""
    for array in found:
        if array.header.shape != (found[0].items,):
            raise refusal(
                f"The array has the shape {list(array.header.shape)}; it must hold one number for "
                f"each of {found[0].items} items",
                array.place,
            )
