"""Leases and annotations on the wire."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from service.operations.leases import Demand
from service.operations.rankings import Query
from service.records import MOST_OVERLAP
from service.schemas.fields import Ids, Integer, Scalar
from service.schemas.labels import Labels
from service.schemas.paging import next_page_token
from service.schemas.rankings import RowSchema, SelectionSchema, conditions
from service.schemas.requests import Request

ANNOTATOR_LENGTH = 200
SECONDS = 3_600


class Seconds(Integer):
    """For how long a lease holds its items."""

    def __init__(self) -> None:
        super().__init__(
            load_default=SECONDS,
            validate=validate.Range(min=1),
            metadata={"description": "For how long the items are held, from now on"},
        )


class NewLeaseSchema(SelectionSchema):
    """How many items an annotator wants, for how long, and which not."""

    annotator = fields.String(
        required=True,
        validate=validate.Length(1, ANNOTATOR_LENGTH),
        metadata={"description": "A name of the client's own; the same name is the same person"},
    )
    n = Integer(
        load_default=1,
        validate=validate.Range(min=0),
        metadata={"description": "How many items; 0 tells how things stand, and holds nothing"},
    )
    seconds = Seconds()
    overlap = Integer(
        load_default=1,
        validate=validate.Range(1, MOST_OVERLAP),
        metadata={"description": "How many annotators shall label each of these items"},
    )

    @post_load
    def demand(self, data: dict[str, Any], **options: Any) -> Demand:
        """Return the request as a value."""
        del options
        query = Query(
            n=data["n"],
            exclude=tuple(data["excluded"]),
            exclude_sets=tuple(dict.fromkeys(data["exclude_sets"])),
            include_labelled=data["include_labelled"],
            where=conditions(data["where"]),
        )
        return Demand(
            annotator=data["annotator"],
            seconds=data["seconds"],
            overlap=data["overlap"],
            query=query,
        )


class RenewLeaseSchema(Request):
    """For how long from now a lease shall hold its items."""

    seconds = Seconds()


class CompleteLeaseSchema(Request):
    """What is done: all, or the items that are labelled, or those named."""

    labels = Labels(
        load_default=None,
        metadata={"description": "Of items of this lease; null completes one without a label"},
    )
    items = Ids(
        load_default=None,
        metadata={"description": "Ids to complete; by default those labelled, or else all"},
    )


class ReleaseLeaseSchema(Request):
    """What is given back."""

    items = Ids(
        load_default=None, metadata={"description": "Ids of this lease; by default all it holds"}
    )


class LeaseSummarySchema(Schema):
    """A lease without its items."""

    id = fields.String(required=True, attribute="lease.id")
    pool = fields.String(required=True, attribute="lease.pool")
    ranking = fields.String(required=True, attribute="lease.ranking")
    annotator = fields.String(required=True, attribute="lease.annotator")
    overlap = fields.Integer(required=True, attribute="lease.overlap")
    created_at = fields.String(required=True, attribute="lease.created_at")
    expires_at = fields.String(required=True, attribute="lease.expires_at")
    held = fields.Integer(required=True, metadata={"description": "Items that it holds still"})


class LeasePageSchema(Schema):
    """Leases that hold items, the newest first."""

    leases = fields.List(fields.Nested(LeaseSummarySchema), required=True)
    next_page_token = next_page_token()


class LeaseSchema(Schema):
    """Items that one annotator holds, in the order of their ranking."""

    id = fields.String(required=True)
    pool = fields.String(required=True)
    ranking = fields.String(required=True)
    annotator = fields.String(required=True)
    overlap = fields.Integer(required=True)
    created_at = fields.String(required=True)
    expires_at = fields.String(required=True)
    items = fields.List(
        fields.Nested(RowSchema), required=True, metadata={"description": "Those it holds still"}
    )


class HandoutSchema(LeaseSchema):
    """A lease just taken, and how things stood; without an id where nothing was to be had."""

    id = fields.String(required=True, allow_none=True)
    expires_at = fields.String(required=True, allow_none=True)
    returned = fields.Integer(required=True, metadata={"description": "Items of this lease"})
    eligible = fields.Integer(
        required=True, metadata={"description": "Items that the request does not leave out"}
    )
    available = fields.Integer(
        required=True,
        metadata={
            "description": "Of those, items that this annotator could be given, these included"
        },
    )
    held = fields.Integer(
        required=True,
        metadata={"description": "Of those, items that somebody held before this lease"},
    )
    unknown_ids = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Ids in `exclude` that the pool does not know"},
    )


class LeaseCompletionSchema(Schema):
    """What completing items of a lease did."""

    id = fields.String(required=True)
    completed = fields.Integer(required=True, metadata={"description": "Items named by this call"})
    labelled = fields.Integer(
        required=True,
        metadata={"description": "Of those, items that enough annotators have completed now"},
    )
    held = fields.Integer(required=True, metadata={"description": "Items that it holds still"})
    expires_at = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "null: it holds nothing any more, and has ended"},
    )


class LeaseReleaseSchema(Schema):
    """What giving back items of a lease did."""

    id = fields.String(required=True)
    released = fields.Integer(required=True)
    held = fields.Integer(required=True, metadata={"description": "Items that it holds still"})
    expires_at = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "null: it holds nothing any more, and has ended"},
    )


class AnnotationSchema(Schema):
    """What one annotator said of one item."""

    id = fields.String(required=True)
    annotator = fields.String(required=True)
    label = Scalar(
        required=True,
        allow_none=True,
        metadata={"description": "null: the item was completed without a label"},
    )
    lease = fields.String(required=True)
    at = fields.String(required=True)


class AnnotationPageSchema(Schema):
    """What annotators said, the oldest first."""

    annotations = fields.List(fields.Nested(AnnotationSchema), required=True)
    total = fields.Integer(required=True)
    next_page_token = next_page_token()
