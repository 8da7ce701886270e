"""Record batches as ids, features and metadata; which column is what is told in `columns`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.columns import Columns, assign, column, no_number
from workers.untrusted.formats.faults import At, named, pointer, refusal
from workers.untrusted.formats.features import EXACT, check_dtype, unravel
from workers.untrusted.formats.id_columns import Names, encoded_ids, refuse_null_ids
from workers.untrusted.formats.ids import Encoded
from workers.untrusted.formats.interleaving import interleave
from workers.untrusted.formats.part import FEATURELESS_DTYPE, Part, Rows
from workers.untrusted.formats.upload import BLOCK_ROWS, Upload, rows_per_block

NUMERIC = {
    pa.uint8(): "uint8",
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
    **dict.fromkeys((pa.int8(), pa.int16(), pa.int32(), pa.int64()), "float64"),
    **dict.fromkeys((pa.uint16(), pa.uint32(), pa.uint64()), "float64"),
}
MAX_AXES = 32


@dataclass(frozen=True)
class Plan:
    """How a table's columns become a part; `item_shape` is None where only the rows can tell."""

    names: tuple[str, ...]
    columns: Columns
    at: At
    dtype: DType
    item_shape: tuple[int, ...] | None
    nested: bool

    def shape_in(self, batch: Any) -> tuple[int, ...]:
        """Return the shape of the items, as a batch's first row has it."""
        if self.item_shape is not None:
            return self.item_shape
        return first_shape(storage(batch.column(self.columns.features[0])).slice(0, 1))


def make_plan(schema: Any, upload: Upload) -> Plan:
    """Return how the columns of a schema become a part, before any row is read."""
    names = tuple(schema.names)
    columns = assign(names, upload.options)
    if not is_id(schema.field(columns.id).type):
        raise refusal(
            f"Ids must be strings or integers, not {schema.field(columns.id).type}",
            column(names[columns.id]),
        )
    for position in columns.metadata.values():
        if not is_metadata(schema.field(position).type):
            raise refusal(
                f"Metadata must be strings, numbers or booleans, not "
                f"{schema.field(position).type}: convert the column",
                column(names[position]),
            )
    fields = [schema.field(position) for position in columns.features]
    dtype = common_dtype(fields, upload.options.dtype)
    nested = bool(fields) and is_nested(fields[0].type)
    return Plan(
        names=names,
        columns=columns,
        at=in_rows(names, columns, nested=nested),
        dtype=dtype,
        item_shape=fixed_shape(fields[0].type) if nested else (len(fields),),
        nested=nested,
    )


def common_dtype(fields: Sequence[Any], wanted: str | None) -> DType:
    """Return the type in which columns of features are kept together."""
    if not fields:
        return FEATURELESS_DTYPE
    dtype = np.result_type(*(feature_dtype(field, alone=len(fields) == 1) for field in fields))
    check_dtype(dtype, wanted)
    return dtype


def in_rows(names: Sequence[str], columns: Columns, *, nested: bool) -> At:
    """Return a function that says where something stands; the first row is row 1."""

    def at(row: int, field: str, *path: str | int) -> str:
        inner = ""
        if field == "metadata":
            position = columns.metadata[str(path[0])]
        elif field == "features":
            position = columns.features[0 if nested or not path else int(path[0])]
            inner = pointer(*path) if nested else ""
        else:
            position = columns.id
        return f"row {row + 1}, {column(names[position])}{inner}"

    return at


def is_text(kind: Any) -> bool:
    """Whether a type holds strings, or codes of strings."""
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests: tuple[Callable[[Any], bool], ...] = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
    )
    return any(test(plain) for test in tests)


def is_id(kind: Any) -> bool:
    """Whether a type holds ids."""
    return is_text(kind) or pa.types.is_integer(kind)


def is_metadata(kind: Any) -> bool:
    """Whether a type holds metadata."""
    return is_id(kind) or kind in NUMERIC or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def is_nested(kind: Any) -> bool:
    """Whether each row of a type holds many values."""
    return isinstance(kind, pa.FixedShapeTensorType) or is_list(kind)


def is_list(kind: Any) -> bool:
    """Whether a type is one of lists."""
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def feature_dtype(field: Any, *, alone: bool) -> DType:
    """Return the type in which a column of features is kept."""
    if is_nested(field.type) and not alone:
        raise refusal(
            "Lists of numbers must be the only column of features: leave out the others, or make "
            "them metadata",
            column(field.name),
        )
    value_type = field.type
    for _ in range(MAX_AXES):
        if not is_nested(value_type):
            break
        value_type = value_type.value_type
    if value_type not in NUMERIC:
        raise no_number(field.name, str(value_type))
    return np.dtype(NUMERIC[value_type])


def fixed_shape(kind: Any) -> tuple[int, ...] | None:
    """Return the shape that a type gives each row, or None if rows may differ."""
    if isinstance(kind, pa.FixedShapeTensorType):
        permutation = kind.permutation or range(len(kind.shape))
        return tuple(kind.shape[axis] for axis in permutation)
    shape = []
    while is_list(kind):
        if not pa.types.is_fixed_size_list(kind):
            return None
        shape.append(kind.list_size)
        kind = kind.value_type
    return tuple(shape)


