"""Arrays in `.npy` files and members of `.npz` files: their headers, and their rows in blocks."""

import io
import math
import struct
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.lib import format as npy

from workers.untrusted.formats.arrays import Array, DType, header_of
from workers.untrusted.formats.companions import Companions, write_featureless_rows, write_rows
from workers.untrusted.formats.faults import pointer, refusal
from workers.untrusted.formats.features import DTYPES, check_dtype, refuse_dtype
from workers.untrusted.formats.part import FEATURELESS_DTYPE, Part
from workers.untrusted.formats.upload import BLOCK_BYTES, Upload, rows_per_block

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000
ALIGNMENT = 64
TRANSPOSED_BYTES = 128 * 1024**2
"""What may be in memory of an array in Fortran order, whose rows lie scattered over the file."""

BODY = "body"
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    SyntaxError,
    OverflowError,
    RecursionError,
    tokenize.TokenError,
)


class Readable(Protocol):
    """A file, or a member of an archive."""

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go on reading there."""
        ...


@dataclass(frozen=True)
class Header:
    """What an array says of itself; `plain` if its bytes are as they would be written here."""

    dtype: DType
    shape: tuple[int, ...]
    fortran: bool
    offset: int
    plain: bool

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.shape[1:]

    @property
    def item_values(self) -> int:
        """The number of values in one row."""
        return math.prod(self.item_shape)


def read_npy(upload: Upload) -> dict[str, Any]:
    """Check a body that is an array; write it only if it is not in the form that parts have."""
    header = read_header(upload.body, upload.size, BODY)
    kept = BODY if header.plain else None
    return write_features(upload, upload.body, header, Companions(), kept=kept)


def write_features(
    upload: Upload,
    file: Readable,
    header: Header,
    companions: Companions,
    *,
    kept: str | None = None,
) -> dict[str, Any]:
    """Write features from a file that has been read up to the end of its header."""
    check_features(header, upload)
    dtype = header.dtype.newbyteorder("<")
    part = Part(upload, in_arrays, dtype, numbered=companions.ids is None, kept=kept)
    part.begin(header.item_shape)
    write_rows(part, blocks(file, header), companions)
    return part.finish()


def write_featureless(upload: Upload, companions: Companions) -> dict[str, Any]:
    """Write items of which ids were sent, and metadata if any, and no features."""
    part = Part(upload, in_arrays, FEATURELESS_DTYPE)
    part.begin_featureless()
    write_featureless_rows(part, companions)
    return part.finish()


def check_features(header: Header, upload: Upload) -> None:
    """Refuse arrays that hold no features."""
    if header.dtype.name not in DTYPES:
        raise refuse_dtype(header.dtype, pointer("features"))
    check_dtype(header.dtype, upload.options.dtype)
    limit = upload.limits.max_items
    if header.shape[0] > limit:
        raise refusal(
            f"The array has {header.shape[0]} items, and the pool has room for {limit}"
            " (max_pool_items)",
            pointer("features"),
        )


def in_arrays(row: int, field: str, *path: str | int) -> str:
    """Return where something stands in arrays that are sent together."""
    if field == "metadata":
        return pointer(field, *path, row)
    return pointer("ids" if field == "id" else field, row, *path)


def read_exactly(file: Readable, count: int, place: str) -> bytes:
    """Return the next bytes of a file that must have them."""
    found = []
    missing = count
    while missing:
        data = file.read(missing)
        if not data:
            raise refusal(f"The array is cut short: {missing} bytes are missing", place)
        found.append(data)
        missing -= len(data)
    return found[0] if len(found) == 1 else b"".join(found)


def read_header(file: Readable, size: int, place: str) -> Header:
    """Return the header of an array of `size` bytes, if it tells the truth about its size."""
    start = file.read(len(MAGIC) + 2)
    if not start.startswith(MAGIC) or len(start) < len(MAGIC) + 2:
        raise refusal("This is no .npy array: it does not begin with \\x93NUMPY", place)
    if start[-2:] not in {b"\1\0", b"\2\0"}:
        raise refusal(
            "The .npy format is newer than 2.0: save the array without field names", place
        )
    short = start[-2:] == b"\1\0"
    length_bytes = read_exactly(file, 2 if short else 4, place)
    length = struct.unpack("<H" if short else "<I", length_bytes)[0]
    if length > MAX_HEADER:
        raise refusal(f"The array's header has {length} bytes; {MAX_HEADER} are allowed", place)
    text = read_exactly(file, length, place)
    offset = len(start) + len(length_bytes) + length
    shape, fortran, dtype = parse_header(length_bytes + text, place, short=short)
    check_size(dtype, shape, size - offset, place)
    plain = is_plain(text, dtype, shape) and offset % ALIGNMENT == 0
    return Header(dtype, shape, fortran and len(shape) > 1, offset, plain)


def parse_header(data: bytes, place: str, *, short: bool) -> tuple[tuple[int, ...], bool, DType]:
    """Return shape, order and type from a header's text."""
    read: Any = npy.read_array_header_1_0 if short else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            shape, fortran, dtype = read(io.BytesIO(data), max_header_size=MAX_HEADER)
    except UNREADABLE:
        raise refusal("The array's header cannot be read", place) from None
    except MemoryError:  # the parser's word for too many brackets; the text is a short one
        raise refusal("The array's header is nested too deeply", place) from None
    return tuple(int(length) for length in shape), fortran, dtype


