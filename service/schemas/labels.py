"""Labels on the wire."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import marshmallow
from marshmallow import Schema, fields, validate

from service.operations.labels import NAMED_FAULTS, Entry
from service.records import written
from service.schemas.fields import Scalar, fault_of
from service.schemas.paging import next_page_token
from service.schemas.requests import Request

LABEL_LENGTH = 1_024
SOURCE_LENGTH = 2_048
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
NEEDED = frozenset({"id", "label"})
ALLOWED = NEEDED | {"source", "time"}
SCALARS = frozenset({str, int, float, bool, type(None)})


class LabelSchema(Request):
    """An item and its label; null takes the label away."""

    id = fields.String(required=True)
    label = Scalar(required=True, allow_none=True)


class LabelEntrySchema(LabelSchema):
    """An item and its label, and, if known, who or what said so, and when."""

    source = fields.String(
        validate=validate.Length(max=SOURCE_LENGTH),
        metadata={"description": "Who or what says so; by default what the request says"},
    )
    time = fields.DateTime(
        metadata={"description": "When it was said (RFC 3339); by default now"},
    )


class Labels(fields.List[Any]):
    """A list of labels, checked as a whole, as a mapping from id to label."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(LabelSchema), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        entries = read_entries(listed(value), NEEDED)
        return {id: entry.label for id, entry in entries.items()}


class LabelEntries(fields.List[Any]):
    """A list of labels with source and time, as a mapping from id to entry."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(LabelEntrySchema), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        return read_entries(listed(value))


def listed(value: Any) -> list[Any]:
    """Return a list of labels; raise for anything else."""
    if not isinstance(value, list):
        raise marshmallow.ValidationError("Not a list of labels.")
    return value


def read_entries(values: Iterable[Any], allowed: frozenset[str] = ALLOWED) -> dict[str, Entry]:
    """Return entries by id, read as they come; raise for the first that are wrong, by place."""
    plain = read_plain(values) if isinstance(values, list) else None
    if plain is not None:
        return plain
    entries: dict[str, Entry] = {}
    problems: dict[int, Any] = {}
    for place, value in enumerate(values):
        problem = entry_fault(value, allowed)
        if not problem and value["id"] in entries:
            problem = {"id": ["Stands twice in the list."]}
        if problem:
            problems[place] = problem
            if len(problems) == NAMED_FAULTS:
                break
            continue
        said = value.get("time")
        time = None if said is None else moment(said)
        entries[value["id"]] = Entry(value["label"], value.get("source"), time)
    if problems:
        raise marshmallow.ValidationError(problems)
    return entries


def read_plain(values: list[Any]) -> dict[str, Entry] | None:
    """Return entries of an id and a label each, read all at once; None where any is not such."""
    if set(map(type, values)) - {dict} or set(map(len, values)) - {len(NEEDED)}:
        return None
    try:
        ids = [value["id"] for value in values]
        labels = [value["label"] for value in values]
    except KeyError:
        return None
    kinds = list(map(type, labels))
    if set(map(type, ids)) - {str} or set(kinds) - SCALARS:
        return None
    paired = len(set(kinds) - {str, type(None)}) > 1  # true is another label than 1, its equal
    keys: list[Any] = list(zip(labels, kinds, strict=True)) if paired else labels
    made = {key: Entry(key[0] if paired else key) for key in set(keys)}
    if any(len(each.label) > LABEL_LENGTH for each in made.values() if type(each.label) is str):
        return None
    entries = dict(zip(ids, map(made.__getitem__, keys), strict=True))
    return entries if len(entries) == len(values) else None


def entry_fault(value: Any, allowed: frozenset[str]) -> Any:
    """Return why an entry is no label, or None."""
    if not isinstance(value, dict) or not value.keys() >= NEEDED or not value.keys() <= allowed:
        more = "".join(f", and maybe `{name}`" for name in sorted(allowed - NEEDED))
        return [f"Not an object with `id` and `label`{more}, and nothing else."]
    id_fault = fault_of(value["id"])
    if id_fault:
        return {"id": [id_fault]}
    label = value["label"]
    if label is not None and not isinstance(label, str | int | float | bool):
        return {"label": ["Not a string, number, boolean or null."]}
    if isinstance(label, str) and len(label) > LABEL_LENGTH:
        return {"label": [f"Longer than {LABEL_LENGTH} letters."]}
    return None if len(value) == len(NEEDED) else circumstance_fault(value)


def circumstance_fault(value: dict[str, Any]) -> Any:
    """Return why an entry's source or time is none, or None."""
    source = value.get("source", "")
    if not isinstance(source, str):
        return {"source": ["Not a string."]}
    if len(source) > SOURCE_LENGTH:
        return {"source": [f"Longer than {SOURCE_LENGTH} letters."]}
    if "time" in value and moment(value["time"]) is None:
        return {"time": ["Not a time as RFC 3339 has it, such as 2026-01-31T09:30:00Z."]}
    return None


def moment(text: Any) -> str | None:
    """Return a time (RFC 3339, with an offset) in UTC as it is written everywhere, or None."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        return None
    try:
        return written(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


class PutLabelsSchema(Request):
    """Labels to set."""

    labels = LabelEntries(required=True)
    source = fields.String(
        validate=validate.Length(max=SOURCE_LENGTH),
        metadata={
            "description": "Who or what says so, of all labels without a source of their own"
        },
    )


class PutLabelsArguments(Request):
    """What a body of lines has no place for."""

    source = fields.String(
        validate=validate.Length(max=SOURCE_LENGTH),
        metadata={"description": "The source of all labels that have none of their own"},
    )


class LabelCountSchema(Schema):
    """What a write of labels left."""

    labelled = fields.Integer(required=True, metadata={"description": "Items labelled now"})


class KeptLabelSchema(Schema):
    """An item's label, who or what said so, and when."""

    id = fields.String(required=True)
    label = fields.Raw(required=True, metadata={"description": "A string, number or boolean"})
    source = fields.String(required=True, metadata={"description": "Empty where none was given"})
    time = fields.String(required=True, metadata={"description": "In UTC (RFC 3339)"})


class LabelPageSchema(Schema):
    """Labels in pool order."""

    labels = fields.List(fields.Nested(KeptLabelSchema), required=True)
    total = fields.Integer(required=True)
    next_page_token = next_page_token()


class LabelClassSchema(Schema):
    """A label, and how many items have it."""

    label = fields.Raw(required=True, metadata={"description": "A string, number or boolean"})
    count = fields.Integer(required=True)


class LabelClassesSchema(Schema):
    """The distinct labels of a pool, the most frequent first."""

    classes = fields.List(
        fields.Nested(LabelClassSchema),
        required=True,
        metadata={"description": "At most `max_classes` of `GET /v1/limits`"},
    )
    distinct = fields.Integer(required=True, metadata={"description": "How many labels differ"})
    labelled = fields.Integer(required=True, metadata={"description": "Items labelled now"})
