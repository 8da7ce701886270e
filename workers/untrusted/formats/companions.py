"""What is sent beside an array of features: ids and metadata, one for each of its rows.

Ids may also come without features; there is then one of everything for each id.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from workers.untrusted.formats.arrays import Array
from workers.untrusted.formats.faults import pointer, refusal
from workers.untrusted.formats.part import Part
from workers.untrusted.formats.records import by_column
from workers.untrusted.formats.upload import BLOCK_ROWS

NOTHING = object()


@dataclass(frozen=True)
class Companions:
    """Ids, or None where the items are numbered, and metadata as columns or as objects; `noun` is
    what they are counted by."""

    ids: Iterator[str] | None = None
    columns: Mapping[str, Iterator[Any]] = field(default_factory=dict)
    objects: Iterator[dict[str, Any]] | None = None
    noun: str = "features"

    def take(self, part: Part, rows: int) -> tuple[Sequence[str] | None, dict[str, list[Any]]]:
        """Return ids and metadata of the next rows."""
        done, noun = part.rows, self.noun
        ids = None if self.ids is None else exactly(self.ids, rows, done, pointer("ids"), noun)
        metadata = {
            name: exactly(values, rows, done, pointer("metadata", name), noun)
            for name, values in self.columns.items()
        }
        if self.objects is not None:
            objects = exactly(self.objects, rows, done, pointer("metadata"), noun)
            limit = part.upload.limits.max_metadata_columns
            metadata = by_column(objects, limit, done, part.at)
        return ids, metadata

    def check_end(self, rows: int) -> None:
        """Refuse ids or metadata beyond the last row."""
        everything: dict[str, Iterator[Any] | None] = {
            pointer("ids"): self.ids,
            pointer("metadata"): self.objects,
        }
        for name, values in self.columns.items():
            everything[pointer("metadata", name)] = values
        for place, iterator in everything.items():
            if iterator is not None and next(iterator, NOTHING) is not NOTHING:
                raise refusal(f"There are more values than the {rows} rows of {self.noun}", place)


def write_rows(part: Part, blocks: Iterable[Array], companions: Companions) -> None:
    """Write features with what belongs to them."""
    for block in blocks:
        ids, metadata = companions.take(part, len(block))
        part.append(ids, block, metadata)
    companions.check_end(part.rows)


def write_featureless_rows(part: Part, companions: Companions) -> None:
    """Write items without features: one for each id, with what belongs to it."""
    counted = replace(companions, ids=None, noun="ids")
    while ids := list(islice(companions.ids or (), BLOCK_ROWS)):
        _, metadata = counted.take(part, len(ids))
        part.append_featureless(ids, metadata)
    counted.check_end(part.rows)


def exactly(
    values: Iterator[Any], rows: int, done: int, place: str, noun: str = "features"
) -> list[Any]:
    """Return the values of the next rows, all of which must have one."""
    found = list(islice(values, rows))
    if len(found) < rows:
        raise refusal(
            f"There are only {done + len(found)} values here, and more rows of {noun}", place
        )
    return found
