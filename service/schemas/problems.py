"""Errors on the wire: RFC 9457."""

from marshmallow import Schema, fields


class FaultSchema(Schema):
    """One thing that is wrong."""

    pointer = fields.String(metadata={"description": "A JSON pointer, ?parameter, or a place"})
    detail = fields.String(metadata={"description": "What is wrong there"})


class ProblemSchema(Schema):
    """An error, as application/problem+json."""

    type = fields.String(required=True, metadata={"description": "A URN that names the kind"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "The kind, for programs"})
    errors = fields.List(fields.Nested(FaultSchema), required=True)
    instance = fields.String(metadata={"description": "The job that failed, where one did"})
    request_id = fields.String(metadata={"description": "Also in the X-Request-Id header"})
