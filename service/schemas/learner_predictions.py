"""What a learner's model says of items, on the wire."""

from marshmallow import Schema, fields, validate

from service.schemas.fields import Ids, QueryInteger
from service.schemas.paging import PageArguments, next_page_token
from service.schemas.requests import Request

LARGEST_PAGE = 100_000
PAGE_SIZE = 1_000


class OutputArguments(PageArguments):
    """Which page of a pool's items, in pool order."""

    page_size = QueryInteger(
        load_default=PAGE_SIZE,
        validate=validate.Range(1, LARGEST_PAGE),
        metadata={"description": "Items of one page; fewer come where the classes are many"},
    )


class OutputQuerySchema(Request):
    """Items by id."""

    ids = Ids(required=True)


class OutputSchema(Schema):
    """What the model says of one item."""

    id = fields.String(required=True)
    label = fields.Raw(required=True, metadata={"description": "The likeliest class"})
    probability = fields.Float(required=True, metadata={"description": "That of the label"})
    probabilities = fields.List(
        fields.Float(), required=True, metadata={"description": "In the order of `classes`"}
    )


class OutputsSchema(Schema):
    """What the model of a turn says of items."""

    learner = fields.String(required=True)
    turn = fields.Integer(required=True)
    model = fields.String(required=True)
    classes = fields.List(fields.Raw(), required=True)
    items = fields.List(fields.Nested(OutputSchema), required=True)
    returned = fields.Integer(required=True)
    total = fields.Integer(required=True, metadata={"description": "Items the model was asked of"})
    unknown_ids = fields.List(fields.String(), required=True)
    next_page_token = next_page_token()
