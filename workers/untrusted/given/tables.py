"""Arrow streams and Parquet files of predictions; which column is what is told in `columns`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.arrow import (
    TEXT_BYTES,
    check_rows,
    checked,
    file_batches,
    open_parquet,
    open_stream,
    stream_batches,
    translated,
)
from workers.untrusted.formats.columns import Columns, column
from workers.untrusted.formats.faults import At, refusal
from workers.untrusted.formats.features import Complaint, check_dtype, complain
from workers.untrusted.formats.records import PYTHON_NUMBER_BYTES
from workers.untrusted.formats.tables import (
    MAX_AXES,
    first_shape,
    fixed_shape,
    flat_values,
    in_rows,
    is_id,
    is_nested,
    nested_values,
    read_ids,
    storage,
)
from workers.untrusted.formats.upload import BLOCK_ROWS, rows_per_block
from workers.untrusted.given import lists
from workers.untrusted.given.classes import Class, coded, coder, resolve
from workers.untrusted.given.columns import HEADER, WAY, assign, classes_of, only
from workers.untrusted.given.dense import Dense
from workers.untrusted.given.ragged import Ragged
from workers.untrusted.given.request import Asked
from workers.untrusted.given.stored import check_fraction

FLOATS = {pa.float16(): "float16", pa.float32(): "float32", pa.float64(): "float64"}


@dataclass(frozen=True)
class Plan:
    """How a table's columns become predictions; `nested` where one column has lists of them."""

    names: tuple[str, ...]
    columns: Columns
    classes: tuple[Class, ...]
    dtype: DType
    nested: bool

    @property
    def at(self) -> At:
        """Says where something stands."""
        return in_rows(self.names, self.columns, nested=self.nested)


def read_arrow(asked: Asked) -> dict[str, Any]:
    """Write the predictions of an Arrow stream."""
    reader, file = open_stream(asked.upload)
    with translated("Arrow stream"):
        plan = make_plan(reader.schema, asked)
    part = begin(asked, plan)
    write_batches(part, plan, stream_batches(reader, file, asked.upload))
    return part.finish()


def read_parquet(asked: Asked) -> dict[str, Any]:
    """Write the predictions of a Parquet file."""
    file = open_parquet(asked.upload)
    with translated("Parquet file"):
        plan = make_plan(file.schema_arrow, asked)
    part = begin(asked, plan)
    part.items.check_room(file.metadata.num_rows, 0)
    size = average_bytes(file.metadata)
    batches = file_batches(file, lambda first: max(size, first.nbytes, TEXT_BYTES))
    write_batches(part, plan, checked(batches, "Parquet file"))
    check_rows(file, part.rows)
    return part.finish()


