"""The metadata columns of a part: numbers, booleans or strings, one type per column.

A column begins with its first value, and fixes its type; rows without a value before and after it
count as missing. A column that never has a value is left out of the part.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from service.errors import UploadRefused
from workers.untrusted.formats.arrays import Array, GrowingArray
from workers.untrusted.formats.faults import At, named, quoted, refusal
from workers.untrusted.formats.features import EXACT
from workers.untrusted.formats.upload import BLOCK_ROWS, Limits

KINDS = {int: "number", float: "number", bool: "boolean", str: "string"}
FORMS: dict[str, tuple[str, float]] = {
    "number": ("<f8", math.nan),
    "boolean": ("|i1", -1),
    "string": ("<i4", -1),
}
"""How each type is stored, and what stands for a missing value."""

JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
TRUTH = {"true": True, "True": True, "false": False, "False": False}
MAX_DISTINCT = 8_000_000
MAX_DISTINCT_CHARACTERS = 512 * 1024**2


class Column:
    """One column while it grows."""

    def __init__(self, number: int, name: str, kind: str) -> None:
        self.file_name = f"metadata_{number}"
        self.name = name
        self.kind = kind
        self.distinct: dict[str, int] = {}
        form, self.missing = FORMS[kind]
        self.values = GrowingArray(f"{self.file_name}.npy", np.dtype(form))

    def skip(self, rows: int) -> None:
        """Write rows without a value."""
        for start in range(0, rows, BLOCK_ROWS):
            count = min(BLOCK_ROWS, rows - start)
            self.values.append(np.full(count, self.missing, dtype=self.values.dtype))

    def append(self, values: Sequence[Any]) -> None:
        """Write the values of the next rows, None where there is none."""
        if self.kind == "string":
            distinct = self.distinct
            values = [
                None if text is None else distinct.setdefault(text, len(distinct))
                for text in values
            ]
        filled = [self.missing if value is None else value for value in values]
        self.values.append(np.array(filled, dtype=self.values.dtype))

    def finish(self, *, infer: bool) -> None:
        """Complete the column's files."""
        self.values.finish()
        if infer and self.kind == "string":
            self.infer()
        if self.kind == "string":
            text = json.dumps(list(self.distinct), ensure_ascii=False)
            Path(f"{self.file_name}.json").write_text(text, encoding="utf-8")

    def infer(self) -> None:
        """Turn a column of texts into numbers or booleans, where every text is one."""
        for kind, read in (("number", as_numbers), ("boolean", as_booleans)):
            values = read(list(self.distinct))
            if values is not None:
                self.replace(kind, values)
                return

    def replace(self, kind: str, values: Array) -> None:
        """Write the values that stand for the texts in their place."""
        form, missing = FORMS[kind]
        table = np.append(values, missing)  # the code of a missing value, -1, finds the last
        codes = np.load(self.values.path, mmap_mode="r")
        numbers = GrowingArray(f"{self.file_name}.new", np.dtype(form))
        for start in range(0, len(codes), BLOCK_ROWS):
            numbers.append(table[codes[start : start + BLOCK_ROWS]])
        numbers.finish()
        numbers.path.rename(self.values.path)
        self.kind, self.distinct = kind, {}


