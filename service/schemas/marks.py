"""Exclusion sets on the wire."""

from typing import Any

import marshmallow
from marshmallow import Schema, fields, post_load

from service.schemas.fields import Ids
from service.schemas.paging import next_page_token
from service.schemas.requests import Request


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
    """A pool's exclusion sets; its labels keep `labelled`, and its leases `leased`."""

    exclusions = fields.List(fields.Nested(ExclusionSetSchema), required=True)


class ExclusionMembersSchema(Schema):
    """The ids of a set, in pool order."""

    name = fields.String(required=True)
    ids = fields.List(fields.String(), required=True)
    size = fields.Integer(required=True)
    next_page_token = next_page_token()
