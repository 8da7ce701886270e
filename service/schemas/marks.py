"""Labels and exclusion sets on the wire."""

from typing import Any

import marshmallow
from marshmallow import Schema, fields, post_load

from service.schemas.fields import Ids, Scalar, fault_of
from service.schemas.paging import next_page_token
from service.schemas.requests import Request

LABEL_LENGTH = 1_024


class LabelSchema(Request):
    """An item and its label; null takes the label away."""

    id = fields.String(required=True)
    label = Scalar(required=True, allow_none=True)


class Labels(fields.List[Any]):
    """A list of labels, checked as a whole, as a mapping from id to label."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(LabelSchema), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        del attr, data, kwargs
        if not isinstance(value, list):
            raise marshmallow.ValidationError("Not a list of labels.")
        labels: dict[str, Any] = {}
        for place, entry in enumerate(value):
            problem = label_fault(entry)
            if problem:
                raise marshmallow.ValidationError({place: problem})
            if entry["id"] in labels:
                raise marshmallow.ValidationError({place: {"id": ["Stands twice in the list."]}})
            labels[entry["id"]] = entry["label"]
        return labels


def label_fault(entry: Any) -> Any:
    """Return why an entry is no label, or None."""
    if not isinstance(entry, dict) or entry.keys() != {"id", "label"}:
        return ["Not an object with exactly `id` and `label`."]
    id_fault = fault_of(entry["id"])
    if id_fault:
        return {"id": [id_fault]}
    label = entry["label"]
    if label is not None and not isinstance(label, str | int | float | bool):
        return {"label": ["Not a string, number, boolean or null."]}
    if isinstance(label, str) and len(label) > LABEL_LENGTH:
        return {"label": [f"Longer than {LABEL_LENGTH} letters."]}
    return None


class PutLabelsSchema(Request):
    """Labels to set."""

    labels = Labels(required=True)


class LabelCountSchema(Schema):
    """What a write of labels left."""

    labelled = fields.Integer(required=True, metadata={"description": "Items labelled now"})


class LabelPageSchema(Schema):
    """Labels in pool order."""

    labels = fields.List(fields.Nested(LabelSchema), required=True)
    total = fields.Integer(required=True)
    next_page_token = next_page_token()


class PutExclusionsSchema(Request):
    """The ids of a set, which replace what it held."""

    ids = Ids(required=True)


class ChangeExclusionsSchema(Request):
    """Ids to add to a set and to take out of it."""

    add = Ids(load_default=list)
    remove = Ids(load_default=list)

    @post_load
    def check(self, data: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Refuse an id that is to be added and removed at once."""
        del options
        both = set(data["add"]) & set(data["remove"])
        if both:
            raise marshmallow.ValidationError(f"{min(both)!r} is to be added and removed.", "add")
        return data


class ExclusionChangeSchema(Schema):
    """What a write of a set did."""

    name = fields.String(required=True)
    size = fields.Integer(required=True)
    unknown_ids = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Ids that the pool does not know; they were not kept"},
    )


class ExclusionSetSchema(Schema):
    """A named set of items that readings can leave out."""

    name = fields.String(required=True)
    size = fields.Integer(required=True)


class ExclusionSetsSchema(Schema):
    """A pool's exclusion sets; `labelled` is kept by its labels."""

    exclusions = fields.List(fields.Nested(ExclusionSetSchema), required=True)


class ExclusionMembersSchema(Schema):
    """The ids of a set, in pool order."""

    name = fields.String(required=True)
    ids = fields.List(fields.String(), required=True)
    size = fields.Integer(required=True)
    next_page_token = next_page_token()
