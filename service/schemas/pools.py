"""Pools, their parts and their items on the wire."""

from marshmallow import Schema, fields, validate

from service.schemas.paging import next_page_token
from service.schemas.requests import Request

NAME_LENGTH = 200


class NewPoolSchema(Request):
    """What a new pool is made of."""

    name = fields.String(
        load_default="",
        validate=validate.Length(max=NAME_LENGTH),
        metadata={"description": "For people; need not be unique"},
    )


class PartSchema(Schema):
    """One immutable upload of items."""

    id = fields.String(required=True)
    job = fields.String(required=True, metadata={"description": "The job that read the upload"})
    rows = fields.Integer(required=True)
    bytes = fields.Integer(required=True, metadata={"description": "Size of the body as sent"})
    sha256 = fields.String(required=True, metadata={"description": "SHA-256 of the body as sent"})
    metadata = fields.List(fields.String(), metadata={"description": "Its metadata columns"})
    created_at = fields.String(required=True)


class PoolSchema(Schema):
    """Items that may be labelled."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    total = fields.Integer(required=True, metadata={"description": "Number of items"})
    item_shape = fields.List(
        fields.Integer(),
        allow_none=True,
        required=True,
        metadata={"description": "Shape of one item's features, fixed by the first part"},
    )
    dtype = fields.String(allow_none=True, required=True)
    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(["string", "number", "boolean"])),
        required=True,
        metadata={"description": "Metadata columns and their types"},
    )
    parts = fields.List(fields.Nested(PartSchema), required=True)
    created_at = fields.String(required=True)


class PoolPageSchema(Schema):
    """Pools, the newest first."""

    pools = fields.List(fields.Nested(PoolSchema), required=True)
    next_page_token = next_page_token()


class UploadArguments(Request):
    """How a body is to be read where it does not say so itself."""

    dtype = fields.String(
        load_default=None,
        validate=validate.OneOf(["uint8", "float16", "float32", "float64"]),
        metadata={"description": "Type in which JSON, NDJSON and CSV numbers are kept"},
    )
    id_column = fields.String(
        load_default="id", metadata={"description": "Column of ids (CSV, Arrow, Parquet)"}
    )
    features = fields.List(
        fields.String(),
        load_default=None,
        metadata={"description": "Feature columns; by default `features`, else all the rest"},
    )
    metadata = fields.List(
        fields.String(),
        load_default=None,
        metadata={"description": "Metadata columns; by default those named `metadata.…`"},
    )


class ItemSchema(Schema):
    """One item of a pool."""

    row = fields.Integer(required=True, metadata={"description": "Position in the pool, from 0"})
    id = fields.String(required=True)
    metadata = fields.Dict(keys=fields.String(), required=True)


class ItemPageSchema(Schema):
    """Items in pool order."""

    items = fields.List(fields.Nested(ItemSchema), required=True)
    total = fields.Integer(required=True)
    next_page_token = next_page_token()