def storage(array: Any) -> Any:
    """Return the lists that a tensor is stored as."""
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def first_shape(row: Any) -> tuple[int, ...]:
    """Return the shape of lists in which only the first is looked at."""
    shape = []
    while is_list(row.type) and not row.null_count:
        inner = row.flatten()
        shape.append(len(inner))
        row = inner.slice(0, 1)
    return tuple(shape)


def write_batch(part: Part, plan: Plan, batch: Any) -> None:
    """Write the rows of a batch."""
    if part.item_shape is None:
        part.begin(plan.shape_in(batch))
    values = math.prod(part.item_shape or ())
    step = min(BLOCK_ROWS, rows_per_block(values, plan.dtype.itemsize))
    columns = [] if plan.nested else single_values(part, plan, batch)
    for start in range(0, batch.num_rows, step):
        block = batch.slice(start, step)
        ids, metadata = beside(part, plan, block)
        if plan.nested:
            features = nested_values(part, block.column(plan.columns.features[0]), ids)
        else:
            features = in_one(columns, start, block.num_rows, plan.dtype)
        part.append(ids, features, metadata)


def beside(part: Rows, plan: Plan, block: Any) -> tuple[Encoded, dict[str, list[Any]]]:
    """Return the ids and the metadata of some rows."""
    metadata = {
        name: block.column(plan.names[position]).to_pylist()
        for name, position in plan.columns.metadata.items()
    }
    return encoded_ids(part, block.column(plan.names[plan.columns.id])), metadata


def single_values(part: Rows, plan: Plan, batch: Any) -> list[Array]:
    """Return each column of single numbers of a batch."""
    ids = Names(batch.column(plan.columns.id))
    return [
        flat_values(part, batch.column(position), ids, (batch.num_rows,), (index,))
        for index, position in enumerate(plan.columns.features)
    ]


def in_one(columns: Sequence[Array], start: int, rows: int, dtype: DType) -> Array:
    """Return some rows of columns as one array."""
    if not columns:
        return np.empty((rows, 0), dtype=dtype)
    return interleave([column[start : start + rows] for column in columns], dtype)


def read_ids(part: Rows, array: Any) -> list[str]:
    """Return the ids of some rows."""
    refuse_null_ids(part, array)
    ids: list[Any] = array.to_pylist()
    return [str(value) for value in ids] if pa.types.is_integer(array.type) else ids


def nested_values(part: Rows, array: Any, ids: Sequence[str]) -> Array:
    """Return lists, or tensors, as one array."""
    kind = array.type
    if isinstance(kind, pa.FixedShapeTensorType):
        permutation = kind.permutation or range(len(kind.shape))
        lists = array.storage
        refuse_null(part, lists, ids, (len(lists),), ())
        values = flat_values(part, lists.flatten(), ids, (len(lists), *kind.shape), ())
        return values.transpose(0, *(axis + 1 for axis in permutation)).astype(part.dtype)
    return list_values(part, array, ids).astype(part.dtype, copy=False)


def list_values(part: Rows, array: Any, ids: Sequence[str]) -> Array:
    """Return lists of equal lengths as one array."""
    shape: tuple[int, ...] = (len(array),)
    for length in part.item_shape or ():
        refuse_null(part, array, ids, shape, ())
        if not pa.types.is_fixed_size_list(array.type):
            lengths = np.diff(array.offsets.to_numpy())
            different = np.flatnonzero(lengths != length)
            if len(different):
                place = unravel(int(different[0]), shape)
                row = part.rows + place[0]
                raise refusal(
                    f"{named(ids, place[0], row)} has {lengths[different[0]]} values where the "
                    f"first item has {length}: all {part.noun} must have one shape",
                    part.at(row, "features", *place[1:]),
                )
        array = array.flatten()
        shape = (*shape, length)
    return flat_values(part, array, ids, shape, ())


def flat_values(
    part: Rows, array: Any, ids: Sequence[str] | None, shape: tuple[int, ...], path: tuple[int, ...]
) -> Array:
    """Return an array of numbers, of which none is null or would be rounded."""
    refuse_null(part, array, ids, shape, path)
    values: Array = array.to_numpy(zero_copy_only=True)
    if values.dtype.kind in "iu" and values.dtype.itemsize == np.dtype(np.int64).itemsize:
        inexact = np.flatnonzero((values > EXACT) | (values < -EXACT))
        if len(inexact):
            place = unravel(int(inexact[0]), shape)
            row = part.rows + place[0]
            raise refusal(
                f"{named(ids, place[0], row)} has a whole number beyond 2**53, which float64 "
                f"cannot hold exactly: scale it",
                part.at(row, "features", *place[1:], *path),
            )
    return values.reshape(shape)


def refuse_null(
    part: Rows, array: Any, ids: Sequence[str] | None, shape: tuple[int, ...], path: tuple[int, ...]
) -> None:
    """Refuse features that are missing."""
    if not array.null_count:
        return
    missing = array.is_null().to_numpy(zero_copy_only=False)
    place = unravel(int(np.argmax(missing)), shape)
    row = part.rows + place[0]
    raise refusal(
        f"{named(ids, place[0], row)} has null among its {part.noun}: replace it, or leave the "
        f"item out",
        part.at(row, "features", *place[1:], *path),
    )
