"""The service's own state on the wire."""

from marshmallow import Schema, fields


class StateSchema(Schema):
    """A state in one word."""

    state = fields.String(required=True)


class LimitSchema(Schema):
    """One limit."""

    value = fields.Integer(required=True)
    meaning = fields.String(required=True)


class UsageSchema(Schema):
    """What a workspace uses of what is limited."""

    jobs = fields.Integer(required=True, metadata={"description": "Jobs that wait or run"})
    bytes = fields.Integer(
        required=True, metadata={"description": "What all files of the workspace take"}
    )


class LimitsSchema(Schema):
    """Every limit by name, and what is used."""

    limits = fields.Dict(keys=fields.String(), values=fields.Nested(LimitSchema), required=True)
    workspace = fields.String(required=True, metadata={"description": "That of the key"})
    used = fields.Nested(UsageSchema, required=True)