def check_size(dtype: DType, shape: tuple[int, ...], found: int, place: str) -> None:
    """Refuse arrays that cannot be rows of values, or are not as long as they say."""
    if dtype.hasobject:
        raise refusal(
            "The array holds Python objects, which are never opened: save numbers as numbers, and "
            "ids as an array of strings (dtype=str)",
            place,
        )
    if not shape:
        raise refusal("The array is a single value; its first axis must count the items", place)
    if min(shape) < 0 or dtype.itemsize == 0:
        raise refusal(f"An array of {dtype} and shape {list(shape)} holds nothing", place)
    expected = math.prod(shape) * dtype.itemsize
    if expected != found:
        raise refusal(
            f"The array's header announces {expected} bytes of values, and {found} follow: it is "
            f"cut short, or something was appended",
            place,
        )


def is_plain(text: bytes, dtype: DType, shape: tuple[int, ...]) -> bool:
    """Whether a header is, but for its padding, what would be written here for that array."""
    if dtype.name not in DTYPES:
        return False
    expected = io.BytesIO()
    npy.write_array_header_1_0(expected, header_of(dtype.newbyteorder("<"), shape))
    return text.rstrip() == expected.getvalue()[len(MAGIC) + 4 :].rstrip()


def blocks(file: Readable, header: Header) -> Iterator[Array]:
    """Yield an array's rows, in C order and little-endian."""
    rows = header.shape[0]
    if header.fortran and header.item_values > 1:
        yield from scattered_blocks(file, header)
        return
    step = rows_per_block(header.item_values, header.dtype.itemsize)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        data = read_exactly(file, count * header.item_values * header.dtype.itemsize, BODY)
        block = np.frombuffer(data, dtype=header.dtype).reshape(count, *header.item_shape)
        yield block.astype(header.dtype.newbyteorder("<"), copy=False)


def scattered_blocks(file: Readable, header: Header) -> Iterator[Array]:
    """Yield the rows of an array in Fortran order, in which each value has its own stretch."""
    rows, size = header.shape[0], header.dtype.itemsize
    step = max(1, TRANSPOSED_BYTES // (header.item_values * size))
    inner = rows_per_block(header.item_values, size)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        columns = np.empty((header.item_values, count), dtype=header.dtype.newbyteorder("<"))
        for index in range(header.item_values):
            file.seek(header.offset + (index * rows + start) * size)
            data = read_exactly(file, count * size, BODY)
            columns[index] = np.frombuffer(data, dtype=header.dtype)
        for first in range(0, count, inner):
            part = columns[:, first : first + inner].T
            shape = (len(part), *header.item_shape)
            yield np.ascontiguousarray(part.reshape(shape, order="F"))


def values(file: Readable, header: Header, place: str) -> Iterator[Any]:
    """Yield the values of an array with one axis, as Python's own."""
    if len(header.shape) != 1:
        raise refusal("The array must have one axis, with one value for each item", place)
    size = header.dtype.itemsize
    if size > BLOCK_BYTES:
        raise refusal(f"The array's values take {size} bytes each, which is too much", place)
    step = rows_per_block(1, size)
    for start in range(0, header.shape[0], step):
        data = read_exactly(file, min(step, header.shape[0] - start) * size, place)
        try:
            yield from np.frombuffer(data, dtype=header.dtype).tolist()
        except (ValueError, SystemError):
            raise refusal("The array holds text that is no Unicode", place) from None


def texts(file: Readable, header: Header, place: str) -> Iterator[str]:
    """Yield the values of an array as ids: strings as they are, integers in decimal."""
    kind = header.dtype.kind
    if kind not in "USiu":
        raise refusal(f"Ids are strings or integers, not {header.dtype}", place)
    for row, value in enumerate(values(file, header, place)):
        yield value if kind == "U" else decoded(value, f"{place}/{row}")


def scalars(file: Readable, header: Header, place: str) -> Iterator[Any]:
    """Yield the values of an array as metadata: strings, numbers or booleans."""
    kind, size = header.dtype.kind, header.dtype.itemsize
    if kind not in "USiufb" or (kind == "f" and size > np.dtype(np.float64).itemsize):
        raise refusal(f"Metadata are strings, numbers or booleans, not {header.dtype}", place)
    for row, value in enumerate(values(file, header, place)):
        yield decoded(value, f"{place}/{row}") if type(value) is bytes else value


def decoded(value: Any, place: str) -> str:
    """Return the text of bytes, or of an integer."""
    if type(value) is not bytes:
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise refusal("The text is not UTF-8", place) from None