def average_bytes(metadata: Any) -> int:
    """Return what an item takes in a file, when it is unpacked."""
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    return int(sum(group.total_byte_size for group in groups) // max(1, metadata.num_rows))


def make_plan(schema: Any, asked: Asked) -> Plan:
    """Return how the columns of a schema become predictions, before any row is read."""
    names = tuple(schema.names)
    columns = assign(names, asked)
    kind = schema.field(columns.id).type
    if not is_id(kind):
        raise refusal(f"Ids must be strings or integers, not {kind}", column(names[columns.id]))
    field = asked.kind.fields[0]
    if asked.kind.form.ragged:
        return lists_plan(schema, asked, names, columns)
    nested = field in names and is_nested(schema.field(field).type)
    if nested:
        only(names, columns, [field])
        classes = resolve(asked, None, HEADER, WAY if asked.kind.form.scaled else "")
    else:
        classes = classes_of(asked, [names[position] for position in columns.features])
    dtype = np.dtype(np.int32)
    if asked.kind.name != "votes":
        found = [value_dtype(schema.field(position)) for position in columns.features]
        dtype = np.result_type(*found)
        if not asked.converted:
            check_dtype(dtype, asked.upload.options.dtype)
    return Plan(names, columns, classes, dtype, nested)


def lists_plan(schema: Any, asked: Asked, names: tuple[str, ...], columns: Columns) -> Plan:
    """Return how columns of lists of any length become objects or tokens."""
    field = asked.kind.fields[0]
    if field not in names:
        raise refusal(f"There is no column {field}, of lists of lists of numbers", HEADER)
    beside = lists.SENT.values() if asked.kind.name == "objects" else ()
    only(names, columns, [field, *beside])
    lists.check_type(schema.field(field))
    dtype = value_dtype(schema.field(field))
    if not asked.converted:
        check_dtype(dtype, asked.upload.options.dtype)
    classes = resolve(asked, None, HEADER, "")
    values = Columns(columns.id, (names.index(field),), {})
    return Plan(names, values, classes, dtype, nested=True)


def value_dtype(field: Any) -> DType:
    """Return the type of a column's numbers, single or in lists."""
    kind = field.type
    for _ in range(MAX_AXES):
        if not is_nested(kind):
            break
        kind = kind.value_type
    if kind not in FLOATS:
        whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
        if not whole:
            raise refusal(
                f"Predictions must be numbers, and this column holds {kind}: leave it out if it is "
                f"none of them",
                column(field.name),
            )
        check_fraction(np.dtype(kind.to_pandas_dtype()), column(field.name))
    return np.dtype(FLOATS[kind])


def begin(asked: Asked, plan: Plan) -> Dense | Ragged:
    """Return what the rows are written to."""
    if asked.kind.form.ragged:
        return Ragged(asked, plan.classes, lists.Places(plan.at), plan.dtype)
    return Dense(asked, plan.classes, plan.at, plan.dtype)


def write_batches(part: Dense | Ragged, plan: Plan, batches: Iterator[Any]) -> None:
    """Write the rows of batches, each of any size."""
    for batch in batches:
        if not batch.num_rows:
            continue
        if isinstance(part, Ragged):
            lists.write_batch(part, plan.names, plan.columns, batch)
        else:
            write_batch(part, plan, batch)


def write_batch(part: Dense, plan: Plan, batch: Any) -> None:
    """Write the rows of a batch."""
    if part.item_shape is None:
        part.begin(shape_in(plan, batch))
    values = math.prod(part.item_shape or ())
    size = max(part.stored.itemsize, PYTHON_NUMBER_BYTES if part.stored.kind == "i" else 1)
    step = min(BLOCK_ROWS, rows_per_block(values, size))
    for start in range(0, batch.num_rows, step):
        block = batch.slice(start, step)
        ids = read_ids(part, block.column(plan.columns.id))
        if part.asked.kind.name == "votes":
            part.append(ids, votes(part, plan, block, ids))
        else:
            part.append(ids, numbers(part, plan, block, ids))


def shape_in(plan: Plan, batch: Any) -> tuple[int, ...]:
    """Return the shape of the items, as a batch's first row has it."""
    if not plan.nested:
        return (len(plan.columns.features),)
    array = batch.column(plan.columns.features[0])
    fixed = fixed_shape(array.type)
    return first_shape(storage(array).slice(0, 1)) if fixed is None else fixed


def numbers(part: Dense, plan: Plan, block: Any, ids: Sequence[str]) -> Array:
    """Return the numbers of some rows."""
    arrays = [block.column(position) for position in plan.columns.features]
    if plan.nested:
        return nested_values(part, arrays[0], ids)
    values = np.empty((block.num_rows, len(arrays)), dtype=plan.dtype)
    for index, array in enumerate(arrays):
        values[:, index] = flat_values(part, array, ids, (block.num_rows,), (index,))
    return values


def votes(part: Dense, plan: Plan, block: Any, ids: Sequence[str]) -> Array:
    """Return the codes of the votes of some rows."""
    (members,) = part.item_shape or (0,)
    complaint = complain(ids, part.rows, part.at)
    columns = [block.column(position) for position in plan.columns.features]
    if plan.nested:
        check_lengths(columns[0], members, complaint)
        cells = iter(columns[0].flatten().to_pylist())
    else:
        cells = chain.from_iterable(zip(*(each.to_pylist() for each in columns), strict=True))
    codes = coded(cells, coder(part.classes), lambda index: divmod(index, members), complaint)
    return codes.reshape(block.num_rows, members)


def check_lengths(array: Any, members: int, complaint: Complaint) -> None:
    """Refuse lists that are not of one vote for each member."""
    missing = array.is_null().to_numpy(zero_copy_only=False)
    lists.refuse_row(missing, "has null where a list of votes must be", complaint)
    lengths = lists.lengths_of(array)
    wrong = lengths != members
    found = lengths[int(np.argmax(wrong))] if len(lengths) else 0
    lists.refuse_row(wrong, f"has {found} votes where the first item has {members}", complaint)
