"""The items of a pool as its parts' files hold them: ids and metadata by row, rows by id.

A row is an item's position in the pool: the parts one after another, in the order they came.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service import ids as ids_module
from service.files import Files, part_name
from service.ids import NO_ROWS, Hashes, IdIndex, PackedIds, Rows
from service.records import Part, Pool
from service.settings import LONGEST_ID

Column = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Items:
    """The items of a pool, read as they are asked for."""

    files: Files
    pool: Pool

    def located(self) -> Iterator[tuple[int, Part]]:
        """Yield each part with the row it begins at."""
        start = 0
        for part in self.pool.parts:
            yield start, part
            start += part.rows

    def array(self, part: Part, name: str) -> Column:
        """Return one array of a part."""
        return np.asarray(self.files.array(f"{part_name(self.pool.id, part.id)}/{name}.npy"))

    def packed(self, part: Part) -> PackedIds:
        """Return a part's ids."""
        return PackedIds(self.array(part, "ids"), self.array(part, "id_ends"))

    def index(self, part: Part) -> IdIndex:
        """Return the index of a part's ids."""
        return IdIndex(self.array(part, "id_hashes"), self.array(part, "id_rows"))

    def keys(self, part: Part) -> Hashes:
        """Return the hash of each id of a part, in pool order."""
        index = self.index(part)
        keys = np.empty(part.rows, dtype=np.uint64)
        keys[index.rows] = index.hashes
        return keys

    def located_in(self, rows: Rows) -> Iterator[tuple[int, Part, Rows]]:
        """Yield each part that some rows lie in: where it begins, and the places of its rows."""
        ends = self.pool.ends
        if len(ends) == 1 and len(rows):
            yield 0, self.pool.parts[0], np.arange(len(rows))
            return
        parts = np.searchsorted(np.array(ends, dtype=np.int64), rows, side="right")
        order = np.argsort(parts, kind="stable")
        numbers, firsts = np.unique(parts[order], return_index=True)
        for number, chosen in zip(numbers.tolist(), np.split(order, firsts[1:]), strict=False):
            part = self.pool.parts[number]
            yield ends[number] - part.rows, part, chosen

    def find(self, wanted: Sequence[str]) -> Rows:
        """Return the row of each id, and -1 where the pool does not know it.

        What is longer than any id is not looked for: that would take time by its length.
        """
        if not wanted:
            return NO_ROWS
        packed = ids_module.pack([id if len(id) <= LONGEST_ID else "" for id in wanted])
        hashes = ids_module.hash_ids(packed)
        found = np.full(len(wanted), -1, dtype=np.int64)
        for start, part in self.located():
            rows = ids_module.find(packed, hashes, self.packed(part), self.index(part))
            found = np.where(rows >= 0, rows + start, found)
        return found

    def at(self, rows: Rows) -> list[str]:
        """Return the ids of some rows, in that order."""
        return self.named(rows).texts()

    def named(self, rows: Rows) -> PackedIds:
        """Return the ids of some rows, in that order, packed."""
        pieces, places = [], [NO_ROWS]
        for start, part, chosen in self.located_in(rows):
            pieces.append(self.packed(part).take(rows[chosen] - start))
            places.append(chosen)
        joined = pieces[0] if len(pieces) == 1 else ids_module.join(pieces)
        if len(pieces) <= 1:
            return joined
        return joined.take(np.argsort(np.concatenate(places)))

    def metadata(self, rows: Rows) -> list[dict[str, Any]]:
        """Return the metadata of some rows; a value that was not given is left out."""
        answer: list[dict[str, Any]] = [{} for _ in range(len(rows))]
        for start, part, chosen in self.located_in(rows):
            for name in part.metadata:
                values = self.values(part, name, rows[chosen] - start)
                for place, value in zip(chosen.tolist(), values, strict=True):
                    if value is not None:
                        answer[place][name] = value
        return answer

    def values(self, part: Part, name: str, rows: Rows) -> list[Any]:
        """Return one column's values in some rows of a part, None where there is none."""
        column = self.array(part, f"metadata_{part.metadata.index(name)}")[rows]
        kind = self.pool.metadata[name]
        if kind == "number":
            return [None if np.isnan(value) else value for value in column.tolist()]
        if kind == "boolean":
            return [None if value < 0 else bool(value) for value in column.tolist()]
        texts = self.texts(part, name)
        return [None if code < 0 else texts[code] for code in column.tolist()]

    def texts(self, part: Part, name: str) -> list[str]:
        """Return the distinct strings of a text column of a part."""
        number = part.metadata.index(name)
        path = self.files.path(f"{part_name(self.pool.id, part.id)}/metadata_{number}.json")
        texts: list[str] = json.loads(path.read_bytes())
        return texts
