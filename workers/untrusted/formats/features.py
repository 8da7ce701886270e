"""Features on their way into a part: from lists of numbers, checked, and in the type wanted."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from service.errors import UploadRefused
from workers.untrusted.formats.arrays import Array, DType
from workers.untrusted.formats.faults import At, named, quoted, refusal

DTYPES = ("uint8", "float16", "float32", "float64")
EXACT = 2**53
MAX_AXES = 32
JSON_TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    type(None): "null",
    list: "a list",
    dict: "an object",
}

Complaint = Callable[[int, tuple[int, ...], str], UploadRefused]


def shape_of(features: Any) -> tuple[int, ...]:
    """Return the shape of nested lists, looking only at the first of each."""
    shape: list[int] = []
    while isinstance(features, list) and len(shape) < MAX_AXES:
        shape.append(len(features))
        features = features[0] if features else None
    return tuple(shape)


def complain(ids: Sequence[Any] | None, first_row: int, at: At) -> Complaint:
    """Return a function that refuses one value of a block."""

    def complaint(index: int, path: tuple[int, ...], detail: str) -> UploadRefused:
        row = first_row + index
        return refusal(f"{named(ids, index, row)} {detail}", at(row, "features", *path))

    return complaint


def to_array(
    block: list[Any], shape: tuple[int, ...], complaint: Complaint, noun: str = "features"
) -> Array:
    """Return the values of some items, nested lists of numbers, as float64."""
    level = block
    for depth, length in enumerate(shape):
        index = first_unlike(level, length)
        if index is not None:
            place = unravel(index, (len(block), *shape[:depth]))
            raise complaint(place[0], place[1:], unlike(level[index], shape, depth, noun))
        level = list(chain.from_iterable(level))
    values = numbers(level, lambda index: unravel(index, (len(block), *shape)), complaint)
    return values.reshape(len(block), *shape)


def first_unlike(level: list[Any], length: int) -> int | None:
    """Return the index of the first that is not a list of that length."""
    if set(map(type, level)) <= {list} and set(map(len, level)) <= {length}:
        return None
    return next(
        i for i, value in enumerate(level) if type(value) is not list or len(value) != length
    )


def unlike(value: Any, shape: tuple[int, ...], depth: int, noun: str = "features") -> str:
    """Return what is wrong with a value that should be a list."""
    found = f"{len(value)} values" if type(value) is list else JSON_TYPES[type(value)]
    return (
        f"has {found} where the first item has a list of {shape[depth]}: "
        f"all {noun} must have one shape, here {list(shape)}"
    )


def unravel(index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the position of a value in an array of that shape."""
    return tuple(int(i) for i in np.unravel_index(index, shape))


def numbers(
    values: list[Any], place: Callable[[int], tuple[int, ...]], complaint: Complaint
) -> Array:
    """Return JSON numbers as float64, exactly."""
    if not set(map(type, values)) <= {int, float}:
        index = next(i for i, value in enumerate(values) if type(value) not in {int, float})
        position = place(index)
        found = JSON_TYPES[type(values[index])]
        raise complaint(position[0], position[1:], f"has {found} where a number must be")
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        array = np.array([np.inf])
    if array.size and np.abs(array).max() >= EXACT:
        check_exact(values, place, complaint)
    return array


def check_exact(
    values: list[Any], place: Callable[[int], tuple[int, ...]], complaint: Complaint
) -> None:
    """Refuse whole numbers that float64 would round."""
    for index, value in enumerate(values):
        if type(value) is int and abs(value) > EXACT:
            position = place(index)
            raise complaint(
                position[0],
                position[1:],
                "has a whole number beyond 2**53, which float64 cannot hold exactly: "
                "scale it, or write it with a decimal point",
            )


def check_finite(block: Array, complaint: Complaint, noun: str = "features") -> None:
    """Refuse NaN and infinity."""
    if block.dtype.kind != "f":
        return
    finite = np.isfinite(block)
    if not finite.all():
        position = unravel(int(np.argmin(finite)), block.shape)
        found = "NaN" if np.isnan(block[position]) else "an infinite number"
        raise complaint(
            position[0],
            position[1:],
            f"has {found} among its {noun}: replace it, or leave the item out",
        )


def convert(block: Array, dtype: DType, complaint: Complaint, noun: str = "features") -> Array:
    """Return finite values in the type wanted, if they fit."""
    if block.dtype == dtype:
        return block
    with np.errstate(over="ignore", invalid="ignore"):
        converted = block.astype(dtype)
        fits = converted == block if dtype.kind == "u" else np.isfinite(converted)
    if not fits.all():
        position = unravel(int(np.argmin(fits)), block.shape)
        needed = "only whole numbers from 0 to 255" if dtype.kind == "u" else "smaller numbers"
        value = quoted(str(block[position])).strip('"')
        raise complaint(
            position[0],
            position[1:],
            f"has {value} among its {noun}: {dtype} holds {needed}; ask for another dtype",
        )
    return converted


def refuse_dtype(found: object, place: str) -> UploadRefused:
    """Return the error for features of a type that is not kept."""
    return refusal(
        f"Features of type {found} are not taken: convert them to one of {', '.join(DTYPES)}", place
    )


def check_dtype(found: DType, wanted: str | None) -> None:
    """Refuse to convert features that came with a type of their own."""
    if wanted is not None and found != np.dtype(wanted):
        raise refusal(
            f"The features are {found} and dtype asks for {wanted}: a binary format is kept as it "
            f"is sent; convert before sending, or leave dtype out",
            "dtype",
        )