class Metadata:
    """All columns of a part while they grow."""

    def __init__(self, limits: Limits, at: At) -> None:
        self.limits = limits
        self.at = at
        self.columns: dict[str, Column] = {}
        self.rows = 0
        self.characters = 0

    def append(
        self, block: Mapping[str, Sequence[Any]], rows: int, ids: Sequence[str] | None
    ) -> None:
        """Write the metadata of the next rows; columns that are not given have no values."""
        for name, values in block.items():
            kinds = set(map(type, values)) - {type(None)}
            if kinds:
                column = self.columns.get(name) or self.add(name, values)
                self.check_kinds(column, kinds, values, ids)
                self.check_values(column, values, ids)
                self.write(column, values)
        self.rows += rows
        for column in self.columns.values():
            column.skip(self.rows - column.values.rows)

    def write(self, column: Column, values: Sequence[Any]) -> None:
        """Write a column's values, and count what has to be remembered of them."""
        before = len(column.distinct)
        column.append(values)
        if len(column.distinct) > before:
            added = islice(reversed(column.distinct), len(column.distinct) - before)
            self.characters += sum(map(len, added))
        count = sum(len(each.distinct) for each in self.columns.values())
        if count > MAX_DISTINCT or self.characters > MAX_DISTINCT_CHARACTERS:
            raise refusal(
                f"The metadata column {quoted(column.name)} has too many different texts "
                f"(more than {MAX_DISTINCT} in the part): send numbers as numbers, and leave out "
                f"what only names the item",
                self.at(self.rows, "metadata", column.name),
            )

    def add(self, name: str, values: Sequence[Any]) -> Column:
        """Begin a column with its first value."""
        index = next(i for i, value in enumerate(values) if value is not None)
        place = self.at(self.rows + index, "metadata", name)
        kind = KINDS.get(type(values[index]))
        if kind is None:
            raise refusal(
                f"The metadata column {quoted(name)} holds what is neither a string, a number, "
                f"true nor false",
                place,
            )
        if len(self.columns) == self.limits.max_metadata_columns:
            limit = self.limits.max_metadata_columns
            detail = f"There are more than {limit} metadata columns (max_metadata_columns)"
            raise refusal(detail, place)
        check_name(name, self.limits.max_metadata_bytes, place)
        column = Column(len(self.columns), name, kind)
        column.skip(self.rows)
        self.columns[name] = column
        return column

    def check_kinds(
        self,
        column: Column,
        kinds: set[type],
        values: Sequence[Any],
        ids: Sequence[str] | None,
    ) -> None:
        """Refuse values of another type than the column's first."""
        if {KINDS.get(kind) for kind in kinds} == {column.kind}:
            return
        index = next(
            i for i, v in enumerate(values) if v is not None and KINDS.get(type(v)) != column.kind
        )
        kind = KINDS.get(type(values[index]))
        found = f"a {kind}" if kind else "neither a string, a number nor a boolean"
        detail = f"is {found}, and the column began with a {column.kind}: send one type"
        raise self.refuse(column, index, ids, detail)

    def check_values(
        self, column: Column, values: Sequence[Any], ids: Sequence[str] | None
    ) -> None:
        """Refuse numbers that would be rounded, and strings that are too long."""
        checks: dict[str, Callable[[Any], str | None]]
        checks = {"number": self.bad_number, "string": self.bad_text}
        if column.kind not in checks or self.are_fine(column, values):
            return
        check = checks[column.kind]
        for index, value in enumerate(values):
            detail = None if value is None else check(value)
            if detail:
                raise self.refuse(column, index, ids, detail)

    def are_fine(self, column: Column, values: Sequence[Any]) -> bool:
        """Return whether values are fine at a look at all of them, and need none at each."""
        if column.kind == "number":
            return are_plain_numbers(values)
        new = set(values) - column.distinct.keys()
        return not any(map(self.bad_text, new - {None}))

    def bad_number(self, value: float) -> str | None:
        """Return what is wrong with a number."""
        if type(value) is int and not -EXACT <= value <= EXACT:
            return "is a whole number beyond 2**53: send it as a string"
        if not math.isfinite(value):
            return "is NaN or infinite: leave it out, or send null"
        return None

    def bad_text(self, value: str) -> str | None:
        """Return what is wrong with a string."""
        limit = self.limits.max_metadata_bytes
        try:
            length = len(value) if value.isascii() else len(value.encode("utf-8"))
        except UnicodeEncodeError:
            return "holds half of a surrogate pair, which is no character"
        if length <= limit:
            return None
        return f"has {length} bytes; at most {limit} are allowed (max_metadata_bytes)"

    def refuse(
        self, column: Column, index: int, ids: Sequence[str] | None, detail: str
    ) -> UploadRefused:
        """Return the error for one value."""
        row = self.rows + index
        return refusal(
            f"{named(ids, index, row)} has a value in the metadata column {quoted(column.name)} "
            f"that {detail}",
            self.at(row, "metadata", column.name),
        )

    def finish(self, *, infer: bool = False) -> list[dict[str, str]]:
        """Complete all files, and return each column's name and type."""
        for column in self.columns.values():
            column.finish(infer=infer)
        return [{"name": column.name, "type": column.kind} for column in self.columns.values()]


def check_name(name: str, limit: int, place: str) -> None:
    """Refuse a column's name that cannot be one."""
    encoded = name.encode("utf-8", "surrogatepass")
    if not name or len(encoded) > limit or encoded.decode("utf-8", "ignore") != name:
        raise refusal(
            f"A metadata column's name must be text of 1 to {limit} bytes (max_metadata_bytes), not"
            f" {quoted(name)}",
            place,
        )


def are_plain_numbers(values: Sequence[Any]) -> bool:
    """Return whether numbers, None apart, are finite, and too small for float64 to round them."""
    try:
        numbers = np.array([value for value in values if value is not None], dtype=np.float64)
    except OverflowError:
        return False
    return bool((np.abs(numbers) < EXACT).all())


def as_numbers(texts: Sequence[str]) -> Array | None:
    """Return texts as float64, if each of them is a number as JSON writes it, kept exactly."""
    if not all(map(JSON_NUMBER.fullmatch, texts)):
        return None
    values = np.array(list(map(float, texts)), dtype=np.float64)
    whole = [text.lstrip("-") for text in texts if text.lstrip("-").isdigit()]
    exact = all(len(digits) <= len(str(EXACT)) and int(digits) <= EXACT for digits in whole)
    return values if exact and np.isfinite(values).all() else None


def as_booleans(texts: Sequence[str]) -> Array | None:
    """Return texts as 0 and 1, if each of them is true or false."""
    if not TRUTH.keys() >= set(texts):
        return None
    return np.array([TRUTH[text] for text in texts], dtype=np.int8)
